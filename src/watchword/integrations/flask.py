"""Flask: ``auth = Auth(ww); auth.init_app(app)``, and then ``@auth.require("orders:read")`` and ``auth.who``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, Unpack

from flask import Flask, Response

from ..errors import ConfigurationError, WatchwordError
from ..principal import Principal
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

    def init_app(self, app: Flask) -> None:
        """Put the middleware on ``app`` and answer WatchwordErrors.

        Raises: ConfigurationError when the app has an Auth already.
        """
        if "watchword" in app.extensions:
            raise ConfigurationError("this application has an Auth already; attach one, once")
        app.extensions["watchword"] = self
        app.wsgi_app = wsgi.WatchwordMiddleware(app.wsgi_app, self)  # type: ignore[method-assign]  # Flask's own way
        app.register_error_handler(WatchwordError, _refuse)

    @property
    def who(self) -> Principal:
        """The caller. Raises: as ``demand``, NothingPresentedError among them."""
        return self.demand()

    def require(self, *scopes: str, **rule: Unpack[Rule]) -> Callable[[V], V]:
        """For a view, below its route: its caller has all these scopes, and is what the rule asks for.

        Parameters: as for ``Words.require``. Raises: ConfigurationError when it is written without parentheses.
        """
        if any(callable(one) for one in scopes):
            raise ConfigurationError("write @auth.require(), with parentheses")

        def guarded(view: V) -> V:
            if iscoroutinefunction(view):

                @wraps(view)
                async def waited(*args: Any, **kwargs: Any) -> Any:
                    self.demand(*scopes, **rule)
                    return await view(*args, **kwargs)

                return waited  # type: ignore[return-value]  # wraps keeps the signature

            @wraps(view)
            def plain(*args: Any, **kwargs: Any) -> Any:
                self.demand(*scopes, **rule)
                return view(*args, **kwargs)

            return plain  # type: ignore[return-value]  # as above

        return guarded


def _refuse(error: WatchwordError) -> Response:
    reply = refusal(error)
    headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in reply.headers]
    return Response(reply.body, reply.status, headers)
