"""Other libraries read our sealed tokens with nothing but the documentation, and write some that open here."""

import hmac
import json
from typing import Any

import joserfc.jwe
import jwcrypto.jwe
import jwcrypto.jwk
import pyseto
import pytest
from joserfc.jwk import ECKey, OctKey
from joserfc.registry import HeaderParameter

from watchword import Key, KeyRing, SealedTokens, SystemClock
from watchword.encoding import b64url, rfc3339
from watchword.errors import SealError

AUDIENCE = "https://pay.test"
DATA = {"order": "o-1", "amount": 1200}
CONTEXT: Any = {"purpose": "payment", "bound_to": "user-7"}
BOTH = ("A256GCM", "ECDH-ES+A256KW")


def le64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def assertion(subject: str) -> bytes:
    """Written from the page, without our own code."""
    pieces = [b"watchword.sealed.v1", b"payment", subject.encode(), AUDIENCE.encode()]
    return le64(len(pieces)) + b"".join(le64(len(piece)) + piece for piece in pieces)


def bound(subject: str, salt: str) -> str:
    return f"{salt}.{b64url(hmac.digest(salt.encode(), assertion(subject), 'sha256'))}"


def claims(*, text: bool) -> bytes:
    now = SystemClock().now()
    times: dict[str, Any] = {"iat": now, "exp": now + 60}
    return json.dumps(
        {"jti": "theirs", "data": DATA} | {n: rfc3339(t) if text else t for n, t in times.items()}
    ).encode()


def test_pyseto() -> None:
    key = Key.generate("v4.local")
    sealed = SealedTokens(KeyRing.of(key), audience=AUDIENCE)
    theirs = pyseto.Key.from_paserk(key.to_paserk(private=True))
    token = sealed.seal(DATA, **CONTEXT).token
    read = pyseto.decode(theirs, token, implicit_assertion=assertion("user-7"))
    assert json.loads(bytes(read.payload))["data"] == DATA  # type: ignore[arg-type]
    assert json.loads(bytes(read.footer)) == {"kid": key.kid, "typ": "sealed"}  # type: ignore[arg-type]
    for other in (assertion("user-8"), b""):
        with pytest.raises(pyseto.DecryptError):
            pyseto.decode(theirs, token, implicit_assertion=other)
    footer = json.dumps({"kid": key.kid, "typ": "sealed"}).encode()
    written = pyseto.encode(theirs, claims(text=True), footer=footer, implicit_assertion=assertion("user-7")).decode()
    assert sealed.open(written, **CONTEXT) == DATA
    with pytest.raises(SealError):
        sealed.open(written, purpose="payment", bound_to="user-8")


@pytest.mark.parametrize("algorithm", BOTH)
def test_joserfc(algorithm: str) -> None:
    key = Key.generate(algorithm)
    sealed = SealedTokens(KeyRing.of(key), audience=AUDIENCE)
    bare = {name: value for name, value in key.to_jwk(private=True).items() if name not in ("alg", "use", "kid")}
    theirs: Any = OctKey.import_key(bare) if bare["kty"] == "oct" else ECKey.import_key(bare)
    named = ["dir" if algorithm == "A256GCM" else algorithm, "A256GCM"]
    registry = joserfc.jwe.JWERegistry({"ww_bound": HeaderParameter("bound to", "str")}, named)
    read = joserfc.jwe.decrypt_compact(sealed.seal(DATA, **CONTEXT).token, theirs, registry=registry)
    header: dict[str, Any] = read.headers()
    assert read.plaintext is not None
    assert json.loads(read.plaintext)["data"] == DATA
    assert header["typ"] == "sealed+jwt"
    assert header["ww_bound"] == bound("user-7", header["ww_bound"].partition(".")[0])
    made = {"alg": named[0], "enc": named[1], "kid": key.kid, "typ": "sealed+jwt", "ww_bound": bound("user-7", "salt")}
    written = joserfc.jwe.encrypt_compact(made, claims(text=False), theirs, registry=registry)
    assert sealed.open(written, **CONTEXT) == DATA
    with pytest.raises(SealError):
        sealed.open(written, purpose="payment", bound_to="user-8")


@pytest.mark.parametrize("algorithm", BOTH)
def test_jwcrypto(algorithm: str) -> None:
    key = Key.generate(algorithm)
    sealed = SealedTokens(KeyRing.of(key), audience=AUDIENCE)
    bare = {name: value for name, value in key.to_jwk(private=True).items() if name not in ("alg", "use", "kid")}
    opened = jwcrypto.jwe.JWE(algs=["dir", "ECDH-ES+A256KW", "A256GCM"])
    opened.deserialize(sealed.seal(DATA, **CONTEXT).token, jwcrypto.jwk.JWK(**bare))
    assert json.loads(opened.payload)["data"] == DATA
    header = opened.jose_header
    assert header["ww_bound"] == bound("user-7", header["ww_bound"].partition(".")[0])
