"""One endpoint, ``/me``, in each framework, and the client that its own tests would use."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from flask import Flask
from litestar import Litestar, get, post
from litestar import Request as LitestarRequest
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from watchword import Principal
from watchword.blocking import Watchword
from watchword.integrations import fastapi, flask, litestar, starlette


def of_fastapi(ww: Watchword) -> Any:
    app = FastAPI()
    auth = fastapi.Auth(ww.core)
    auth.attach(app)

    async def me(who: Annotated[Principal, Depends(auth)]) -> str:
        return who.subject

    app.add_api_route("/me", me, methods=["GET", "POST"])
    return TestClient(app)


def of_starlette(ww: Watchword) -> Any:
    auth = starlette.Auth(ww.core)

    async def me(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await auth.require()).subject)

    app = Starlette(routes=[Route("/me", me, methods=["GET", "POST"])])
    auth.attach(app)
    return TestClient(app)


def of_litestar(ww: Watchword) -> Any:
    auth = litestar.Auth(ww.core)

    @get("/me", guards=[auth.require()])
    async def me(request: LitestarRequest[Principal, Any, Any]) -> str:
        return request.user.subject

    @post("/me", guards=[auth.require()])
    async def change(request: LitestarRequest[Principal, Any, Any]) -> str:
        return request.user.subject

    return LitestarClient(Litestar([me, change], plugins=[auth]))


def of_flask(ww: Watchword) -> Any:
    app = Flask(__name__)
    auth = flask.Auth(ww)
    auth.init_app(app)

    @app.route("/me", methods=["GET", "POST"])
    @auth.require()
    def me() -> str:
        return auth.who.subject

    return app.test_client()


FRAMEWORKS: tuple[Callable[[Watchword], Any], ...] = (of_fastapi, of_starlette, of_litestar, of_flask)
