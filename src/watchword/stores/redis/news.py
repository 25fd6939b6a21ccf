"""Hearing of news: a second connection that listens to what ``publish`` in the scripts says.

Nothing depends on it but speed: who hears nothing asks again anyway.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event

from ...errors import ConfigurationError
from .address import Address
from .lane import LoopWire, dialled, receive, talk
from .wire import LostError, Refused, Wire, dial

_SILENT = 30
"""So many waits without a word, and the connection is made anew: a half-open one is silent for ever."""


class LoopNews:
    """The listener on an event loop."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address, self._channel = address, channel
        self._heard = asyncio.Event()
        self._wire: LoopWire | None = None
        self._silent = 0

    async def wait(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                if self._wire is not None and not self._wire.dead and self._silent < _SILENT:
                    self._silent += 1
                    await self._heard.wait()
                    self._heard.clear()
                    self._silent = 0
                elif not await self._listen():
                    await asyncio.sleep(until - loop.time())

    async def _listen(self) -> bool:
        self.close()
        try:
            wire = LoopWire(await dialled(self._address), self._address.timeout, self._heard.set)
            self._wire, self._silent = wire, 0
            return not isinstance(await wire.ask(("SSUBSCRIBE", self._channel)), Refused)
        except (LostError, ConfigurationError):
            return False

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class ThreadNews:
    """The listener of one thread."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address, self._channel = address, channel
        self._closed = Event()
        self._wire: Wire | None = None
        self._silent = 0

    async def wait(self, timeout: float) -> None:
        wire = self._wire
        if wire is None or self._silent >= _SILENT:
            if not self._listen():
                self._closed.wait(timeout)
            return
        self._silent += 1
        try:
            wire.socket.settimeout(timeout)
            receive(wire)
            wire.socket.settimeout(0)
            while True:
                receive(wire)
        except (TimeoutError, BlockingIOError):
            pass
        except (OSError, LostError):
            self._drop()

    def _listen(self) -> bool:
        self._drop()
        try:
            wire = dial(self._address)
            if isinstance(talk(wire, (("SSUBSCRIBE", self._channel),))[0], Refused):
                wire.close()
                return False
        except (LostError, ConfigurationError):
            return False
        self._wire, self._silent = wire, 0
        return True

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def close(self) -> None:
        self._closed.set()
        self._drop()


News = LoopNews | ThreadNews
