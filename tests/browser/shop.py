"""A small application for a real browser, and a page of somebody else's, each on its own port and its own site."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

import uvicorn
from msgspec import Struct

from watchword import FrozenClock, Watchword
from watchword.integrations.asgi import App, Auth, Receive, Scope, Send
from watchword.web.token_cookies import Cookies

LOGIN = "<!doctype html><title>login</title><form method=post action=/login><button>sign in</button></form>"
PAGE = "<!doctype html><title>{title}</title><p id=said>{said}</p>"


class Shop(Struct):
    """``here`` is the application's origin, ``elsewhere`` another site's, whose ``page`` a test may write."""

    ww: Watchword
    clock: FrozenClock
    here: str
    elsewhere: str
    page: list[str]
    written: list[str]


def application(ww: Watchword, cookie: Cookies, written: list[str]) -> App:
    auth = Auth(ww, cookie=cookie)

    async def login(method: str, body: str) -> str:
        if method == "GET":
            return LOGIN
        await auth.sign_in("ada")
        return PAGE.format(title="welcome", said="welcome")

    async def me(method: str, body: str) -> str:
        return PAGE.format(title="me", said=(await auth.require()).subject)

    async def write(method: str, body: str) -> str:
        who = await auth.require()
        written.append(body)
        return f"{who.subject} wrote {body}"

    async def logout(method: str, body: str) -> str:
        await auth.sign_out(await auth.require())
        return PAGE.format(title="bye", said="bye")

    routes: dict[str, Callable[[str, str], Awaitable[str]]] = {
        f"/{route.__name__}": route for route in (login, me, write, logout)
    }

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        route = routes.get(scope["path"])
        status, said = (200, await route(scope["method"], await _body(receive))) if route else (404, "")
        await _answer(send, status, said)

    return auth.attach(app)


def other_site(page: list[str]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, page[-1] if page else "")

    return app


async def _body(receive: Receive) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    found = parse_qs(body.decode()).get("what")
    return found[0] if found else body.decode()


async def _answer(send: Send, status: int, said: str) -> None:
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": said.encode()})


@contextmanager
def serving(app: App, lifespan: str) -> Iterator[int]:
    """The port, on which a thread serves it until the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan=lifespan))  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def opened(cookie: Cookies) -> Iterator[Shop]:
    clock = FrozenClock()
    ww = Watchword("memory:", issuer="https://app.example", audience="https://api.example", clock=clock)
    page: list[str] = []
    written: list[str] = []
    with serving(application(ww, cookie, written), "on") as here, serving(other_site(page), "off") as elsewhere:
        yield Shop(ww, clock, f"http://localhost:{here}", f"http://127.0.0.1:{elsewhere}", page, written)
