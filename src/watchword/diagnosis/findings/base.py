"""A row of the table of findings."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ..report import Weight
from ..shapes.base import Look


class Facts(Struct, frozen=True):
    """What the rows look at."""

    look: Look
    size: int
    now: int


class Row(Struct, frozen=True):
    """``when`` returns where the fault is (a name, never a value; empty: in all of it), or None where there is none."""

    id: str
    weight: Weight
    when: Callable[[Facts], str | None]
    says: str
    source: str


def flag(id: str, weight: Weight, says: str, source: str) -> Row:
    """A row that the shape has found by itself."""
    return Row(id, weight, lambda facts: "" if id in facts.look.flags else None, says, source)
