"""The two services behind the gateway: one believes the gateway's headers, the other verifies its token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.gateway.plan import ISSUER, SERVICES, TOKEN_HEADER
from watchword.authn.authenticator import Authenticator
from watchword.errors import WatchwordError
from watchword.runtime.issuer import Issuer
from watchword.web.challenge import reply_to
from watchword.web.messages import Connection

EVERY = ["GET", "POST"]


def refused(error: WatchwordError | None) -> Response:
    reply = reply_to(error)
    return Response(reply.body, reply.status, media_type="application/json")


def orders() -> Starlette:
    """It listens where nobody but the gateway can reach it, and so it may believe what the headers say."""

    async def show(request: Request) -> Response:
        return JSONResponse(
            {"service": "orders", "headers": sorted([name, value] for name, value in request.headers.items())}
        )

    return Starlette(routes=[Route("/orders/{path:path}", show, methods=EVERY)])


def bills(jwks_uri: str) -> Starlette:
    """It believes nobody: the token that the gateway sent along is verified, with the issuer's published keys."""
    [audience] = [service.audience for service in SERVICES if service.name == "bills"]
    issuer = Issuer(ISSUER, audience=audience, jwks_uri=jwks_uri, allow_loopback=True)
    corridor = Authenticator([issuer])

    async def show(request: Request) -> Response:
        token = request.headers.get(TOKEN_HEADER, "").encode()
        try:
            who = await corridor.authenticate(Connection(headers=[(b"authorization", token)] if token else []))
            if who is None:
                return refused(None)
            who.require("bills:read")
        except WatchwordError as error:
            return refused(error)
        return JSONResponse({"service": "bills", "subject": who.subject, "scopes": sorted(who.scopes)})

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        async with issuer:
            yield

    return Starlette(routes=[Route("/bills/{path:path}", show, methods=EVERY)], lifespan=opened)
