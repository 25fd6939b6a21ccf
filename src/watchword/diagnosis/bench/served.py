"""One of the applications of ``apps`` behind uvicorn, in a process of its own: ``python -m …bench.served ROW``.

It listens on a free port of loopback and says in one line of JSON which, and what its callers show. Each line of input
is answered with the nanoseconds of CPU time that this process has used, all of its threads together. It ends when its
input does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any

from ...app import Watchword
from ...encoding import dump_json
from ...integrations.asgi import App
from ...keys.key import Key
from ...keys.ring import KeyRing
from ...web.cookies import SESSION_COOKIE
from . import apps
from .base import AUDIENCE, ISSUER
from .peers import Material, present

CALLERS = 32
APPS: dict[str, tuple[Callable[[Watchword, Material], App], str]] = {
    "no auth": (lambda ww, material: apps.bare, "bearer"),
    apps.SEEN: (lambda ww, material: apps.ours(ww), "bearer"),
    "watchword, a session kept near": (lambda ww, material: apps.ours(ww), "cookie"),
    "PyJWT in a middleware": (lambda ww, material: apps.pyjwt(material), "bearer"),
}
"""Row -> the application, and what it is shown."""


async def serve(name: str) -> None:
    """Until the input ends."""
    import uvicorn

    make, shown = APPS[name]
    key = Key.generate("ES256")
    ring = KeyRing.of(key, Key.generate("HS256", use="mac"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    ww = Watchword("memory:", issuer=ISSUER, audience=AUDIENCE, ring=ring, max_staleness=timedelta(hours=1))
    async with ww:
        headers = await _headers(ww, shown)
        options: dict[str, Any] = {"lifespan": "off", "access_log": False, "timeout_keep_alive": 3600}
        server = uvicorn.Server(uvicorn.Config(make(ww, Material(key=key)), log_level="error", **options))
        _say(dump_json({"port": listener.getsockname()[1], "headers": headers}).decode())
        Thread(target=partial(_answer, server), daemon=True).start()
        await server.serve([listener])


async def _headers(ww: Watchword, shown: str) -> list[str]:
    if shown == "cookie":
        started = [(await ww.sessions.start("ada", data={"plan": "pro"})).token for _ in range(CALLERS)]
        return [f"cookie: {SESSION_COOKIE}={token}" for token in started]
    tokens = [ww.access.issue("ada", session_id=f"s-{number}").token for number in range(CALLERS)]
    return [f"authorization: Bearer {token}" for token in tokens]


def _answer(server: Any) -> None:
    for _ in sys.stdin:
        _say(str(time.process_time_ns()))
    server.should_exit = True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    logging.getLogger("watchword").setLevel(logging.ERROR)
    factory = None
    if present("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(sys.argv[1]))


if __name__ == "__main__":
    main()
