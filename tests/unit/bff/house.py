"""What the tests of a BFF stand on: servers on this machine, a strict source of tokens, a browser."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs

import uvicorn

from watchword import Watchword
from watchword.bff.base import GrantRefusedError, Tokens, Want
from watchword.clock import FrozenClock
from watchword.errors import UnavailableError
from watchword.integrations.asgi import App, Receive, Scope, Send
from watchword.principal import Principal
from watchword.tokens.base import Issued
from watchword.web.cookies import SESSION_COOKIE

ISSUER, AUDIENCE = "https://app.example", "https://api.example"


def house(clock: FrozenClock, url: str = "memory:", **more: Any) -> Watchword:
    return Watchword(url, issuer=ISSUER, audience=AUDIENCE, clock=clock, **more)


async def signed_in(ww: Watchword, subject: str = "ada") -> tuple[Issued, Principal]:
    session = await ww.sessions.start(subject, scopes=["orders:read"])
    return session, await ww.sessions.authenticate(session.token)


@asynccontextmanager
async def served(app: App, http: Literal["h11", "httptools"] = "h11") -> AsyncIterator[int]:
    """The port of a real server of this application, on this loop. ``http``: who reads requests there."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", http=http, ws="none", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield listening.getsockname()[1]
    finally:
        await server.shutdown(sockets=[listening])


class Seen(NamedTuple):
    """A request as an upstream got it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Upstream:
    """A service that takes bearer tokens. ``answer`` decides; ``seen`` tells."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen, Send], Awaitable[None]] = hello

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await nothing(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        seen = Seen(scope["method"], path, headers, body)
        self.seen.append(seen)
        await self.answer(seen, send)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan of an application that has none of its own."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})


def says(status: int, body: bytes = b"hello", *headers: tuple[str, str]) -> Callable[[Seen, Send], Awaitable[None]]:
    """An answer that is always the same."""

    async def answer(seen: Seen, send: Send) -> None:
        lines = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    return answer


async def hello(seen: Seen, send: Send) -> None:
    await says(200)(seen, send)


@asynccontextmanager
async def scripted(*answers: bytes, wait: float = 0, then: bytes = b"") -> AsyncIterator[int]:
    """The port of a server that reads a request a connection and writes these bytes; ``then`` comes after ``wait``."""
    left = list(answers)
    open_tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(left.pop(0) if left else answers[-1])
            await writer.drain()
            if wait:
                await asyncio.sleep(wait)
                writer.write(then)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            open_tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in open_tasks.copy():
            task.cancel()
        await server.wait_closed()


class Strict:
    """Refresh tokens that work once; one that comes again ends them all. As a ``Source``, and as a token endpoint."""

    patience = 1.0

    def __init__(self) -> None:
        self.calls = 0
        self.dead = self.down = False
        self.good = "rt-0"
        self.revoked: list[str] = []
        self.wants: list[Want] = []
        self.asked: Counter[str] = Counter()
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    def first(self, life: int = 300) -> Tokens:
        return Tokens(access_token="at-0", expires_in=life, refresh_token=self.good)

    async def refresh(self, refresh_token: str, want: Want) -> Tokens:
        self.calls += 1
        self.wants.append(want)
        if self.down:
            raise UnavailableError("down")
        if self.dead or refresh_token != self.good:
            self.dead = True
            raise GrantRefusedError("reused")
        number = self.calls
        self.good = f"rt-{number}"
        self.begun.set()
        await self.go.wait()
        return Tokens(access_token=f"at-{number}", expires_in=300, refresh_token=f"rt-{number}")

    async def revoke(self, refresh_token: str) -> None:
        self.revoked.append(refresh_token)

    async def close(self) -> None:
        pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As a server: ``/token`` and ``/revoke``."""
        if scope["type"] != "http":
            return await nothing(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.asked[scope["path"]] += 1
        status, said = 200, {}
        if scope["path"] == "/revoke":
            await self.revoke(form["token"])
        else:
            scopes = tuple(form.get("scope", "").split())
            try:
                tokens = await self.refresh(form["refresh_token"], Want(audience=form.get("resource"), scopes=scopes))
                said = {
                    "access_token": tokens.access_token,
                    "token_type": "Bearer",
                    "expires_in": tokens.expires_in,
                    "refresh_token": tokens.refresh_token,
                }
            except GrantRefusedError:
                status, said = 400, {"error": "invalid_grant"}
            except UnavailableError:
                status, said = 503, {"error": "temporarily_unavailable"}
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


class Answer(NamedTuple):
    """What a browser got. ``cut``: the connection ended before the answer did."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


async def ask(
    port: int,
    line: str,
    *headers: tuple[str, str],
    token: str | None = None,
    body: bytes | None = None,
    page: bool = True,
) -> Answer:
    """One request, written as it is: ``ask(port, "GET /api/x", token=session)``. ``page``: our own page sends it."""
    method, _, target = line.partition(" ")
    lines = [f"{method} {target} HTTP/1.1", "Host: app.example", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if token is not None:
        lines.append(f"Cookie: {SESSION_COOKIE}={token}")
    if page:
        lines.append("Sec-Fetch-Site: same-origin")
    if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    return await raw(port, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))


async def raw(port: int, written: bytes) -> Answer:
    """These bytes, and what comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(written)
        got = b""
        with suppress(ConnectionError):
            await writer.drain()
        with suppress(ConnectionError):
            while part := await reader.read(65_536):
                got += part
    finally:
        writer.close()
    if not got:
        return Answer(0, [], b"", True)
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *others = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in others)]
    said = dict(headers)
    if said.get("transfer-encoding") == "chunked":
        body, cut = unchunked(rest)
    else:
        body, cut = rest, len(rest) < int(said.get("content-length", len(rest)))
    return Answer(int(first.split()[1]), headers, body, cut)


def unchunked(rest: bytes) -> tuple[bytes, bool]:
    body = b""
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return body, False
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body + rest, True
