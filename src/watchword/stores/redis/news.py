"""Hearing of news: a second connection that listens to what is published on one channel.

Nothing depends on it but speed: who hears nothing asks again anyway. ``heed`` says which messages are news; who is sent
too much that is none stops listening for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

from ...clock import SystemClock
from ...errors import ConfigurationError
from .address import Address
from .lane import LoopWire, dialled, receive, talk
from .wire import LostError, Refused, Wire, dial

Heed = Callable[[object], bool]
_SILENT = 30
"""So many waits without a word, and the connection is made anew: a half-open one is silent for ever."""
_NOISE = 1000
"""So many messages that are no news, and the connection is given up."""
_AGAIN = 1.0
"""Seconds from one connection to the next, so that whoever ends ours, or floods it, cannot keep us busy with it."""
_now = SystemClock().monotonic


def any_message(_: object) -> bool:
    return True


def _body(reply: Any) -> object:
    return reply[2] if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"smessage" else None


class LoopNews:
    """The listener on an event loop."""

    def __init__(self, address: Address, channel: str, heed: Heed = any_message) -> None:
        self._address, self._channel, self._heed = address, channel, heed
        self._heard = asyncio.Event()
        self._wire: LoopWire | None = None
        self._silent = self._noise = 0
        self._next_at = float("-inf")

    async def wait(self, timeout: float) -> None:
        """Return at the next news, or at once after a new connection; after ``timeout`` seconds at the latest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                if not await self.listens():
                    await asyncio.sleep(until - loop.time())
                    return
                self._silent += 1
                await self._heard.wait()
                self._heard.clear()
                self._silent = 0

    async def listens(self) -> bool:
        """Whether there is a connection that hears; it is made if need be, and not twice in a second."""
        if self._wire is not None and not self._wire.dead and self._silent < _SILENT:
            return True
        if _now() < self._next_at:
            return False
        self.close()
        self._next_at = _now() + _AGAIN
        try:
            self._wire = await self._connected()
        except (LostError, ConfigurationError):
            return False
        self._silent = self._noise = 0
        self._heard.set()  # what came before is news as well
        return True

    async def _connected(self) -> LoopWire:
        wire = LoopWire(await dialled(self._address), self._address.timeout, self._told)
        try:
            if isinstance(await wire.ask(("SSUBSCRIBE", self._channel)), Refused):
                raise LostError("it cannot be listened to")
        except BaseException:
            wire.close()
            raise
        return wire

    def _told(self, reply: Any) -> None:
        """None: the connection has ended."""
        if reply is None or self._heed(_body(reply)):
            self._heard.set()
            self._noise = 0
            return
        self._noise += 1
        if self._noise > _NOISE:
            self.close()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class ThreadNews:
    """The listener of one thread."""

    def __init__(self, address: Address, channel: str, heed: Heed = any_message) -> None:
        self._address, self._channel, self._heed = address, channel, heed
        self._closed = Event()
        self._wire: Wire | None = None
        self._silent = 0
        self._new = False
        self._next_at = float("-inf")

    async def wait(self, timeout: float) -> None:
        until = _now() + timeout
        if not await self.listens():
            self._closed.wait(timeout)
            return
        wire, new, self._new = self._wire, self._new, False
        if new or wire is None:
            return
        self._silent += 1
        try:
            self._hear(wire, until)
            wire.socket.settimeout(0)
            for _ in range(_NOISE):
                self._heed(_body(receive(wire)))  # heard together with the first
        except (TimeoutError, BlockingIOError):
            pass
        except (OSError, LostError):
            self._drop()

    def _hear(self, wire: Wire, until: float) -> None:
        """Raises: TimeoutError when there was no news."""
        for _ in range(_NOISE):
            if self._heed(_body(receive(wire, until))):
                self._silent = 0
                return
        raise LostError("too much of what is no news")

    async def listens(self) -> bool:
        if self._wire is not None and self._silent < _SILENT:
            return True
        if _now() < self._next_at:
            return False
        self._drop()
        self._next_at = _now() + _AGAIN
        try:
            wire = dial(self._address)
            if isinstance(talk(wire, (("SSUBSCRIBE", self._channel),))[0], Refused):
                wire.close()
                return False
        except (LostError, ConfigurationError):
            return False
        self._wire, self._silent, self._new = wire, 0, True
        return True

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def close(self) -> None:
        self._closed.set()
        self._drop()


News = LoopNews | ThreadNews
