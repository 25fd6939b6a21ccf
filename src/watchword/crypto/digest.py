"""Digests and random secrets: how opaque tokens are made, and how they are kept."""

from __future__ import annotations

from hashlib import blake2b, sha256, sha384
from hmac import compare_digest
from secrets import token_bytes

from ..encoding import b64url

SECRET_BYTES = 32
"""Every bearer secret has 256 bits (D-05), so that a plain SHA-256 is enough to keep it (ASVS 6.5.2)."""


def new_secret() -> str:
    """256 random bits as 43 characters."""
    return b64url(token_bytes(SECRET_BYTES))


def new_id() -> str:
    """128 random bits as 22 characters: a public name, not a secret."""
    return b64url(token_bytes(16))


def digest(purpose: str, secret: bytes) -> str:
    """SHA-256 over the purpose and the secret: the key under which a store keeps it, 43 characters."""
    return b64url(sha256(purpose.encode() + b"\0" + secret).digest())


def same(one: str | bytes, other: str | bytes) -> bool:
    """Compare in constant time."""
    left = one.encode() if isinstance(one, str) else one
    right = other.encode() if isinstance(other, str) else other
    return compare_digest(left, right)


def paserk_id(header: str, paserk: str) -> str:
    """PASERK id (``k4.pid.``, ``k4.lid.``, ``k4.sid.``) over the id header and the whole PASERK, as 33 bytes.

    BLAKE2b-264 for k2 and k4, SHA-384 cut to 264 bits for k1 and k3.
    """
    covered = (header + paserk).encode()
    short = sha384(covered).digest()[:33] if header[1] in "13" else blake2b(covered, digest_size=33).digest()
    return header + b64url(short)


def thumbprint(canonical: bytes) -> str:
    """JWK thumbprint (RFC 7638 §3): SHA-256 over the canonical members."""
    return b64url(sha256(canonical).digest())
