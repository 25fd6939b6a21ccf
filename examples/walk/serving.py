"""Servers on ports of their own, which stop and come back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import uvicorn

App = Callable[[Any, Any, Any], Awaitable[None]]


class _Deaf(uvicorn.Server):
    """One of several in a process: signals are the program's, which several that come and go would not put back."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


class Server:
    """One application on one port of this machine. Each start makes the application anew: nothing in it survives."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._make = make
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._place = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self._place[1]}"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._listener.fileno() < 0:  # it was stopped, which closed it
            self._listener = socket.create_server(self._place)
        config = uvicorn.Config(self._make(), log_level="critical", proxy_headers=False, timeout_graceful_shutdown=0)
        self._server = _Deaf(config)
        self._task = asyncio.create_task(self._server.serve([self._listener]))
        while not self._server.started:
            if self._task.done():
                raise SystemExit("a server did not start")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Who calls now is refused the connection."""
        task, self._task = self._task, None
        if task is not None:
            self._server.should_exit = True
            await task
        self._listener.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
