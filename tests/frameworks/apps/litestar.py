"""Litestar, with guards, ``request.user`` and a dependency."""

from contextlib import suppress
from typing import Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH
from watchword import Principal, Watchword
from watchword.integrations.litestar import Auth

auth = Auth(Watchword(URL, **OPTIONS), **AUTH)
Asked = Request[Principal, Any, Any]


@get("/public", media_type=MediaType.TEXT)
async def public() -> str:
    return "hello"


@get("/me", media_type=MediaType.TEXT, guards=[auth.require()])
async def me(request: Asked) -> str:
    return request.user.subject


@get("/maybe", media_type=MediaType.TEXT, dependencies={"who": Provide(auth.optional)})
async def maybe(who: Principal | None) -> str:
    return "nobody" if who is None else who.subject


@get("/orders", media_type=MediaType.TEXT, guards=[auth.require("orders:read")])
async def orders(request: Asked) -> str:
    return f"orders of {request.user.subject}"


@get("/admin", media_type=MediaType.TEXT, guards=[auth.require(role="admin")])
async def admin(request: Asked) -> str:
    return f"admin {request.user.subject}"


@get("/fresh", media_type=MediaType.TEXT, guards=[auth.require(fresh=FRESH)])
async def fresh(request: Asked) -> str:
    return f"fresh {request.user.subject}"


@post("/write", media_type=MediaType.TEXT, status_code=200, dependencies={"who": Provide(auth.caller)})
async def write(who: Principal) -> str:
    return f"written by {who.subject}"


@post("/login", media_type=MediaType.TEXT, status_code=200)
async def login(user: str) -> str:
    await auth.sign_in(user)
    return "welcome"


@post("/refused")
async def refused(user: str) -> Response[str]:
    await auth.sign_in(user)
    return Response("refused", status_code=400, media_type=MediaType.TEXT)


@post("/forget", media_type=MediaType.TEXT, status_code=200, dependencies={"who": Provide(auth.caller)})
async def forget(who: Principal) -> str:
    await auth.sign_out(who, clear_site_data=True)
    return "forgotten"


@post("/attempt", media_type=MediaType.TEXT, status_code=200)
async def attempt(user: str) -> str:
    await auth.limit(ATTEMPTS, account=user)
    return "counted"


@post("/logout", media_type=MediaType.TEXT, status_code=200, dependencies={"who": Provide(auth.caller)})
async def logout(who: Principal) -> str:
    await auth.sign_out(who)
    return "bye"


@get("/down", media_type=MediaType.TEXT)
async def down(user: str) -> str:
    return fall(user)


@websocket("/feed", guards=[auth.require()])
async def feed(socket: WebSocket[Principal, Any, Any]) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(socket.user.subject)
            await socket.receive_text()


VIEWS = [feed, public, me, maybe, orders, admin, fresh, write, login, refused, logout, forget, attempt, down]
app = Litestar(VIEWS, plugins=[auth])
