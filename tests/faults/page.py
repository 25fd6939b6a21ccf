"""Writes ``docs/reference/faults.md`` from the lines of ``faults.jsonl`` beside it: ``make faults``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from tests.faults.row import Fault, Line, Row, Target
from tests.faults.rows import catalogue
from tests.faults.run import LINES, read

PAGE: Final = LINES.with_suffix(".md")
COLUMNS: Final = ("p50_ms", "p99_ms", "max_ms", "t_detect_ms", "t_recover_ms", "rss_peak_mb")


def page(lines: Iterable[Line]) -> str:
    lines = list(lines)
    found = {(line.row.id, line.row.store): line for line in lines}
    faults = sorted(catalogue(), key=_place)
    parts = [_head(lines), _table(faults, found), *(_fault(fault, found) for fault in faults), _origin(lines)]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head(lines: list[Line]) -> Iterator[str]:
    wrong = sum(line.row.wrong_accepts for line in lines)
    run = sum(line.row.not_run is None for line in lines)
    yield "# Faults"
    yield ""
    yield "What was done to watchword and its stores on purpose, and what came of it."
    yield ""
    yield f"**{run} runs, {sum(line.row.ops for line in lines):,} operations, {wrong} wrong accepts{_missed(lines)}.**"
    yield "A wrong accept is a credential that was taken for good after it was dead for certain: in the process that"
    yield "revoked it, from the return of `revoke` on; in others, from `max_staleness` after that. A wrong reject is a"
    yield "good one that was called dead (401). Statuses are those of the library's answers; 500 is any error that is"
    yield "not its own. Times are of the boot-time clock, one for all processes."
    yield "`postgres with redis` is PostgreSQL as the record and a Redis beside it: what befalls it befalls that Redis."
    yield ""


def _missed(lines: list[Line]) -> str:
    """How many of the standard's figures were not reached, and where."""
    judged = [
        (fault, target.met(line.row))
        for fault in catalogue()
        for line in lines
        if line.row.id == fault.id and line.row.not_run is line.row.failed is None
        for target in fault.held(line.row.store)
    ]
    missed = [fault for fault, met in judged if not met]
    where = dict.fromkeys(f"[{fault.id}](#{_anchor(fault)})" for fault in sorted(missed, key=_place))
    return f"; {len(missed)} of {len(judged)} goals missed: {', '.join(where)}" if missed else ""


def _place(fault: Fault) -> tuple[str, int, str]:
    return fault.id[0], int(fault.id[2:].rstrip("ab")), fault.id


def _anchor(fault: Fault) -> str:
    """As GitHub and the site make it from the title."""
    return re.sub(r"[^a-z0-9 -]", "", f"{fault.id}: {fault.what}".lower()).replace(" ", "-")


def _table(faults: list[Fault], found: dict[tuple[str, str], Line]) -> Iterator[str]:
    yield "| id | fault | store | operations | wrong accepts | wrong rejects | the standard's figures |"
    yield "|---|---|---|---:|---:|---:|---|"
    for fault in faults:
        for store in fault.stores:
            if (line := found.get((fault.id, store))) is None:
                continue
            row = line.row
            cells = [fault.id, fault.what, store, f"{row.ops:,}", row.wrong_accepts, row.wrong_rejects]
            yield f"| {' | '.join(map(str, cells))} | {_verdict(fault, row)} |"
    yield ""


def _verdict(fault: Fault, row: Row) -> str:
    if row.not_run is not None:
        return f"**not run**: {row.not_run}"
    if row.failed is not None:
        return f"**failed**: {row.failed}"
    return "; ".join(_held(fault, target, row) for target in fault.held(row.store)) or "–"


def _held(fault: Fault, target: Target, row: Row) -> str:
    was = _said(target.figure, row.figure(target.figure))
    if target.met(row):
        return f"{target}: {was}"
    why = f" ({fault.misses[target.figure]})" if target.figure in fault.misses else ""
    return f"**missed** {target}: {was}{why}"


def _said(name: str, value: Any) -> str:
    """Milliseconds in three digits, with their unit: what is behind them is the machine's mood."""
    if not name.endswith("_ms") or not isinstance(value, int | float):
        return _number(value)
    return f"{value:,.0f} ms" if abs(value) >= 100 else f"{value:.3g} ms"


def _number(value: Any) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else "–" if value is None else str(value)


def _fault(fault: Fault, found: dict[tuple[str, str], Line]) -> Iterator[str]:
    rows = [found[fault.id, store].row for store in fault.stores if (fault.id, store) in found]
    yield f"## {fault.id}: {fault.what}"
    yield ""
    yield f"Injected: {fault.injected}."
    yield ""
    yield f"Expected: {fault.expected}."
    yield ""
    for row in rows:
        yield f"**{row.store}** (seed {row.seed}): " + (
            _measured(row) if row.not_run is row.failed is None else _verdict(fault, row)
        )
        yield ""
    for name, meaning in fault.words.items():
        yield f"- `{name}`: {meaning}"
    yield ""


def _measured(row: Row) -> str:
    statuses = ", ".join(f"{count:,} × {status}" for status, count in row.http.items())
    figures = {name: getattr(row, name) for name in COLUMNS if getattr(row, name) is not None} | row.more
    said = [f"answers {statuses}"] if statuses else []
    return "; ".join([*said, *(f"`{name}` {_said(name, value)}" for name, value in figures.items())]) + "."


def _origin(lines: list[Line]) -> Iterator[str]:
    yield "## Where the figures are from"
    yield ""
    yield "`make faults` runs the catalogue and writes this page from `faults.jsonl` beside it"
    yield "(`python -m tests.faults.run --only F-01` runs one row). A test holds the page to the lines, and a smaller"
    yield "run of every row is part of the tests."
    yield ""
    runs = sorted((line.date, line.commit, line.scale, line.machine, line.row.id) for line in lines)
    for (date, commit, scale, machine), some in groupby(runs, key=lambda one: one[:4]):
        ids = ", ".join(dict.fromkeys(one[4] for one in some))
        yield f"- {date}, commit `{commit}`, scale {scale}, on {machine}: {ids}."


if __name__ == "__main__":
    PAGE.write_text(page(read(LINES)), encoding="utf-8")
