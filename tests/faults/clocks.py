"""Clocks of nodes that disagree: wall clocks that are wrong, over the boot time that all of one machine share."""

from __future__ import annotations

from watchword.clock import SystemClock


class SkewedClock(SystemClock):
    """The machine's clocks, with a wall clock that is ``skew`` seconds ahead; ``jump`` moves it while it runs."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> int:
        return super().now() + int(self.skew)

    def jump(self, seconds: float) -> None:
        self.skew += seconds
