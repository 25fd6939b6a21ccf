"""Litestar: ``Litestar(plugins=[auth := Auth(ww)])``, and then ``guards=[auth.require("orders:read")]``."""

# No `from __future__ import annotations`: Litestar reads the signatures of guards and of what it provides.

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Unpack

from litestar import Litestar, Request, Response
from litestar import asgi as route
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import InitPluginProtocol
from litestar.types import Receive, Scope, Send

from ..app import Watchword
from ..errors import WatchwordError
from ..principal import Principal
from ..tokens.base import Authenticates, Issued
from ..web.ratelimit import Limits
from ..web.token_cookies import Cookies
from . import asgi
from .visit import refusal
from .words import Rule, SignIn, Words

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class Auth(InitPluginProtocol):
    """Who is calling, and signing in and out, in a Litestar application; a plugin.

        auth = Auth(ww)

        @get("/me", guards=[auth.require()])
        async def me(request: Request[Principal, None, State]) -> str:
            return request.user.subject

        app = Litestar([me], plugins=[auth])

    A guard leaves the caller in ``request.user``. ``Provide(auth.caller)`` and ``Provide(auth.optional)`` give it as a
    dependency. Parameters: as for ``asgi.Auth``.
    """

    def __init__(
        self,
        ww: Watchword,
        *,
        origins: Iterable[str] = (),
        cookie: Cookies | None = None,
        issuers: Authenticates | None = None,
    ) -> None:
        self._core = asgi.Auth(ww, origins=origins, cookie=cookie, issuers=issuers)

    @property
    def words(self) -> Words:
        """The words that no framework has its say in, for parts such as ``bff.Proxy``."""
        return self._core

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Litestar calls this: the middleware, the answers to WatchwordErrors, the lifespan, the OpenAPI schemes.

        The Watchword is opened before the application starts and closed after it has ended; one that is open already
        stays as it is.
        """
        core = self._core
        around: Any = core.attach
        app_config.middleware.insert(0, lambda app: around(app, lifespan=False))
        app_config.exception_handlers = {WatchwordError: _refuse, **app_config.exception_handlers}
        app_config.lifespan = [self._open, *(app_config.lifespan or [])]
        if core.refresh_path is not None:  # Litestar has no middleware where it has no route
            app_config.route_handlers.append(route(core.refresh_path, copy_scope=True)(_nothing))
        if app_config.openapi_config is not None:
            _show(app_config.openapi_config.components, core.cookie.name)
        return app_config

    async def caller(self) -> Principal:
        """The caller. Raises: NothingPresentedError, and what ``optional`` raises."""
        return await self._core.require()

    async def optional(self) -> Principal | None:
        """The caller; None only when nothing was presented.

        Raises: BadRequestError, TokenError, CsrfError, StepUpRequiredError, UnavailableError.
        """
        return await self._core.optional()

    def require(self, *scopes: str, **rule: Unpack[Rule]) -> Guard:
        """A guard: the caller has all these scopes, and is what the rule asks for.

        Parameters: as for ``Words.require``. Raises: ConfigurationError where there is no policy to ask for a
        permission, for an ``on_stale`` that this route cannot have, and for ``guards=[auth.require]``, which lacks its
        parentheses; that Litestar tells at the first request.
        """
        self._core.check_rule(rule, scopes)
        core = self._core

        async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
            who = await core.require(*scopes, **rule)
            connection.scope["user"] = who

        return guard

    async def sign_in(self, subject: str, **beginning: Unpack[SignIn]) -> Issued:
        """Start a session for ``subject``, whose password or passkey you have checked; the cookie goes with the answer.

        Parameters: as for ``Words.sign_in``. The session whose cookie the request presented ends in that moment. An
        answer of 400 and above carries no cookie, and ends the session again.
        Raises: CsrfError when another site sent the request; ConfigurationError once the answer has begun.
        """
        return await self._core.sign_in(subject, **beginning)

    async def limit(self, limits: Limits, *, account: str | None = None) -> None:
        """Count one attempt at what this route does, from the address of the request. Raises: as ``Words.limit``."""
        await self._core.limit(limits, account=account)

    async def sign_out(self, who: Principal, *, clear_site_data: bool = False) -> None:
        """End the caller's session and every token that belongs to it, and clear the cookie.

        ``clear_site_data``: the browser also forgets all that it keeps of this site: cache, storage, every cookie.
        """
        await self._core.sign_out(who, clear_site_data=clear_site_data)

    def csrf_token(self, who: Principal) -> str:
        """For the pages of this caller, which send it as X-CSRF-Token: see ``Words.csrf_token``."""
        return self._core.csrf_token(who)

    @asynccontextmanager
    async def _open(self, _: Litestar) -> AsyncIterator[None]:
        if asgi.is_open(self._core.ww):
            yield
        else:
            async with self._core.ww:
                yield


def _show(components: Components | list[Components], cookie: str) -> None:
    first = components[0] if isinstance(components, list) else components
    shown = {
        "session": SecurityScheme(type="apiKey", security_scheme_in="cookie", name=cookie),
        "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT or PASETO"),
    }
    first.security_schemes = {**shown, **(first.security_schemes or {})}


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The middleware has answered before."""


def _refuse(_: Request[Any, Any, Any], error: WatchwordError) -> Response[bytes]:
    reply = refusal(error)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in reply.headers}
    return Response(reply.body, status_code=reply.status, headers=headers, media_type=headers.pop("content-type"))
