"""Asymmetric PASETO keys as the bytes in a PASERK: one form for each version; each key has one spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)
from msgspec import Struct

from ..errors import ConfigurationError
from .material import raw_public, raw_seed


class RawForm(Struct, frozen=True):
    """Sizes (None: as it comes, within a PASERK's limit), and how to read and write. Reading raises ValueError."""

    public_size: int | None
    secret_size: int | None
    read_public: Callable[[bytes], Any]
    write_public: Callable[[Any], bytes]
    read_secret: Callable[[bytes], Any]
    write_secret: Callable[[Any], bytes]


def _write_spki(public: Any) -> bytes:
    raw: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return raw


def _write_pkcs1(private: Any) -> bytes:
    raw: bytes = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return raw


def _read_pkcs1(raw: bytes) -> Any:
    return load_der_private_key(raw, None)


def v1_der(raw: bytes) -> bytes:
    """PKCS#1 in DER, also where it is PEM: published k1.secret-pw hold PEM, k1.secret-wrap.pie DER."""
    if not raw.startswith(b"-----BEGIN RSA PRIVATE KEY-----"):
        return raw
    try:
        return _write_pkcs1(load_pem_private_key(raw, None))
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError) as error:
        raise ConfigurationError("these bytes are no key of v1.public") from error


def _write_point(public: Any) -> bytes:
    raw: bytes = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return raw


def _read_point(raw: bytes) -> Any:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), raw)


def _write_scalar(private: Any) -> bytes:
    number: int = private.private_numbers().private_value
    return number.to_bytes(48, "big")


def _read_scalar(raw: bytes) -> Any:
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP384R1())


def _write_pair(private: Any) -> bytes:
    return raw_seed(private) + raw_public(private.public_key())


def _read_pair(raw: bytes) -> Any:
    return Ed25519PrivateKey.from_private_bytes(raw[:32])


_ED25519 = RawForm(32, 64, Ed25519PublicKey.from_public_bytes, raw_public, _read_pair, _write_pair)

RAW: dict[str, RawForm] = {
    "v1.public": RawForm(None, None, load_der_public_key, _write_spki, _read_pkcs1, _write_pkcs1),
    "v2.public": _ED25519,
    "v3.public": RawForm(49, 48, _read_point, _write_point, _read_scalar, _write_scalar),
    "v4.public": _ED25519,
}
"""SubjectPublicKeyInfo and PKCS#1 in DER; point, and seed with point; compressed point and scalar of P-384."""


def read_raw(algorithm: str, raw: bytes, *, secret: bool) -> tuple[Any, Any]:
    """(private or None, public). Raises: ConfigurationError unless ``raw`` is the one spelling of such a key.

    Writing the key again must give the same bytes: that refuses another encoding (PKCS#8, an uncompressed point),
    whatever stands behind it, and halves that do not belong together.
    """
    form = RAW[algorithm]
    read, write = (form.read_secret, form.write_secret) if secret else (form.read_public, form.write_public)
    size = form.secret_size if secret else form.public_size
    if size not in (None, len(raw)):
        raise ConfigurationError(f"a {'secret' if secret else 'public'} key of {algorithm} has {size} bytes")
    try:
        key = read(raw)
        sound = write(key) == raw
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError) as error:
        raise ConfigurationError(f"these bytes are no key of {algorithm}") from error
    if not sound:
        raise ConfigurationError(f"these bytes are no key of {algorithm}, or its halves do not belong together")
    return (key, key.public_key()) if secret else (None, key)
