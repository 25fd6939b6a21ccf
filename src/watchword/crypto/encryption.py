"""Symmetric encryption: the cipher of PASETO v4.local, and sealing a value under a one-off secret."""

from __future__ import annotations

import struct
from hashlib import blake2b
from hmac import compare_digest
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..encoding import pae
from ..errors import SealError

_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_WORDS = struct.Struct("<16I")
_EIGHT = struct.Struct("<8I")
_FOUR = struct.Struct("<4I")


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The XChaCha20 subkey (draft-irtf-cfrg-xchacha §2.2): one ChaCha20 block minus the state added at its end."""
    block = Cipher(ChaCha20(key, nonce), mode=None).encryptor().update(bytes(64))
    words, added = _WORDS.unpack(block), _FOUR.unpack(nonce)
    first = [(word - constant) & 0xFFFFFFFF for word, constant in zip(words[:4], _CONSTANTS, strict=True)]
    last = [(word - part) & 0xFFFFFFFF for word, part in zip(words[12:], added, strict=True)]
    return _EIGHT.pack(*first, *last)


def xchacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """The XChaCha20 stream (32-byte key, 24-byte nonce, counter from 0) over ``data``; the same call opens it."""
    inner = Cipher(ChaCha20(_hchacha20(key, nonce[:16]), bytes(8) + nonce[16:]), mode=None)
    return inner.encryptor().update(data)


def _v4_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    both = blake2b(b"paseto-encryption-key" + nonce, key=key, digest_size=56).digest()
    return both[:32], both[32:], blake2b(b"paseto-auth-key-for-aead" + nonce, key=key, digest_size=32).digest()


def v4_local_seal(
    key: bytes, header: bytes, message: bytes, footer: bytes, assertion: bytes, nonce: bytes = b""
) -> bytes:
    """PASETO v4 Encrypt: nonce ‖ ciphertext ‖ tag. ``nonce`` is for test vectors alone; otherwise it is random."""
    nonce = nonce or urandom(32)
    cipher_key, cipher_nonce, tag_key = _v4_keys(key, nonce)
    hidden = xchacha20(cipher_key, cipher_nonce, message)
    tag = blake2b(pae(header, nonce, hidden, footer, assertion), key=tag_key, digest_size=32).digest()
    return nonce + hidden + tag


def v4_local_open(key: bytes, header: bytes, body: bytes, footer: bytes, assertion: bytes) -> bytes:
    """PASETO v4 Decrypt: the message, after the tag was found right. Raises: SealError."""
    if len(body) < 64:
        raise SealError("too short to hold a nonce and a tag")
    nonce, hidden, tag = body[:32], body[32:-32], body[-32:]
    cipher_key, cipher_nonce, tag_key = _v4_keys(key, nonce)
    if not compare_digest(
        tag, blake2b(pae(header, nonce, hidden, footer, assertion), key=tag_key, digest_size=32).digest()
    ):
        raise SealError
    return xchacha20(cipher_key, cipher_nonce, hidden)


def _one_off(secret: bytes, context: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(secret))


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
