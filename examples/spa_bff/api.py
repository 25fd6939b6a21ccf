"""The orders API: it takes bearer tokens, knows no session and no cookie. It prints its address when it listens.

Environment: ISSUER, whose tokens it takes; JWKS, where their public keys are.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchword import Principal
from watchword.authn.authenticator import Authenticator
from watchword.errors import WatchwordError
from watchword.runtime.issuer import Issuer
from watchword.web.challenge import reply_to
from watchword.web.messages import Connection

ORDERS = "https://orders.example"
"""The audience: what was meant for any other service is refused here."""


class Refusal(Response):
    """The answer to a WatchwordError, or (None) to a request without a token."""

    def __init__(self, error: WatchwordError | None) -> None:
        reply = reply_to(error)
        super().__init__(reply.body, reply.status)
        self.raw_headers = reply.headers


def make_app(issuer: Issuer) -> Starlette:
    orders: dict[str, list[str]] = {}
    corridor = Authenticator([issuer])

    async def caller(request: Request, scope: str) -> Principal | Response:
        try:
            who = await corridor.authenticate(Connection.from_scope(request.scope))
            if who is None:
                return Refusal(None)
            who.require(scope)
        except WatchwordError as error:
            return Refusal(error)
        return who

    async def show(request: Request) -> Response:
        who = await caller(request, "orders:read")
        return who if isinstance(who, Response) else JSONResponse(orders.get(who.subject, []))

    async def add(request: Request) -> Response:
        who = await caller(request, "orders:write")
        if isinstance(who, Response):
            return who
        what = str((await request.json())["what"])[:100]
        orders.setdefault(who.subject, []).append(what)
        return JSONResponse({"what": what}, 201)

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        async with issuer:
            yield

    routes = [Route("/orders", show), Route("/orders", add, methods=["POST"])]
    return Starlette(routes=routes, lifespan=opened)


def main() -> None:
    issuer = Issuer(os.environ["ISSUER"], audience=ORDERS, jwks_uri=os.environ["JWKS"], allow_loopback=True)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(make_app(issuer), log_level="warning"))
    Thread(target=end_with_parent, args=[server], daemon=True).start()
    server.run([listener])


def end_with_parent(server: uvicorn.Server) -> None:
    """Whoever started this holds the other end of its input, and lets go of it however it ends."""
    while os.read(0, 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
