"""Starlette, with its own ``@requires`` beside ours."""

from contextlib import suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH
from watchword import Watchword
from watchword.integrations.starlette import Auth

auth = Auth(Watchword(URL, **OPTIONS), **AUTH)


async def public(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def me(request: Request) -> PlainTextResponse:
    await auth.require()
    return PlainTextResponse(request.user.identity)


async def maybe(request: Request) -> PlainTextResponse:
    who = await auth.optional()
    return PlainTextResponse("nobody" if who is None else who.subject)


async def orders(request: Request) -> PlainTextResponse:
    who = await auth.require("orders:read")
    return PlainTextResponse(f"orders of {who.subject}")


async def admin(request: Request) -> PlainTextResponse:
    who = await auth.require(role="admin")
    return PlainTextResponse(f"admin {who.subject}")


async def fresh(request: Request) -> PlainTextResponse:
    who = await auth.require(fresh=FRESH)
    return PlainTextResponse(f"fresh {who.subject}")


async def write(request: Request) -> PlainTextResponse:
    who = await auth.require()
    return PlainTextResponse(f"written by {who.subject}")


async def login(request: Request) -> PlainTextResponse:
    await auth.sign_in(request.query_params["user"])
    return PlainTextResponse("welcome")


async def refused(request: Request) -> PlainTextResponse:
    await auth.sign_in(request.query_params["user"])
    return PlainTextResponse("refused", 400)


async def forget(request: Request) -> PlainTextResponse:
    await auth.sign_out(await auth.require(), clear_site_data=True)
    return PlainTextResponse("forgotten")


async def attempt(request: Request) -> PlainTextResponse:
    await auth.limit(ATTEMPTS, account=request.query_params["user"])
    return PlainTextResponse("counted")


async def logout(request: Request) -> PlainTextResponse:
    await auth.sign_out(await auth.require())
    return PlainTextResponse("bye")


async def down(request: Request) -> PlainTextResponse:
    return PlainTextResponse(fall(request.query_params["user"]))


READING = (public, me, maybe, orders, admin, fresh, down)
WRITING = (write, login, refused, logout, forget, attempt)


async def feed(websocket: WebSocket) -> None:
    await auth.require()
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(websocket.user.identity)
            await websocket.receive_text()


app = Starlette(
    routes=[
        WebSocketRoute("/feed", feed),
        *(Route(f"/{view.__name__}", view) for view in READING),
        *(Route(f"/{view.__name__}", view, methods=["POST"]) for view in WRITING),
    ]
)
auth.attach(app)
