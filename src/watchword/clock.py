"""The only reader of time: wall-clock seconds for claims and records, boot-time seconds for leases."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Protocol

AHEAD = 3600
"""Seconds by which a wall clock may be wrong for a while: so much later than it says is anything forgotten for good."""


class Clock(Protocol):
    """What the rest of watchword asks of time."""

    def now(self) -> int:
        """Wall-clock time, whole seconds since 1970 (UTC). Good for claims; never for comparing two nodes."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward and count through suspend (boot time). Good for leases and timers."""
        ...


if hasattr(time, "CLOCK_BOOTTIME"):
    _boot_seconds: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)

else:  # macOS, Windows: monotonic() may stand still while the machine sleeps, and a lease outlive its bound by the nap
    _boot_seconds = time.monotonic


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        return int(time.time())

    monotonic = staticmethod(_boot_seconds)


class SteadyClock:
    """Another clock whose wall never goes back: what has ended by it stays ended when the machine's clock is set back.

    For records, which nobody but their store's nodes sees. Not for what is signed: the whole world compares that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._latest = clock, 0
        self.monotonic = clock.monotonic

    def now(self) -> int:
        now = self._clock.now()
        if now > self._latest:
            self._latest = now
        return self._latest


class FrozenClock:
    """A clock that moves only when told to; for tests. ``advance`` moves wall clock and boot time together."""

    def __init__(self, now: float = 1_800_000_000, monotonic: float = 1000.0) -> None:
        self._now = float(now)
        self._monotonic = monotonic

    def now(self) -> int:
        return int(self._now)

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: float | timedelta) -> None:
        """Move both on, by a timedelta or by seconds."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self._now += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        """Jump the wall clock alone, as an NTP step does; boot time does not move."""
        self._now = float(now)
