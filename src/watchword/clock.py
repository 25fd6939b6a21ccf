"""The only reader of time: wall-clock seconds for claims and records, boot-time seconds for leases."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Protocol


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
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self._now += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        """Jump the wall clock alone, as an NTP step does; boot time does not move."""
        self._now = float(now)
