"""Clients that rotate their refresh tokens whatever happens, each from the newest that it was answered with."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from tests.faults.journal import Journal, clock
from watchword import Watchword
from watchword.errors import StoreUnavailableError, UnavailableError, WatchwordError

AGAIN = 0.05
"""Seconds after which a client that was told 503 presents the same token again."""


class Families:
    """``rate``: rotations a second, of all clients together. The nodes take turns."""

    def __init__(self, nodes: Sequence[Watchword], tokens: Sequence[str], journal: Journal, *, rate: float) -> None:
        self.tokens = list(tokens)
        self.unknown = self.retried = 0
        """Answers that left open whether the rotation was done; rotations that were answered at a later try."""
        self.lost: set[int] = set()
        """Clients whose newest token was refused for good."""
        self._handed_out: dict[str, set[str]] = defaultdict(set)
        self._nodes, self._journal, self._rest = cycle(nodes), journal, len(tokens) / rate
        self._over = False
        self._running: list[asyncio.Task[None]] = []

    @property
    def forked(self) -> int:
        """Tokens that were answered with more than one successor."""
        return sum(len(successors) > 1 for successors in self._handed_out.values())

    @property
    def rotated(self) -> int:
        return len(self._handed_out)

    def begin(self) -> None:
        self._running = [asyncio.create_task(self._keep_on(n)) for n in range(len(self.tokens))]

    async def end(self) -> None:
        """Each client ends with a rotation that was answered; and its predecessor still gives the same successor."""
        self._over = True
        await asyncio.gather(*self._running)
        before = list(self.tokens)
        await asyncio.gather(*(self._rotate(n) for n in range(len(before))))
        for n, predecessor in enumerate(before):
            if n not in self.lost:
                self.tokens[n] = predecessor
                await self._rotate(n)

    def figures(self) -> dict[str, Any]:
        return {
            "rotated": self.rotated,
            "retried": self.retried,
            "unknown": self.unknown,
            "two_successors": self.forked,
            "families_lost": len(self.lost),
        }

    async def _keep_on(self, n: int) -> None:
        await asyncio.sleep(self._rest * n / len(self.tokens))
        while not self._over and n not in self.lost:
            await self._rotate(n)
            await asyncio.sleep(self._rest)

    async def _rotate(self, n: int) -> None:
        """Present the token until it is answered, with a successor or with a no."""
        token, tries = self.tokens[n], 0
        while n not in self.lost:
            began, tries = clock.monotonic(), tries + 1
            try:
                issued = await next(self._nodes).refresh.rotate(token)
            except UnavailableError as error:
                self._journal.write("rotate", "", began, error.status)
                self.unknown += isinstance(error, StoreUnavailableError) and error.reason == "commit_unknown"
                await asyncio.sleep(AGAIN)
            except WatchwordError as error:
                self._journal.write("rotate", "", began, self._journal.status(error))
                self.lost.add(n)
            else:
                self._journal.write("rotate", "", began, 200)
                self.retried += tries > 1
                self._handed_out[token].add(issued.token)
                self.tokens[n] = issued.token
                return


async def families(ww: Watchword, number: int) -> list[str]:
    """The first token of so many families."""
    return [(await ww.refresh.issue(f"user-{n}", client_id="app")).token for n in range(number)]
