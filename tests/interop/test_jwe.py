"""JWE both ways with joserfc and jwcrypto: every algorithm with every enc, and nested JWTs."""

import warnings
from typing import Any, Final

import joserfc.jwe
import joserfc.jwt
import jwcrypto.jwa
import jwcrypto.jwe
import jwcrypto.jwk
import pytest
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.registry import HeaderParameter

from watchword.clock import FrozenClock
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, unb64url
from watchword.errors import SealError
from watchword.formats import jwe
from watchword.formats.jwt import Jwt
from watchword.insecure import PBES2, RSA1_5
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

TEXT: Final = "sealed – with care".encode()
RSA: Final = Key.generate("RSA-OAEP", kid="rsa").to_jwk(private=True)
ALLOW: Final = (RSA1_5, PBES2)


def rsa(algorithm: str) -> Key:
    return Key.from_jwk(RSA | {"alg": algorithm})


KEYS: Final[dict[str, Key]] = {
    **{f"dir {enc}": Key.generate(enc) for enc in CONTENTS},
    **{name: Key.generate(name) for name in ("A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW")},
    **{
        f"{name} {crv}": Key.generate(name, crv=crv)
        for name in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
        for crv in ("P-256", "P-384", "P-521", "X25519")
    },
    **{name: rsa(name) for name in ("RSA-OAEP", "RSA-OAEP-256", "RSA1_5")},
    **{name: Key.generate(name) for name in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")},
}
CASES: Final = [
    pytest.param(key, enc, id=f"{name} {enc}")
    for name, key in KEYS.items()
    for enc in CONTENTS
    if (not name.startswith("dir") or name == f"dir {enc}") and (not name.startswith("PBES2") or enc == "A256GCM")
]
JOSERFC: Final[dict[str, Any]] = {"oct": OctKey, "RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def bare(key: Key) -> dict[str, Any]:
    jwk = key.to_jwk(private=True)
    return {name: value for name, value in jwk.items() if name not in ("alg", "use", "kid")}


def algorithms(key: Key, enc: str) -> list[str]:
    return ["dir" if key.algorithm.name in CONTENTS else key.algorithm.name, enc]


def header(key: Key, enc: str) -> dict[str, Any]:
    alg, enc = algorithms(key, enc)
    return {"alg": alg, "enc": enc, "kid": key.kid} | ({"p2c": 4096} if alg.startswith("PBES2") else {})


def changed(token: str) -> str:
    """`token` with one bit of its tag turned over."""
    rest, _, tag = token.rpartition(".")
    raw = bytearray(unb64url(tag.encode()))
    raw[0] ^= 1
    return f"{rest}.{b64url(bytes(raw))}"


@pytest.mark.parametrize(("key", "enc"), CASES)
def test_joserfc(key: Key, enc: str) -> None:
    jwk = bare(key)
    theirs = JOSERFC[jwk["kty"]].import_key(jwk)
    allowed = algorithms(key, enc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what is weak, and is asked for on purpose
        if not key.algorithm.name.startswith("PBES2"):  # our 600,000 rounds are more than it takes
            token = jwe.encrypt(TEXT, key, enc=enc, allow=ALLOW)
            assert joserfc.jwe.decrypt_compact(token, theirs, algorithms=allowed).plaintext == TEXT
            with pytest.raises((JoseError, ValueError)):
                joserfc.jwe.decrypt_compact(changed(token), theirs, algorithms=allowed)
        back = joserfc.jwe.encrypt_compact(header(key, enc), TEXT, theirs, algorithms=allowed)
    assert jwe.decrypt(back, KeyRing.of(key), allow=ALLOW) == TEXT


@pytest.mark.parametrize(("key", "enc"), CASES)
def test_jwcrypto(key: Key, enc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwcrypto.jwa, "default_max_pbkdf2_iterations", 600_000)  # it takes 16,384; we write more
    theirs = jwcrypto.jwk.JWK(**bare(key))
    allowed = algorithms(key, enc)
    ours = jwe.encrypt(TEXT, key, enc=enc, allow=ALLOW)
    opened = jwcrypto.jwe.JWE(algs=allowed)
    opened.deserialize(ours, theirs)
    assert opened.payload == TEXT
    with pytest.raises(jwcrypto.jwe.InvalidJWEData):
        jwcrypto.jwe.JWE(algs=allowed).deserialize(changed(ours), theirs)
    made = jwcrypto.jwe.JWE(TEXT, protected=header(key, enc), algs=allowed)
    made.add_recipient(theirs)
    token = made.serialize(compact=True)
    assert jwe.decrypt(token, KeyRing.of(key), allow=ALLOW) == TEXT
    with pytest.raises(SealError):
        jwe.decrypt(changed(token), KeyRing.of(key), allow=ALLOW)


def test_parties_are_bound_into_the_agreed_key() -> None:
    key = KEYS["ECDH-ES+A128KW P-256"]
    named = header(key, "A128GCM") | {"apu": "QWxpY2U", "apv": "Qm9i"}
    registry = joserfc.jwe.JWERegistry(
        {"apu": HeaderParameter("x", "str"), "apv": HeaderParameter("x", "str")}, [named["alg"], named["enc"]]
    )
    token = joserfc.jwe.encrypt_compact(named, TEXT, ECKey.import_key(bare(key)), registry=registry)
    assert jwe.decrypt(token, KeyRing.of(key)) == TEXT


@pytest.mark.parametrize("lock", ["A256KW", "ECDH-ES+A256KW X25519", "RSA-OAEP-256"])
def test_nested(lock: str) -> None:
    """Signed, then sealed (RFC 7519 §5.2): by us and opened there, and the other way round."""
    key, signer = KEYS[lock], Key.generate("ES256")
    inner = Jwt(KeyRing.of(signer, clock=FrozenClock(1_800_000_000)), "at+jwt")
    token, allowed = inner.issue({"sub": "user-7"}), algorithms(key, "A256GCM")
    theirs, head = JOSERFC[bare(key)["kty"]].import_key(bare(key)), header(key, "A256GCM") | {"cty": "JWT"}
    opened = joserfc.jwe.decrypt_compact(jwe.encrypt(token.encode(), key, cty="JWT"), theirs, algorithms=allowed)
    mine = ECKey.import_key(signer.public().to_jwk())
    assert joserfc.jwt.decode((opened.plaintext or b"").decode(), mine, algorithms=["ES256"]).claims == {
        "sub": "user-7"
    }
    back = joserfc.jwe.encrypt_compact(dict(head), token, theirs, algorithms=allowed)
    assert jwe.decrypt_nested(back, KeyRing.of(key), inner).claims == {"sub": "user-7"}
    made = jwcrypto.jwe.JWE(token.encode(), protected=head, algs=allowed)
    made.add_recipient(jwcrypto.jwk.JWK(**bare(key)))
    assert jwe.decrypt_nested(made.serialize(compact=True), KeyRing.of(key), inner).claims == {"sub": "user-7"}


def test_how_many_there_are() -> None:
    assert len(CASES) == 159
