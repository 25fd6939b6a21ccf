"""One node of the application: people sign in and out here, and get tokens for other services."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.walk.serving import Server
from watchword import Watchword
from watchword.crypto.digest import same
from watchword.integrations.revocations import RevocationFeedApp
from watchword.integrations.starlette import Auth
from watchword.stores.base import Feed, Name

ACCOUNTS = {"ada": "correct horse battery staple"}
"""In the place of your user table, which has hashes."""


class Node(Server):
    """``made``: a Watchword that is not open yet; each start of the node makes one of its own and opens it."""

    def __init__(self, name: str, made: Callable[[], Watchword]) -> None:
        super().__init__(self._fresh)
        self.name, self._made = name, made

    def _fresh(self) -> Starlette:
        self.ww = self._made()
        return make_app(self.ww)

    @property
    def reads(self) -> int:
        """Sessions that were read from the store."""
        return self.ww.metrics().caches["near.session"].misses

    def count_questions(self) -> Callable[[], int]:
        """How often the store is asked about one credential, from now on: with ``on_stale="ask"``."""
        ask, asked = self.ww.view.ask, 0
        assert ask is not None

        async def counting(names: Sequence[Name], *, now: int) -> Feed:
            nonlocal asked
            asked += 1
            return await ask(names, now=now)

        self.ww.view.ask = counting
        return lambda: asked


def make_app(ww: Watchword) -> Starlette:
    auth = Auth(ww)

    async def sign_in(request: Request) -> Response:
        form = await request.json()
        name, password = str(form["name"]), str(form["password"])
        if name not in ACCOUNTS or not same(ACCOUNTS[name], password):
            return JSONResponse({"error": "wrong_password"}, 401)
        await auth.sign_in(name)
        return Response(status_code=204)

    async def sign_out(request: Request) -> Response:
        await auth.sign_out(await auth.require())
        return Response(status_code=204)

    async def me(request: Request) -> Response:
        return JSONResponse({"subject": (await auth.require()).subject})

    async def token(request: Request) -> Response:
        """An access token that belongs to the session: what ends the one ends the other."""
        who = await auth.require()
        made = ww.access.issue(
            who.subject, session_id=who.session_id, rev=who.rev, format=request.path_params["format"]
        )
        return JSONResponse({"access_token": made.token}, headers={"cache-control": "no-store"})

    async def jwks(request: Request) -> Response:
        return JSONResponse(ww.ring.jwks(), headers={"cache-control": "public, max-age=300"})

    async def paseto_keys(request: Request) -> Response:
        return JSONResponse(ww.ring.paseto_keys(), headers={"cache-control": "public, max-age=300"})

    app = Starlette(
        routes=[
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/me", me),
            Route("/tokens/{format}", token, methods=["POST"]),
            Route("/.well-known/jwks.json", jwks),
            Route("/.well-known/paseto-keys.json", paseto_keys),
            Route("/revocations", RevocationFeedApp(ww)),
        ]
    )
    auth.attach(app)
    return app
