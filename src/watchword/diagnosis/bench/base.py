"""What every section has: the run it belongs to, how it tells how far it is, how cases become a table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from .measure import Case, p99, turn_about
from .result import Row, Table

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"


class Step(Struct, frozen=True):
    """How far a section is: told before each unit of work, and with ``done == of`` when it is over."""

    section: str
    done: int
    of: int
    what: str


class Setting(NamedTuple):
    """How long things are measured, and how many of them there are."""

    rounds: int
    slice_ms: float
    sizes: tuple[int, ...]
    """Entries, in tables of growth."""
    lags: int
    """How many revocations are waited for."""
    hashes: int
    """Of each row of passwords."""


FULL = Setting(rounds=41, slice_ms=20.0, sizes=(1_000, 10_000, 100_000, 1_000_000), lags=200, hashes=11)
QUICK = Setting(rounds=7, slice_ms=5.0, sizes=(1_000, 10_000, 100_000), lags=10, hashes=3)
SAMPLE_MS = 0.3


class Ask(Struct, frozen=True, kw_only=True):
    """What a run was asked for."""

    setting: Setting
    folder: Path
    """For files; gone after the run."""
    argon2_ms: float
    postgres: str | None
    redis: str | None
    told: Callable[[Step], object] | None


class Steps:
    """The progress of one section, whose number of units is known when it begins."""

    def __init__(self, ask: Ask, section: str, of: int) -> None:
        self._told, self._section, self._of, self._done = ask.told, section, of, 0

    def __call__(self, what: str) -> None:
        if self._told is not None:
            self._told(Step(self._section, min(self._done, self._of), self._of, what))
        self._done += 1

    def over(self) -> None:
        self._done = self._of
        self("")


class Entry(Case, frozen=True, kw_only=True):
    """A case, and what its row says besides."""

    ours: bool = False
    at: int | None = None
    bytes: int | None = None
    note: str = ""
    per: int = 1
    """How many things one call does: the row is about one of them."""


class Plan(Struct, frozen=True, kw_only=True):
    """A table before it is measured. ``waits``: for a disk, a server or somebody else, so the wall clock counts."""

    id: str
    title: str
    cases: Sequence[Entry]
    over: str
    note: str = ""
    waits: bool = False
    rounds: int | None = None
    """When that is not the setting's."""


def measured(plan: Plan, setting: Setting, steps: Steps, runner: asyncio.Runner | None = None) -> Table:
    """The table; ``steps`` hears of each round."""
    found = turn_about(
        plan.cases,
        rounds=plan.rounds or setting.rounds,
        slice_ms=setting.slice_ms,
        sample_ms=0 if plan.waits else SAMPLE_MS,
        waits=plan.waits,
        runner=runner,
        told=lambda: steps(plan.title),
    )
    rows = []
    for case, samples in zip(plan.cases, found, strict=True):
        times = [(one.wall if plan.waits else one.cpu) / case.per for one in samples]
        rows.append(row_of(case.name, times, ours=case.ours, at=case.at, bytes=case.bytes, note=case.note))
    return Table(id=plan.id, title=plan.title, rows=rows, over=plan.over, note=plan.note)


def row_of(
    name: str,
    times: Sequence[float],
    *,
    ours: bool = False,
    at: int | None = None,
    bytes: int | None = None,
    note: str = "",
) -> Row:
    return Row(name=name, median=median(times), p99=p99(times), ours=ours, at=at, bytes=bytes, note=note)
