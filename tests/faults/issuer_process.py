"""An auth server in a process of its own, for the tests of the revocation feed over HTTP.

Arguments: the URL of the store, the issuer (or ``-`` for the server's own address), the client's name and the
SHA-256 of its secret.
It says its port, then answers each line on stdin: ``issue <session>`` with a token, ``revoke <session>`` with the
boot-time second at which that had returned, ``storm <number>``, so many revocations at once, with the head of the feed,
``cut-off <subject>`` with nothing.
"""

from __future__ import annotations

import asyncio
import sys

from watchword import Watchword
from watchword.cli.listening import listen, make_server
from watchword.clock import SystemClock
from watchword.config import ClientSettings, ServerSettings, Settings
from watchword.server.app import create_app
from watchword.stores.base import Event

AUDIENCE = "https://api.example"


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _token(number: int, until: int) -> Event:
    return Event(what="token", value=f"token-{number}", at=0, until=until)


async def _obey(ww: Watchword) -> None:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, session = line.split()
        if verb == "cut-off":
            await ww.revoke(subject=session)
            _say("")
        elif verb == "issue":
            _say(ww.access.issue("user-7", session_id=session).token)
        elif verb == "storm":
            until = ww.clock.now() + 900
            _say(await ww.store.append(*(_token(number, until) for number in range(int(session)))))
        else:
            await ww.revoke(session=session)
            _say(clock.monotonic())


async def _main(url: str, issuer: str, name: str, digest: str) -> None:
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    client = ClientSettings(id=name, secret_sha256=digest, revocations=True)
    settings = Settings(
        url=url,
        issuer=f"http://127.0.0.1:{port}" if issuer == "-" else issuer,
        audience=AUDIENCE,
        server=ServerSettings(clients=(client,)),
    )
    app = create_app(settings)
    started = asyncio.Event()
    server = make_server(app, ready=started.set)
    serving = asyncio.create_task(server.serve(sockets))
    await started.wait()
    _say(port)
    await _obey(app.state.server.ww)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
