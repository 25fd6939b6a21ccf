"""The follower: asks the feed often enough that the view's lease never runs out while the store answers."""

from __future__ import annotations

from ..errors import ConfigurationError
from ..revocation.feed import catch_up, catch_up_now
from ..revocation.view import View
from ..stores.base import Store
from .ticker import drive
from .verifiers import Verifiers

EVERY_INLINE = 0.02
"""Seconds between looks at a store that answers inline; a look that finds nothing new costs a few microseconds."""
EVERY_REMOTE = 1.0
"""Seconds between questions to any other, at most: a fourth of the lease where that is shorter."""
AGAIN = 0.25
"""Seconds from a question that failed to the next, so that a store that is back is heard of soon."""


class Follower:
    """One tick asks the feed: where the store pushes, when it has news; inline, if it may have; and anyway in time.

    A store that pushes is waited on in the tick itself, so the next tick is due at once, except after a failure.
    ``verifiers``: where this process says how far it has heard.
    """

    name = "follower"

    def __init__(self, store: Store, view: View, verifiers: Verifiers | None = None) -> None:
        self._store, self._view, self._verifiers = store, view, verifiers
        self._every = EVERY_INLINE if store.pulls_inline else min(EVERY_REMOTE, view.max_staleness / 4) or EVERY_REMOTE
        self.seconds = 0 if store.pushes else self._every

    async def tick(self) -> None:
        await self._follow()
        if self._verifiers is not None:
            await self._verifiers.tick()

    async def _follow(self) -> None:
        if self._store.pulls_inline:
            left = self._view.lease_until - self._view.clock.monotonic()
            if self._store.changed() or left < self._view.max_staleness / 2 > 0:
                await catch_up(self._store, self._view)
            return
        listening, self.seconds = self.seconds == 0, min(self._every, AGAIN)
        if listening:
            await self._store.news(timeout=self._every)
        await catch_up(self._store, self._view)
        self.seconds = 0 if self._store.pushes else self._every


def reach(view: View, store: Store | None) -> None:
    """Let a view that knows nothing reach the store by itself, in the ways the store can be asked; None: not open."""
    view.forget()
    view.pull, view.ask, view.ask_now = (_open_first, None, None) if store is None else (None, store.standing, None)
    if store is not None and store.pulls_inline and view.max_staleness:
        view.pull = lambda: catch_up_now(store, view)
    if store is not None and (store.pulls_inline or not store.suspends):
        view.ask_now = lambda names, *, now: drive(store.standing(names, now=now))


def _open_first() -> None:
    raise ConfigurationError("open it first: 'async with ww:' or 'await ww.open()'")
