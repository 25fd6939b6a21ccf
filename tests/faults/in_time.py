"""A bound on the 99th of a hundred delays, where the machine may have other work."""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles

TURNS = 3


def in_time(measure: Callable[[], list[float]], bound: float) -> None:
    """``measure`` gives 200 delays in seconds. A stall of the machine is one turn's: one of three turns is in time."""
    said = []
    for _ in range(TURNS):
        delays = measure()
        p50, p99 = (quantiles(delays, n=100)[rank - 1] for rank in (50, 99))
        if p99 <= bound:
            return
        said.append(f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {max(delays):.3f} s")
    raise AssertionError("; ".join(said))
