"""Opaque tokens: a prefix that names the kind, and a secret that means nothing outside the store."""

from __future__ import annotations

from ..crypto.digest import new_secret
from ..encoding import gate, malformed, unb64url

SECRET_CHARACTERS = 43


def issue(prefix: str) -> str:
    """``prefix`` and 256 random bits as base64url."""
    return prefix + new_secret()


def parse(untrusted: object, prefix: str) -> bytes:
    """The secret's 32 bytes. Raises: MalformedTokenError when the prefix, length or spelling is another."""
    token = gate(untrusted, 256)
    start = prefix.encode()
    if not token.startswith(start) or len(token) != len(start) + SECRET_CHARACTERS:
        malformed(f"not a token that begins with {prefix!r} and holds a secret of {SECRET_CHARACTERS} characters")
    return unb64url(token[len(start) :])
