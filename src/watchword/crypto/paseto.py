"""The primitives of PASETO, version by version: local (encrypt, then authenticate) and the key checks of public.

Versions 1 and 2 open only: nothing here can write them. An ``open`` takes no implicit assertion where the version has
none, and compares the tag before it decrypts.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest, digest
from os import urandom
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..encoding import pae
from ..errors import KeyUseError, SealError, SignatureError, WeakKeyError
from . import points, signing
from .encryption import aes_256_ctr, xchacha20, xchacha20_poly1305_open

_ENCRYPTION, _AUTHENTICATION = b"paseto-encryption-key", b"paseto-auth-key-for-aead"
_FOUR = (4).to_bytes(8, "little")


def _take_apart(body: bytes, nonce: int, tag: int) -> tuple[bytes, bytes, bytes]:
    """(nonce, ciphertext, tag). Raises: SealError when it is too short to hold them."""
    if len(body) < nonce + tag:
        raise SealError("too short to hold a nonce and a tag")
    return body[:nonce], body[nonce : len(body) - tag], body[len(body) - tag :]


def _v4_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    both = blake2b(_ENCRYPTION + nonce, key=key, digest_size=56).digest()
    return both[:32], both[32:], blake2b(_AUTHENTICATION + nonce, key=key, digest_size=32).digest()


def v4_seal(key: bytes, message: bytes, footer: bytes, assertion: bytes, nonce: bytes = b"") -> bytes:
    """PASETO v4 Encrypt, XChaCha20 and keyed BLAKE2b: nonce ‖ ciphertext ‖ tag. ``nonce`` is for test vectors alone."""
    nonce = nonce or urandom(32)
    cipher_key, cipher_nonce, tag_key = _v4_keys(key, nonce)
    hidden = xchacha20(cipher_key, cipher_nonce, message)
    covered = pae(b"v4.local.", nonce, hidden, footer, assertion)
    return nonce + hidden + blake2b(covered, key=tag_key, digest_size=32).digest()


def v4_open(key: bytes, body: bytes, footer: bytes, assertion: bytes) -> bytes:
    """PASETO v4 Decrypt: the message, after the tag was found right. Raises: SealError."""
    nonce, hidden, tag = _take_apart(body, 32, 32)
    cipher_key, cipher_nonce, tag_key = _v4_keys(key, nonce)
    covered = pae(b"v4.local.", nonce, hidden, footer, assertion)
    if not compare_digest(tag, blake2b(covered, key=tag_key, digest_size=32).digest()):
        raise SealError
    return xchacha20(cipher_key, cipher_nonce, hidden)


def _v3_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    """HKDF-SHA384 (RFC 5869) without salt; 48 bytes are one block, so that expanding is one HMAC."""
    prk = digest(bytes(48), key, "sha384")
    both = digest(prk, _ENCRYPTION + nonce + b"\x01", "sha384")
    return both[:32], both[32:], digest(prk, _AUTHENTICATION + nonce + b"\x01", "sha384")


def v3_seal(key: bytes, message: bytes, footer: bytes, assertion: bytes, nonce: bytes = b"") -> bytes:
    """PASETO v3 Encrypt, AES-256-CTR and HMAC-SHA384: nonce ‖ ciphertext ‖ tag. ``nonce`` is for test vectors alone."""
    nonce = nonce or urandom(32)
    cipher_key, counter, tag_key = _v3_keys(key, nonce)
    hidden = aes_256_ctr(cipher_key, counter, message)
    return nonce + hidden + digest(tag_key, pae(b"v3.local.", nonce, hidden, footer, assertion), "sha384")


def v3_open(key: bytes, body: bytes, footer: bytes, assertion: bytes) -> bytes:
    """PASETO v3 Decrypt: the message, after the tag was found right. Raises: SealError."""
    nonce, hidden, tag = _take_apart(body, 32, 48)
    cipher_key, counter, tag_key = _v3_keys(key, nonce)
    if not compare_digest(tag, digest(tag_key, pae(b"v3.local.", nonce, hidden, footer, assertion), "sha384")):
        raise SealError
    return aes_256_ctr(cipher_key, counter, hidden)


def v2_open(key: bytes, body: bytes, footer: bytes) -> bytes:
    """PASETO v2 Decrypt, XChaCha20-Poly1305. Raises: SealError."""
    nonce, hidden, tag = _take_apart(body, 24, 16)
    return xchacha20_poly1305_open(key, nonce, hidden + tag, pae(b"v2.local.", nonce, footer))


def v1_open(key: bytes, body: bytes, footer: bytes) -> bytes:
    """PASETO v1 Decrypt, AES-256-CTR and HMAC-SHA384. Raises: SealError."""
    nonce, hidden, tag = _take_apart(body, 32, 48)
    cipher_key, tag_key = (
        HKDF(algorithm=SHA384(), length=32, salt=nonce[:16], info=info).derive(key)
        for info in (_ENCRYPTION, _AUTHENTICATION)
    )
    if not compare_digest(tag, digest(tag_key, pae(b"v1.local.", nonce, hidden, footer), "sha384")):
        raise SealError
    return aes_256_ctr(cipher_key, nonce[16:], hidden)


def _bound_to(public: ec.EllipticCurvePublicKey) -> bytes:
    """How PAE(pk, header, message, footer, assertion) begins: the count, and the compressed point as first piece."""
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return (5).to_bytes(8, "little") + len(point).to_bytes(8, "little") + point


def v3_signer(private: ec.EllipticCurvePrivateKey) -> signing.Sign:
    """PASETO v3 Sign over PAE(header, message, footer, assertion): puts its own public key in front of these four."""
    sign, front = signing.ecdsa_signer(private, SHA384(), 48), _bound_to(private.public_key())

    def bound(message: bytes) -> bytes:
        if message[:8] != _FOUR:
            raise KeyUseError("a v3.public key signs PASETOs alone")
        return sign(front + message[8:])

    return bound


def v3_verifier(public: ec.EllipticCurvePublicKey) -> signing.Verify:
    verify, front = signing.ecdsa_verifier(public, SHA384(), 48), _bound_to(public)

    def bound(signature: bytes, message: bytes) -> None:
        if message[:8] != _FOUR:
            raise SignatureError("a v3.public key verifies PASETOs alone")
        verify(signature, front + message[8:])

    return bound


def check_v1(public: Any) -> None:
    """PASETO v1 Key generation: RSA of 2048 bits with the exponent 65537."""
    points.check_rsa(public)
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size != 2048 or public.public_numbers().e != 65537:
        raise WeakKeyError("a v1.public key is RSA of exactly 2048 bits with the exponent 65537")
