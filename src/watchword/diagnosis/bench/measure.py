"""Timing: all cases of a table turn about in one run, so that whatever disturbs the machine disturbs them alike.

Each round gives every case a slice of time, with the garbage collector off; every other round runs in the opposite
order. A slice is cut into samples: batches of calls that take about ``sample_ms``, or single calls where one takes
longer. What a call costs in a sample is the batch divided by its size, so a p99 is that of small batches where calls
are shorter than a sample. Work is measured in CPU time of this thread, waiting by the wall clock.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice, starmap
from statistics import quantiles
from typing import Any

from msgspec import Struct

Arguments = tuple[Any, ...]


class Case(Struct, frozen=True):
    """One thing to time: ``call(*one)`` for each of ``inputs`` in turn, for ever round."""

    name: str
    call: Callable[..., Any]
    """A coroutine function, where a runner is given."""
    inputs: Sequence[Arguments] = ((),)


class Sample(Struct, frozen=True):
    """Microseconds for one call: of this thread's CPU (0 where only waiting was timed), and by the wall clock."""

    cpu: float
    wall: float


def turn_about(
    cases: Sequence[Case],
    *,
    rounds: int,
    slice_ms: float,
    sample_ms: float | None = None,
    waits: bool = False,
    runner: asyncio.Runner | None = None,
    told: Callable[[], object] = lambda: None,
) -> list[list[Sample]]:
    """Time every case in each of ``rounds``; the samples of each case.

    Parameters: sample_ms: a slice is one sample unless said. waits: slices and samples are measured by the wall clock.
    runner: runs the calls, one after the other, as coroutines. told: called before each round.
    """
    turns: list[Iterator[Arguments]] = [cycle(case.inputs) for case in cases]
    clock = _Stopwatch(runner, waits)
    cuts = [_cut(clock, case.call, turn, slice_ms, sample_ms) for case, turn in zip(cases, turns, strict=True)]
    found: list[list[Sample]] = [[] for _ in cases]
    order = list(range(len(cases)))
    gc.freeze()  # what is there already is not looked through before each round
    try:
        for _ in range(rounds):
            told()
            gc.collect()
            for index in order:
                size, count = cuts[index]
                found[index] += clock.samples(cases[index].call, turns[index], size, count)
            order.reverse()
    finally:
        gc.unfreeze()
    return found


def p99(times: Sequence[float]) -> float:
    """What 99 of 100 do not exceed; interpolated, so that of few it is nearly the greatest."""
    return quantiles(times, n=100, method="inclusive")[98] if len(times) > 1 else times[0]


class _Stopwatch:
    def __init__(self, runner: asyncio.Runner | None, waits: bool) -> None:
        self._runner, self._waits = runner, waits

    def samples(self, call: Callable[..., Any], turn: Iterator[Arguments], size: int, count: int) -> list[Sample]:
        batches = [list(islice(turn, size)) for _ in range(count)]
        collects = gc.isenabled()
        gc.disable()
        try:
            if self._runner is None:
                return [_time(call, batch) for batch in batches]
            time_all = _time_waits if self._waits else _time_all
            return self._runner.run(time_all(call, batches))
        finally:
            if collects:
                gc.enable()

    def cost(self, call: Callable[..., Any], turn: Iterator[Arguments], size: int) -> float:
        """Milliseconds that so many calls take, the quietest of three trials."""
        found = self.samples(call, turn, size, 3)
        return min(one.wall if self._waits else one.cpu for one in found) * size / 1000


def _time(call: Callable[..., object], batch: list[Arguments]) -> Sample:
    """The loop itself runs in C."""
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    deque(starmap(call, batch), maxlen=0)
    cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
    return Sample(cpu / 1000 / len(batch), wall / 1000 / len(batch))


async def _time_all(call: Callable[..., Any], batches: list[list[Arguments]]) -> list[Sample]:
    found = []
    for batch in batches:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        for one in batch:
            await call(*one)
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        found.append(Sample(cpu / 1000 / len(batch), wall / 1000 / len(batch)))
    return found


async def _time_waits(call: Callable[..., Any], batches: list[list[Arguments]]) -> list[Sample]:
    """To read the CPU clock can take longer than a short call does."""
    found = []
    for batch in batches:
        wall = time.perf_counter_ns()
        for one in batch:
            await call(*one)
        found.append(Sample(0, (time.perf_counter_ns() - wall) / 1000 / len(batch)))
    return found


def _cut(
    clock: _Stopwatch, call: Callable[..., Any], turn: Iterator[Arguments], slice_ms: float, sample_ms: float | None
) -> tuple[int, int]:
    """(calls of a sample, samples of a slice), from trials that also warm up."""
    trial = 1
    while (cost := clock.cost(call, turn, trial)) < slice_ms / 10:
        trial *= 4
    calls = max(1, int(trial * slice_ms / cost))
    if sample_ms is None:
        return max(4, calls), 1
    size = max(1, int(trial * sample_ms / cost))
    return size, max(1, calls // size)
