"""Flask: ``auth = Auth(ww); auth.init_app(app)``, and then ``@auth.require("orders:read")`` and ``auth.who``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, cast

from flask import Flask, Response

from ..errors import ConfigurationError, WatchwordError
from . import wsgi
from .visit import refusal
from .words import Rule

V = TypeVar("V", bound=Callable[..., Any])


class Auth(wsgi.Auth):
    """Who is calling, and signing in and out, in a Flask application, with plain and ``async def`` views alike.

        auth = Auth(ww)
        auth.init_app(app)

        @app.get("/me")
        @auth.require()
        def me() -> str:
            return auth.who.subject

    ``auth.optional()``: None when nothing was presented; what was presented and is bad is refused.
    Parameters: ww: a ``watchword.blocking.Watchword``. The others: as for ``wsgi.Auth``.
    """

    _app: Flask | None = None

    def init_app(self, app: Flask) -> None:
        """Put the middleware on ``app`` and answer WatchwordErrors.

        Raises: ConfigurationError when the app has an Auth already.
        """
        if "watchword" in app.extensions:
            raise ConfigurationError("this application has an Auth already; attach one, once")
        app.extensions["watchword"] = self
        self._app = app
        app.wsgi_app = wsgi.WatchwordMiddleware(app.wsgi_app, self)  # type: ignore[method-assign]  # Flask's own way
        app.register_error_handler(WatchwordError, _refuse)

    def attach(self, app: wsgi.App) -> wsgi.WatchwordMiddleware:
        """``init_app``, by the name that it has in every framework; what it returns may be let go."""
        if not isinstance(app, Flask):
            return super().attach(app)
        self.init_app(app)
        return cast(wsgi.WatchwordMiddleware, app.wsgi_app)

    def require(self, *scopes: str, **rule: Unpack[Rule]) -> Callable[[V], V]:
        """For a view, below its route: its caller has all these scopes, and is what the rule asks for.

        Parameters: as for ``Words.require``. Raises: ConfigurationError without parentheses, and above the route.
        """
        guarded = super().require(*scopes, **rule)

        def below(view: V) -> V:
            if self._app is not None and view in self._app.view_functions.values():
                raise ConfigurationError(f"@auth.require goes below @app.route: {view.__name__} would be open")
            return guarded(view)

        return below


def _refuse(error: WatchwordError) -> Response:
    reply = refusal(error)
    headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in reply.headers]
    return Response(reply.body, reply.status, headers)
