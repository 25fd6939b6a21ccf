"""Two runs beside each other: the old median, the new one, the factor, and all that makes them differ but the code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from .figures import count, facts, quotient, text
from .result import Report, Row, Table

Place = tuple[str, str, int | None]
"""Table, name and number of entries: where a row stands in every run."""

BUSIER = 1.0
"""How much more load in one of the two is worth a word."""


class Change(Struct, frozen=True, kw_only=True):
    """One row that both runs have. ``factor``: new over old, so 2 is twice the time."""

    table: str
    name: str
    at: int | None
    old: float
    new: float
    factor: float | None


class Comparison(Struct, frozen=True, kw_only=True):
    """What changed since the old run."""

    against: str
    """The old run: its version and when it was."""
    differs: list[str]
    """What else is not the same in both, a sentence each: none of the factors is the code's alone while one stands."""
    only_old: list[str]
    only_new: list[str]
    changes: list[Change]

    def of(self, table: Table, row: Row) -> Change | None:
        place = (table.id, row.name, row.at)
        return next((one for one in self.changes if (one.table, one.name, one.at) == place), None)


def compare(old: Report, new: Report) -> Comparison:
    """Row by row, by the ids of tables and the names of rows. A table that changed its unit is not compared.

    A section that the new run was not asked for is not missing from it.
    """
    before, after = dict(_rows(old)), dict(_rows(new))
    units = {table.id: table.unit for table in _tables(old)}
    other = {table.id for table in _tables(new) if units.get(table.id, table.unit) != table.unit}
    asked = dict(_rows(old, {section.id for section in new.sections}))
    both = [place for place in after if place in before and place[0] not in other]
    return Comparison(
        against=text(f"watchword {old.watchword}, {old.at}"),
        differs=[*_differences(old, new), *(text(f"{one}: measured in another unit, not compared") for one in other)],
        only_old=list(_only(asked, after)),
        only_new=list(_only(after, before)),
        changes=[_change(place, before[place], after[place]) for place in both],
    )


def _change(place: Place, old: Row, new: Row) -> Change:
    table, name, at = place
    factor = quotient(new.median, old.median)
    return Change(table=table, name=name, at=at, old=old.median, new=new.median, factor=factor)


def _differences(old: Report, new: Report) -> Iterator[str]:
    if old.watchword != new.watchword:
        yield f"watchword was {text(old.watchword)}, and is {text(new.watchword)}"
    if old.quick != new.quick:
        short, long = ("old", "new") if old.quick else ("new", "old")
        yield f"the {short} run was quick and the {long} one was not: fewer rounds, other batches"
    before, after = _standing(old), _standing(new)
    for name in (*before, *(name for name in after if name not in before)):
        was, now = before.get(name, "not there"), after.get(name, "not there")
        if was != now:
            yield f"{name} was {was}, and is {now}"
    then, here = _load(old), _load(new)
    if abs(then - here) > BUSIER:
        yield f"the machine was busier at the {'old' if then > here else 'new'} run: load {then:g} then, {here:g} now"


def _standing(report: Report) -> dict[str, str]:
    """What does not change by itself from one minute to the next, each library by its own name."""
    lasting = {name: value for name, value in report.machine.items() if name not in ("load", "load_after")}
    libraries = lasting.pop("libraries", None)
    return dict(facts(lasting | libraries if isinstance(libraries, dict) else lasting))


def _load(report: Report) -> float:
    """Of one minute, before the run; 0 where nobody knows."""
    load = report.machine.get("load")
    first = load[0] if isinstance(load, list) and load else load
    return float(first) if isinstance(first, float) else 0.0


def _tables(report: Report) -> Iterator[Table]:
    for section in report.sections:
        yield from section.tables


def _rows(report: Report, sections: Collection[str] | None = None) -> Iterator[tuple[Place, Row]]:
    for section in report.sections:
        for table in section.tables if sections is None or section.id in sections else ():
            for row in table.rows:
                yield (table.id, row.name, row.at), row


def _only(these: Mapping[Place, Row], those: Mapping[Place, Row]) -> Iterator[str]:
    """What the one run has and the other has not; a whole table by its id alone."""
    tables = {table for table, _, _ in those}
    yield from (text(table) for table in dict.fromkeys(place[0] for place in these) if table not in tables)
    for place in these:
        table, name, at = place
        if table in tables and place not in those:
            yield text(f"{table}: {name}" + ("" if at is None else f" at {count(at)}"))
