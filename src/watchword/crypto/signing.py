"""Signatures and MACs: for each algorithm a function that prepares a key once and returns the bare operation.

A signer is ``message -> signature``; a verifier is ``(signature, message) -> None`` and raises SignatureError.
Preparing builds every object that a call needs, so that a call does nothing but the primitive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ..errors import SignatureError
from .points import SMALL_ORDER_Y

try:
    from nacl.bindings import crypto_sign, crypto_sign_open
    from nacl.exceptions import BadSignatureError
except ImportError:  # the [fast] extra is not installed: OpenSSL does Ed25519
    crypto_sign = None  # type: ignore[assignment]  # told apart below

_SMALL_ORDER_R = frozenset((y | sign << 255).to_bytes(32, "little") for y in SMALL_ORDER_Y for sign in (0, 1))

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]


def _der_integer(raw: bytes) -> bytes:
    raw = raw.lstrip(b"\0") or b"\0"
    if raw[0] & 0x80:
        raw = b"\0" + raw
    return b"\x02" + bytes((len(raw),)) + raw


def der_of(raw: bytes, size: int) -> bytes:
    """r‖s with ``size`` bytes each (RFC 7518 §3.4) as the DER that OpenSSL reads."""
    if len(raw) != 2 * size:
        raise SignatureError(f"this algorithm's signatures have {2 * size} bytes")
    body = _der_integer(raw[:size]) + _der_integer(raw[size:])
    return (b"\x30" if len(body) < 128 else b"\x30\x81") + bytes((len(body),)) + body


def _usual_fronts(size: int) -> tuple[tuple[bytes, bytes], ...]:
    """What stands before r and before s in the DER of nearly every signature: that whose r and s begin with no zero.

    Found at ``2 * r + s`` of their highest bits; a set bit calls for a zero in front.
    """

    def front(high: int) -> bytes:
        return bytes((2, size + high)) + b"\0" * high

    def head(length: int) -> bytes:
        return (b"\x30" if length < 128 else b"\x30\x81") + bytes((length,))

    return tuple((head(2 * size + 4 + r + s) + front(r), front(s)) for r in (0, 1) for s in (0, 1))


def raw_of(der: bytes, size: int) -> bytes:
    """The DER of OpenSSL as r‖s with ``size`` bytes each."""
    start = 3 if der[1] & 0x80 else 2  # where the first integer begins; P-521 needs the long form
    r_end = start + 2 + der[start + 1]
    r, s = der[start + 2 : r_end], der[r_end + 2 :]
    return r[-size:].rjust(size, b"\0") + s[-size:].rjust(size, b"\0")


def ecdsa_signer(private: ec.EllipticCurvePrivateKey, digest: HashAlgorithm, size: int) -> Sign:
    """ECDSA, RFC 7518 §3.4 and RFC 8812 §3.2; OpenSSL hedges the nonce."""
    sign, scheme = private.sign, ec.ECDSA(digest)
    return lambda message: raw_of(sign(message, scheme), size)


def ecdsa_verifier(public: ec.EllipticCurvePublicKey, digest: HashAlgorithm, size: int) -> Verify:
    check, scheme, both, fronts = public.verify, ec.ECDSA(digest), 2 * size, _usual_fronts(size)

    def verify(signature: bytes, message: bytes) -> None:
        if len(signature) == both and signature[0] and signature[size]:
            front, middle = fronts[(signature[0] >> 7) * 2 + (signature[size] >> 7)]
            der = front + signature[:size] + middle + signature[size:]
        else:
            der = der_of(signature, size)
        try:
            check(der, message, scheme)
        except InvalidSignature:
            raise SignatureError from None

    return verify


def rsa_signer(private: rsa.RSAPrivateKey, pad: AsymmetricPadding, digest: HashAlgorithm) -> Sign:
    """RSASSA-PKCS1-v1_5 and RSASSA-PSS, RFC 7518 §3.3 and §3.5."""
    sign = private.sign
    return lambda message: sign(message, pad, digest)


def rsa_verifier(public: rsa.RSAPublicKey, pad: AsymmetricPadding, digest: HashAlgorithm) -> Verify:
    check, size = public.verify, (public.key_size + 7) // 8

    def verify(signature: bytes, message: bytes) -> None:
        if len(signature) != size:
            raise SignatureError("the signature does not have the size of the key")
        try:
            check(signature, message, pad, digest)
        except InvalidSignature:
            raise SignatureError from None

    return verify


def plain_signer(private: Any) -> Sign:
    """Ed448 (RFC 8032 §5.2) and ML-DSA (FIPS 204, RFC 9964): the message goes in whole."""
    sign: Sign = private.sign
    return sign


def plain_verifier(public: Any) -> Verify:
    check = public.verify

    def verify(signature: bytes, message: bytes) -> None:
        try:
            check(signature, message)
        except (InvalidSignature, ValueError):
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


def hmac_signer(secret: bytes, name: str) -> Sign:
    """HMAC (RFC 2104) from two hash states that hold the padded key: twice as fast as ``hmac.digest``."""
    size = hashlib.new(name).block_size
    block = hashlib.new(name, secret).digest() if len(secret) > size else secret
    block = block.ljust(size, b"\0")
    inner = hashlib.new(name, bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.new(name, bytes(byte ^ 0x5C for byte in block))

    def sign(message: bytes) -> bytes:
        first = inner.copy()
        first.update(message)
        last = outer.copy()
        last.update(first.digest())
        return last.digest()

    return sign


def hmac_verifier(secret: bytes, name: str) -> Verify:
    sign = hmac_signer(secret, name)

    def verify(signature: bytes, message: bytes) -> None:
        if not compare_digest(sign(message), signature):
            raise SignatureError

    return verify
