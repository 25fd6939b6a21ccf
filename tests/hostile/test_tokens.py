"""Every row of the hostile-token table (H-01 … H-63, T1 … T36): the exact error, at its stage, at its price."""

import socket
from typing import Any, NoReturn

import pytest

from tests.hostile import rows, table
from tests.hostile.rows import CLAIMS, ED, ES, HS, NOW, PUB, RS, Case, jwt, pas, present, verifier
from watchword.errors import TokenError, WatchwordError

PLAIN: dict[str, tuple[str, str]] = {
    "Ed25519": ("main", jwt()),
    "ES256": ("main", jwt(key=ES)),
    "v4.public": ("main", pas()),
    "RS256": ("rs256", jwt(key=RS)),
    "HS256": ("hs256", jwt(key=HS)),
}
GOOD: dict[str, tuple[str, str]] = {
    **PLAIN,
    "alg EdDSA": ("main", jwt(None, {"alg": "EdDSA"})),
    "typ in upper case (T18)": ("main", jwt(None, {"typ": "AT+JWT"})),
    "typ as a media type (T18)": ("main", jwt(None, {"typ": "application/at+jwt"})),
    "typ as a media type in upper case (T18)": ("main", jwt(None, {"typ": "Application/AT+jwt"})),
    "a header parameter that nobody knows": ("main", jwt(None, {"x": [1]})),
    "no kid, one key": ("rs256", jwt(None, {"kid": rows.GONE}, key=RS)),
    "8 levels": ("main", jwt({"x": [[[[[[[1]]]]]]]})),
    "aud among others": ("main", jwt({"aud": ["https://other.test", rows.AUDIENCE]})),
    "aud of 16": ("main", jwt({"aud": [rows.AUDIENCE] + ["a"] * 15})),
    "64 claims": ("main", jwt({f"c{number}": 1 for number in range(56)})),
    "sub of 1,024 characters": ("main", jwt({"sub": "s" * 1024})),
    **{
        f"{name} = {value}, {kind}": ("main", make({name: value}))
        for kind, make in (("JWT", jwt), ("v4.public", pas))
        for name, value in (("exp", NOW + 1), ("exp", NOW + 3600), ("nbf", NOW + 10), ("iat", NOW + 10))
    },
    "no nbf": ("main", jwt({"nbf": rows.GONE})),
    "exp in another zone (T36)": ("main", pas({"exp": "2027-01-15T22:05:00+14:00"})),
    "exp with a fraction of 20 digits (T36)": ("main", pas({"exp": "2027-01-15T08:05:00.12345678901234567890Z"})),
    "footer with more text": ("main", pas(None, {"x": "y"})),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in a token may make us reach out (T9): the socket is the canary."""

    def reached_out(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a token made the verifier reach out")

    monkeypatch.setattr(socket, "socket", reached_out)
    monkeypatch.setattr(socket, "getaddrinfo", reached_out)


@pytest.mark.parametrize(("name", "token"), [pytest.param(*value, id=what) for what, value in GOOD.items()])
def test_control(name: str, token: str) -> None:
    """The tokens that the rows are made from are good: one check, then none."""
    access = verifier(name)
    rows.forget_calls()
    assert access.verify(token).token_id == CLAIMS["jti"]
    assert access.verify(token).token_id == CLAIMS["jti"]
    assert rows.crypto_calls() == 1


def test_control_of_the_sealed() -> None:
    for token in (rows.seal(), rows.seal_jwe()):
        rows.forget_calls()
        assert rows.sealed_tokens().open(token, purpose="payment", bound_to="user-7") == {"order": "o-1"}
        assert rows.crypto_calls() == 1


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.ids} {case.what}") for case in table.TABLE])
def test_refused(case: Case) -> None:
    """As text and as bytes, cold and where a good token of the same header was seen; a refusal leaves no trace."""
    warm = verifier(case.ring)
    for name, token in PLAIN.values():
        if name == case.ring:
            warm.verify(token)
    for access in (verifier(case.ring), warm):
        for form in (case.token, case.token.encode("utf-8", "surrogatepass"), case.token):
            rows.forget_calls()
            with pytest.raises(WatchwordError) as caught:
                present(case, form, access)
            _is_exactly(caught.value, case)
            assert rows.crypto_calls() == case.calls


def _is_exactly(error: WatchwordError, case: Case) -> None:
    assert type(error) is case.error
    assert isinstance(error, TokenError)
    assert (error.reason, error.stage) == (case.reason, case.error.stage)
    assert getattr(error, "claim", "") == case.claim
    assert (error.status, error.public) == (401, "invalid_token")
    told = f"{error!s} {error!r} {error.__cause__!s} {error.__context__!s}"
    assert not [piece for piece in (case.token, *case.token.split(".")) if len(piece) > 12 and piece in told]


def test_every_row_stands_here_or_says_what_it_waits_for() -> None:
    assert set(table.ids()) | set(table.LATER) | set(table.ELSEWHERE) == table.ROWS | table.ATTACKS
    assert not set(table.ids()) & (set(table.LATER) | set(table.ELSEWHERE))


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len({case.token for case in table.TABLE}) > 1000
    assert len({(case.ids, case.what) for case in table.TABLE}) == len(table.TABLE)


def test_outside_all_refusals_are_alike() -> None:
    """I17, T20: an unknown key, a bad signature, an expired and a malformed token look the same to the caller."""
    assert len({(case.error.status, case.error.public) for case in table.TABLE}) == 1
    assert len({case.error for case in table.TABLE}) > 10


def test_the_keys_are_those_of_the_fixture() -> None:
    assert (ED.kid, ES.kid, PUB.kid[:7]) == ("k1", "k2", "k4.pid.")
