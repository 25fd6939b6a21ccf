"""Requests over real connections, so many at a time, each sent when the answer to the last one has come."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle
from typing import Any

AT_ONCE = 32


class Load:
    """Keep-alive connections to one server of this machine, which stay open between the slices.

    Parameters: requests: whole ones, sent in turn for ever. answer: how each right answer ends.
    """

    def __init__(self, requests: list[bytes], *, answer: bytes, at_once: int = AT_ONCE) -> None:
        self.requests, self.answer, self._at_once = cycle(requests), answer, at_once
        self.left = self.under_way = 0
        self._connections: list[_Connection] = []
        self._over: asyncio.Future[None] | None = None

    async def connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._at_once):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            self._connections.append(connection)

    async def send(self, count: int) -> float:
        """Seconds that ``count`` requests took. Raises: RuntimeError for an answer that is not the wanted one."""
        self.left, self._over = count, asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        for connection in self._connections:
            connection.next()
        await self._over
        return time.perf_counter() - started

    def done(self) -> None:
        if not self.under_way and self._over is not None and not self._over.done():
            self._over.set_result(None)

    def failed(self, why: str) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(RuntimeError(why))

    def close(self) -> None:
        for connection in self._connections:
            connection.transport.close()


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._heard = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def next(self) -> None:
        load = self._load
        if load.left > 0:
            load.left -= 1
            load.under_way += 1
            self.transport.write(next(load.requests))
        else:
            load.done()

    def data_received(self, data: bytes) -> None:
        load = self._load
        self._heard += data
        if self._heard.endswith(load.answer):
            self._heard = b""
            load.under_way -= 1
            self.next()
        elif not self._heard.startswith(b"HTTP/1.1 200"[: len(self._heard)]):
            load.failed(self._heard.decode(errors="replace"))

    def connection_lost(self, error: Exception | None) -> None:
        self._load.failed(f"the connection was lost: {error}")
