"""Checked tokens: a prefix, a secret in base62 and a CRC32, so that a typo or a scanner's find is judged at once.

Nothing but letters and digits follows the prefix, so that a double click selects all of it and ``\\b`` ends it.
"""

from __future__ import annotations

from zlib import crc32

from ..crypto.digest import SECRET_BYTES, new_secret
from ..encoding import base62, gate, malformed, unb64url, unbase62

SECRET_CHARACTERS = 43
"""The fewest base62 digits that hold 256 bits: 62^43 is 1.03 times 2^256."""
CHECK_CHARACTERS = 6
"""The fewest that hold 32 bits."""


def issue(prefix: str) -> str:
    """``prefix``, 256 random bits as 43 base62 digits, and the CRC32 of all that as 6."""
    body = prefix + base62(unb64url(new_secret().encode()), SECRET_CHARACTERS)
    return body + _check(body)


def parse(untrusted: object, prefixes: tuple[str, ...]) -> tuple[str, bytes]:
    """The prefix and the secret's 32 bytes.

    Raises: MalformedTokenError; its reason is ``checksum`` when only the checksum does not fit.
    """
    token = gate(untrusted, 256).decode("ascii")
    for prefix in prefixes:
        if token.startswith(prefix) and len(token) == len(prefix) + SECRET_CHARACTERS + CHECK_CHARACTERS:
            break
    else:
        malformed(f"not a token that begins with {' or '.join(prefixes)} and has 49 letters and digits after it")
    body, check = token[:-CHECK_CHARACTERS], token[-CHECK_CHARACTERS:]
    secret = unbase62(body[len(prefix) :], SECRET_BYTES)
    if check != _check(body):  # no secret: whoever knows the token can compute it
        malformed("the checksum does not fit: a letter was changed or lost", "checksum")
    return prefix, secret


def _check(body: str) -> str:
    return base62(crc32(body.encode()).to_bytes(4, "big"), CHECK_CHARACTERS)
