"""Billing: it calls the ledger, publishes its keys and its revocations, and tries what must not work.

python examples/service_to_service/billing.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from watchword import KeyRing, ServiceTokens, Watchword
from watchword.integrations.revocations import SCOPE, RevocationFeedApp

BILLING, LEDGER = "https://billing.internal", "https://ledger.internal"
OTHER_PROGRAM = Path(__file__).with_name("ledger.py")
BOUND = 20.0
"""Seconds for what takes milliseconds, on a machine that is busy."""
PAUSES = (0.0, 0.2, 0.8)
"""Seconds before each attempt."""


def make_app(ww: Watchword) -> Starlette:
    """What others may read: the public keys, in both documents, and for who has an API key with its scope the feed."""
    seconds = int(ww.ring.policy.discovery_cache.total_seconds())
    public = {"cache-control": f"public, max-age={seconds}"}

    async def jwks(request: Request) -> JSONResponse:
        return JSONResponse(ww.ring.jwks(), headers=public)

    async def paseto_keys(request: Request) -> JSONResponse:
        return JSONResponse(ww.ring.paseto_keys(), headers=public)

    return Starlette(
        routes=[
            Route("/.well-known/jwks.json", jwks),
            Route("/.well-known/paseto-keys.json", paseto_keys),
            Route("/revocations", RevocationFeedApp(ww)),
        ]
    )


class Billing:
    """Calls the ledger, each time with a token for the ledger alone, for five minutes."""

    def __init__(self, ww: Watchword, ledger: httpx2.AsyncClient) -> None:
        self.ww, self._ledger = ww, ledger

    def token(self, *, format: str | None = None) -> str:
        return self.ww.service.issue("billing", audience=LEDGER, scopes=["entries:write"], format=format).token

    async def book(self, amount: int) -> int:
        return await self.show(self.token(), amount)

    async def show(self, token: str | None, amount: int = 0) -> int:
        """The status with which the ledger answers. After 503 nothing has happened, so the same is asked again."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        for pause in PAUSES:
            await asyncio.sleep(pause)
            answer = await self._ledger.post("/entries", json={"amount": amount}, headers=headers)
            if answer.status_code != 503:
                break
        return answer.status_code


async def walk(billing: Billing, serving: Serving) -> None:
    ww, show = billing.ww, billing.show
    say("booked, with a JWT", await billing.book(1200), 201)
    say("booked, with a PASETO", await show(billing.token(format="paseto")), 201)
    say("nothing presented", await show(None), 401)

    mail = ww.service.issue("billing", audience="https://mail.internal", scopes=["entries:write"])
    say("a token for another service", await show(mail.token), 401)
    reader = ww.service.issue("billing", audience=LEDGER, scopes=["entries:read"])
    say("a token without the scope", await show(reader.token), 403)
    user = ww.access.issue("ada", audience=LEDGER, scopes=["entries:write"])
    say("the access token of a user", await show(user.token), 401)

    for format in ("jwt", "paseto"):
        lost, other = billing.token(format=format), billing.token(format=format)
        await ww.revoke(token=lost)
        say(f"revoked, as {format}", await becomes(401, show, lost), 401)
        say("another one of that minute", await show(other), 201)
    before = billing.token()
    await ww.revoke(client="billing")
    say("all that billing had was revoked", await becomes(401, show, before), 401)
    say("a new one", await billing.book(1), 201)

    for format in ("jwt", "paseto"):
        stolen, signer = billing.token(format=format), ww.ring.active("sign", format=format)
        await ww.revoke(key=signer.kid)
        say(f"the key of {format} was stolen", await becomes(401, show, stolen), 401)
        fresh = billing.token(format=format)
        say("its successor, fetched at once", await becomes(201, show, fresh), 201)

    own = ServiceTokens(KeyRing.generate("ES256"), issuer=ww.issuer, audience=BILLING)
    forged = own.issue("billing", audience=LEDGER, scopes=["entries:write"])
    say("signed by somebody else", await show(forged.token), 401)

    good = billing.token()
    await serving.stop()
    say("billing is away, past the bound", await becomes(503, show, good), 503)
    await serving.start()
    say("and back", await becomes(201, show, good), 201)


async def becomes(wanted: int, show: Callable[[str], Awaitable[int]], token: str) -> int:
    """The ledger hears within milliseconds, not in the same one."""
    async with asyncio.timeout(BOUND):
        while True:
            seen = await show(token)
            if seen == wanted:
                return seen
            await asyncio.sleep(0.02)


def say(what: str, seen: int, wanted: int) -> None:
    print(f"{'ok  ' if seen == wanted else 'FAIL'} {what}: {seen}")
    if seen != wanted:
        raise SystemExit(1)


class Serving:
    """Billing's own server, on one port, also after a while away."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._place = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self._place[1]}"
        self.app: Starlette | None = None

    async def start(self) -> None:
        assert self.app is not None
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(self._place)
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="critical", timeout_graceful_shutdown=1))
        self._task = asyncio.create_task(self._server.serve([self._listener]))

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task

    def close(self) -> None:
        """For who never started it."""
        self._listener.close()


@contextmanager
def ledger(url: str, feed_key: str) -> Iterator[str]:
    """The other process; its address."""
    environment = os.environ | {"BILLING": url, "FEED_KEY": feed_key}
    command = [sys.executable, str(OTHER_PROGRAM)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Billing, Serving]]:
    serving = Serving()
    with TemporaryDirectory(prefix="watchword-services-") as home:
        store = f"sqlite:///{home}/billing.db"
        async with Watchword(store, issuer=serving.url, audience=BILLING) as ww:
            serving.app = make_app(ww)
            await serving.start()
            feed_key = await ww.api_keys.issue("ledger", scopes=[SCOPE], label="follows the revocations")
            with ledger(serving.url, feed_key.token) as address:
                async with httpx2.AsyncClient(base_url=address, timeout=5, trust_env=False) as http:
                    yield Billing(ww, http), serving
            await serving.stop()


async def main() -> None:
    logging.getLogger("watchword").setLevel(logging.ERROR)
    async with both() as (billing, serving):
        await walk(billing, serving)


if __name__ == "__main__":
    asyncio.run(main())
