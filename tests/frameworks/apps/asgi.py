"""ASGI without a framework."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH
from watchword import Watchword
from watchword.integrations.asgi import Auth, Receive, Scope, Send

auth = Auth(Watchword(URL, **OPTIONS), **AUTH)


async def public(user: str) -> str:
    return "hello"


async def me(user: str) -> str:
    return (await auth.require()).subject


async def maybe(user: str) -> str:
    who = await auth.optional()
    return "nobody" if who is None else who.subject


async def orders(user: str) -> str:
    return f"orders of {(await auth.require('orders:read')).subject}"


async def admin(user: str) -> str:
    return f"admin {(await auth.require(role='admin')).subject}"


async def fresh(user: str) -> str:
    return f"fresh {(await auth.require(fresh=FRESH)).subject}"


async def write(user: str) -> str:
    return f"written by {(await auth.require()).subject}"


async def login(user: str) -> str:
    await auth.sign_in(user)
    return "welcome"


async def refused(user: str) -> str:
    await auth.sign_in(user)
    return "refused"


async def forget(user: str) -> str:
    await auth.sign_out(await auth.require(), clear_site_data=True)
    return "forgotten"


async def attempt(user: str) -> str:
    await auth.limit(ATTEMPTS, account=user)
    return "counted"


async def logout(user: str) -> str:
    await auth.sign_out(await auth.require())
    return "bye"


async def down(user: str) -> str:
    return fall(user)


VIEWS = (public, me, maybe, orders, admin, fresh, write, login, refused, logout, forget, attempt, down)
ROUTES: dict[str, Callable[[str], Awaitable[str]]] = {f"/{view.__name__}": view for view in VIEWS}


async def feed(receive: Receive, send: Send) -> None:
    who = await auth.require()
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": who.subject})


async def routes(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        return await feed(receive, send)
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    [user] = parse_qs(scope["query_string"].decode()).get("user", [""])
    text = await ROUTES[scope["path"]](user)
    status = 400 if text == "refused" else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


app = auth.attach(routes)
