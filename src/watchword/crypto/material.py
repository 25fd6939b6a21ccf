"""Key material in and out of its encodings: PEM and DER, the numbers of a JWK, the raw bytes of a PASERK."""

from __future__ import annotations

import re
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ..encoding import b64url, unb64url
from ..errors import ConfigurationError, MalformedTokenError

_PEM_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*KEY-----")


def read_pem(data: bytes, password: bytes | None) -> tuple[Any, Any]:
    """(private or None, public) from PEM: PKCS#8 (also encrypted), PKCS#1, SEC1 or SubjectPublicKeyInfo.

    One key alone: of several it would be a guess which one is meant. Certificates and text may stand around it.
    """
    try:
        if len(_PEM_KEY.findall(data)) > 1:
            raise ConfigurationError("this PEM holds several keys; give the one that is meant, by itself")
        if b"PRIVATE KEY-----" in data:
            private = load_pem_private_key(data, password)
            return private, private.public_key()
        return None, load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError) as error:
        raise ConfigurationError(
            "this PEM cannot be read; is it whole, of a known key type, and is the password right?"
        ) from error


def write_pem(private: Any, public: Any, password: bytes | None) -> bytes:
    """PKCS#8 for a private key (encrypted when there is a password), SubjectPublicKeyInfo for a public one.

    Raises: ConfigurationError for a password that protects nothing: an empty one, or text.
    """
    if password is not None and not (isinstance(password, bytes) and 0 < len(password) < 1024):
        raise ConfigurationError("a password is 1 to 1023 bytes; None writes the key in the clear")
    if private is None:
        raw: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return raw
    guard: KeySerializationEncryption = BestAvailableEncryption(password) if password is not None else NoEncryption()
    pem: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, guard)
    return pem


def _number(value: int, size: int = 0) -> str:
    return b64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


_CURVES: dict[str, tuple[type[ec.EllipticCurve], int]] = {
    "P-256": (ec.SECP256R1, 32),
    "P-384": (ec.SECP384R1, 48),
    "P-521": (ec.SECP521R1, 66),
    "secp256k1": (ec.SECP256K1, 32),
}
_RAW: dict[str, tuple[type[Any], type[Any], int]] = {
    "Ed25519": (Ed25519PrivateKey, Ed25519PublicKey, 32),
    "Ed448": (Ed448PrivateKey, Ed448PublicKey, 57),
    "X25519": (X25519PrivateKey, X25519PublicKey, 32),
}
"""OKP curves (RFC 8037 §2): pyca's classes and the length of a raw key."""
_AKP: dict[str, tuple[Any, Any]] = {
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}
"""RFC 9964: ``priv`` is the 32-byte seed."""


def jwk_members(public: Any, private: Any) -> dict[str, str]:
    """The members that RFC 7518 §6, RFC 8037 §2 and RFC 9964 §3 give a key; with ``private``, the secret ones too."""
    if isinstance(public, bytes):
        return {"kty": "oct", "k": b64url(public)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _ec_members(public, private)
    if isinstance(public, rsa.RSAPublicKey):
        return _rsa_members(public, private)
    for crv, (_, sort, _) in _RAW.items():
        if isinstance(public, sort):
            members = {"kty": "OKP", "crv": crv, "x": b64url(raw_public(public))}
            return members if private is None else members | {"d": b64url(raw_seed(private))}
    alg = next(name for name, (_, sort) in _AKP.items() if isinstance(public, sort))
    members = {"kty": "AKP", "alg": alg, "pub": b64url(public.public_bytes_raw())}
    return members if private is None else members | {"priv": b64url(private.private_bytes_raw())}


def _ec_members(public: ec.EllipticCurvePublicKey, private: Any) -> dict[str, str]:
    crv, size = next((crv, size) for crv, (curve, size) in _CURVES.items() if isinstance(public.curve, curve))
    point = public.public_numbers()
    members = {"kty": "EC", "crv": crv, "x": _number(point.x, size), "y": _number(point.y, size)}
    return members if private is None else members | {"d": _number(private.private_numbers().private_value, size)}


def _rsa_members(public: rsa.RSAPublicKey, private: Any) -> dict[str, str]:
    numbers = public.public_numbers()
    members = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if private is None:
        return members
    secret = private.private_numbers()
    own = {"d": secret.d, "p": secret.p, "q": secret.q, "dp": secret.dmp1, "dq": secret.dmq1, "qi": secret.iqmp}
    return members | {name: _number(value) for name, value in own.items()}


def from_jwk_members(jwk: dict[str, Any]) -> tuple[Any, Any]:
    """(private or None, public) from the members of a JWK; fixed widths and curves are held to."""
    kty = jwk.get("kty")
    reader = {"EC": _ec, "OKP": _okp, "RSA": _rsa, "oct": _oct, "AKP": _akp}.get(kty if isinstance(kty, str) else "")
    if reader is None:
        raise ConfigurationError(f"no key of type {str(kty)[:20]!r} is known here")
    try:
        return reader(jwk)
    except (ValueError, TypeError, KeyError, AttributeError, MalformedTokenError) as error:
        raise ConfigurationError("the JWK's members are missing, malformed, or do not fit together") from error


def _bytes(jwk: dict[str, Any], name: str, size: int = 0) -> bytes:
    value = unb64url(jwk[name].encode("ascii"))
    if not value or (size and len(value) != size):
        raise ValueError(name)
    return value


def _int(jwk: dict[str, Any], name: str, size: int = 0) -> int:
    return int.from_bytes(_bytes(jwk, name, size), "big")


def _ec(jwk: dict[str, Any]) -> tuple[Any, Any]:
    curve, size = _CURVES[jwk["crv"]]
    public = ec.EllipticCurvePublicNumbers(_int(jwk, "x", size), _int(jwk, "y", size), curve()).public_key()
    if "d" not in jwk:
        return None, public
    private = ec.EllipticCurvePrivateNumbers(_int(jwk, "d", size), public.public_numbers()).private_key()
    return private, public


def _okp(jwk: dict[str, Any]) -> tuple[Any, Any]:
    private_of, public_of, size = _RAW[jwk["crv"]]
    public = public_of.from_public_bytes(_bytes(jwk, "x", size))
    if "d" not in jwk:
        return None, public
    private = private_of.from_private_bytes(_bytes(jwk, "d", size))
    if raw_public(private.public_key()) != raw_public(public):
        raise ValueError("d")
    return private, public


def _akp(jwk: dict[str, Any]) -> tuple[Any, Any]:
    private_of, public_of = _AKP[jwk["alg"]]
    public = public_of.from_public_bytes(_bytes(jwk, "pub"))
    if "priv" not in jwk:
        return None, public
    private = private_of.from_seed_bytes(_bytes(jwk, "priv", 32))
    if private.public_key().public_bytes_raw() != public.public_bytes_raw():
        raise ValueError("priv")
    return private, public


def _rsa(jwk: dict[str, Any]) -> tuple[Any, Any]:
    numbers = rsa.RSAPublicNumbers(_int(jwk, "e"), _int(jwk, "n"))
    if "d" not in jwk:
        return None, numbers.public_key()
    if "oth" in jwk:  # RFC 7518 §6.3.2.7: who knows two primes alone must not use such a key
        raise ConfigurationError("an RSA key of more than two primes cannot be used")
    p, q, d, dp, dq, qi = (_int(jwk, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, numbers).private_key()
    return private, private.public_key()


def _oct(jwk: dict[str, Any]) -> tuple[Any, Any]:
    secret = _bytes(jwk, "k")
    return secret, secret


def raw_public(public: Any) -> bytes:
    """The 32 bytes of an Ed25519 public key."""
    raw: bytes = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return raw


def raw_seed(private: Any) -> bytes:
    """The 32-byte seed of an Ed25519 private key."""
    raw: bytes = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return raw


def public_from_raw(raw: bytes) -> Any:
    if len(raw) != 32:
        raise ConfigurationError("an Ed25519 public key has 32 bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def from_seed(seed: bytes, public: bytes) -> Any:
    """The Ed25519 private key of a seed; ConfigurationError when ``public`` is not its other half."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    if raw_public(private.public_key()) != public:
        raise ConfigurationError("the halves of this key pair do not belong together")
    return private
