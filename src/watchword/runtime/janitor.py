"""The janitor: removes what has expired from the store, so that nothing sealed or personal outlives its use."""

from __future__ import annotations

from ..clock import AHEAD, Clock
from ..stores.base import Store


class Janitor:
    """One tick is one sweep of what ended an hour ago, so that a clock that is ahead removes nothing that lives."""

    name = "janitor"
    seconds = 30.0

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def tick(self) -> None:
        await self._store.purge(now=self._clock.now() - AHEAD)
