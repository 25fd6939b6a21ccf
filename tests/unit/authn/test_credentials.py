"""Credentials: the one thing a request presents, or an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.authn.credentials import Carrier, Credential, extract
from watchword.errors import (
    BadRequestError,
    CookiesTooLargeError,
    HeadersTooLargeError,
    MalformedHeaderError,
    MalformedTokenError,
    Stage,
    TwoCredentialsError,
)
from watchword.web.cookies import SESSION_COOKIE as NAME
from watchword.web.messages import Connection

OURS = NAME.encode()
SESSION = (b"cookie", b"theme=dark; " + OURS + b"=ww_ss_abc")
BEARER = (b"authorization", b"Bearer a.b.c")
KEY = (b"x-api-key", b"sk_live_abc")

Headers = list[tuple[bytes, bytes]]


def authorization(*values: bytes) -> Headers:
    return [(b"host", b"app.example"), *((b"authorization", value) for value in values)]


@pytest.mark.parametrize(
    ("headers", "carrier", "token"),
    [
        pytest.param([BEARER], "bearer", "a.b.c", id="bearer"),
        pytest.param(authorization(b"bearer x"), "bearer", "x", id="Q-34 bearer x"),
        pytest.param(authorization(b"BEARER x"), "bearer", "x", id="Q-34 BEARER x"),
        pytest.param(authorization(b"Bearer -._~+/a09=="), "bearer", "-._~+/a09==", id="the whole alphabet"),
        pytest.param(authorization(b"Bearer " + b"a" * 16377), "bearer", "a" * 16377, id="16 KiB"),
        pytest.param(authorization(b"DPoP a.b.c"), "dpop", "a.b.c", id="DPoP"),
        pytest.param(authorization(b"dpop a.b.c"), "dpop", "a.b.c", id="dpop"),
        pytest.param([(b"Authorization", b"Bearer x")], "bearer", "x", id="upper-case name, made by hand"),
        pytest.param([KEY], "key", "sk_live_abc", id="API key"),
        pytest.param([SESSION], "cookie", "ww_ss_abc", id="cookie"),
        pytest.param([(b"cookie", b"a=b"), SESSION], "cookie", "ww_ss_abc", id="cookie in the second header"),
        pytest.param([*authorization(b"Basic dTpw"), SESSION], "cookie", "ww_ss_abc", id="cookie beside Basic"),
        pytest.param([*authorization(b"Basic dTpw"), KEY], "key", "sk_live_abc", id="API key beside Basic"),
        pytest.param([BEARER, (b"cookie", b"a=b; " + OURS + b"=")], "bearer", "a.b.c", id="bearer, empty cookie"),
        pytest.param([BEARER, (b"cookie", b"__host-http-ww_sid=v")], "bearer", "a.b.c", id="Q-35 bearer, wrong case"),
    ],
)
def test_presented(headers: Headers, carrier: Carrier, token: str) -> None:
    assert extract(Connection(headers=headers), NAME) == Credential(carrier, token)


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(Connection(), id="Q-34 no header"),
        pytest.param(Connection(headers=[(b"cookie", b"a=b")]), id="other cookies"),
        pytest.param(Connection(headers=[(b"cookie", b"__host-http-ww_sid=v")]), id="Q-35 wrong case"),
        pytest.param(Connection(headers=[(b"cookie", OURS + b"=")]), id="empty cookie"),
        pytest.param(Connection(headers=authorization(b"Basic dTpw")), id="Basic"),
        pytest.param(Connection(headers=authorization(b"Negotiate")), id="Negotiate"),
        pytest.param(Connection(headers=authorization(b'Digest username="a", realm="b"')), id="Digest"),
        pytest.param(Connection(headers=authorization(b"BearerToken x")), id="a scheme that begins like ours"),
        pytest.param(Connection("GET", "/?access_token=a.b.c&api_key=sk_live_abc"), id="Q-33 query"),
        pytest.param(
            Connection.from_scope(
                {
                    "type": "http",
                    "method": "GET",
                    "path": "/",
                    "query_string": b"access_token=a.b.c",
                    "headers": [(b"proxy-authorization", b"Bearer x"), (b"dpop", b"a.b.c"), (b"set-cookie", b"a")],
                }
            ),
            id="Q-33 query and neighbours",
        ),
    ],
)
def test_not_presented(connection: Connection) -> None:
    assert extract(connection, NAME) is None


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param(authorization(b"Bearer"), MalformedHeaderError, id="Q-34 Bearer"),
        pytest.param(authorization(b"Bearer "), MalformedHeaderError, id="Q-34 Bearer and a space"),
        pytest.param(authorization(b"DPoP"), MalformedHeaderError, id="Q-34 DPoP"),
        pytest.param(authorization(b"Bearer a b"), MalformedHeaderError, id="Q-34 Bearer a b"),
        pytest.param(authorization(b"Bearer a", b"Bearer a"), MalformedHeaderError, id="Q-34 two headers"),
        pytest.param(authorization(b"Basic dTpw", b"Bearer a"), MalformedHeaderError, id="Q-34 two schemes"),
        pytest.param(authorization(b"Bearer " + b"a" * 20_000), HeadersTooLargeError, id="Q-34 20 kB"),
        pytest.param(authorization(b"Bearer " + b"a" * 16378), HeadersTooLargeError, id="16 KiB and one"),
        pytest.param(authorization(b"Bearer  a"), MalformedHeaderError, id="two spaces"),
        pytest.param(authorization(b"Bearer a "), MalformedHeaderError, id="a space behind"),
        pytest.param(authorization(b"Bearer\ta"), MalformedHeaderError, id="a tab"),
        pytest.param(authorization(b" Bearer a"), MalformedHeaderError, id="a space before"),
        pytest.param(authorization(b""), MalformedHeaderError, id="empty"),
        pytest.param(authorization(b"B\xc3\xa4r a"), MalformedHeaderError, id="a scheme beyond ASCII"),
        pytest.param(authorization(b"Bearer a, Bearer b"), MalformedHeaderError, id="folded"),
        pytest.param(authorization(b'Bearer "a"'), MalformedHeaderError, id="quoted"),
        pytest.param(authorization(b"Bearer a\0"), MalformedHeaderError, id="NUL"),
        pytest.param(authorization(b"Bearer \xc3\xa4"), MalformedHeaderError, id="beyond ASCII"),
        pytest.param(authorization(b"Bearer a=b"), MalformedHeaderError, id="equals sign inside"),
        pytest.param(authorization(b"Bearer a=b="), MalformedHeaderError, id="equals signs inside and behind"),
        pytest.param(authorization(b"Bearer =="), MalformedHeaderError, id="equals signs alone"),
        pytest.param([(b"x-api-key", b"")], MalformedHeaderError, id="empty key"),
        pytest.param([(b"x-api-key", b"a b")], MalformedHeaderError, id="key with a space"),
        pytest.param([(b"x-api-key", b"a\xff")], MalformedHeaderError, id="key beyond ASCII"),
        pytest.param([(b"x-api-key", b"a" * 16385)], HeadersTooLargeError, id="16 KiB key and one"),
        pytest.param([KEY, KEY], TwoCredentialsError, id="two keys"),
        pytest.param([BEARER, KEY], TwoCredentialsError, id="bearer and key"),
        pytest.param([BEARER, SESSION], TwoCredentialsError, id="bearer and cookie"),
        pytest.param([SESSION, BEARER], TwoCredentialsError, id="cookie and bearer"),
        pytest.param([SESSION, KEY], TwoCredentialsError, id="cookie and key"),
        pytest.param([KEY, *authorization(b"DPoP a"), SESSION], TwoCredentialsError, id="three"),
    ],
)
def test_bad_requests(headers: Headers, error: type[BadRequestError]) -> None:
    with pytest.raises(error) as caught:
        extract(Connection(headers=headers), NAME)
    assert type(caught.value) is error
    assert caught.value.stage is Stage.EXTRACT
    assert not any(len(value) > 9 and value.decode("latin-1") in str(caught.value) for _, value in headers)


@pytest.mark.parametrize(
    ("cookies", "reason"),
    [
        pytest.param([OURS + b"=v", OURS + b"=w"], "duplicate_cookie", id="Q-35 two"),
        pytest.param([OURS + b"=v; __hOsT-http-ww_sid=w"], "duplicate_cookie", id="Q-35 two, one in another case"),
        pytest.param([OURS + b'="v"'], "malformed", id="Q-35 quoted"),
        pytest.param([OURS + b"=\0"], "malformed", id="Q-35 NUL"),
        pytest.param([b"a=" + b"b" * 16_384], "too_large", id="Q-35 16 kB"),
    ],
)
@pytest.mark.parametrize("beside", [None, BEARER])
def test_bad_cookies(cookies: list[bytes], reason: str, beside: tuple[bytes, bytes] | None) -> None:
    headers = [(b"cookie", value) for value in cookies] + ([beside] if beside else [])
    with pytest.raises(CookiesTooLargeError if reason == "too_large" else MalformedTokenError) as caught:
        extract(Connection(headers=headers), NAME)
    assert caught.value.reason == reason


def test_the_token_is_hidden() -> None:
    credential = Credential("bearer", "ww_at_secret")
    assert repr(credential) == "Credential(carrier='bearer', token=<hidden>)"
    assert str(credential) == repr(credential)
    with pytest.raises(AttributeError):
        credential.token = "x"  # type: ignore[misc]


names = st.sampled_from([b"authorization", b"cookie", b"x-api-key", b"host"])
pieces = st.binary(max_size=6) | st.sampled_from(
    [b"Bearer", b"DPoP", b"Basic", b" ", OURS, b"=", b";", b"a.b.c", b"=="]
)


@given(st.lists(st.tuples(names, st.lists(pieces, max_size=6).map(b"".join)), max_size=4))
def test_any_headers_give_a_value_or_a_watchword_error(headers: Headers) -> None:
    try:
        found = extract(Connection(headers=headers), NAME)
    except (BadRequestError, MalformedTokenError):
        return
    assert found is None or (found.token.isascii() and found.token.isprintable() and " " not in found.token)
