"""Starlette, with its own ``@requires`` beside ours."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import FRESH
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


async def logout(request: Request) -> PlainTextResponse:
    await auth.sign_out(await auth.require())
    return PlainTextResponse("bye")


async def down(request: Request) -> PlainTextResponse:
    return PlainTextResponse(fall(request.query_params["user"]))


app = Starlette(
    routes=[
        *(Route(f"/{view.__name__}", view) for view in (public, me, maybe, orders, admin, fresh, down)),
        *(Route(f"/{view.__name__}", view, methods=["POST"]) for view in (write, login, refused, logout)),
    ]
)
auth.attach(app)
