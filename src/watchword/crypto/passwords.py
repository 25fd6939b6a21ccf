"""Passwords: Argon2id (RFC 9106) as PHC strings, checked in the same time whether or not the account exists."""

from __future__ import annotations

import os
import unicodedata
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ..errors import ConfigurationError

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
MIN_CHARACTERS = 15
"""NIST SP 800-63B-4 §3.1.1.2 for a password that stands alone."""
MAX_BYTES = 1024


def _prepared(password: str) -> bytes:
    """NFC, as bytes. The caller has looked at the length: normalising a long text takes long (it can be quadratic)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def check_new_password(password: str) -> None:
    """Raise ConfigurationError unless a new password has at least 15 characters and at most 1024 bytes."""
    if len(password) > MAX_BYTES:
        raise ConfigurationError(f"a password has at most {MAX_BYTES} bytes")
    if len(unicodedata.normalize("NFC", password)) < MIN_CHARACTERS:
        raise ConfigurationError(f"a password needs at least {MIN_CHARACTERS} characters; a short sentence does well")
    if len(_prepared(password)) > MAX_BYTES:
        raise ConfigurationError(f"a password has at most {MAX_BYTES} bytes")


def hash_password(password: str) -> str:
    """The PHC string ``$argon2id$v=19$m=19456,t=2,p=1$salt$hash`` (about 25 ms and 19 MiB)."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_prepared(password))


def password_matches(password: str, phc: str | None) -> bool:
    """Whether the password fits; with ``phc=None`` (no such account) the same work is done and the answer is False."""
    prepared = _prepared(password[:MAX_BYTES])
    known = phc is not None and len(password) <= MAX_BYTES and len(prepared) <= MAX_BYTES
    try:
        Argon2id.verify_phc_encoded(
            prepared[:MAX_BYTES], phc if phc is not None else _nobody(MEMORY_KIB, PASSES, LANES)
        )
    except (InvalidKey, ValueError):  # ValueError: what is kept is no sound PHC string, so nothing fits it
        return False
    return known


@cache
def _nobody(*_: int) -> str:
    """A hash that nothing matches, with the parameters of today."""
    return hash_password(os.urandom(24).hex())
