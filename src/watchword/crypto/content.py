"""Content encryption of JWE (RFC 7518 §5): AES-GCM, AES-CBC with HMAC; nothing is decrypted before its tag is right."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from msgspec import Struct

from ..errors import SealError


class Content(Struct, frozen=True, kw_only=True):
    """One ``enc`` of JWE with its sizes in bytes. ``hide`` answers (ciphertext, tag); ``reveal`` raises SealError."""

    name: str
    key_size: int
    iv_size: int
    tag_size: int = 16
    hide: Callable[[bytes, bytes, bytes, bytes], tuple[bytes, bytes]]
    """``(key, iv, plaintext, associated data)``"""
    _reveal: Callable[[bytes, bytes, bytes, bytes, bytes], bytes]

    def reveal(self, key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated: bytes) -> bytes:
        """The plaintext. A wrong size, tag or padding is one and the same SealError."""
        if (len(key), len(iv), len(tag)) != (self.key_size, self.iv_size, self.tag_size):
            raise SealError
        return self._reveal(key, iv, ciphertext, tag, associated)


def _gcm_hide(key: bytes, iv: bytes, plaintext: bytes, associated: bytes) -> tuple[bytes, bytes]:
    both = AESGCM(key).encrypt(iv, plaintext, associated)
    return both[:-16], both[-16:]


def _gcm_reveal(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(iv, ciphertext + tag, associated)
    except InvalidTag:
        raise SealError from None


def _gcm(name: str, key_size: int) -> Content:
    return Content(name=name, key_size=key_size, iv_size=12, hide=_gcm_hide, _reveal=_gcm_reveal)


def _cbc_tag(key: bytes, iv: bytes, ciphertext: bytes, associated: bytes, digest: str) -> bytes:
    """RFC 7518 §5.2.2.1: HMAC under the first half of the key, cut to half."""
    half = len(key) // 2
    covered = associated + iv + ciphertext + (len(associated) * 8).to_bytes(8, "big")
    return hmac.digest(key[:half], covered, digest)[:half]


def _cbc_hide(key: bytes, iv: bytes, plaintext: bytes, associated: bytes, digest: str) -> tuple[bytes, bytes]:
    padder, cipher = PKCS7(128).padder(), Cipher(algorithms.AES(key[len(key) // 2 :]), modes.CBC(iv)).encryptor()
    ciphertext = cipher.update(padder.update(plaintext) + padder.finalize()) + cipher.finalize()
    return ciphertext, _cbc_tag(key, iv, ciphertext, associated, digest)


def _cbc_reveal(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated: bytes, digest: str) -> bytes:
    if not hmac.compare_digest(tag, _cbc_tag(key, iv, ciphertext, associated, digest)):
        raise SealError
    cipher, unpadder = Cipher(algorithms.AES(key[len(key) // 2 :]), modes.CBC(iv)).decryptor(), PKCS7(128).unpadder()
    try:
        return unpadder.update(cipher.update(ciphertext) + cipher.finalize()) + unpadder.finalize()
    except ValueError:  # the sender's own fault: the tag was right
        raise SealError from None


def _cbc(name: str, key_size: int, digest: str) -> Content:
    hide, reveal = partial(_cbc_hide, digest=digest), partial(_cbc_reveal, digest=digest)
    return Content(name=name, key_size=key_size, iv_size=16, tag_size=key_size // 2, hide=hide, _reveal=reveal)


CONTENTS: dict[str, Content] = {
    row.name: row
    for row in (
        _gcm("A128GCM", 16),
        _gcm("A192GCM", 24),
        _gcm("A256GCM", 32),
        _cbc("A128CBC-HS256", 32, "sha256"),
        _cbc("A192CBC-HS384", 48, "sha384"),
        _cbc("A256CBC-HS512", 64, "sha512"),
    )
}
"""``enc`` -> its row."""
