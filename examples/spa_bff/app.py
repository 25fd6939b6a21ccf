"""The backend of the frontend: it serves the page, signs people in, and passes their calls on with a bearer token.

python examples/spa_bff/app.py

It starts the orders API beside itself, prints its address, and runs until it is stopped: sign in as ada, with the
password that it prints.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_urlsafe

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount
from starlette.routing import Route as Endpoint
from starlette.staticfiles import StaticFiles

from watchword import Watchword
from watchword.bff.grants import Grants
from watchword.bff.own import OwnTokens
from watchword.bff.proxy import Proxy
from watchword.bff.routes import Route
from watchword.integrations.starlette import Auth
from watchword.server.accounts.password_pool import PasswordPool
from watchword.web.cookies import CookiePolicy
from watchword.web.headers import secure_page
from watchword.web.ratelimit import Limits, RateLimit

ISSUER, ORDERS = "https://app.example", "https://orders.example"
SCOPES = ("orders:read", "orders:write")
STATIC = Path(__file__).with_name("static")
SIGN_IN = Limits("sign-in", account=RateLimit("10/min"), address=RateLimit("50/min"))


class Frontend:
    """``accounts``: name -> Argon2id hash; in the place of your user table."""

    def __init__(self, ww: Watchword, orders: str) -> None:
        self.ww, self.passwords = ww, PasswordPool()
        self.accounts: dict[str, str] = {}
        # Only this application's own pages use the cookie, so no link from elsewhere needs to carry it.
        self.auth = Auth(ww, cookie=CookiePolicy(same_site="strict"))
        self.own = OwnTokens(ww)
        self.grants = Grants(ww, self.own)
        self.orders = Route(
            prefix="/api/orders", upstream=f"{orders}/orders", audience=ORDERS, scopes=SCOPES, allow_loopback=True
        )
        self.proxy = Proxy(self.auth, self.grants, [self.orders], header="X-WW-CSRF")

    async def page(self, request: Request) -> Response:
        page = secure_page()
        text = (STATIC / "index.html").read_text().replace("{nonce}", page.nonce)
        return HTMLResponse(text, headers=page.headers)

    async def sign_in(self, request: Request) -> Response:
        form = await request.json()
        name, password = str(form["name"]), str(form["password"])
        await self.auth.limit(SIGN_IN, account=name)
        if not await self.passwords.matches(password, self.accounts.get(name)):
            return JSONResponse({"error": "wrong_password"}, 401)
        session = await self.auth.sign_in(name)
        want = self.orders.want
        await self.grants.keep(session, await self.own.issue(session, scopes=SCOPES, want=want), want=want)
        return Response(status_code=204)

    async def sign_out(self, request: Request) -> Response:
        who = await self.auth.require()
        await self.grants.end(str(who.session_id))
        await self.auth.sign_out(who, clear_site_data=True)
        return Response(status_code=204)

    async def me(self, request: Request) -> Response:
        """All that the page ever learns: a name."""
        who = await self.auth.optional()
        return JSONResponse({"name": None if who is None else who.subject})

    async def jwks(self, request: Request) -> Response:
        return JSONResponse(self.ww.ring.jwks(), headers={"cache-control": "public, max-age=300"})

    def app(self) -> Starlette:
        @asynccontextmanager
        async def running(app: Starlette) -> AsyncIterator[None]:
            yield
            await self.proxy.close()
            self.passwords.close()

        app = Starlette(
            routes=[
                Endpoint("/", self.page),
                Endpoint("/bff/me", self.me),
                Endpoint("/bff/sign-in", self.sign_in, methods=["POST"]),
                Endpoint("/bff/sign-out", self.sign_out, methods=["POST"]),
                Endpoint("/.well-known/jwks.json", self.jwks),
                Mount("/api", self.proxy),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            lifespan=running,
        )
        self.auth.attach(app)
        return app


@contextmanager
def orders_api(jwks: str) -> Iterator[str]:
    """The API, as a process of its own; its address."""
    program = str(Path(__file__).with_name("api.py"))
    environment = os.environ | {"ISSUER": ISSUER, "JWKS": jwks}
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, program], env=environment, stdin=pipe, stdout=pipe, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate()  # it ends with its input


async def make_app(orders: str, password: str) -> Starlette:
    ww = Watchword("memory:", issuer=ISSUER, audience=ISSUER, access_lifetime=timedelta(minutes=5))
    frontend = Frontend(ww, orders)
    frontend.accounts["ada"] = await frontend.passwords.hashed(password)
    return frontend.app()


async def serve() -> None:
    password = os.environ.get("ADA", token_urlsafe(12))
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    port = listener.getsockname()[1]
    with orders_api(f"http://127.0.0.1:{port}/.well-known/jwks.json") as orders:
        app = await make_app(orders, password)
        print(f"http://localhost:{port}", flush=True)
        if "ADA" not in os.environ:
            print(f"sign in as ada, with the password {password}", flush=True)
        await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve([listener])


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("LOG", "WARNING"))
    asyncio.run(serve())
