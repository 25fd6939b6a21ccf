"""Many at once on one store: as tasks of one loop and as threads, over one node and over two."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.faults.setting import Setting
from watchword import Watchword
from watchword.runtime.ticker import drive

MOST = 100
Act = Callable[[Watchword], Coroutine[Any, Any, Any]]


class Start(NamedTuple):
    """One that takes part: which of the nodes it is at, what it does, and how many seconds after the others."""

    node: int
    act: Act
    late: float = 0.0


@dataclass
class Arena:
    """The nodes by the way they are used: ``WAYS``; a store in memory has no second node."""

    nodes: Mapping[str, Sequence[Watchword]]
    pool: ThreadPoolExecutor

    async def alone(self, way: str, act: Act, *, node: int = 0) -> Any:
        """What one does by itself."""
        [result] = await self.together(way, [Start(node, act)])
        return result

    async def all(self, way: str, number: int, act: Act) -> list[Any]:
        """So many do the same at once, each at the next node."""
        return await self.together(way, [Start(n, act) for n in range(number)])

    async def together(self, way: str, starts: Sequence[Start]) -> list[Any]:
        nodes = self.nodes[way]
        pairs = [(nodes[start.node % len(nodes)], start) for start in starts]
        if way.startswith("threads"):
            return await asyncio.to_thread(self._threads, pairs)
        return await asyncio.gather(*(_task(node, start) for node, start in pairs))

    def _threads(self, pairs: Iterable[tuple[Watchword, Start]]) -> list[Any]:
        pairs = list(pairs)
        barrier = threading.Barrier(len(pairs))

        def one(pair: tuple[Watchword, Start]) -> Any:
            node, start = pair
            barrier.wait()
            time.sleep(start.late)
            return drive(start.act(node))

        return list(self.pool.map(one, pairs))


async def _task(node: Watchword, start: Start) -> Any:
    if start.late:
        await asyncio.sleep(start.late)
    return await start.act(node)


@asynccontextmanager
async def arena(place: Setting, **options: Any) -> AsyncIterator[Arena]:
    """Nodes on the row's place: two on the loop and two for threads, or one of each where each has its own store."""
    number = 1 if place.store == "memory" else 2
    async with AsyncExitStack() as stack:
        tasks = [await stack.enter_async_context(place.watchword(**options)) for _ in range(number)]
        threads = [place.watchword(**options) for _ in range(number)]
        for node in threads:
            node.open_blocking()
            stack.callback(node.close_blocking)
        pool = stack.enter_context(ThreadPoolExecutor(MOST))
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-4)
        ways = {"one node": tasks[:1], "two nodes": tasks, "threads of one": threads[:1], "threads of two": threads}
        yield Arena(
            {way: nodes for way, nodes in ways.items() if way.startswith(("one", "threads of one")) or nodes[1:]}, pool
        )
