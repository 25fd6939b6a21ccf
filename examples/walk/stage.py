"""What a station has: a directory, servers that are stopped behind it, and the nodes as it wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx2

from examples.walk.balancer import Balancer
from examples.walk.node import Node
from examples.walk.serving import Server
from examples.walk.visitor import Browser, Caller
from watchword import Watchword
from watchword.integrations.revocations import SCOPE

API = "https://api.example"
"""The audience of the access tokens."""
BOUND = timedelta(seconds=5)
"""How old the last word about revocations may be, as the services declare it."""

S = TypeVar("S", bound=Server)


class Stage:
    def __init__(self, home: Path, store: str | None, http: httpx2.AsyncClient, stack: AsyncExitStack) -> None:
        self.home, self.store = home, store or f"sqlite:///{home / 'app.db'}"
        self._http, self._stack = http, stack

    async def nodes(self, *names: str, store: str, sticky: bool = False, **options: Any) -> tuple[Balancer, list[Node]]:
        """Nodes with a Watchword each, over this store, behind a balancer, which is their address and issuer."""
        balancer = Balancer(sticky=sticky)
        balancer.nodes = [await self.node(name, balancer.url, store, **options) for name in names]
        return await self.start(balancer), list(balancer.nodes)

    async def node(self, name: str, issuer: str, store: str, **options: Any) -> Node:
        keys = None if store == "memory:" else self.home / "app.keys"
        return await self.start(Node(name, lambda: Watchword(store, issuer=issuer, audience=API, keys=keys, **options)))

    async def start(self, server: S) -> S:
        """It is stopped at the end of the station."""
        await self._stack.enter_async_context(server)
        return server

    def browser(self, server: Server) -> Browser:
        return Browser(self._http, server.url)

    def caller(self, server: Server, path: str = "/orders") -> Caller:
        return Caller(self._http, server.url + path)


async def feed_key(nodes: Sequence[Node]) -> str:
    """An API key that may read the feed of revocations, and nothing else."""
    return (await nodes[0].ww.api_keys.issue("services", scopes=[SCOPE], label="follows the revocations")).token


@asynccontextmanager
async def stage(store: str | None = None) -> AsyncIterator[Stage]:
    """``store``: the URL of the central store; a file of SQLite in the directory without one."""
    with TemporaryDirectory(prefix="watchword-walk-") as home:
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http, AsyncExitStack() as stack:
            yield Stage(Path(home), store, http, stack)
