"""A circuit breaker: who has failed several times in a row is left alone, and tried again now and then.

A pure state machine over a clock. Two threads that ask in the same instant may both be let through to try; nothing
depends on there being one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom
from typing import Literal

from ..clock import Clock

FAILURES = 5
RETRY = 0.5
"""Seconds between two tries of an open breaker; up to a quarter more or less, so that nodes do not try together."""

State = Literal["closed", "open", "half_open"]
_random = SystemRandom().random


class Breaker:
    """Closed until ``failures`` failures in a row; then open, but for one try every ``retry`` seconds (half open).

    ``jitter`` answers a number from 0 to 1.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        failures: int = FAILURES,
        retry: float = RETRY,
        jitter: Callable[[], float] = _random,
    ) -> None:
        self._clock, self._most, self._retry, self._jitter = clock, failures, retry, jitter
        self._failed = 0
        self._try_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        if self._failed < self._most:
            return "closed"
        return "half_open" if self._trying else "open"

    def allows(self) -> bool:
        """Whether to ask now. Who is told yes says afterwards how it went, or, if cancelled, nothing."""
        if self._failed < self._most:
            return True
        if self._clock.monotonic() < self._try_at:
            return False
        self._wait()  # should the one who tries never come back, somebody else does
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failed, self._trying = 0, False

    def failed(self) -> None:
        self._failed, self._trying = self._failed + 1, False
        if self._failed >= self._most:
            self._wait()

    def _wait(self) -> None:
        self._try_at = self._clock.monotonic() + self._retry * (0.75 + self._jitter() / 2)

    def __repr__(self) -> str:
        return f"Breaker({self.state})"
