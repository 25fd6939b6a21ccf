"""FastAPI: ``auth = Auth(ww); auth.attach(app)``, and then ``Depends(auth)`` is the caller."""

# No `from __future__ import annotations`: older FastAPIs cannot read a signature that is written in text.

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Annotated, Unpack

from fastapi import Depends, FastAPI, Response, Security
from fastapi.openapi.models import APIKey, HTTPBearer
from fastapi.openapi.models import SecurityBase as Scheme
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from ..app import Watchword
from ..errors import ConfigurationError
from ..principal import Principal
from ..revocation.view import OnStale
from ..tokens.base import Authenticates, Issued, words
from ..web.ratelimit import Limits
from ..web.token_cookies import Cookies
from . import asgi
from .starlette import attach
from .words import SignIn, Words


class _Shown(SecurityBase):
    """A way to present a credential, as the OpenAPI document shows it. It reads nothing."""

    def __init__(self, scheme_name: str, model: Scheme) -> None:
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self) -> None:
        return None


_BEARER = _Shown("bearer", HTTPBearer(description="An access token.", bearerFormat="JWT or PASETO"))


class _Caller(SecurityBase):
    """What ``Depends`` takes; in the OpenAPI document it is the cookie, and its dependency the bearer token."""

    def __init__(self, core: asgi.Auth) -> None:
        self._core = core
        self.scheme_name = "session"
        shown = {"in": "cookie", "name": core.cookie.name, "description": "The cookie of a sign-in."}
        self.model = APIKey.model_validate(shown)


class _Optional(_Caller):
    async def __call__(
        self, connection: HTTPConnection, _bearer: Annotated[None, Depends(_BEARER)] = None
    ) -> Principal | None:
        return await self._core.optional()


class _Declared(_Caller):
    """The caller of a route that says what it does past the lease."""

    def __init__(self, core: asgi.Auth, on_stale: OnStale) -> None:
        super().__init__(core)
        self._on_stale = on_stale

    async def __call__(
        self, connection: HTTPConnection, _bearer: Annotated[None, Depends(_BEARER)] = None
    ) -> Principal:
        return await self._core.require(on_stale=self._on_stale)


class Auth(_Caller):
    """Who is calling, and signing in and out, in a FastAPI application.

        auth = Auth(ww)
        auth.attach(app)

        @app.get("/me")
        async def me(who: Annotated[Principal, Depends(auth)]) -> str: ...

    ``Depends(auth)``: the caller, by the session cookie (checked against CSRF on unsafe methods) or a bearer token, in
    routes and websockets. ``Depends(auth.optional)``: None when nothing was presented; what was presented and is bad is
    refused. ``Depends(auth.require("orders:read"))``: with these scopes.

    Parameters: origins: other origins (``https://app.example``) whose pages may use our cookie; by default only the
    request's own scheme and host. cookie: how the session cookie is set, or TokenCookies instead. issuers: an Issuer or
    Issuers whose access tokens are taken beside our own; open and close them yourself.
    """

    def __init__(
        self,
        ww: Watchword,
        *,
        origins: Iterable[str] = (),
        cookie: Cookies | None = None,
        issuers: Authenticates | None = None,
    ) -> None:
        super().__init__(asgi.Auth(ww, origins=origins, cookie=cookie, issuers=issuers))
        self.optional = _Optional(self._core)

    @property
    def words(self) -> Words:
        """The words that no framework has its say in, for parts such as ``bff.Proxy``."""
        return self._core

    def attach(self, app: FastAPI) -> None:
        """Put the middleware on ``app``, answer WatchwordErrors, and open the Watchword before the app's own start-up.

        It is closed after the app's own shutdown; one that is open already stays as it is.
        Raises: ConfigurationError when the app has started, or has an Auth.
        """
        attach(app, self._core)

    async def __call__(
        self, connection: HTTPConnection, _bearer: Annotated[None, Depends(_BEARER)] = None
    ) -> Principal:
        return await self._core.require()

    def require(
        self,
        *scopes: str,
        role: str | None = None,
        permission: str | None = None,
        fresh: timedelta | None = None,
        on_stale: OnStale | None = None,
        privileged: bool = False,
    ) -> Callable[..., Awaitable[Principal]]:
        """For ``Depends``: the caller, with all these scopes and the role, signed in no longer than ``fresh`` ago.

        ``permission``: what the policy must allow. ``on_stale``: what this route does when the last word about
        revocations is too old; ``privileged``: it is never open then. Raises: ConfigurationError where there is no
        policy to ask, or for ``open`` where that cannot be.
        """
        needed = words(scopes, "scopes")
        if permission is not None and self._core.ww.policy is None:
            raise ConfigurationError(f"nobody could ever have {permission!r}: Watchword(…, policy=…) is missing")
        word = self._core.declared(on_stale, role=role, permission=permission, fresh=fresh, privileged=privileged)
        caller = Security(self if word is None else _Declared(self._core, word), scopes=needed)

        async def required(who: Principal = caller) -> Principal:
            self._core.check(who, *needed, role=role, fresh=fresh)
            if permission is not None:
                await self._core.ww.authorize(who, permission)
            return who

        return required

    async def sign_in(self, response: Response, *, subject: str, **beginning: Unpack[SignIn]) -> Issued:
        """Start a session for ``subject``, whose password or passkey you have checked; the cookie goes with the answer.

        Parameters: as for ``Words.sign_in``. The session whose cookie the request presented is ended. An answer of 400
        and above carries no cookie, and ends the session again. ``response`` says that this changes the answer; it is
        the middleware that sets the cookie, so that a route may return a response of its own.
        Raises: CsrfError when another site sent the request; ConfigurationError once the answer has begun.
        """
        return await self._core.sign_in(subject, **beginning)

    async def limit(self, limits: Limits, *, account: str | None = None) -> None:
        """Count one attempt at what this route does, from the address of the request. Raises: as ``Words.limit``."""
        await self._core.limit(limits, account=account)

    async def sign_out(self, response: Response, who: Principal, *, clear_site_data: bool = False) -> None:
        """End the caller's session and every token that belongs to it, and clear the cookie. ``response``: as above.

        ``clear_site_data``: the browser also forgets all that it keeps of this site: cache, storage, every cookie.
        """
        await self._core.sign_out(who, clear_site_data=clear_site_data)

    def csrf_token(self, who: Principal) -> str:
        """For the pages of this caller, which send it as X-CSRF-Token: see ``Words.csrf_token``."""
        return self._core.csrf_token(who)
