"""One bare ASGI application, with each way to know its caller: it answers ``ada`` to whoever is signed in.

No framework and no server: what a framework adds, it adds to all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...app import Watchword
from ...integrations.asgi import App, Auth, Receive, Scope, Send
from .base import AUDIENCE, ISSUER
from .peers import Material

_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"3")]


async def _answer(send: Send, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": body})


SEEN = "watchword, a bearer token seen before"
NOTES = {SEEN: "remembered"}
"""What is said beside a name: the signature of this one's token was checked before, and is not checked again."""


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """It looks at nobody."""
    await _answer(send, 200, b"ada")


def ours(ww: Watchword) -> App:
    """A bearer token or a session cookie; a Watchword that is open."""
    auth = Auth(ww)

    async def me(scope: Scope, receive: Receive, send: Send) -> None:
        who = await auth.require()
        await _answer(send, 200, who.subject.encode())

    return auth.attach(me)


def pyjwt(material: Material) -> App:
    """What people write: a middleware that reads the header and decodes. Raises: ImportError."""
    jwt = import_module("jwt")
    key = jwt.get_algorithm_by_name(material.alg).prepare_key(material.verifying)
    checks: dict[str, Any] = {"algorithms": [material.alg], "issuer": ISSUER, "audience": AUDIENCE}

    async def me(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, scope["user"].encode())

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = given.decode("latin-1").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise jwt.InvalidTokenError
            claims = jwt.decode(token, key, **checks)
        except jwt.InvalidTokenError:
            await _answer(send, 401, b"401")
            return
        await me({**scope, "user": claims["sub"]}, receive, send)

    return middleware
