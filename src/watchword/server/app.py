"""create_app: the auth server as an ASGI application. The table of routes stands here, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..app import Watchword
from ..config import Settings
from ..errors import WatchwordError
from ..integrations.asgi import WatchwordMiddleware
from .auth_server import AuthServer
from .endpoints import (
    account_tokens,
    health,
    key_documents,
    landing,
    me,
    metrics,
    oauth_introspect,
    oauth_revoke,
    oauth_token,
    revocations,
    sessions,
    sign_in,
)
from .oauth_error import OAuthError, invalid_request
from .replies import refusal
from .shield import Shield

Endpoint = Callable[[AuthServer, Request], Awaitable[Response]]

ROUTES: dict[str, dict[str, Endpoint]] = {
    "/": {"GET": landing.landing},
    "/account/sign-in": {"POST": sign_in.sign_in},
    "/account/sign-out": {"POST": sign_in.sign_out},
    "/account/session": {"GET": sessions.current, "DELETE": sessions.sign_out},
    "/account/sessions": {"GET": sessions.every},
    "/account/sessions/{session_id}": {"DELETE": sessions.end},
    "/account/tokens": {"POST": account_tokens.mint},
    "/oauth/token": {"POST": oauth_token.exchange},
    "/oauth/revoke": {"POST": oauth_revoke.revoke},
    "/oauth/introspect": {"POST": oauth_introspect.introspect},
    "/revocations": {"GET": revocations.revocations},
    "/.well-known/jwks.json": {"GET": key_documents.jwks},
    "/.well-known/paseto-keys.json": {"GET": key_documents.paseto_keys},
    "/api/me": {"GET": me.me},
    "/health": {"GET": health.health},
    "/health/live": {"GET": health.live},
    "/metrics": {"GET": metrics.metrics},
}
"""Path -> method -> endpoint. GET answers HEAD as well; any other method is 405 with Allow, any other path 404."""


def create_app(settings: Settings, ww: Watchword | None = None) -> Starlette:
    """The auth server. Its lifespan opens and closes the Watchword: that of the settings, or ``ww``.

    ``app.state.server`` is the AuthServer. Raises: ConfigurationError for settings that cannot be.
    """
    server = AuthServer(settings, ww)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server.running():
            yield

    app = Starlette(
        routes=[Route(path, _by_method(server, table), methods=list(table)) for path, table in ROUTES.items()],
        middleware=[Middleware(Shield, clock=server.ww.clock), Middleware(WatchwordMiddleware, auth=server.auth)],
        exception_handlers={WatchwordError: _refused, HTTPException: _not_routed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.server = server
    return app


def _by_method(server: AuthServer, table: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if request.method in table and request.method != "GET" and request.scope["query_string"]:
            raise invalid_request("This takes no query; parameters go into the body.")
        return await table["GET" if request.method == "HEAD" else request.method](server, request)

    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, WatchwordError)  # noqa: S101 - what it is registered for
    return refusal(error)


async def _not_routed(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, as JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    status = HTTPStatus(error.status_code)
    response = refusal(
        OAuthError(
            status.phrase.lower().replace(" ", "_"), f"{status.description or status.phrase}.", http_status=status
        )
    )
    for name, value in (error.headers or {}).items():
        response.headers[name] = ", ".join(sorted(value.split(", "))) if name == "Allow" else value
    return response
