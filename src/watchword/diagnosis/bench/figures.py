"""Figures: a row's ratio, how numbers are written, what a machine's facts say in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .result import Row, Table

NOTHING = "–"
LEAST = 1e-9
"""What is less is no time at all, and nothing is divided by it."""
LONGEST = 4000
"""Characters of a text: more than the description of any plot has."""
_DEEPEST = 3


def base(table: Table, row: Row) -> Row | None:
    """The row that this one is compared with: of growth, the same name at the fewest entries."""
    if row.at is not None:
        return min((one for one in table.rows if one.name == row.name and one.at is not None), key=_at)
    return next((one for one in table.rows if table.over and one.name == table.over), None)


def is_floor(table: Table, row: Row) -> bool:
    """Whether it is what the others are over, or a second one of that kind: ``the raw primitive in cryptography``."""
    return bool(table.over) and not row.ours and row.name.startswith(table.over)


def ratio(table: Table, row: Row) -> float | None:
    """How many times the median of its base this row's is; 1 for the base itself, None where there is none."""
    found = base(table, row)
    return None if found is None else quotient(row.median, found.median)


def quotient(one: float, over: float) -> float | None:
    return one / over if over >= LEAST else None


def number(value: float) -> str:
    """Three digits that count: 0.412, 4.12, 41.2, 412, 4,120."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 9.995 else 2 if value >= 0.9995 else 3}f}"


def times(value: float | None) -> str:
    """0.0057×, 1.06×, 31.4×, 412×."""
    if value is None:
        return NOTHING
    if value >= 99.5:
        return f"{value:,.0f}×"
    return f"{value:.{1 if value >= 9.95 else 2}f}×" if value >= 0.0995 else f"{value:.2g}×"


def count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def text(value: object) -> str:
    """In one line, no longer than anybody reads, and nothing that a terminal obeys: a report may come from anywhere."""
    said = str(value)
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in said)


def facts(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A name and a text for each fact; what is unknown is left out."""
    for name, value in machine.items():
        said = _fact(value, 0)
        if said:
            yield text(name), said


def _fact(value: Any, depth: int) -> str:
    if value is None or depth > _DEEPEST:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        inner = ((text(name), _fact(one, depth + 1)) for name, one in value.items())
        return ", ".join(f"{name} {said}" for name, said in inner if said)
    if isinstance(value, list):
        return ", ".join(filter(None, (_fact(one, depth + 1) for one in value)))
    return text(value)


def _at(row: Row) -> int:
    return row.at or 0
