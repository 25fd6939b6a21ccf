"""Keys sealed for the owner of a public key (PKE of PASERK): k2 and k4 over X25519, k3 over P-384.

The output is tag ‖ ephemeral public key ‖ ciphertext. Opening compares the tag before it decrypts. There is no k1.seal:
it is RSA without padding, which ``cryptography`` does not offer, and Python's own arithmetic would leak the private key
through its timing.
"""

from __future__ import annotations

from hashlib import blake2b, sha384, sha512
from hmac import compare_digest, digest
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..errors import ConfigurationError, SealError
from .encryption import aes_256_ctr, xchacha20
from .material import raw_public, raw_seed

_P = 2**255 - 19


def montgomery(public: Any) -> X25519PublicKey:
    """The X25519 key of an Ed25519 public key: u = (1 + y) / (1 - y), RFC 7748 §4.1."""
    y = int.from_bytes(raw_public(public), "little") & (2**255 - 1)
    return X25519PublicKey.from_public_bytes(((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little"))


def _montgomery_private(private: Any) -> X25519PrivateKey:
    """RFC 8032 §5.1.5, steps 1 and 2; X25519 clamps by itself."""
    return X25519PrivateKey.from_private_bytes(sha512(raw_seed(private)).digest()[:32])


def _shared(private: X25519PrivateKey, public: X25519PublicKey) -> bytes:
    """RFC 7748 §6.1: a shared secret of zeros comes from a point of small order."""
    try:
        secret = private.exchange(public)
    except ValueError:
        raise SealError("the ephemeral key is of small order") from None
    if secret == bytes(32):
        raise SealError("the ephemeral key is of small order")
    return secret


def _x25519_keys(header: bytes, shared: bytes, ephemeral: bytes, public: bytes) -> tuple[bytes, bytes, bytes]:
    """(cipher key, tag key, nonce)."""
    rest = header + shared + ephemeral + public
    return (
        blake2b(b"\x01" + rest, digest_size=32).digest(),
        blake2b(b"\x02" + rest, digest_size=32).digest(),
        blake2b(ephemeral + public, digest_size=24).digest(),
    )


def _x25519_seal(header: bytes, public: Any, secret: bytes) -> bytes:
    own, theirs = X25519PrivateKey.generate(), montgomery(public)
    ephemeral = raw_public(own.public_key())
    cipher_key, tag_key, nonce = _x25519_keys(header, _shared(own, theirs), ephemeral, raw_public(theirs))
    hidden = xchacha20(cipher_key, nonce, secret)
    return blake2b(header + ephemeral + hidden, key=tag_key, digest_size=32).digest() + ephemeral + hidden


def _x25519_open(header: bytes, private: Any, data: bytes) -> bytes:
    tag, ephemeral, hidden = data[:32], data[32:64], data[64:]
    own = _montgomery_private(private)
    shared = _shared(own, X25519PublicKey.from_public_bytes(ephemeral))
    cipher_key, tag_key, nonce = _x25519_keys(header, shared, ephemeral, raw_public(own.public_key()))
    if not compare_digest(tag, blake2b(header + ephemeral + hidden, key=tag_key, digest_size=32).digest()):
        raise SealError("this is sealed for another key, or was changed")
    return xchacha20(cipher_key, nonce, hidden)


def _point(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _p384_keys(header: bytes, shared: bytes, ephemeral: bytes, public: bytes) -> tuple[bytes, bytes, bytes]:
    """(cipher key, tag key, counter)."""
    rest = header + shared + ephemeral + public
    both = sha384(b"\x01" + rest).digest()
    return both[:32], sha384(b"\x02" + rest).digest(), both[32:]


def _p384_seal(header: bytes, public: Any, secret: bytes) -> bytes:
    own = ec.generate_private_key(ec.SECP384R1())
    ephemeral = _point(own.public_key())
    shared = own.exchange(ec.ECDH(), public)
    cipher_key, tag_key, counter = _p384_keys(header, shared, ephemeral, _point(public))
    hidden = aes_256_ctr(cipher_key, counter, secret)
    return digest(tag_key, header + ephemeral + hidden, "sha384") + ephemeral + hidden


def _p384_open(header: bytes, private: Any, data: bytes) -> bytes:
    tag, ephemeral, hidden = data[:48], data[48:97], data[97:]
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), ephemeral)
    except ValueError:
        raise SealError("the ephemeral key is no point of P-384") from None
    shared = private.exchange(ec.ECDH(), theirs)
    cipher_key, tag_key, counter = _p384_keys(header, shared, ephemeral, _point(private.public_key()))
    if not compare_digest(tag, digest(tag_key, header + ephemeral + hidden, "sha384")):
        raise SealError("this is sealed for another key, or was changed")
    return aes_256_ctr(cipher_key, counter, hidden)


def seal(header: str, public: Any, secret: bytes) -> bytes:
    """``secret`` for the owner of ``public``, which is a key of the header's version."""
    write = _p384_seal if header[1] == "3" else _x25519_seal
    return write(header.encode(), public, secret)


def unseal(header: str, private: Any, data: bytes) -> bytes:
    """The 32-byte key that was sealed. Raises: SealError, ConfigurationError for data of another length."""
    size, read = (48 + 49 + 32, _p384_open) if header[1] == "3" else (32 + 32 + 32, _x25519_open)
    if len(data) != size:
        raise ConfigurationError(f"a {header[:-1]} holds {size} bytes, not {len(data)}")
    return read(header.encode(), private, data)
