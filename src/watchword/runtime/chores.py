"""What one Watchword has to do again and again: started, stopped and watched together."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import WatchwordError
from ..revocation.view import View
from ..stores.base import Store
from .health import Health, look, not_open
from .refresh import KeyFileRefresh
from .ticker import Chore, TaskTicker, ThreadTicker


class Chores:
    """Of one store and one view. Empty until they begin, and after they ended."""

    def __init__(self, store: Store, view: View) -> None:
        self._store, self._view = store, view
        self._tickers: list[TaskTicker | ThreadTicker] = []
        self._failure = ""

    def begin(self, chores: Sequence[Chore], case: type[TaskTicker] | type[ThreadTicker]) -> None:
        """Each chore as a task of the running loop, or on a thread."""
        self._tickers = [case(chore) for chore in chores]
        for ticker in self._tickers:
            ticker.start()

    async def end(self) -> None:
        for ticker in self._tickers:
            if isinstance(ticker, TaskTicker):
                await ticker.stop()
            else:
                ticker.stop()
        self._tickers, self._failure = [], ""

    def end_blocking(self) -> None:
        """Tasks are left to their loop, which is another one's."""
        for ticker in self._tickers:
            if isinstance(ticker, ThreadTicker):
                ticker.stop()
        self._tickers, self._failure = [], ""

    def failed(self, error: BaseException) -> None:
        """They could not begin, because of this."""
        self._failure = error.reason if isinstance(error, WatchwordError) else type(error).__name__

    async def health(self) -> Health:
        """As ``Watchword.health``."""
        if not self._tickers:
            return not_open(self._failure)
        dead = [ticker.chore.name for ticker in self._tickers if not ticker.alive]
        keys = [ticker.chore.readable for ticker in self._tickers if isinstance(ticker.chore, KeyFileRefresh)]
        return await look(self._store, self._view, dead=dead, keys=all(keys))
