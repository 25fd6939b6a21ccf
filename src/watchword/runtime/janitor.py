"""The janitor: removes what has expired from the store, so that nothing sealed or personal outlives its use."""

from __future__ import annotations

from datetime import timedelta
from random import SystemRandom

from ..clock import AHEAD, Clock
from ..errors import ConfigurationError
from ..stores.base import Store

EVERY = 30.0
"""Seconds between two sweeps, up to half of it more or less, so that processes do not sweep together."""


class Janitor:
    """One tick is one sweep of what ended an hour ago, so that a clock that is ahead removes nothing that lives.

    Rows of the audit trail stay, unless ``audit_retention`` says how long.
    """

    name = "janitor"

    def __init__(self, store: Store, clock: Clock, audit_retention: timedelta | None = None) -> None:
        self._store, self._clock = store, clock
        self._retention = kept_for(audit_retention)
        self._chance = SystemRandom()
        self.removed = 0
        self.seconds = self._next()

    async def tick(self) -> None:
        self.seconds, now = self._next(), self._clock.now()
        before = None if self._retention is None else now - self._retention
        self.removed += await self._store.purge(now=now - AHEAD, audit_before=before)

    def _next(self) -> float:
        return EVERY * self._chance.uniform(0.5, 1.5)


def kept_for(retention: timedelta | None) -> int | None:
    """Whole seconds. Raises: ConfigurationError for what is no span of time of a day or longer."""
    if retention is None:
        return None
    if not isinstance(retention, timedelta) or retention < timedelta(days=1):
        raise ConfigurationError(
            f"audit_retention is a timedelta of a day or longer, or None for ever, not {retention!r}"
        )
    return int(retention.total_seconds())
