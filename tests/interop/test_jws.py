"""JWS both ways with PyJWT, joserfc and jwcrypto: every algorithm in common; both refuse one changed bit."""

import warnings
from typing import Any, Final

import joserfc.jwk
import joserfc.jws
import jwcrypto.jwk
import jwcrypto.jws
import jwt
import pytest
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from watchword.encoding import b64url, unb64url
from watchword.errors import SignatureError
from watchword.formats import jws
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

TEXT: Final = "signed – with care".encode()
RSA: Final = Key.generate("RS256", kid="rsa").to_jwk(private=True)
COMMON: Final = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "ES256K",
)  # fmt: skip
JOSERFC: Final[dict[str, Any]] = {"oct": OctKey, "RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def make(algorithm: str) -> Key:
    """A key; there is one RSA key for all that need one."""
    if algorithm.startswith(("RS", "PS")):
        return Key.from_jwk(RSA | {"alg": algorithm})
    return Key.generate(algorithm)


KEYS: Final = {name: make(name) for name in (*COMMON, "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")}


def jwk(key: Key, *, private: bool) -> dict[str, Any]:
    """As it is exchanged: the public half, or all of it."""
    return key.to_jwk(private=private or key.algorithm.symmetric)


class Pyjwt:
    refusal: type[Exception] = jwt.InvalidSignatureError
    algorithms = COMMON

    @staticmethod
    def sign(key: Key, header: dict[str, Any]) -> str:
        mine = jwt.PyJWK(jwk(key, private=True) | {"alg": header["alg"]})
        return jwt.PyJWS().encode(TEXT, mine, algorithm=header["alg"], headers=header | {"typ": None})

    @staticmethod
    def verify(token: str, key: Key) -> bytes:
        found: bytes = jwt.PyJWS().decode(token, jwt.PyJWK(jwk(key, private=False)), algorithms=[key.algorithm.name])
        return found


class Joserfc:
    refusal: type[Exception] = BadSignatureError
    algorithms = (*COMMON, "Ed25519", "Ed448")

    @staticmethod
    def key(key: Key, *, private: bool, **other: str) -> Any:
        return JOSERFC[key.algorithm.kty].import_key(jwk(key, private=private) | other)

    @classmethod
    def sign(cls, key: Key, header: dict[str, Any]) -> str:
        mine = cls.key(key, private=True, alg=header["alg"])
        return joserfc.jws.serialize_compact(header, TEXT, mine, algorithms=[header["alg"]])

    @classmethod
    def verify(cls, token: str, key: Key) -> bytes:
        mine = cls.key(key, private=False)
        return joserfc.jws.deserialize_compact(token, mine, algorithms=[key.algorithm.name]).payload


class Jwcrypto:
    refusal: type[Exception] = jwcrypto.jws.InvalidJWSSignature
    algorithms = (*COMMON, "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")

    @staticmethod
    def sign(key: Key, header: dict[str, Any]) -> str:
        made = jwcrypto.jws.JWS(TEXT)
        made.allowed_algs = [header["alg"]]
        mine = jwk(key, private=True) | {"alg": header["alg"]}
        made.add_signature(jwcrypto.jwk.JWK(**mine), header["alg"], protected=header)
        return str(made.serialize(compact=True))

    @staticmethod
    def verify(token: str, key: Key) -> bytes:
        found = jwcrypto.jws.JWS()
        found.allowed_algs = [key.algorithm.name]
        found.deserialize(token, jwcrypto.jwk.JWK(**jwk(key, private=False)))
        return bytes(found.payload)


LIBRARIES: Final[tuple[Any, ...]] = (Pyjwt, Joserfc, Jwcrypto)
PAIRS: Final = [pytest.param(one, name, id=f"{one.__name__}-{name}") for one in LIBRARIES for name in one.algorithms]


def changed(token: str, segment: int) -> str:
    """`token` with one bit of a segment turned over."""
    parts = token.split(".")
    raw = bytearray(unb64url(parts[segment].encode()))
    raw[len(raw) // 2] ^= 1
    parts[segment] = b64url(bytes(raw))
    return ".".join(parts)


@pytest.mark.parametrize(("library", "algorithm"), PAIRS)
def test_both_ways(library: Any, algorithm: str) -> None:
    key = KEYS[algorithm]
    ring, ours, theirs = KeyRing.of(key), jws.sign(TEXT, key), library.sign(key, {"alg": algorithm, "kid": key.kid})
    assert library.verify(ours, key) == TEXT
    assert jws.verify(theirs, ring) == TEXT
    for segment in (1, 2):
        with pytest.raises(library.refusal):
            library.verify(changed(ours, segment), key)
        with pytest.raises(SignatureError):
            jws.verify(changed(theirs, segment), ring)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_older_name_of_ed25519_is_read(library: Any) -> None:
    key = KEYS["Ed25519"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of the older name
        theirs = library.sign(Key.from_jwk(key.to_jwk(private=True)), {"alg": "EdDSA", "kid": key.kid})
    assert jws.verify(theirs, KeyRing.of(key)) == TEXT


@pytest.mark.parametrize("algorithm", Joserfc.algorithms)
def test_detached_with_joserfc(algorithm: str) -> None:
    key, mine = KEYS[algorithm], Joserfc.key(KEYS[algorithm], private=False)
    ours = jws.sign(TEXT, key, detached=True)
    assert joserfc.jws.deserialize_compact(ours, mine, algorithms=[algorithm], payload=TEXT).payload == TEXT
    head, _, signature = Joserfc.sign(key, {"alg": algorithm, "kid": key.kid}).split(".")
    assert jws.verify(f"{head}..{signature}", KeyRing.of(key), detached=TEXT) == TEXT
    with pytest.raises(SignatureError):
        jws.verify(f"{head}..{signature}", KeyRing.of(key), detached=TEXT + b"x")


@pytest.mark.parametrize("algorithm", COMMON)
def test_unencoded_with_pyjwt(algorithm: str) -> None:
    """RFC 7797, detached."""
    key = KEYS[algorithm]
    ours = jws.sign(TEXT, key, detached=True, b64=False)
    mine = jwt.PyJWK(jwk(key, private=False))
    assert jwt.PyJWS().decode(ours, mine, algorithms=[algorithm], detached_payload=TEXT) == TEXT
    header: dict[str, Any] = {"kid": key.kid, "b64": False, "crit": ["b64"], "typ": None}
    theirs = jwt.PyJWS().encode(
        TEXT, jwt.PyJWK(jwk(key, private=True)), algorithm=algorithm, headers=header, is_payload_detached=True
    )
    assert jws.verify(theirs, KeyRing.of(key), detached=TEXT, b64=False) == TEXT
    with pytest.raises(SignatureError):
        jws.verify(theirs, KeyRing.of(key), detached=TEXT + b"x", b64=False)


@pytest.mark.parametrize("name", ["RS256", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448"])
def test_thumbprints_and_their_keys(name: str) -> None:
    """RFC 7638, RFC 9278; and a key that they made is read here."""
    key = KEYS[name]
    theirs = jwcrypto.jwk.JWK(**jwk(key, private=False))
    assert Joserfc.key(key, private=False).thumbprint() == theirs.thumbprint() == key.thumbprint()
    assert theirs.thumbprint_uri() == key.thumbprint_uri()
    size = 2048 if key.algorithm.kty == "RSA" else key.algorithm.crv
    made = JOSERFC[key.algorithm.kty].generate_key(size, {"alg": name, "use": "sig"}, private=True)
    read = Key.from_jwk(made.as_dict(private=True))
    assert read.thumbprint() == made.thumbprint()
    assert Joserfc.verify(jws.sign(TEXT, read), read) == TEXT
    shape = {"size": 2048} if key.algorithm.kty == "RSA" else {"crv": key.algorithm.crv}
    other = jwcrypto.jwk.JWK.generate(kty=key.algorithm.kty, alg=name, use="sig", **shape)
    assert Key.from_jwk(other.export(private_key=True, as_dict=True)).thumbprint() == other.thumbprint()


@pytest.mark.parametrize("name", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_keys_of_ml_dsa(name: str) -> None:
    """RFC 9964 §6."""
    assert jwcrypto.jwk.JWK(**jwk(KEYS[name], private=False)).thumbprint() == KEYS[name].thumbprint()
    made = jwcrypto.jwk.JWK.generate(kty="AKP", alg=name)
    read = Key.from_jwk(made.export(private_key=True, as_dict=True))
    assert read.thumbprint() == made.thumbprint()
    assert Jwcrypto.verify(jws.sign(TEXT, read), read) == TEXT


def test_how_many_there_are() -> None:
    assert (len(PAIRS), len(KEYS)) == (46, 18)
