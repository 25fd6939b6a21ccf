"""What a token says of itself, unverified, for the doctor: enough to compare, and never shown."""

from __future__ import annotations

from msgspec import Struct

from ..encoding import json_object, unb64url
from ..errors import WatchwordError
from .untrusted import Untrusted

SIGNATURES = {"v3": 96, "v4": 64}
"""Version of a signed PASETO -> bytes of its signature, at the end of its body."""


class Said(Struct, frozen=True):
    """Header (PASETO: footer) and claims of a token that nobody has verified; empty for anything else."""

    head: Untrusted
    claims: Untrusted

    def __repr__(self) -> str:
        return "Said(...)"


NOTHING = Said(Untrusted({}), Untrusted({}))


def said_by(untrusted: str) -> Said:
    """What a JWT says."""
    parts = untrusted.split(".")
    try:
        head, claims = (json_object(unb64url(part.encode())) for part in parts[:2])
    except (WatchwordError, ValueError):
        return NOTHING
    return Said(Untrusted(head), Untrusted(claims)) if len(parts) == 3 else NOTHING


def said_by_paseto(untrusted: str) -> Said:
    """What a signed PASETO says; its times are texts (RFC 3339)."""
    version, _, rest = untrusted.partition(".public.")
    body, _, footer = rest.partition(".")
    try:
        signed = unb64url(body.encode())[: -SIGNATURES[version]]
        return Said(Untrusted(json_object(unb64url(footer.encode()))), Untrusted(json_object(signed)))
    except (KeyError, WatchwordError, ValueError):
        return NOTHING
