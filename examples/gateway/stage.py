"""Everything of the example, started on this machine: the services, what the gateway asks, and nginx itself."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import uvicorn

from examples.gateway import auth, nginx, services
from examples.gateway.plan import ISSUER, Ports
from watchword import Watchword

ACCOUNTS = {
    "ada": ("correct horse", ("orders:read", "bills:read")),
    "bob": ("battery staple", ("orders:read",)),
}


class Stage(NamedTuple):
    """Where the gateway is, the Watchword behind it, and all ports."""

    url: str
    ww: Watchword
    ports: Ports


def program() -> str | None:
    """Where nginx is: Debian keeps it out of the PATH of users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def running(nginx_program: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        home = stack.enter_context(_home())
        sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in ("auth", "orders", "bills")}
        at = {name: listening.getsockname()[1] for name, listening in sockets.items()}
        ports = Ports(gateway=_free(), auth=at["auth"], services={name: at[name] for name in ("orders", "bills")})
        ww = Watchword("memory:", issuer=ISSUER, audience=ISSUER)
        jwks = f"http://127.0.0.1:{ports.auth}/.well-known/jwks.json"
        apps = {"auth": auth.make_app(ww, ACCOUNTS), "orders": services.orders(), "bills": services.bills(jwks)}
        for name, app in apps.items():
            await stack.enter_async_context(_serving(app, sockets[name]))
        _write(home / "nginx.conf", nginx.configuration(ports, home))
        await stack.enter_async_context(_gateway(nginx_program, home, ports.gateway))
        yield Stage(f"http://127.0.0.1:{ports.gateway}", ww, ports)


@asynccontextmanager
async def _serving(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """``proxy_headers=False``: the peer of forward-auth is the gateway, whatever a header says."""
    config = uvicorn.Config(app, log_level="warning", proxy_headers=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _gateway(program: str, home: Path, port: int) -> AsyncIterator[None]:
    """nginx as a child in the foreground, with its own folder; what it logs comes to our standard error."""
    command = (program, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf"))
    child = await asyncio.create_subprocess_exec(*command)
    try:
        async with asyncio.timeout(10):
            while not await _listens(port):
                if child.returncode is not None:
                    raise SystemExit("nginx did not start")
                await asyncio.sleep(0.05)
        yield
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def _listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


@contextmanager
def _home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="watchword-gateway-") as made:
        home = Path(made)
        home.chmod(0o755)  # nginx keeps large bodies in it as another user, if root starts it
        yield home


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
