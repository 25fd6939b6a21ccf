"""Services that verify by themselves, with the keys that the issuer publishes: each a door, and what is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.walk.stage import API, BOUND
from watchword import AccessTokens, Principal
from watchword.authn.authenticator import Authenticator
from watchword.errors import ConfigurationError, WatchwordError
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


def jwts(url: str, *, feed_key: str | None = None) -> Issuer:
    """Who issues JWTs at ``url``. Without a feed_key no revocation is heard of: signature and claims are all there is.

    allow_loopback: this walk is on one machine.
    """
    feed = None
    if feed_key is not None:
        feed = RevocationFeed(url=f"{url}/revocations", api_key=feed_key, max_staleness=BOUND)
    keys = f"{url}/.well-known/jwks.json"
    return Issuer(url, audience=API, jwks_uri=keys, revocations=feed, allow_loopback=True)


class Pasetos:
    """The same issuer's PASETOs: its other document has the keys, and the feed is one for both formats."""

    kind = AccessTokens.kind

    def __init__(self, url: str, *, feed_key: str) -> None:
        place = f"{url}/.well-known/paseto-keys.json"
        self._told = jwts(url, feed_key=feed_key)
        self._keys = RemoteKeys(place, read_paseto_keys)
        self._ticker = TaskTicker(RemoteRefresh(self._keys, partial(fetch, place, allow_loopback=True)))
        self._tokens = AccessTokens(self._keys.ring, issuer=url, audience=API, view=self._told.view)

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        self._keys.ensure_usable()  # 503 as long as no document has come
        return await self._tokens.authenticate(untrusted, on_stale=on_stale)

    async def revocation_of(self, untrusted: object) -> Event | None:
        raise ConfigurationError("the issuer revokes its tokens itself")

    async def __aenter__(self) -> Pasetos:
        await self._told.open()
        await self._ticker.chore.tick()
        self._ticker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ticker.stop()
        await self._told.close()


Opened = Callable[[Request, Principal], Awaitable[Response]]


def service(door: Issuer | Pasetos, opened: Opened | None = None) -> Starlette:
    """It knows the issuer's address and its own name, and no secret that could issue a token."""
    authenticator = Authenticator((door,))

    async def orders(request: Request) -> Response:
        try:
            who = await authenticator.authenticate(Connection.from_scope(request.scope))
        except WatchwordError as error:
            return _refused(error)
        return _refused(None) if who is None else await (opened or _show)(request, who)

    @asynccontextmanager
    async def live(app: Starlette) -> AsyncIterator[None]:
        async with door:
            yield

    return Starlette(routes=[Route("/orders", orders)], lifespan=live)


def gateway(url: str, behind: str) -> Starlette:
    """It verifies before it passes on, and knows one format, as gateways do: JWT, by the issuer's JWK Set."""

    async def pass_on(request: Request, who: Principal) -> Response:
        headers = {"authorization": request.headers["authorization"]}
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
            answer = await http.get(f"{behind}/orders", headers=headers)
        return Response(answer.content, answer.status_code)

    return service(jwts(url), pass_on)


async def _show(request: Request, who: Principal) -> Response:
    return JSONResponse({"orders of": who.subject})


def _refused(error: WatchwordError | None) -> Response:
    reply = reply_to(error)
    return Response(reply.body, reply.status, media_type="application/json")
