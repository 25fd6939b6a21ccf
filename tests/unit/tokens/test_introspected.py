"""What an introspecting server said, judged and kept: the lease, the refusals, the bound."""

from datetime import timedelta
from typing import Any

import pytest

from watchword import FrozenClock
from watchword.encoding import dump_json
from watchword.errors import (
    BindingError,
    ClaimError,
    ConfigurationError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    UnavailableError,
    WatchwordError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.tokens import introspected
from watchword.tokens.introspected import IntrospectedTokens

NOW = 1_800_000_000
ISSUER, API = "https://as.test", "https://api.test"
TOKEN = "ww_at_" + "A" * 43
SAID: dict[str, Any] = {
    "active": True,
    "token_type": "Bearer",
    "scope": "a b",
    "client_id": "web",
    "sub": "u",
    "aud": API,
    "iss": ISSUER,
    "exp": NOW + 60,
    "iat": NOW,
    "nbf": NOW,
    "jti": "id-1",
    "sid": "s-1",
    "roles": ["r"],
}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW, monotonic=100.0)


@pytest.fixture
def tokens(clock: FrozenClock) -> IntrospectedTokens:
    return IntrospectedTokens(issuer=ISSUER, audience=[API, "https://other.test"], clock=clock)


def told(tokens: IntrospectedTokens, said: Any = SAID, *, digest: str = "d", sent_at: float = 100.0) -> Any:
    return tokens.heard(digest, said if isinstance(said, bytes) else dump_json(said), sent_at=sent_at)


def test_a_good_answer(tokens: IntrospectedTokens) -> None:
    who = told(tokens)
    assert (who.subject, who.kind, who.token_id, who.client_id, who.session_id) == (
        "u",
        "opaque_access",
        "id-1",
        "web",
        "s-1",
    )
    assert (who.issued_at, who.expires_at, who.issuer) == (NOW, NOW + 60, ISSUER)
    assert (who.scopes, who.roles) == (frozenset("ab"), frozenset("r"))
    assert tokens.known("d") is who
    assert tokens.known("e") is None


def test_the_least_that_an_answer_says(tokens: IntrospectedTokens) -> None:
    who = told(tokens, {name: SAID[name] for name in ("active", "sub", "aud", "iss", "exp")})
    assert (who.token_id, who.issued_at, who.client_id) == ("d", NOW, None)
    assert who.scopes == who.roles == frozenset()


def test_the_lease_counts_from_when_it_was_asked(tokens: IntrospectedTokens, clock: FrozenClock) -> None:
    clock.advance(3)
    told(tokens, sent_at=100.0)
    clock.advance(1.999)
    assert tokens.known("d") is not None
    clock.advance(0.001)
    assert tokens.known("d") is None
    clock.set_wall(NOW - 3600)  # the lease knows no wall clock
    assert tokens.known("d") is None


def test_no_answer_outlives_the_token(tokens: IntrospectedTokens, clock: FrozenClock) -> None:
    told(tokens, SAID | {"exp": NOW + 2})
    clock.advance(1)
    assert tokens.known("d") is not None
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        tokens.known("d")


def test_without_a_lease_nothing_is_kept(clock: FrozenClock) -> None:
    tokens = IntrospectedTokens(issuer=ISSUER, audience=API, clock=clock, max_staleness=timedelta(0))
    told(tokens)
    assert tokens.known("d") is None
    with pytest.raises(TokenNotFoundError):
        told(tokens, {"active": False})
    assert tokens.known("d") is None


BAD: list[tuple[dict[str, Any], type[WatchwordError]]] = [
    ({"active": False}, TokenNotFoundError),
    ({"token_type": "refresh_token"}, WrongTypeError),
    ({"token_type": "DPoP"}, WrongTypeError),
    ({"token_type": 7}, WrongTypeError),
    ({"cnf": {"jkt": "x"}}, BindingError),
    ({"aud": "https://evil.test"}, WrongAudienceError),
    ({"aud": ["https://evil.test"]}, WrongAudienceError),
    ({"aud": []}, ClaimError),
    ({"aud": None}, MissingClaimError),
    ({"iss": "https://evil.test"}, WrongIssuerError),
    ({"iss": None}, MissingClaimError),
    ({"sub": None}, MissingClaimError),
    ({"sub": 7}, ClaimError),
    ({"exp": None}, MissingClaimError),
    ({"exp": NOW}, TokenExpiredError),
    ({"exp": "soon"}, ClaimError),
    ({"nbf": NOW + 11}, NotYetValidError),
    ({"iat": NOW + 11}, NotYetValidError),
    ({"scope": ["a"]}, ClaimError),
    ({"scope": "a\n"}, ClaimError),
    ({"roles": "r"}, ClaimError),
    ({"auth_time": "x"}, ClaimError),
    ({"jti": ""}, ClaimError),
    ({"active": None}, UnavailableError),
    ({"active": "true"}, UnavailableError),
    ({"active": 1}, UnavailableError),
]


@pytest.mark.parametrize(("changes", "error"), BAD)
def test_an_answer_that_is_not_good(
    tokens: IntrospectedTokens, clock: FrozenClock, changes: dict[str, Any], error: type[WatchwordError]
) -> None:
    """A refusal replaces what was heard before, and is itself soon forgotten; no answer changes nothing."""
    told(tokens)
    said = {name: value for name, value in (SAID | changes).items() if value is not None}
    with pytest.raises(error):
        told(tokens, said)
    if error is UnavailableError:
        assert tokens.known("d") is not None
        return
    clock.advance(0.999)
    with pytest.raises(error):
        tokens.known("d")
    clock.advance(0.001)
    assert tokens.known("d") is None
    assert told(tokens).subject == "u"
    assert tokens.known("d") is not None


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"[]", b"true", b'{"active":true,"active":false}', b"\xff", b"{" * 99]
)
def test_what_is_no_answer(tokens: IntrospectedTokens, answer: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        told(tokens, answer)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    "untrusted", ["", "eyJ", "ww_ss_x", "ww_at_ x", "ww_at_\n", "é", "ww_at_" + "x" * 9000, None, 7]
)
def test_what_is_never_asked_for(tokens: IntrospectedTokens, untrusted: Any) -> None:
    with pytest.raises(MalformedTokenError):
        tokens.place(untrusted)


def test_tokens_are_kept_by_their_digest(tokens: IntrospectedTokens) -> None:
    digest, token = tokens.place(TOKEN)
    assert (token, len(digest)) == (TOKEN, 43)
    assert tokens.place(TOKEN.encode()) == (digest, token)
    told(tokens, digest=digest)
    assert TOKEN not in repr(vars(tokens._good)) + repr(vars(tokens._bad))


def test_memory_is_bounded_and_strangers_push_out_nobody(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(introspected, "CAPACITY", 64)
    tokens = IntrospectedTokens(issuer=ISSUER, audience=API, clock=clock)
    told(tokens, digest="good")
    for number in range(1000):
        with pytest.raises(TokenError):
            told(tokens, {"active": False}, digest=str(number))
    assert tokens.known("good") is not None
    assert len(tokens) <= 65
    for number in range(1000):
        told(tokens, digest=str(number))
    assert len(tokens) <= 128


@pytest.mark.parametrize(
    "wrong", [{"max_staleness": timedelta(seconds=-1)}, {"starts": ()}, {"audience": ""}, {"issuer": ""}]
)
def test_what_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        IntrospectedTokens(**({"issuer": ISSUER, "audience": API} | wrong))
