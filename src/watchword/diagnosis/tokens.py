"""What a token says of itself, unverified, for the doctor: enough to compare, and never shown."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..encoding import json_object, unb64url
from ..errors import WatchwordError


class Said(Struct, frozen=True):
    """Header and claims of a JWT that nobody has verified; empty for anything else."""

    head: dict[str, Any]
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return "Said(...)"


def said_by(untrusted: str) -> Said:
    parts = untrusted.split(".")
    try:
        head, claims = (json_object(unb64url(part.encode())) for part in parts[:2])
    except (WatchwordError, ValueError):
        return Said({}, {})
    return Said(head, claims) if len(parts) == 3 else Said({}, {})
