"""JWE both ways with joserfc and jwcrypto, every algorithm with every enc; JWS both ways with PyJWT and joserfc."""

import warnings
from typing import Any, Final

import joserfc.jwe
import joserfc.jws
import jwcrypto.jwe
import jwcrypto.jwk
import jwt
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.registry import HeaderParameter

from watchword.crypto.content import CONTENTS
from watchword.errors import SealError
from watchword.formats import jwe, jws
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
    "PBES2-HS256+A128KW": Key.generate("PBES2-HS256+A128KW"),
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
        back = joserfc.jwe.encrypt_compact(header(key, enc), TEXT, theirs, algorithms=allowed)
    assert jwe.decrypt(back, KeyRing.of(key), allow=ALLOW) == TEXT


@pytest.mark.parametrize(("key", "enc"), CASES)
def test_jwcrypto(key: Key, enc: str) -> None:
    theirs = jwcrypto.jwk.JWK(**bare(key))
    allowed = algorithms(key, enc)
    if not key.algorithm.name.startswith("PBES2"):
        opened = jwcrypto.jwe.JWE(algs=allowed)
        opened.deserialize(jwe.encrypt(TEXT, key, enc=enc, allow=ALLOW), theirs)
        assert opened.payload == TEXT
    made = jwcrypto.jwe.JWE(TEXT, protected=header(key, enc), algs=allowed)
    made.add_recipient(theirs)
    token = made.serialize(compact=True)
    assert jwe.decrypt(token, KeyRing.of(key), allow=ALLOW) == TEXT
    with pytest.raises(SealError):
        jwe.decrypt(token[:-2] + ("AA" if token[-2:] != "AA" else "QQ"), KeyRing.of(key), allow=ALLOW)


def test_parties_are_bound_into_the_agreed_key() -> None:
    key = KEYS["ECDH-ES+A128KW P-256"]
    named = header(key, "A128GCM") | {"apu": "QWxpY2U", "apv": "Qm9i"}
    registry = joserfc.jwe.JWERegistry(
        {"apu": HeaderParameter("x", "str"), "apv": HeaderParameter("x", "str")}, [named["alg"], named["enc"]]
    )
    token = joserfc.jwe.encrypt_compact(named, TEXT, ECKey.import_key(bare(key)), registry=registry)
    assert jwe.decrypt(token, KeyRing.of(key)) == TEXT


SIGNING: Final = {
    "HS256": None, "HS384": None, "HS512": None, "ES256": None, "ES384": None, "ES512": None, "ES256K": None,
    "RS256": RSA, "RS384": RSA, "RS512": RSA, "PS256": RSA, "PS384": RSA, "PS512": RSA, "Ed25519": "EdDSA",
}  # fmt: skip


@pytest.mark.parametrize("algorithm", SIGNING)
def test_pyjwt(algorithm: str) -> None:
    material = SIGNING[algorithm]
    if isinstance(material, dict):
        key = Key.from_jwk(material | {"alg": algorithm, "use": "sig"})
    else:
        key = Key.generate(algorithm)
    named = material if isinstance(material, str) else algorithm
    theirs = jwt.PyJWK(key.to_jwk(private=True) | {"alg": named}, algorithm=named)
    if named == algorithm:
        public = jwt.PyJWK(key.to_jwk(private=key.algorithm.symmetric), algorithm=named)
        assert jwt.PyJWS().decode(jws.sign(TEXT, key), public, algorithms=[named]) == TEXT
    token = jwt.PyJWS().encode(TEXT, theirs.key, algorithm=named, headers={"kid": key.kid, "typ": None})
    assert jws.verify(token, KeyRing.of(key)) == TEXT


@pytest.mark.parametrize("algorithm", [*SIGNING, "Ed448"])
def test_joserfc_signatures(algorithm: str) -> None:
    material = SIGNING.get(algorithm)
    key = (
        Key.from_jwk(material | {"alg": algorithm, "use": "sig"})
        if isinstance(material, dict)
        else Key.generate(algorithm)
    )
    theirs = JOSERFC[key.algorithm.kty].import_key(bare(key))
    assert joserfc.jws.deserialize_compact(jws.sign(TEXT, key), theirs, algorithms=[algorithm]).payload == TEXT
    token = joserfc.jws.serialize_compact({"alg": algorithm, "kid": key.kid}, TEXT, theirs, algorithms=[algorithm])
    assert jws.verify(token, KeyRing.of(key)) == TEXT
    detached = f"{token.split('.')[0]}..{token.split('.')[2]}"
    assert jws.verify(detached, KeyRing.of(key), detached=TEXT) == TEXT


def test_how_many_there_are() -> None:
    assert (len(CASES), len(SIGNING)) == (157, 14)
