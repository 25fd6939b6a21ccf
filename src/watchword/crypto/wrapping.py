"""Wrapped keys of PASERK: under a key (PIE) and under a password (PBKW). Sealed for a public key: see ``sealing``.

Each function takes the PASERK's header (``k4.local-wrap.pie.``), which every tag covers and whose version chooses the
ciphers. Opening compares the tag before it decrypts. Raises: SealError when the tag is wrong, ConfigurationError when
the data is too short or asks for more work than was allowed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b, pbkdf2_hmac, sha384
from hmac import compare_digest, digest
from os import urandom

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Struct

from ..errors import ConfigurationError, SealError
from .encryption import aes_256_ctr, xchacha20

MIB = 1024 * 1024


class PasswordCost(Struct, frozen=True, kw_only=True):
    """How much work a password costs: Argon2id (k2, k4) or PBKDF2-SHA384 rounds (k1, k3). Writing takes about 0.2 s."""

    memory: int = 64 * MIB
    """Bytes."""
    passes: int = 3
    lanes: int = 1
    iterations: int = 210_000


WRITTEN = PasswordCost()
MOST = PasswordCost(memory=256 * MIB, passes=8, lanes=4, iterations=1_000_000)
"""What a PASERK may ask of its reader, unless the reader says ``at_most=``."""


class _Suite(Struct, frozen=True, kw_only=True):
    """The ciphers of two versions: SHA-384 and AES for k1 and k3, BLAKE2b and XChaCha20 for k2 and k4."""

    cipher: Callable[[bytes, bytes, bytes], bytes]
    tag: Callable[[bytes, bytes], bytes]
    """(key, message) -> tag"""
    tag_size: int
    pie_keys: Callable[[bytes, bytes], tuple[bytes, bytes, bytes]]
    """(wrapping key, nonce) -> cipher key, cipher nonce, tag key"""
    pw_keys: Callable[[bytes], tuple[bytes, bytes]]
    """stretched password -> cipher key, tag key"""
    pw_nonce: int
    pw_salt: int
    cost: struct.Struct
    cost_of: Callable[[tuple[int, ...]], PasswordCost]
    cost_fields: Callable[[PasswordCost], tuple[int, ...]]
    stretch: Callable[[bytes, bytes, PasswordCost], bytes]
    """(password, salt, cost) -> 32 bytes"""


def _aes_pie_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    """The tag key is cut to 32 bytes: the vectors and the reference say so, the text of PIE does not."""
    both = digest(key, b"\x80" + nonce, "sha384")
    return both[:32], both[32:], digest(key, b"\x81" + nonce, "sha384")[:32]


def _blake_pie_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    both = blake2b(b"\x80" + nonce, key=key, digest_size=56).digest()
    return both[:32], both[32:], blake2b(b"\x81" + nonce, key=key, digest_size=32).digest()


def _argon2id(password: bytes, salt: bytes, cost: PasswordCost) -> bytes:
    return Argon2id(
        salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory // 1024
    ).derive(password)


_AES = _Suite(
    cipher=aes_256_ctr,
    tag=lambda key, message: digest(key, message, "sha384"),
    tag_size=48,
    pie_keys=_aes_pie_keys,
    pw_keys=lambda key: (sha384(b"\xff" + key).digest()[:32], sha384(b"\xfe" + key).digest()),
    pw_nonce=16,
    pw_salt=32,
    cost=struct.Struct(">I"),
    cost_of=lambda fields: PasswordCost(iterations=fields[0]),
    cost_fields=lambda cost: (cost.iterations,),
    stretch=lambda password, salt, cost: pbkdf2_hmac("sha384", password, salt, cost.iterations, 32),
)
_BLAKE = _Suite(
    cipher=xchacha20,
    tag=lambda key, message: blake2b(message, key=key, digest_size=32).digest(),
    tag_size=32,
    pie_keys=_blake_pie_keys,
    pw_keys=lambda key: (
        blake2b(b"\xff" + key, digest_size=32).digest(),
        blake2b(b"\xfe" + key, digest_size=32).digest(),
    ),
    pw_nonce=24,
    pw_salt=16,
    cost=struct.Struct(">QII"),
    cost_of=lambda fields: PasswordCost(memory=fields[0], passes=fields[1], lanes=fields[2]),
    cost_fields=lambda cost: (cost.memory, cost.passes, cost.lanes),
    stretch=_argon2id,
)


def _suite(header: str) -> _Suite:
    return _AES if header[1] in "13" else _BLAKE


def _check_tag(one: bytes, other: bytes) -> None:
    if not compare_digest(one, other):
        raise SealError("this does not open with that key or password")


def _long_enough(data: bytes, size: int) -> None:
    if len(data) < size:
        raise ConfigurationError("the PASERK is too short to hold a wrapped key")


def pie_wrap(header: str, key: bytes, secret: bytes) -> bytes:
    """PIE: tag ‖ nonce ‖ ciphertext of ``secret`` under a 32-byte key."""
    suite, nonce = _suite(header), urandom(32)
    cipher_key, cipher_nonce, tag_key = suite.pie_keys(key, nonce)
    hidden = suite.cipher(cipher_key, cipher_nonce, secret)
    return suite.tag(tag_key, header.encode() + nonce + hidden) + nonce + hidden


def pie_unwrap(header: str, key: bytes, data: bytes) -> bytes:
    suite = _suite(header)
    _long_enough(data, suite.tag_size + 32)
    tag, nonce, hidden = data[: suite.tag_size], data[suite.tag_size :][:32], data[suite.tag_size + 32 :]
    cipher_key, cipher_nonce, tag_key = suite.pie_keys(key, nonce)
    _check_tag(tag, suite.tag(tag_key, header.encode() + nonce + hidden))
    return suite.cipher(cipher_key, cipher_nonce, hidden)


def _check_cost(suite: _Suite, cost: PasswordCost, most: PasswordCost) -> None:
    """Refuse, before any work, what is no sound cost or more than allowed of what this suite works with."""
    least = (8 * 1024 * cost.lanes, 1, 1, 1)
    asked = (cost.memory, cost.passes, cost.lanes, cost.iterations)
    if cost.memory % 1024 or any(one < bound for one, bound in zip(asked, least, strict=True)):
        raise ConfigurationError("the PASERK names no sound cost of its password")
    if any(one > bound for one, bound in zip(suite.cost_fields(cost), suite.cost_fields(most), strict=True)):
        raise ConfigurationError(f"the PASERK asks for more work than allowed: {cost}; at_most= would allow it")


def _check_password(password: object) -> None:
    if not isinstance(password, bytes) or not password:
        raise ConfigurationError("a password is bytes, and not empty")


def pw_wrap(header: str, password: bytes, secret: bytes, cost: PasswordCost) -> bytes:
    """PBKW: salt ‖ cost ‖ nonce ‖ ciphertext ‖ tag of ``secret`` under a password."""
    _check_password(password)
    suite = _suite(header)
    _check_cost(suite, cost, MOST)
    salt, nonce = urandom(suite.pw_salt), urandom(suite.pw_nonce)
    cipher_key, tag_key = suite.pw_keys(suite.stretch(password, salt, cost))
    hidden = suite.cipher(cipher_key, nonce, secret)
    written = salt + suite.cost.pack(*suite.cost_fields(cost)) + nonce + hidden
    return written + suite.tag(tag_key, header.encode() + written)


def pw_unwrap(header: str, password: bytes, data: bytes, most: PasswordCost = MOST) -> bytes:
    _check_password(password)
    suite = _suite(header)
    nonce_at = suite.pw_salt + suite.cost.size
    start, end = nonce_at + suite.pw_nonce, len(data) - suite.tag_size
    _long_enough(data, start + suite.tag_size)
    cost = suite.cost_of(suite.cost.unpack(data[suite.pw_salt : nonce_at]))
    _check_cost(suite, cost, most)
    cipher_key, tag_key = suite.pw_keys(suite.stretch(password, data[: suite.pw_salt], cost))
    _check_tag(data[end:], suite.tag(tag_key, header.encode() + data[:end]))
    return suite.cipher(cipher_key, data[nonce_at:start], data[start:end])
