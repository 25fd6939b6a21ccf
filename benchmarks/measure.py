"""Timing: all cases of a table turn about in one run, so that whatever disturbs the machine disturbs them alike.

Each round times every case once, over a batch that takes about ``slice_ms``, in thread CPU time with the garbage
collector off; every other round runs in the opposite order. A row is the median over the rounds, its quietest round
and, for work that waits, the wall time. Ratios are taken between rows of one table, never between tables.
"""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle, islice, starmap
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct

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


class Case(Struct, frozen=True):
    """One thing to time: ``call(*one)`` for each of ``inputs`` in turn, for ever round."""

    name: str
    call: Callable[..., object]
    inputs: Sequence[tuple[Any, ...]] = ((),)
    goal: str = ""
    """What the design wants of its microseconds."""


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
    turns: list[Iterator[tuple[Any, ...]]] = [cycle(case.inputs) for case in table.cases]
    sizes = [_batch(case, turn, slice_ms) for case, turn in zip(table.cases, turns, strict=True)]
    times: list[list[tuple[float, float]]] = [[] for _ in table.cases]
    order = list(range(len(table.cases)))
    for _ in range(rounds):
        gc.collect()
        for index in order:
            batch = list(islice(turns[index], sizes[index]))
            cpu, wall = _time(table.cases[index].call, batch)
            times[index].append((cpu / sizes[index], wall / sizes[index]))
        order.reverse()
    rows = [_row(case, found) for case, found in zip(table.cases, times, strict=True)]
    by_name = {row.name: row for row in rows}
    ratios = [_quotient(ratio, by_name) for ratio in table.ratios]
    return Measured(table.name, table.note, table.waits, rows, ratios)


def _time(call: Callable[..., object], batch: list[tuple[Any, ...]]) -> tuple[float, float]:
    """(CPU, wall) microseconds of the whole batch; the loop itself runs in C."""
    gc.disable()
    try:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        deque(starmap(call, batch), maxlen=0)
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
    finally:
        gc.enable()
    return cpu / 1000, wall / 1000


def _batch(case: Case, turn: Iterator[tuple[Any, ...]], slice_ms: float) -> int:
    """How many calls fill a slice, from trials that also warm up."""
    trial = 8
    while True:
        cpu = min(_time(case.call, list(islice(turn, trial)))[0] for _ in range(3))
        if cpu >= slice_ms * 100:
            return max(4, int(trial * slice_ms * 1000 / cpu))
        trial *= 4


def _row(case: Case, times: list[tuple[float, float]]) -> Row:
    cpu = [one for one, _ in times]
    return Row(case.name, median(cpu), min(cpu), median(one for _, one in times), case.goal)


def _quotient(ratio: Ratio, rows: dict[str, Row]) -> Quotient:
    case, over = rows[ratio.case], rows[ratio.over]
    return Quotient(ratio.case, ratio.over, case.median / over.median, case.min / over.min, ratio.goal)


def machine() -> dict[str, Any]:
    """The facts without which no figure means anything."""
    from cryptography.hazmat.backends.openssl import backend

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": backend.openssl_version_text(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


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
