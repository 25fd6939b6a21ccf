"""Starlette: ``auth = Auth(ww); auth.attach(app)``; then ``await auth.require()``, ``request.user``, ``@requires``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ConfigurationError, WatchwordError
from ..principal import Principal
from . import asgi
from .visit import current, refusal
from .words import Words, is_open


class User(BaseUser):
    """``request.user`` of a request that presented a good credential; ``principal`` says all that is known."""

    is_authenticated = True

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def display_name(self) -> str:
        return self.principal.subject

    @property
    def identity(self) -> str:
        return self.principal.subject


class _Users:
    """Fills ``request.user`` and ``request.auth``, as Starlette's own AuthenticationMiddleware does.

    A page for everybody opens with a bad credential, too; ``auth.require`` says why not.
    """

    def __init__(self, app: ASGIApp, auth: Words) -> None:
        self._app, self._auth = app, auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                who = await self._auth.optional()
            except WatchwordError:
                who = None
            scope["auth"] = AuthCredentials() if who is None else AuthCredentials(_granted(who.scopes, who.roles))
            scope["user"] = UnauthenticatedUser() if who is None else User(who)
        await self._app(scope, receive, send)


@lru_cache(maxsize=256)
def _granted(scopes: frozenset[str], roles: frozenset[str]) -> tuple[str, ...]:
    """What ``@requires`` may ask for."""
    return ("authenticated", *sorted(scopes), *sorted(f"role:{role}" for role in roles))


class Auth(Words):
    """Who is calling, and signing in and out, in a Starlette application. Parameters: as for ``Words``.

    ``request.user`` is a ``User``, or Starlette's own UnauthenticatedUser; ``@requires`` knows the scopes, and each
    role as ``role:admin``, and refuses in Starlette's way (403, or a redirect). ``await auth.require("orders:read")``
    refuses with the challenge of RFC 6750, and says why in the log.
    """

    def attach(self, app: Starlette) -> None:
        """Put the middleware on ``app``, answer WatchwordErrors, and open the Watchword before the app's own start-up.

        It is closed after the app's own shutdown; one that is open already stays as it is.
        Raises: ConfigurationError when the app has started, or has an Auth.
        """
        attach(app, self, _Users, auth=self)


def attach(app: Starlette, words: Words, *inner: Any, **options: Any) -> None:
    """As ``Auth.attach``; ``inner``: a middleware of ours that goes between, with its options."""
    if _attached(app):
        raise ConfigurationError("this application has an Auth already; attach one, once")
    if app.middleware_stack is not None:
        raise ConfigurationError("this application has started; call auth.attach(app) before")
    for middleware in inner:
        app.add_middleware(middleware, **options)
    app.add_middleware(asgi.WatchwordMiddleware, words)
    app.add_exception_handler(WatchwordError, _refuse)
    ww, own = words.ww, app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        if is_open(ww):
            async with own(app) as state:
                yield state
        else:
            async with ww, own(app) as state:
                yield state

    app.router.lifespan_context = lifespan


class _Refusal(Response):
    """The reply to a WatchwordError; it also closes a websocket that is open."""

    def __init__(self, error: WatchwordError) -> None:
        self._reply = refusal(error)
        super().__init__(self._reply.body, self._reply.status)
        self.raw_headers = self._reply.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asgi.answer(current(), scope, send, self._reply)


def _attached(app: Starlette) -> bool:
    classes = [layer.cls for layer in app.user_middleware if isinstance(layer.cls, type)]
    return any(issubclass(cls, asgi.WatchwordMiddleware) for cls in classes)


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, WatchwordError):
        raise error
    return _Refusal(error)
