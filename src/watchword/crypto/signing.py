"""Signatures and MACs: for each algorithm a function that prepares a key once and returns the bare operation.

A signer is ``message -> signature``; a verifier is ``(signature, message) -> None`` and raises SignatureError.
Preparing builds every object that a call needs, so that a call does nothing but the primitive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ..errors import SignatureError

try:
    from nacl.bindings import crypto_sign, crypto_sign_open
    from nacl.exceptions import BadSignatureError
except ImportError:  # the [fast] extra is not installed: OpenSSL does Ed25519
    crypto_sign = None  # type: ignore[assignment]  # told apart below

ED25519_PRIME = 2**255 - 19
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y = frozenset((0, 1, ED25519_PRIME - 1, _Y_OF_ORDER_8, ED25519_PRIME - _Y_OF_ORDER_8))
"""The y of all points whose order divides 8."""
_SMALL_ORDER_R = frozenset((y | sign << 255).to_bytes(32, "little") for y in SMALL_ORDER_Y for sign in (0, 1))

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]


def _der_integer(raw: bytes) -> bytes:
    raw = raw.lstrip(b"\0") or b"\0"
    if raw[0] & 0x80:
        raw = b"\0" + raw
    return b"\x02" + bytes((len(raw),)) + raw


def _p256_der(raw: bytes) -> bytes:
    """r‖s of 64 bytes (RFC 7518 §3.4) as the DER that OpenSSL reads; 64 bytes never need a long length."""
    if len(raw) != 64:
        raise SignatureError("an ES256 signature has 64 bytes")
    body = _der_integer(raw[:32]) + _der_integer(raw[32:])
    return b"\x30" + bytes((len(body),)) + body


def _p256_raw(der: bytes) -> bytes:
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    return r[-32:].rjust(32, b"\0") + s[-32:].rjust(32, b"\0")


def es256_signer(private: ec.EllipticCurvePrivateKey) -> Sign:
    """ECDSA on P-256 with SHA-256, RFC 7518 §3.4; OpenSSL hedges the nonce."""
    sign, scheme = private.sign, ec.ECDSA(SHA256())
    return lambda message: _p256_raw(sign(message, scheme))


def es256_verifier(public: ec.EllipticCurvePublicKey) -> Verify:
    check, scheme = public.verify, ec.ECDSA(SHA256())

    def verify(signature: bytes, message: bytes) -> None:
        try:
            check(_p256_der(signature), message, scheme)
        except InvalidSignature:
            raise SignatureError from None

    return verify


def rs256_signer(private: rsa.RSAPrivateKey) -> Sign:
    """RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 §3.3."""
    sign, pad, digest = private.sign, padding.PKCS1v15(), SHA256()
    return lambda message: sign(message, pad, digest)


def rs256_verifier(public: rsa.RSAPublicKey) -> Verify:
    check, pad, digest = public.verify, padding.PKCS1v15(), SHA256()
    size = (public.key_size + 7) // 8

    def verify(signature: bytes, message: bytes) -> None:
        if len(signature) != size:
            raise SignatureError("the signature does not have the size of the key")
        try:
            check(signature, message, pad, digest)
        except InvalidSignature:
            raise SignatureError from None

    return verify


def ed25519_signer(private: Ed25519PrivateKey) -> Sign:
    """Ed25519, RFC 8032 §5.1; through libsodium where PyNaCl is installed."""
    if crypto_sign is None:
        return private.sign
    seed = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    secret = seed + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return lambda message: crypto_sign(message, secret)[:64]


def ed25519_verifier(public: Ed25519PublicKey) -> Verify:
    if crypto_sign is None:
        return _openssl_ed25519_verifier(public)
    point = public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def verify(signature: bytes, message: bytes) -> None:
        if len(signature) != 64:
            raise SignatureError("an Ed25519 signature has 64 bytes")
        try:
            crypto_sign_open(signature + message, point)
        except BadSignatureError:
            raise SignatureError from None

    return verify


def _openssl_ed25519_verifier(public: Ed25519PublicKey) -> Verify:
    check = public.verify

    def verify(signature: bytes, message: bytes) -> None:
        if signature[:32] in _SMALL_ORDER_R:
            raise SignatureError("R is of small order")  # libsodium refuses it, OpenSSL alone would not
        try:
            check(signature, message)
        except InvalidSignature:
            raise SignatureError from None

    return verify


def hs256_signer(secret: bytes) -> Sign:
    """HMAC-SHA-256 (RFC 2104) from two hash states that hold the padded key: twice as fast as ``hmac.digest``."""
    block = hashlib.sha256(secret).digest() if len(secret) > 64 else secret
    block = block.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(message: bytes) -> bytes:
        first = inner.copy()
        first.update(message)
        last = outer.copy()
        last.update(first.digest())
        return last.digest()

    return sign


def hs256_verifier(secret: bytes) -> Verify:
    sign = hs256_signer(secret)

    def verify(signature: bytes, message: bytes) -> None:
        if not compare_digest(sign(message), signature):
            raise SignatureError

    return verify
