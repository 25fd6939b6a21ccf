"""PASETO across libraries: ours verify in pyseto, pyseto's verify here; and what it accepts and we refuse (I21)."""

import json
from typing import Any

import pyseto
import pytest

from watchword.clock import FrozenClock
from watchword.encoding import dump_json, rfc3339
from watchword.errors import (
    ClaimError,
    MalformedTokenError,
    SealError,
    SignatureError,
    TokenError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://as.test", "https://api.test"
KEY, LOCAL = Key.generate("v4.public"), Key.generate("v4.local")
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": rfc3339(NOW + 300),
    "iat": rfc3339(NOW),
    "nbf": rfc3339(NOW),
    "jti": "j-1",
    "client_id": "c",
}
FOOTER: dict[str, Any] = {"kid": KEY.kid, "typ": "at"}


def ours() -> AccessTokens:
    return AccessTokens(KeyRing.of(KEY, clock=FrozenClock(NOW)), issuer=ISSUER, audience=AUDIENCE)


def their_public() -> Any:
    return pyseto.Key.new(4, "public", KEY.public().to_pem())


def their_secret() -> Any:
    return pyseto.Key.new(4, "public", KEY.to_pem())


def their_local() -> Any:
    return pyseto.Key.new(4, "local", LOCAL.secret_bytes())


def by_pyseto(
    claims: dict[str, Any] | bytes = CLAIMS, footer: dict[str, Any] | bytes = FOOTER, assertion: bytes = b""
) -> str:
    """A token that pyseto signs; it takes bytes as they are."""
    payload, tail = (part if isinstance(part, bytes) else dump_json(part) for part in (claims, footer))
    return pyseto.encode(their_secret(), payload, footer=tail, implicit_assertion=assertion).decode()


def test_pyseto_reads_ours() -> None:
    issued = ours().issue("user-7", scopes=["a", "b"], roles=["admin"], session_id="s-1", claims={"team": "\u00e9"})
    found = pyseto.decode(their_public(), issued.token)
    assert isinstance(found.payload, bytes)
    claims = json.loads(found.payload)
    assert found.footer == dump_json(FOOTER)
    assert (claims["sub"], claims["scope"], claims["roles"], claims["team"]) == ("user-7", "a b", ["admin"], "\u00e9")
    assert (claims["iat"], claims["exp"]) == (rfc3339(NOW), rfc3339(NOW + 900))
    assert claims["jti"] == issued.token_id


def test_pyseto_reads_our_key_document() -> None:
    access = ours()
    ring = access._ring
    token = access.issue("user-7").token
    one = ring.paseto_keys()["keys"][0]
    theirs = pyseto.Key.from_paserk(one["paserk"])
    assert theirs.to_paserk_id() == one["kid"]
    assert pyseto.decode(theirs, token).footer == dump_json({"kid": one["kid"], "typ": "at"})


def test_pyseto_agrees_on_paserks_and_their_ids() -> None:
    assert pyseto.Key.from_paserk(KEY.to_paserk(private=True)).to_paserk() == KEY.to_paserk(private=True)
    assert their_public().to_paserk() == KEY.to_paserk()
    assert their_public().to_paserk_id() == KEY.kid
    assert their_local().to_paserk() == LOCAL.to_paserk(private=True)
    assert their_local().to_paserk_id() == LOCAL.kid


def test_we_read_pysetos() -> None:
    assert ours().verify(by_pyseto()).subject == "user-7"
    assert ours().verify(by_pyseto(CLAIMS | {"exp": "2027-01-15T09:05:00+01:00"})).expires_at == NOW + 300
    assert ours().verify(by_pyseto(footer={"typ": "at", "kid": KEY.kid, "x": "y"})).subject == "user-7"


@pytest.mark.parametrize("payload", [b"x", b'{"a":1}', b"\xff" * 500])
@pytest.mark.parametrize("footer", [b"", b"f"])
@pytest.mark.parametrize("assertion", [b"", b"a"])
def test_both_purposes_both_ways(payload: bytes, footer: bytes, assertion: bytes) -> None:
    extra: Any = {"footer": footer, "implicit_assertion": assertion}
    assert paseto.verify(pyseto.encode(their_secret(), payload, **extra), KEY, assertion=assertion) == (payload, footer)
    assert paseto.decrypt(pyseto.encode(their_local(), payload, **extra), LOCAL, assertion=assertion) == (
        payload,
        footer,
    )
    for token, key in (
        (paseto.sign(payload, KEY, footer=footer, assertion=assertion), their_public()),
        (paseto.encrypt(payload, LOCAL, footer=footer, assertion=assertion), their_local()),
    ):
        found = pyseto.decode(key, token, implicit_assertion=assertion)
        assert (found.payload, found.footer) == (payload, footer)
        with pytest.raises(pyseto.PysetoError):
            pyseto.decode(key, token, implicit_assertion=assertion + b"x")
    with pytest.raises(SignatureError):
        paseto.verify(pyseto.encode(their_secret(), payload, **extra), KEY, assertion=assertion + b"x")
    with pytest.raises(SealError):
        paseto.decrypt(pyseto.encode(their_local(), payload, **extra), LOCAL, assertion=assertion + b"x")


def respelled(token: str) -> str:
    """The same bytes under another last character of the body."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    version, purpose, body, *footer = token.split(".")
    assert len(body) % 4
    return ".".join([version, purpose, body[:-1] + alphabet[alphabet.index(body[-1]) + 1], *footer])


def with_odd_body() -> str:
    """A token whose body has spare bits."""
    return next(token for size in range(3) if len((token := by_pyseto(CLAIMS | {"x": "x" * size})).split(".")[2]) % 4)


BODY = dump_json(CLAIMS)

STRICTER: dict[str, tuple[str, type[TokenError]]] = {
    "spare bits": (respelled(with_odd_body()), MalformedTokenError),
    "padding": (f"{by_pyseto()}=", MalformedTokenError),
    "padding and more": (f"{by_pyseto()}==", MalformedTokenError),
    "a dot at the end": (f"{by_pyseto(footer=b'')}.", MalformedTokenError),
    "no footer": (by_pyseto(footer=b""), MalformedTokenError),
    "a footer that is no JSON": (by_pyseto(footer=b"footer"), MalformedTokenError),
    "no typ": (by_pyseto(footer={"kid": KEY.kid}), WrongTypeError),
    "typ of another kind": (by_pyseto(footer=FOOTER | {"typ": "sealed"}), WrongTypeError),
    "an unknown kid": (by_pyseto(footer=FOOTER | {"kid": "k4.pid.x"}), UnknownKeyError),
    "no kid": (by_pyseto(footer={"typ": "at"}), UnknownKeyError),
    "a wrapped key": (by_pyseto(footer=FOOTER | {"wpk": LOCAL.to_paserk(private=True)}), MalformedTokenError),
    "a footer of 2 kB": (by_pyseto(footer=FOOTER | {"x": "x" * 2000}), MalformedTokenError),
    "a footer with a name twice": (by_pyseto(footer=dump_json(FOOTER)[:-1] + b',"typ":"x"}'), MalformedTokenError),
    "a claim twice": (by_pyseto(BODY[:-1] + b',"sub":"admin"}'), MalformedTokenError),
    "a list": (by_pyseto(b"[" + BODY + b"]"), MalformedTokenError),
    "no JSON": (by_pyseto(b"payload"), MalformedTokenError),
    "numeric times": (by_pyseto(CLAIMS | {"exp": NOW + 300}), ClaimError),
    "a time without a zone": (by_pyseto(CLAIMS | {"exp": "2027-01-15T08:05:00"}), ClaimError),
    "a list of audiences": (by_pyseto(CLAIMS | {"aud": [AUDIENCE]}), ClaimError),
    "9 kB": (by_pyseto(CLAIMS | {"x": "x" * 9000}), MalformedTokenError),
}


@pytest.mark.parametrize(("token", "error"), STRICTER.values(), ids=STRICTER)
def test_what_pyseto_accepts_and_we_refuse(token: str, error: type[TokenError]) -> None:
    assert pyseto.decode(their_public(), token).payload
    with pytest.raises(error):
        ours().verify(token)


def test_another_purpose_is_refused_by_both() -> None:
    token = by_pyseto().replace("v4.public", "v4.local")
    with pytest.raises((pyseto.PysetoError, ValueError)):
        pyseto.decode(their_public(), token)
    with pytest.raises(MalformedTokenError):
        ours().verify(token)


def test_a_token_of_another_key_is_refused_by_both() -> None:
    other = Key.generate("v4.public", kid=KEY.kid)
    token = paseto.sign(BODY, other, footer=dump_json(FOOTER))
    with pytest.raises(pyseto.PysetoError):
        pyseto.decode(their_public(), token)
    with pytest.raises(SignatureError):
        ours().verify(token)
