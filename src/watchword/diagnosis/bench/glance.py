"""In short: one line for each table that has something of ours in it, with the ratios that table allows."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from .figures import base, count, is_floor, number, quotient, ratio, text, times
from .result import Report, Row, Table


class Line(Struct, frozen=True):
    """What is ours in a table, its median, and that beside the row it is over and beside the fastest peer."""

    table: str
    ours: str
    """Which row; empty where it is called no more than watchword."""
    median: str
    over: str
    other: str


def glance(report: Report) -> Iterator[Line]:
    for section in report.sections:
        for table in section.tables:
            yield from _lines(table)


def _lines(table: Table) -> Iterator[Line]:
    flat = next((row for row in table.rows if row.ours and row.at is None), None)
    if flat is not None:
        yield _line(table, flat, _over(table, flat), _other(table, flat))
    for name in dict.fromkeys(row.name for row in table.rows if row.ours and row.at is not None):
        most = max((row for row in table.rows if row.name == name and row.at is not None), key=lambda row: row.at or 0)
        yield _line(table, most, _grown(table, most), "")


def _line(table: Table, row: Row, over: str, other: str) -> Line:
    name = "" if row.name == "watchword" else text(row.name)
    if other and row.note:  # what a peer has not, such as a memory of the token, is said beside its ratio
        name = f"{name} ({text(row.note)})".lstrip()
    return Line(text(table.title), name, f"{number(row.median)} {text(table.unit)}", over, other)


def _over(table: Table, row: Row) -> str:
    found = base(table, row)
    return "" if found is None or found is row else f"{times(ratio(table, row))} {text(found.name)}"


def _other(table: Table, row: Row) -> str:
    peers = [one for one in table.rows if not one.ours and one.at is None and not is_floor(table, one)]
    if not peers or base(table, row) in (None, row):
        return ""
    best = min(peers, key=lambda one: one.median)
    return f"{text(best.name)} {times(quotient(best.median, row.median))}"


def _grown(table: Table, most: Row) -> str:
    least = base(table, most)
    if least is None or least is most:
        return ""
    return f"{times(ratio(table, most))} from {count(least.at)} to {count(most.at)} entries"
