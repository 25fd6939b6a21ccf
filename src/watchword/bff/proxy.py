"""The reverse proxy of a BFF: takes the browser's credentials away, and asks a fixed upstream with a bearer token."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable
from typing import Protocol

import httpx2
from msgspec import Struct

from ..errors import CsrfError, MalformedHeaderError, TokenRevokedError
from ..integrations.asgi import Message, Receive, Scope, Send
from ..integrations.words import Words
from ..principal import Principal
from ..web.messages import Reply
from .bodies import Body, GoneError
from .grants import Grants
from .headers import Headers, downward, length, upward
from .replies import AnsweredError
from .routes import Found, Route, RouteMap
from .wire import UnreachableError, Wire

log = logging.getLogger("watchword.bff")


class Bounds(Struct, frozen=True, kw_only=True):
    """How much and how long. ``body``, ``answer``: bytes that a request and an answer may have. ``wait``: seconds
    without a byte from the upstream; ``total``: seconds for all of it."""

    body: int = 10 * 2**20
    answer: int = 100 * 2**20
    wait: float = 15.0
    total: float = 120.0


class HasWords(Protocol):
    """The Auth of FastAPI or Litestar."""

    @property
    def words(self) -> Words: ...


class Proxy:
    """An ASGI application for what lies below the prefixes of its routes; everything else is 404 here.

    It stands inside an application with an ``Auth``, whose corridor looks at the session and, for unsafe methods, at
    who sent the request (CSRF): ``Auth(ww).attach(Proxy(auth, grants, routes))``, or mounted in a larger application.
    Parameters: auth: that Auth. grants: where the tokens are. routes: what leads where. bounds: see ``Bounds``.
    header: the name of a header that every call has to have, reads too (``X-WW-CSRF``); no other site's page can send
    one. tls: a context of your own, for a private certificate authority.
    """

    def __init__(
        self,
        auth: Words | HasWords,
        grants: Grants,
        routes: Iterable[Route],
        *,
        bounds: Bounds | None = None,
        header: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._auth = auth if isinstance(auth, Words) else auth.words
        self._grants, self._routes = grants, RouteMap(routes)
        self._bounds = bounds or Bounds()
        self._header = None if header is None else header.lower().encode("ascii")
        self._wire = Wire(tls=tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await self._answer(scope, receive, send)

    async def close(self) -> None:
        """Let go of connections, the source's too. Its own lifespan does it, where it has one."""
        await self._wire.close()
        await self._grants.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._bounds.total):
                await self._pass(scope, receive, sending)
                return
        except GoneError:
            return  # nobody is left to answer
        except AnsweredError as early:
            refused = early
        except TimeoutError:
            log.warning("an exchange took more than %g s", self._bounds.total)
            refused = AnsweredError(504)
        except UnreachableError as error:
            log.warning("an upstream did not answer: %s", error)
            refused = AnsweredError(504 if error.slow else 502)
        if not begun:  # half an answer is out otherwise: the server cuts the connection, so that it does not look whole
            await _send_whole(send, refused.reply)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        found, who = await self._admit(scope)
        body = await Body.begin(scope, receive, self._bounds.body)
        bearer = await self._grants.bearer(who, found.route.want)
        response = await self._ask(scope, found, body, bearer)
        try:
            if response.status_code == 401 and body.again:
                await response.aclose()
                bearer = await self._grants.bearer(who, found.route.want, refused=bearer)
                response = await self._ask(scope, found, body, bearer)
            if response.status_code == 401:
                raise TokenRevokedError("the upstream does not take the token behind this session")
            await self._relay(found, response, bearer, send)
        finally:
            await response.aclose()

    async def _admit(self, scope: Scope) -> tuple[Found, Principal]:
        """Where it goes, and who sent it. Raises: AnsweredError, MalformedHeaderError, and as ``Words.require``."""
        raw = scope.get("raw_path")
        found = None if raw is None else self._routes.find(raw, scope["query_string"])
        if found is None:
            raise AnsweredError(404)
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            raise MalformedHeaderError("the request has two Host headers", reason="duplicate_header")
        who = await self._auth.require()
        if self._header is not None and not any(name == self._header for name, _ in scope["headers"]):
            raise CsrfError(f"CSRF: every call here has the header {self._header.decode()}", reason="header_missing")
        if scope["method"] not in found.route.methods:
            raise AnsweredError(405, (b"allow", ", ".join(sorted(found.route.methods)).encode("ascii")))
        return found, who

    async def _ask(self, scope: Scope, found: Found, body: Body, bearer: str) -> httpx2.Response:
        """The upstream's answer, with its body still to come. Raises: UnreachableError, MalformedHeaderError."""
        headers = upward(scope["headers"], bearer, found.route.up)
        if body.length is not None and not body.whole:
            headers.append((b"content-length", str(body.length).encode("ascii")))
        return await self._wire.send(scope["method"], found.url, headers, body.content(), seconds=self._bounds.wait)

    async def _relay(self, found: Found, response: httpx2.Response, bearer: str, send: Send) -> None:
        """Raises: AnsweredError for what is not passed on; UnreachableError."""
        got = response.headers.raw
        start = {"type": "http.response.start", "status": response.status_code}
        size = length(got)
        if size is not None and size > self._bounds.answer:
            log.warning("an upstream's answer of %d bytes is not passed on", size)
            raise AnsweredError(502)
        headers = [*downward(got, bearer, found.route.down), *_moved(found, response)]
        if size is not None:
            headers.append((b"content-length", str(size).encode("ascii")))
        await send({**start, "headers": headers})
        left = self._bounds.answer
        async for part in self._wire.read_on(response):
            left -= len(part)
            if left < 0:
                log.warning("an upstream's answer has more than %d bytes, and was cut", self._bounds.answer)
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def _moved(found: Found, response: httpx2.Response) -> Headers:
    """The Location, where it leads back to this very route.

    Raises: AnsweredError for a redirect to anywhere else, for what is not an answer to a browser, and for every
    failure of the upstream: what it then says of itself is not for browsers.
    """
    status, said = response.status_code, response.headers.get_list("location")
    if status >= 500:
        later = response.headers.get("retry-after", "")
        more = [(b"retry-after", later.encode())] if later.isascii() and later.isdigit() and len(later) < 8 else []
        raise AnsweredError(status if status in (503, 504) else 502, *more)
    there = found.route.back(said[0], found.url) if len(said) == 1 else None
    if status < 200 or status == 407 or (300 <= status < 400 and status != 304 and there is None):
        log.warning("an upstream's answer with status %d is not passed on", status)
        raise AnsweredError(502)
    return [] if there is None else [(b"location", there.encode("ascii"))]


async def _send_whole(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
