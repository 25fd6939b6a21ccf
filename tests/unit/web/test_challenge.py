"""The replies to refusals: RFC 6750, and nothing told that need not be."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword import errors
from watchword.errors import (
    AccessDeniedError,
    BadRequestError,
    BindingError,
    ConfigurationError,
    CookiesTooLargeError,
    CsrfError,
    HeadersTooLargeError,
    InsufficientScopeError,
    NonceRequiredError,
    ProofError,
    RateLimitedError,
    StepUpRequiredError,
    TokenError,
    TokenExpiredError,
    UnavailableError,
    WatchwordError,
)
from watchword.web.challenge import DESCRIPTIONS, reply_to
from watchword.web.messages import Reply

SECRET = "ww_ss_secret-in-the-text"


def family(root: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    """The class and all its subclasses that the tree in errors.py has."""
    if root.__module__ == errors.__name__:
        yield root
    for child in root.__subclasses__():
        yield from family(child)


def challenge(reply: Reply) -> str | None:
    found = [value.decode() for name, value in reply.headers if name == b"www-authenticate"]
    assert len(found) <= 1
    return found[0] if found else None


BEARER, DPOP = 'Bearer realm="watchword"', 'DPoP realm="watchword"'
ALGS = 'algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 Ed25519 EdDSA Ed448"'


@pytest.mark.parametrize(
    ("error", "status", "authenticate", "code"),
    [
        pytest.param(None, 401, BEARER, None, id="Q-34 R-6750-3 no credential"),
        *(
            pytest.param(kind(SECRET), 401, f'{BEARER}, error="invalid_token"', "invalid_token", id=kind.__name__)
            for kind in family(TokenError)
            if not issubclass(kind, BindingError | ProofError)
        ),
        pytest.param(BindingError(SECRET), 401, f'{DPOP}, error="invalid_token", {ALGS}', "invalid_token", id="H-56"),
        pytest.param(
            ProofError(SECRET), 401, f'{DPOP}, error="invalid_dpop_proof", {ALGS}', "invalid_dpop_proof", id="H-57"
        ),
        pytest.param(
            NonceRequiredError(SECRET, nonce="n-1"),
            401,
            f'{DPOP}, error="use_dpop_nonce", {ALGS}',
            "use_dpop_nonce",
            id="RFC 9449 9",
        ),
        *(
            pytest.param(
                kind(SECRET),
                431 if issubclass(kind, HeadersTooLargeError) else 400,
                f'{BEARER}, error="invalid_request"',
                "invalid_request",
                id=kind.__name__,
            )
            for kind in family(BadRequestError)
        ),
        pytest.param(
            InsufficientScopeError(SECRET, scope="orders:read orders:write"),
            403,
            f'{BEARER}, error="insufficient_scope", scope="orders:read orders:write"',
            "insufficient_scope",
            id="R-6750-4 scope",
        ),
        pytest.param(
            InsufficientScopeError(SECRET),
            403,
            f'{BEARER}, error="insufficient_scope"',
            "insufficient_scope",
            id="a role, not a scope",
        ),
        pytest.param(
            StepUpRequiredError(SECRET),
            403,
            f'{BEARER}, error="insufficient_user_authentication"',
            "insufficient_user_authentication",
            id="RFC 9470 step up",
        ),
        pytest.param(
            StepUpRequiredError(SECRET, max_age=300),
            403,
            f'{BEARER}, error="insufficient_user_authentication", max_age="300"',
            "insufficient_user_authentication",
            id="RFC 9470 max_age",
        ),
        pytest.param(CsrfError(SECRET), 403, None, "csrf", id="Q-24 Q-25 CSRF"),
        pytest.param(AccessDeniedError(SECRET), 403, None, "access_denied", id="access denied"),
        pytest.param(RateLimitedError(SECRET, retry_after=30), 429, None, "rate_limited", id="rate limited"),
        *(
            pytest.param(kind(SECRET), 503, None, "temporarily_unavailable", id=f"H-66 {kind.__name__}")
            for kind in family(UnavailableError)
        ),
        *(
            pytest.param(kind(SECRET), 500, None, "server_error", id=kind.__name__)
            for kind in family(ConfigurationError)
        ),
        pytest.param(WatchwordError(SECRET), 500, None, "server_error", id="the root"),
        pytest.param(KeyError(SECRET), 500, None, "server_error", id="somebody else's error"),
    ],
)
def test_replies(error: WatchwordError | None, status: int, authenticate: str | None, code: str | None) -> None:
    reply = reply_to(error)
    assert reply.status == status
    assert challenge(reply) == authenticate

    body = json.loads(reply.body)
    if code is None:
        assert body == {"error_description": "No credential was presented."}
    else:
        assert body == {"error": code, "error_description": DESCRIPTIONS[code]}

    headers = dict(reply.headers)
    assert len(headers) == len(reply.headers)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(reply.body)).encode()
    assert headers[b"cache-control"] == b"no-store"  # R-6750-5
    assert headers[b"x-content-type-options"] == b"nosniff"
    bombed = isinstance(error, CookiesTooLargeError)  # F-44: else this browser could never come in again
    assert headers.get(b"clear-site-data") == (b'"cookies"' if bombed else None)
    assert headers.get(b"retry-after") == {429: b"30", 503: b"1"}.get(status)
    assert SECRET not in str(reply)
    if isinstance(error, WatchwordError):
        assert (error.status, error.public) == (status, code)


def test_all_token_errors_look_alike() -> None:
    """Those of the binding say what the client has to do next; by then the token itself was found good."""
    kinds = [kind for kind in family(TokenError) if not issubclass(kind, BindingError | ProofError)]
    assert len(kinds) >= 16
    replies = [reply_to(kind("x", reason="y")) for kind in kinds]
    assert all(reply == replies[0] for reply in replies)


def test_a_token_that_came_as_dpop_is_refused_as_dpop() -> None:
    error = TokenExpiredError("x")
    error.scheme = "DPoP"
    assert challenge(reply_to(error)) == f'{DPOP}, error="invalid_token", {ALGS}'
    assert reply_to(error).body == reply_to(TokenExpiredError("x")).body


def test_a_nonce_travels_in_its_own_header() -> None:
    assert dict(reply_to(NonceRequiredError(nonce="n-1")).headers)[b"dpop-nonce"] == b"n-1"
    assert b"dpop-nonce" not in dict(reply_to(ProofError()).headers)


def test_a_new_token_error_cannot_tell_more() -> None:
    class ChattyError(TokenError):
        status = 418
        public = "the_key_is_wrong"

    assert reply_to(ChattyError("and here is why")) == reply_to(TokenError())


def test_every_row_of_the_tree_has_its_description() -> None:
    assert {kind.public for kind in family(WatchwordError)} == set(DESCRIPTIONS)


def test_the_csrf_reply_says_csrf() -> None:
    assert b"cross-site request forgery (CSRF)" in reply_to(CsrfError()).body


def test_replies_share_nothing_that_can_be_changed() -> None:
    reply_to(None).headers.append((b"set-cookie", b"a=b"))
    assert b"set-cookie" not in dict(reply_to(None).headers)


@pytest.mark.parametrize(
    ("scope", "quoted"),
    [
        ("a b", "a b"),
        ("b  a ", "b a"),
        ('a" evil="1', None),
        ("a\\ b", "b"),
        ("a\r\nSet-Cookie:x b", "b"),
        ("\u00e4 b", "b"),
        ("a" * 1025, None),
        (" ".join(["a"] * 513), None),
        ("a" * 1024, "a" * 1024),
    ],
)
def test_scopes_are_quoted_safely(scope: str, quoted: str | None) -> None:
    expected = f'{BEARER}, error="insufficient_scope"'
    if quoted is not None:
        expected += f', scope="{quoted}"'
    assert challenge(reply_to(InsufficientScopeError(scope=scope))) == expected


@given(st.text())
def test_any_scope_stays_inside_its_quotes(scope: str) -> None:
    found = challenge(reply_to(InsufficientScopeError(scope=scope)))
    assert found is not None
    assert found.isascii()
    assert found.isprintable()
    assert found.count('"') in (4, 6)
    assert "\\" not in found


@pytest.mark.parametrize(("seconds", "header"), [(0, b"1"), (-5, b"1"), (1, b"1"), (90, b"90"), (1.2, b"2")])
def test_retry_after_is_a_whole_second_at_least(seconds: int, header: bytes) -> None:
    assert dict(reply_to(RateLimitedError(retry_after=seconds)).headers)[b"retry-after"] == header


def test_the_realm() -> None:
    assert challenge(reply_to(None, realm="my shop")) == 'Bearer realm="my shop"'
    assert challenge(reply_to(TokenError(), realm="a")) == 'Bearer realm="a", error="invalid_token"'


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\r\nb", "\u00e4", "a\0"])
def test_a_realm_that_cannot_be_quoted(realm: str) -> None:
    with pytest.raises(ConfigurationError):
        reply_to(None, realm=realm)
