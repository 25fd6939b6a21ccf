"""What a server says of itself, by type: a member of another type than is asked for counts as missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

MOST = 2**53
"""No number beyond is a time or a count: JSON in JavaScript has none (RFC 8259 section 6)."""


class Untrusted(Struct, frozen=True):
    """A JSON object that nobody has looked at."""

    members: dict[str, Any]

    def __repr__(self) -> str:
        return "Untrusted(...)"

    def __bool__(self) -> bool:
        return bool(self.members)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def text(self, name: str) -> str:
        """Empty where there is none."""
        found = self.members.get(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int | None:
        """In whole, of an integer or a fraction; None where there is none."""
        found = self.members.get(name)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return None
        return int(found) if abs(found) < MOST else None

    def texts(self, name: str) -> set[str]:
        """The texts of a list, or the one text that stands instead of it."""
        found = self.members.get(name)
        return {one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str)}

    def items(self, name: str) -> list[Untrusted] | None:
        """The objects of a list; None where there is no list."""
        found = self.members.get(name)
        return [Untrusted(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else None
