"""Scales: where a value stands on an axis, in per cent of it, and where its marks are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from .figures import LEAST


class Scale(Struct, frozen=True):
    """From ``low`` to ``high``. Values outside stand at its ends."""

    low: float
    high: float
    ticks: Sequence[float]
    log: bool = False

    def percent(self, value: float) -> float:
        kept = min(max(value, self.low), self.high)
        if not self.log:
            return 100 * (kept - self.low) / (self.high - self.low)
        return 100 * math.log(kept / self.low) / math.log(self.high / self.low)

    def cuts(self, value: float) -> bool:
        return value > self.high


def from_zero(medians: Sequence[float], p99s: Sequence[float], most: int = 5) -> Scale:
    """A linear axis with room for the medians; for p99s no more than as much again, or they would be all one sees."""
    top = max((*medians, 1e-6))
    high = max(1.05 * top, min(1.02 * max((*p99s, 0.0)), 2 * top))
    step = _step(high / most)
    return Scale(0.0, high, [step * n for n in range(int(high / step) + 1)])


def logarithmic(values: Sequence[float], *, whole: bool = False) -> Scale:
    """From the power of ten below to the one above; ``whole``: with the values themselves as marks and ends."""
    known = sorted({value for value in values if value >= LEAST}) or [1.0]
    if whole and len(known) > 1:
        return Scale(known[0], known[-1], known, log=True)
    first, last = math.floor(math.log10(known[0])), math.ceil(math.log10(known[-1]))
    last = max(last, first + 1)
    return Scale(10.0**first, 10.0**last, [10.0**n for n in range(first, last + 1)], log=True)


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten, and not less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= 0.999 * least)
