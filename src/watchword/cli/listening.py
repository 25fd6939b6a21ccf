"""Listening and serving: sockets that say plainly why they cannot be had, and a uvicorn that logs no URL."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .commands import CommandError

if TYPE_CHECKING:
    import uvicorn

_NO_SUCH_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def listen(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of ``host``, all on one port (0: a free one). Raises: CommandError."""
    attempts = 1 if port else 5  # a port that is free at one address may be taken at another
    while True:
        attempts -= 1
        try:
            return _listen(host, port)
        except CommandError:
            if not attempts:
                raise


def _listen(host: str, port: int) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CommandError(
            f"{host!r} is not an address of this machine", "use 127.0.0.1, or 0.0.0.0 for all"
        ) from error
    sockets: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(socket.create_server((address[0], chosen), family=family))
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY and len(found) > 1:
                continue  # localhost has an IPv6 address by name only
            for one in sockets:
                one.close()
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise CommandError(f"cannot listen on {host}:{port}: {why}", "choose another one with --port") from error
    if not sockets:
        raise CommandError(f"cannot listen on {host}:{port}: no such address here", "use --host 127.0.0.1")
    return sockets


def listen_somewhere(host: str, preferred: int) -> list[socket.socket]:
    """The preferred port if it is free, else any."""
    try:
        return listen(host, preferred)
    except CommandError:
        return listen(host, 0)


def log_to_stderr(level: int = logging.INFO) -> None:
    """One line an event on standard error; of uvicorn's own only warnings, because it logs URLs with their queries."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def make_server(app: Any, *, proxies: tuple[str, ...] = (), ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """A uvicorn server that calls ``ready`` once it answers. ``proxies``: whose X-Forwarded-* headers are believed."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if ready is not None and self.started:
                ready()

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """SIGHUP (the terminal goes away) ends it as Ctrl-C does; for uvicorn it would be the end at once."""
            hang_up = getattr(signal, "SIGHUP", None)
            if hang_up is None or threading.current_thread() is not threading.main_thread():
                with super().capture_signals():
                    yield
                return
            before = signal.signal(hang_up, self.handle_exit)
            try:
                with super().capture_signals():
                    yield
            finally:
                signal.signal(hang_up, before)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ws="none",
        limit_concurrency=1000,
        lifespan="on",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    return Server(config)


@contextmanager
def serving(app: Any, sockets: list[socket.socket]) -> Iterator[None]:
    """Serve from a thread while the block runs. Raises: CommandError when the application does not start."""
    started = threading.Event()
    server = make_server(app, ready=started.set)

    def run() -> None:
        try:
            server.run(sockets)
        except SystemExit:
            pass  # uvicorn's word for "it did not start"; the log has the reason
        finally:
            started.set()

    thread = threading.Thread(target=run, name="watchword-server", daemon=True)
    thread.start()
    started.wait()
    if not server.started:
        raise CommandError("the server did not start", "its last words are above")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
