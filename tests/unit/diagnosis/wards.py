"""Real servers for the doctor: uvicorn on loopback, and between it and them one that meddles, as a proxy would."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from msgspec.structs import replace

from watchword import Watchword
from watchword.clock import Clock
from watchword.config import Settings
from watchword.diagnosis.canary import Canary
from watchword.server.app import create_app

NAME, PASSWORD = "canary", "a small yellow bird"
AUDIENCE = "https://api.example"
BOUND = 0.2


class UnansweredError(Exception):
    """The connection is to break off."""


class Headed:
    """What has headers."""

    headers: list[tuple[bytes, bytes]]

    def get(self, name: str) -> str:
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), "")

    def put(self, name: str, value: str | None) -> None:
        self.headers = [(key, old) for key, old in self.headers if key != name.encode()]
        if value is not None:
            self.headers.append((name.encode(), value.encode("latin-1")))


@dataclass
class Asked(Headed):
    """One request, whole. What is changed here, the application sees."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def is_(self, request: str) -> bool:
        return f"{self.method} {self.path}" == request


@dataclass
class Said(Headed):
    """One answer, whole."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


Ask = Callable[[Asked], Awaitable[Said]]
Fault = Callable[[Asked, Ask], Awaitable[Said]]


async def none(asked: Asked, ask: Ask) -> Said:
    """What a sound proxy does: nothing."""
    return await ask(asked)


class Meddler:
    """Around an application. ``fault`` decides what becomes of each request and of its answer."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.fault: Fault = none

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = Asked(scope["method"], scope["path"], scope["query_string"], list(scope["headers"]), body)

        async def ask(one: Asked) -> Said:
            return await self._ask(scope, one)

        try:
            said = await self.fault(asked, ask)
        except UnansweredError:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            return  # and uvicorn closes the connection in the middle of the answer
        if not said.get("date"):
            said.put("date", formatdate(usegmt=True))
        said.put("content-length", None if said.status == 204 else str(len(said.body)))
        await send({"type": "http.response.start", "status": said.status, "headers": said.headers})
        await send({"type": "http.response.body", "body": said.body})

    async def _ask(self, scope: Any, one: Asked) -> Said:
        one.put("content-length", str(len(one.body)) if one.body else None)
        passed = {**scope, "method": one.method, "path": one.path, "raw_path": one.path.encode()}
        passed |= {"query_string": one.query, "headers": one.headers}
        said = Said(0)

        async def receive() -> Any:
            return {"type": "http.request", "body": one.body}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                said.status, said.headers = message["status"], list(message["headers"])
            else:
                said.body += message.get("body", b"")

        await self.app(passed, receive, send)
        return said


@dataclass
class Ward:
    """A server that runs, and what is known of it."""

    url: str
    config: Path
    meddler: Meddler
    ww: Watchword


@contextmanager
def served(app: Any, sockets: list[socket.socket], **more: Any) -> Iterator[None]:
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    said = {"date_header": False, **more}
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, **said)
    server = Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def ward(
    folder: Path,
    *,
    clock: Clock | None = None,
    database: str = "ward.db",
    tls: tuple[Path, Path] | None = None,
    **said: Any,
) -> Iterator[Ward]:
    """An auth server of these settings, with the canary's account. ``said``: further settings."""
    listening = socket.create_server(("127.0.0.1", 0))
    scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
    url = f"{scheme}://{host}:{listening.getsockname()[1]}"
    settings = Settings(url=f"sqlite:///{folder}/{database}", issuer=url, audience=AUDIENCE)
    settings = replace(settings, **said)
    from watchword.options import keywords

    ww = Watchword(settings.url, **{**keywords(settings), "clock": clock})  # type: ignore[arg-type]
    app = create_app(settings, ww)
    asyncio.run(_settle(app.state.server))
    config = folder / f"{listening.getsockname()[1]}.toml"
    config.write_text(
        f'url = "{settings.url}"\nissuer = "{settings.issuer}"\naudience = "{AUDIENCE}"\n'
        + (f'keys = "{settings.keys}"\n' if settings.keys else "")
    )
    more = {} if tls is None else {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]}
    meddler = Meddler(app)
    with served(meddler, [listening], **more):
        yield Ward(url, config, meddler, ww)


async def _settle(server: Any) -> None:
    async with server.running():
        known = [one.name for one in await server.accounts.list()]
        if NAME not in known:
            await server.accounts.add(NAME, PASSWORD)


def canary(**more: Any) -> Canary:
    return Canary(username=NAME, password=PASSWORD, max_staleness=BOUND, **more)
