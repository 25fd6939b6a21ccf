"""Key material in and out of its encodings: PEM and DER, the numbers of a JWK, the raw bytes of a PASERK."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
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


def read_pem(data: bytes, password: bytes | None) -> tuple[Any, Any]:
    """(private or None, public) from PEM: PKCS#8 (also encrypted), PKCS#1, SEC1 or SubjectPublicKeyInfo."""
    try:
        if b"PRIVATE KEY-----" in data:
            private = load_pem_private_key(data, password)
            return private, private.public_key()
        return None, load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError) as error:
        raise ConfigurationError(
            "this PEM cannot be read; is it whole, of a known key type, and is the password right?"
        ) from error


def write_pem(private: Any, public: Any, password: bytes | None) -> bytes:
    """PKCS#8 for a private key (encrypted when there is a password), SubjectPublicKeyInfo for a public one."""
    if private is None:
        raw: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return raw
    guard: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, guard)
    return pem


def _number(value: int, size: int = 0) -> str:
    return b64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk_members(public: Any, private: Any) -> dict[str, str]:
    """The members that RFC 7518 §6 and RFC 8037 §2 give this key; private ones only when ``private`` is there."""
    if isinstance(public, bytes):
        return {"kty": "oct", "k": b64url(public)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        members = {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
        return members if private is None else members | {"d": _number(private.private_numbers().private_value, 32)}
    if isinstance(public, Ed25519PublicKey):
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw_public(public))}
        return members if private is None else members | {"d": b64url(raw_seed(private))}
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
    reader = {"EC": _ec, "OKP": _okp, "RSA": _rsa, "oct": _oct}.get(kty) if isinstance(kty, str) else None
    if reader is None:
        raise ConfigurationError(f"no key of type {str(kty)[:20]!r} is known here")
    try:
        return reader(jwk)
    except (ValueError, TypeError, KeyError, AttributeError, MalformedTokenError) as error:
        raise ConfigurationError("the JWK's members are missing, malformed, or do not fit together") from error


def _raw(jwk: dict[str, Any], name: str, size: int = 0) -> bytes:
    value = unb64url(jwk[name].encode("ascii"))
    if not value or (size and len(value) != size):
        raise ValueError(name)
    return value


def _int(jwk: dict[str, Any], name: str, size: int = 0) -> int:
    return int.from_bytes(_raw(jwk, name, size), "big")


def _ec(jwk: dict[str, Any]) -> tuple[Any, Any]:
    if jwk["crv"] != "P-256":
        raise ValueError("crv")
    curve = ec.SECP256R1()
    public = ec.EllipticCurvePublicNumbers(_int(jwk, "x", 32), _int(jwk, "y", 32), curve).public_key()
    if "d" not in jwk:
        return None, public
    private = ec.EllipticCurvePrivateNumbers(_int(jwk, "d", 32), public.public_numbers()).private_key()
    return private, public


def _okp(jwk: dict[str, Any]) -> tuple[Any, Any]:
    if jwk["crv"] != "Ed25519":
        raise ValueError("crv")
    public = Ed25519PublicKey.from_public_bytes(_raw(jwk, "x", 32))
    if "d" not in jwk:
        return None, public
    return from_seed(_raw(jwk, "d", 32), raw_public(public)), public


def _rsa(jwk: dict[str, Any]) -> tuple[Any, Any]:
    numbers = rsa.RSAPublicNumbers(_int(jwk, "e"), _int(jwk, "n"))
    if "d" not in jwk:
        return None, numbers.public_key()
    p, q, d, dp, dq, qi = (_int(jwk, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, numbers).private_key()
    return private, private.public_key()


def _oct(jwk: dict[str, Any]) -> tuple[Any, Any]:
    secret = _raw(jwk, "k")
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
