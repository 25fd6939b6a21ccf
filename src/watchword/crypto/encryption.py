"""Symmetric encryption: the stream ciphers of PASETO, and sealing a value under a one-off secret."""

from __future__ import annotations

import struct
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES256, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import SealError

_BLOCK = struct.Struct("<4I32x4I")
_NONCE = struct.Struct("<4I")
_WORDS = struct.Struct("<8I")
_LOW = 0xFFFFFFFF


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The XChaCha20 subkey (draft-irtf-cfrg-xchacha §2.2): one ChaCha20 block minus the state added at its end."""
    block = Cipher(ChaCha20(key, nonce), mode=None).encryptor().update(bytes(64))
    a, b, c, d, e, f, g, h = _BLOCK.unpack(block)
    w, x, y, z = _NONCE.unpack(nonce)
    first = (a - 0x61707865) & _LOW, (b - 0x3320646E) & _LOW, (c - 0x79622D32) & _LOW, (d - 0x6B206574) & _LOW
    return _WORDS.pack(*first, (e - w) & _LOW, (f - x) & _LOW, (g - y) & _LOW, (h - z) & _LOW)


def xchacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """The XChaCha20 stream (32-byte key, 24-byte nonce, counter from 0) over ``data``; the same call opens it."""
    inner = Cipher(ChaCha20(_hchacha20(key, nonce[:16]), bytes(8) + nonce[16:]), mode=None)
    return inner.encryptor().update(data)


def xchacha20_poly1305_open(key: bytes, nonce: bytes, sealed: bytes, covered: bytes) -> bytes:
    """The AEAD of draft-irtf-cfrg-xchacha §2.3: ``sealed`` ends with the tag. Raises: SealError."""
    try:
        return ChaCha20Poly1305(_hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], sealed, covered)
    except InvalidTag:
        raise SealError from None


def aes_256_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """The AES-256-CTR stream from a 16-byte counter block (SP 800-38A §6.5); the same call opens it."""
    return Cipher(AES256(key), CTR(counter)).encryptor().update(data)


def _one_off(secret: bytes, context: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(secret))


class Box:
    """AES-256-GCM under HKDF-SHA-256(secret, info=context), for many values: each has a random nonce of 96 bits.

    ``secret`` is uniformly random. Seal no more than 2**32 values in its life (SP 800-38D §8.3).
    """

    def __init__(self, secret: bytes, context: bytes) -> None:
        self._aead = _one_off(secret, context)

    def seal(self, plaintext: bytes, covered: bytes) -> bytes:
        """Nonce, ciphertext and tag; it opens only beside the same ``covered``."""
        nonce = urandom(12)
        return nonce + self._aead.encrypt(nonce, plaintext, covered)

    def open(self, sealed: bytes, covered: bytes) -> bytes:
        """What ``seal`` hid. Raises: SealError."""
        try:
            return self._aead.decrypt(sealed[:12], sealed[12:], covered)
        except (InvalidTag, ValueError):
            raise SealError from None


def seal_under(secret: bytes, plaintext: bytes, context: bytes) -> bytes:
    """AES-256-GCM under HKDF-SHA-256(secret, info=context): who lacks ``secret`` cannot open it.

    ``secret`` is a uniformly random value of 32 bytes that seals one value in its life.
    """
    nonce = urandom(12)
    return nonce + _one_off(secret, context).encrypt(nonce, plaintext, context)


def open_under(secret: bytes, sealed: bytes, context: bytes) -> bytes:
    """What ``seal_under`` hid. Raises: SealError."""
    try:
        return _one_off(secret, context).decrypt(sealed[:12], sealed[12:], context)
    except (InvalidTag, ValueError):
        raise SealError from None
