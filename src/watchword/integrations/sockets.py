"""An open websocket: whoever watches it may end it, whatever its application is waiting for at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from ..errors import WatchwordError
from ..principal import Principal
from ..revocation.view import OnStale
from ..web.messages import Connection
from .visit import Visit
from .watcher import Watchers

Message = MutableMapping[str, Any]

CLOSE_CODES = {500: 1011, 503: 1013}  # RFC 6455 section 7.4.1; every other refusal is 1008, a matter of policy
PATIENCE = 2.0
"""Seconds that the end of the application waits for our close to be sent: its server closes the connection then."""
_STRICTER: tuple[OnStale, ...] = ("open", "ask", "closed")


class SocketEndedError(OSError):
    """What an application gets that sends over a websocket that was ended: servers raise an OSError as well."""


class Socket:
    """Between a server and an application: ``receive`` and ``send``, and ``end``, which the watcher calls.

    Once ended, ``receive`` gives ``websocket.disconnect``, at once even where it waits; ``send`` raises an OSError, as
    the ASGI specification asks for, but for a close, which came too late and says nothing.
    """

    def __init__(
        self,
        visit: Visit,
        watchers: Watchers,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._visit, self._receive, self._send, self._watchers = visit, receive, send, watchers
        self.who: Principal | None = None
        """Whom the handshake was answered for; None until the application asks."""
        self.word: OnStale = "open"
        """The strictest that any of its questions said of a stale word."""
        self.heard = watchers.position()
        """How far the view had heard before its caller was asked for."""
        self.look_at = float("inf")
        """When the credential is to be presented again, in boot-time seconds."""
        self.asked = False
        """That is under way."""
        self._waiting: set[asyncio.Timeout] = set()
        self._code: int | None = None
        self._closing: asyncio.Task[None] | None = None
        visit.on_caller = self.watch

    @property
    def connection(self) -> Connection:
        return self._visit.connection

    def watch(self, who: Principal, word: OnStale) -> None:
        """The application has asked for the caller: from now on the socket lives no longer than ``who`` does."""
        self.who, self.word = who, max(self.word, word, key=_STRICTER.index)
        if self._code is None and not self._visit.ended:
            self._watchers.here().add(self)

    def end(self, error: WatchwordError) -> None:
        """Close it with the code of this refusal. Only on the loop that it lives on."""
        if self._code is not None:
            return
        self._code = CLOSE_CODES.get(error.status, 1008)
        loop = asyncio.get_running_loop()
        if not self._visit.ended:
            self._closing = loop.create_task(self._close(), name="watchword-close")
        for patience in self._waiting:
            patience.reschedule(loop.time())

    async def receive(self) -> Message:
        async with self._unless_ended() as ended:
            if not ended:
                return await self._receive()
        return {"type": "websocket.disconnect", "code": self._code, "reason": ""}

    async def send(self, message: Message) -> None:
        closes = message["type"] == "websocket.close"
        async with self._unless_ended() as ended:
            if not ended:
                await self._send(message)
                if closes:
                    self._watchers.drop(self)
                return
        if not closes:
            raise SocketEndedError("this websocket was closed: what its handshake presented is not good any more")

    async def leave(self) -> None:
        """The application is done."""
        self._watchers.drop(self)
        self._visit.ended = self._visit.ended or self._closing is None
        if self._closing is not None:
            await asyncio.wait({self._closing}, timeout=PATIENCE)

    async def _close(self) -> None:
        try:
            await self._send({"type": "websocket.close", "code": self._code, "reason": ""})
        except (OSError, RuntimeError):  # the client, or the server, was quicker
            return

    @asynccontextmanager
    async def _unless_ended(self) -> AsyncIterator[bool]:
        """Says whether it has ended; when that happens inside, whatever is waited for there is given up."""
        if self._code is not None:
            yield True
            return
        try:
            async with asyncio.timeout(None) as patience:
                self._waiting.add(patience)
                yield False
        except TimeoutError:
            if not patience.expired():
                raise
        finally:
            self._waiting.discard(patience)
