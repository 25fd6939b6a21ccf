"""Any ASGI application: a middleware around it. Imports no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..errors import WatchwordError
from ..web.messages import Connection, Reply
from .sockets import CLOSE_CODES, Socket
from .sockets import Message as Message
from .visit import Visit, enter, leave, refusal
from .words import Words as Words
from .words import is_open as is_open

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BEGINNINGS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Auth(Words):
    """The words for an ASGI application: ``app = Auth(ww).attach(app)``. Parameters: as for ``Words``."""

    def attach(self, app: App, *, lifespan: bool = True) -> WatchwordMiddleware:
        """The application with the middleware around it. ``lifespan``: it opens and closes the Watchword, too."""
        return WatchwordMiddleware(app, self, lifespan=lifespan)


class WatchwordMiddleware:
    """Around an ASGI application: makes the visit, adds the cookie to its answer, and answers WatchwordErrors.

    It ends an open websocket when what its handshake presented ends.
    """

    def __init__(self, app: App, auth: Words, *, lifespan: bool = False) -> None:
        self.app = app
        self.auth = auth
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            joined = self._lifespan and scope["type"] == "lifespan" and not is_open(self.auth.ww)
            await (self._live if joined else self.app)(scope, receive, send)
            return
        visit = Visit(self.auth, self.auth.ww.sessions, lambda: Connection.from_scope(scope))

        def sending(message: Message) -> Awaitable[None]:
            if message["type"] in _BEGINNINGS:
                if visit.owes:
                    return _begin(visit, message, send)
                visit.begun = True
            elif message["type"] == "websocket.close":
                visit.ended = True
            return send(message)

        socket, answering = None, sending
        if scope["type"] == "websocket":
            socket = Socket(visit, self.auth.watchers, receive, sending)
            receive, answering = socket.receive, socket.send
        mark = enter(visit)
        try:
            reply = None
            if self.auth.refresh_path is not None and scope["type"] == "http":
                reply = await self.auth.ahead(visit)
            await (self.app(scope, receive, answering) if reply is None else answer(visit, scope, answering, reply))
        except WatchwordError as error:
            if visit.begun and scope["type"] == "http":
                raise
            await answer(visit, scope, answering, refusal(error))
        finally:
            leave(mark)
            try:
                if visit.owes:
                    await visit.abandon()
            finally:
                if socket is not None:
                    await socket.leave()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The lifespan protocol with ours around the application's own, whether or not it has one."""
        startup: Message | None = await receive()
        try:
            await self.auth.ww.open()
        except WatchwordError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return

        async def receiving() -> Message:
            nonlocal startup
            message, startup = startup, None
            return await receive() if message is None else message

        async def sending(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                await self.auth.ww.close()
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        except Exception:
            if startup is None:
                await self.auth.ww.close()
                raise
        if startup is not None:  # it has no lifespan: it took no message
            await _no_lifespan(receiving, sending)


async def _no_lifespan(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def _begin(visit: Visit, message: Message, send: Send) -> None:
    """Send the first message of the answer, with our headers."""
    ours = await visit.settle(message.get("status", 101))
    if ours:
        kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"cache-control"]
        message = {**message, "headers": [*kept, *ours, (b"cache-control", b"no-store")]}
    await send(message)


async def answer(visit: Visit, scope: Scope, send: Send, reply: Reply) -> None:
    """Send a whole reply. An open websocket, or one whose server cannot reply to a handshake, is closed instead."""
    prefix = "" if scope["type"] == "http" else "websocket."
    if prefix and (visit.begun or "websocket.http.response" not in (scope.get("extensions") or {})):
        if not visit.ended:
            await send({"type": "websocket.close", "code": CLOSE_CODES.get(reply.status, 1008), "reason": ""})
        return
    await send({"type": f"{prefix}http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": f"{prefix}http.response.body", "body": reply.body})
