"""Timing: all cases of a table turn about in one run, so that whatever disturbs the machine disturbs them alike.

``watchword.diagnosis.bench.measure`` does it. Each round times every case once, over one batch that takes about
``slice_ms``, in thread CPU time with the garbage collector off. A row is the median over the rounds, its quietest round
and, for work that waits, the wall time. Ratios are taken between rows of one table, never between tables.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct

from watchword.diagnosis.bench import measure as bench
from watchword.diagnosis.bench.machine import machine as facts

LIBRARIES = (
    "cryptography",
    "pynacl",
    "msgspec",
    "pyjwt",
    "joserfc",
    "jwcrypto",
    "pyseto",
    "oxyjwt",
    "ryjwt",
    "webtoken",
    "starlette",
    "fastapi",
    "uvicorn",
    "redis",
    "starsessions",
)


class Case(bench.Case, frozen=True):
    """One thing to time, and what the design wants of its microseconds."""

    goal: str = ""


class Ratio(Struct, frozen=True):
    """``case`` over ``over``, and what the design wants of it, in words."""

    case: str
    over: str
    goal: str = ""


class Table(Struct, frozen=True):
    """Cases that are timed together."""

    name: str
    cases: list[Case]
    ratios: list[Ratio]
    note: str = ""
    waits: bool = False
    """Whether the work waits for a disk, so that wall time is worth showing."""


class Row(Struct, frozen=True):
    """Microseconds for one call."""

    name: str
    median: float
    min: float
    wall: float
    goal: str


class Quotient(Struct, frozen=True):
    case: str
    over: str
    median: float
    min: float
    goal: str


class Measured(Struct, frozen=True):
    name: str
    note: str
    waits: bool
    rows: list[Row]
    ratios: list[Quotient]


def measure(table: Table, *, rounds: int, slice_ms: float) -> Measured:
    """Time every case of the table ``rounds`` times, turn about."""
    found = bench.turn_about(table.cases, rounds=rounds, slice_ms=slice_ms)
    rows = [_row(case, samples) for case, samples in zip(table.cases, found, strict=True)]
    by_name = {row.name: row for row in rows}
    ratios = [_quotient(ratio, by_name) for ratio in table.ratios]
    return Measured(table.name, table.note, table.waits, rows, ratios)


def _row(case: Case, samples: list[bench.Sample]) -> Row:
    cpu = [one.cpu for one in samples]
    return Row(case.name, median(cpu), min(cpu), median(one.wall for one in samples), case.goal)


def _quotient(ratio: Ratio, rows: dict[str, Row]) -> Quotient:
    case, over = rows[ratio.case], rows[ratio.over]
    return Quotient(ratio.case, ratio.over, case.median / over.median, case.min / over.min, ratio.goal)


def machine() -> dict[str, Any]:
    """The facts without which no figure means anything."""
    return facts(LIBRARIES)


def commit(root: Path) -> str | None:
    """The commit that was measured, ``+`` if files differ from it; None without git."""
    command = ("git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+")
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def say(text: str) -> None:
    """Progress, where it does not mix with the results."""
    print(text, file=sys.stderr, flush=True)
