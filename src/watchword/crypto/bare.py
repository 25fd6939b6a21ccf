"""The primitives alone, as their libraries offer them, with the key prepared: what a benchmark sets our tokens beside.

Nothing here checks a key or a claim, and no token is made with it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Struct

try:
    from nacl.bindings import crypto_sign, crypto_sign_open
except ImportError:  # the [fast] extra is not installed
    crypto_sign = None  # type: ignore[assignment]  # told apart below


Arguments = tuple[Any, ...]


class Bare(Struct, frozen=True):
    """One library's calls. What only spells their arguments is done beforehand."""

    name: str
    sign: Callable[..., Any]
    verify: Callable[..., Any]
    signing: Callable[[bytes], Arguments]
    """The message -> the arguments of ``sign``."""
    verifying: Callable[[Any, bytes], Arguments]
    """What ``sign`` returned, the message -> the arguments of ``verify``."""


def _hs256(secret: bytes) -> list[Bare]:
    digest = hmac.digest
    return [Bare("hmac.digest", digest, digest, lambda m: (secret, m, "sha256"), lambda _, m: (secret, m, "sha256"))]


def _asymmetric(private: Any, *how: Any) -> Bare:
    verify = private.public_key().verify
    return Bare("cryptography", private.sign, verify, lambda m: (m, *how), lambda signature, m: (signature, m, *how))


def _es256(private: ec.EllipticCurvePrivateKey) -> list[Bare]:
    return [_asymmetric(private, ec.ECDSA(SHA256()))]


def _rs256(private: rsa.RSAPrivateKey) -> list[Bare]:
    return [_asymmetric(private, padding.PKCS1v15(), SHA256())]


def _ed25519(private: ed25519.Ed25519PrivateKey) -> list[Bare]:
    """PyNaCl's first, where it is installed: then it is what verifies our tokens."""
    found = [_asymmetric(private)]
    if crypto_sign is not None:
        point = private.public_key().public_bytes_raw()
        secret = private.private_bytes_raw() + point
        found.insert(
            0, Bare("PyNaCl", crypto_sign, crypto_sign_open, lambda m: (m, secret), lambda signed, _: (signed, point))
        )
    return found


_SIGNERS: dict[str, tuple[Callable[[], Any], Callable[[Any], list[Bare]]]] = {
    "HS256": (lambda: os.urandom(32), _hs256),
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), _rs256),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), _es256),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate, _ed25519),
    "v4.public": (ed25519.Ed25519PrivateKey.generate, _ed25519),
}


def bare(algorithm: str) -> list[Bare]:
    """One library or two, with a fresh key of HS256, RS256 (2048 bits), ES256, Ed25519 or v4.public."""
    generate, calls = _SIGNERS[algorithm]
    return calls(generate())


def rsa_2048() -> bytes:
    """A fresh RSA key in PEM, of the size that most have; our own are longer."""
    private = rsa.generate_private_key(65537, 2048)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def bare_aes_gcm() -> tuple[Callable[..., bytes], Callable[..., bytes]]:
    """(encrypt, decrypt) of AES-256-GCM under a fresh key: (nonce, text, associated) -> bytes."""
    gcm = AESGCM(os.urandom(32))
    return gcm.encrypt, gcm.decrypt


def argon2id(memory_kib: int, passes: int, lanes: int) -> bytes:
    """One hash of a password that nobody has, with these parameters (RFC 9106 §3.1)."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib)
    return kdf.derive(b"a password that nobody has")


def openssl() -> str:
    """The version that cryptography was built with."""
    text: str = backend.openssl_version_text()
    return text
