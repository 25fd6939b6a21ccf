"""The follower: asks the feed often enough that the view's lease never runs out while the store answers."""

from __future__ import annotations

from ..revocation.feed import catch_up
from ..revocation.view import View
from ..stores.base import Store

EVERY_INLINE = 0.02
"""Seconds between looks at a store that answers inline; a look that finds nothing new costs a few microseconds."""
EVERY_REMOTE = 1.0


class Follower:
    """One tick asks the feed if there may be news, and anyway before half the lease is gone."""

    name = "follower"

    def __init__(self, store: Store, view: View) -> None:
        self._store, self._view = store, view
        self.seconds = EVERY_INLINE if store.pulls_inline else EVERY_REMOTE

    async def tick(self) -> None:
        left = self._view.lease_until - self._view.clock.monotonic()
        if not self._store.pulls_inline or self._store.changed() or left < self._view.max_staleness / 2:
            await catch_up(self._store, self._view)
