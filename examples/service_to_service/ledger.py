"""The ledger: it takes service tokens of billing, and holds none of billing's secrets. It prints its address.

What it has is public: billing's key documents, fetched and kept fresh, and billing's feed of revocations, followed.
Environment: BILLING, the address of billing, which is its name as an issuer; FEED_KEY, an API key that may read the
feed.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchword import Principal, ServiceTokens
from watchword.authn.authenticator import Authenticator
from watchword.clock import Clock
from watchword.encoding import json_object, unb64url
from watchword.errors import ConfigurationError, UnknownKeyError, WatchwordError
from watchword.keys.discovery import read_paseto_keys
from watchword.keys.remote import RemoteKeys
from watchword.revocation.view import OnStale
from watchword.runtime.feed_follower import RevocationFeed
from watchword.runtime.fetch import fetch
from watchword.runtime.issuer import Issuer
from watchword.runtime.refresh import RemoteRefresh
from watchword.runtime.ticker import TaskTicker
from watchword.stores.base import Event
from watchword.web.challenge import reply_to
from watchword.web.messages import Connection

LEDGER = "https://ledger.internal"
"""The audience: what was meant for any other service is refused here."""


class Door(NamedTuple):
    """One format, and the keys for it. JWTs and PASETOs are published in two documents, which are two rings here."""

    tokens: ServiceTokens
    keys: RemoteKeys
    refresh: RemoteRefresh


class Billing:
    """Billing, as the ledger knows it: a kind of token that an Authenticator takes.

    Parameters: url: its address, and what its tokens name as issuer. feed_key: see above. bound: how old the last word
    about revocations may be; with an older one everything is refused with 503.
    """

    kind = ServiceTokens.kind

    def __init__(
        self, url: str, *, feed_key: str, bound: timedelta = timedelta(seconds=5), clock: Clock | None = None
    ) -> None:
        jwks, paseto = f"{url}/.well-known/jwks.json", f"{url}/.well-known/paseto-keys.json"
        feed = RevocationFeed(url=f"{url}/revocations", api_key=feed_key, max_staleness=bound)
        # allow_loopback: this example runs on one machine. Elsewhere: https, and networks=["10.0.0.0/8"].
        self.issuer = Issuer(url, audience=LEDGER, jwks_uri=jwks, revocations=feed, clock=clock, allow_loopback=True)
        self._paseto = RemoteKeys(paseto, read_paseto_keys, clock=clock)
        refresh = RemoteRefresh(self._paseto, partial(fetch, paseto, allow_loopback=True))
        self._ticker = TaskTicker(refresh)
        self.doors = {
            "eyJ": self._door(self.issuer.keys, self.issuer.refresh),
            "v4.": self._door(self._paseto, refresh),
        }

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The service behind a token. A key that is not here is fetched, once in 30 s: billing may have replaced it."""
        token = str(untrusted)
        door = self.doors["v4." if token.startswith("v4.") else "eyJ"]
        try:
            return await self._verified(door, token, on_stale)
        except UnknownKeyError:
            await door.refresh.for_unknown(_kid(token))
            return await self._verified(door, token, on_stale)

    async def revocation_of(self, untrusted: object) -> Event | None:
        raise ConfigurationError("billing revokes its tokens itself")

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Fetch both documents, hear the feed, and keep at it."""
        async with self.issuer:
            await self._ticker.chore.tick()
            self._ticker.start()
            try:
                yield
            finally:
                await self._ticker.stop()

    def _door(self, keys: RemoteKeys, refresh: RemoteRefresh) -> Door:
        tokens = ServiceTokens(keys.ring, issuer=self.issuer.url, audience=LEDGER, view=self.issuer.view)
        return Door(tokens, keys, refresh)

    async def _verified(self, door: Door, token: str, on_stale: OnStale | None) -> Principal:
        door.keys.ensure_usable()  # 503 where no document has come yet, or none for a day
        return await door.tokens.authenticate(token, on_stale=on_stale)


def _kid(token: str) -> str:
    """Of a token that was parsed: a JWT names its key in the header, a PASETO in the footer."""
    segment = token.rpartition(".")[2] if token.startswith("v4.") else token.partition(".")[0]
    return str(json_object(unb64url(segment.encode()))["kid"])


def make_app(billing: Billing) -> Starlette:
    entries: list[dict[str, Any]] = []
    authenticator = Authenticator((billing,))

    async def caller(request: Request, scope: str) -> Principal:
        who = await authenticator.authenticate(Connection.from_scope(request.scope))
        if who is None:
            raise HTTPException(401, headers={"www-authenticate": "Bearer"})
        who.require(scope)
        return who

    async def write(request: Request) -> JSONResponse:
        who = await caller(request, "entries:write")
        entries.append({"by": who.subject, "entry": await request.json()})
        return JSONResponse({"entries": len(entries)}, 201)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, WatchwordError)
        reply = reply_to(error)
        return Response(reply.body, reply.status, {name.decode(): value.decode() for name, value in reply.headers})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with billing.followed():
            yield

    routes = [Route("/entries", write, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={WatchwordError: refused}, lifespan=lifespan)


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    listener = socket.create_server(("127.0.0.1", 0))
    app = make_app(Billing(os.environ["BILLING"], feed_key=os.environ["FEED_KEY"]))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listener])


if __name__ == "__main__":
    main()
