"""The cells of a table: the same for a terminal and for a page."""

from __future__ import annotations

from .compare import Comparison
from .figures import NOTHING, count, number, ratio, times
from .result import Row, Table

COLUMNS = ("entries", "median", "p99", "ratio", "bytes", "before", "factor")


def cells(table: Table, row: Row, compared: Comparison | None) -> dict[str, str]:
    """A text for each of COLUMNS."""
    change = compared.of(table, row) if compared else None
    return {
        "entries": count(row.at),
        "median": number(row.median),
        "p99": number(row.p99),
        "ratio": times(ratio(table, row)),
        "bytes": count(row.bytes),
        "before": number(change.old) if change else NOTHING,
        "factor": times(change.factor) if change else NOTHING,
    }


def columns(table: Table, compared: Comparison | None) -> list[str]:
    """Those that this table has anything to say in."""
    found = [cells(table, row, compared) for row in table.rows]
    return [name for name in COLUMNS if any(row[name] not in ("", NOTHING) for row in found)]
