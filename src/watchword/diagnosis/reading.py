"""Reading what no verifier would: a lenient look at a token, to show what is in it. Nothing here is believed."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error
from contextlib import suppress
from typing import Any

from ..encoding import rfc3339, seconds_of
from ..keys.key import kid_is_sound

LONGEST = 1_048_576
"""Bytes that are looked at."""
LONGEST_JSON = 65_536
DEEPEST = 16
_LATEST = 253_402_300_800


_BASE64 = re.compile(r"[A-Za-z0-9+/]{20,}={1,2}")
"""How Amazon Cognito writes its key ids: odd, and harmless."""


def is_kid(kid: object) -> bool:
    """A plain key id, as ours are, or base64."""
    return kid_is_sound(kid) or (isinstance(kid, str) and _BASE64.fullmatch(kid) is not None)


def text_of(untrusted: object) -> str:
    """Any bytes as text; what is no UTF-8 becomes a mark that no token has."""
    if isinstance(untrusted, bytes):
        return untrusted[:LONGEST].decode("utf-8", "replace")
    return untrusted[:LONGEST] if isinstance(untrusted, str) else ""


def size_of(untrusted: object) -> int:
    if isinstance(untrusted, str):
        return len(untrusted.encode("utf-8", "replace"))
    return len(untrusted) if isinstance(untrusted, bytes) else 0


def raw_of(segment: str) -> bytes | None:
    """The bytes behind base64url of whatever spelling; None when there are none."""
    if len(segment) > LONGEST_JSON * 2:
        return None
    with suppress(Error, ValueError):
        bare = segment.strip().rstrip("=").replace("+", "-").replace("/", "_")
        return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    return None


def json_of(raw: bytes | str | None) -> Any:
    """The JSON value in some text, or None. Any text is taken, bounded in size and depth."""
    if raw is None or len(raw) > LONGEST_JSON:
        return None
    with suppress(ValueError, RecursionError):
        value = json.loads(raw)
        return value if _is_shallow(value, DEEPEST) else None
    return None


def object_of(segment: str) -> dict[str, Any] | None:
    value = json_of(raw_of(segment))
    return value if isinstance(value, dict) else None


def instant(value: object) -> int | None:
    """A time claim as whole seconds, however it is written; None when it is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < _LATEST:
        return value
    if isinstance(value, float) and 0 <= value < _LATEST:
        return int(value)
    if isinstance(value, str) and len(value) <= 64:
        with suppress(ValueError, OverflowError):
            return seconds_of(value)
    return None


def date(seconds: int) -> str:
    return rfc3339(seconds) if 0 <= seconds < _LATEST else "a time beyond the year 9999"


def span(seconds: int) -> str:
    """``3 days 4 h``, ``12 min 5 s``."""
    seconds = abs(seconds)
    units = (("day" if seconds // 86_400 == 1 else "days", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts, rest = [], seconds
    for name, size in units:
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts[:2]) or "0 s"


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner)
