"""Any WSGI application: a middleware around it, and the words without ``await``. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, TypeVar, Unpack

from ..blocking import Watchword
from ..errors import WatchwordError
from ..principal import Principal
from ..revocation.view import OnStale
from ..runtime.ticker import drive
from ..tokens.base import Authenticates, Issued
from ..web.cookies import CookiePolicy
from ..web.messages import Connection, Reply
from ..web.ratelimit import Limits
from ..web.token_cookies import Cookies
from .visit import Visit, enter, leave, refusal
from .words import Rule, SignIn, Words, fitting, written

Environ = dict[str, Any]
Write = Callable[[bytes], object]
Headers = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
StartResponse = Callable[..., Write]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
V = TypeVar("V", bound=Callable[..., Any])


class Auth:
    """Who is calling, and signing in and out, for one application: ``app = Auth(ww).attach(app)``.

    Parameters: ww: a ``watchword.blocking.Watchword``; each process opens it for itself, at its first request. The
    others: as for ``Words``. The verbs work while a request is answered; no thread and no loop is made for them.
    """

    def __init__(
        self,
        ww: Watchword,
        *,
        origins: Iterable[str] = (),
        cookie: Cookies | None = None,
        issuers: Authenticates | None = None,
    ) -> None:
        fitting(ww, Watchword, cookie)
        self.ww = ww
        self.cookie = cookie or CookiePolicy()
        self._options: dict[str, Any] = {"origins": tuple(origins), "cookie": self.cookie, "issuers": issuers}
        self._words: Words | None = None

    def attach(self, app: App) -> WatchwordMiddleware:
        """The application with the middleware around it."""
        return WatchwordMiddleware(app, self)

    @property
    def words(self) -> Words:
        """The words over the Watchword of this process: a child of a fork has its own."""
        core = self.ww.core
        if self._words is None or self._words.ww is not core:
            self._words = Words(core, owner=self, **self._options)
        return self._words

    def optional(self, *, on_stale: OnStale | None = None) -> Principal | None:
        """The caller; None only when nothing was presented. ``on_stale``: as for ``Words.require``.

        Raises: BadRequestError, TokenError, CsrfError, StepUpRequiredError, UnavailableError.
        """
        return drive(self.words.optional(on_stale=on_stale))

    def demand(self, *scopes: str, **rule: Unpack[Rule]) -> Principal:
        """The caller, who has all these scopes, and is what the rule asks for: see ``Words.require``."""
        return drive(self.words.require(*scopes, **rule))

    @property
    def who(self) -> Principal:
        """The caller. Raises: as ``demand``, NothingPresentedError among them."""
        return self.demand()

    def require(self, *scopes: str, **rule: Unpack[Rule]) -> Callable[[V], V]:
        """For a view, below its route: its caller has all these scopes, and is what the rule asks for.

        Parameters: as for ``Words.require``. Raises: ConfigurationError when it is written without parentheses.
        """
        written(scopes)

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

    def sign_in(self, subject: str, **beginning: Unpack[SignIn]) -> Issued:
        """Start a session for ``subject``, whose password or passkey you have checked; the cookie goes with the answer.

        Parameters: as for ``Words.sign_in``. The session whose cookie the request presented ends in that moment. An
        answer of 400 and above carries no cookie, and ends the session again.
        Raises: CsrfError when another site sent the request; ConfigurationError once the answer has begun.
        """
        return drive(self.words.sign_in(subject, **beginning))

    def limit(self, limits: Limits, *, account: str | None = None) -> None:
        """Count one attempt at what this route does, from the address of the request. Raises: as ``Words.limit``."""
        drive(self.words.limit(limits, account=account))

    def sign_out(self, who: Principal, *, clear_site_data: bool = False) -> None:
        """End the caller's session and every token that belongs to it, and clear the cookie.

        ``clear_site_data``: the browser also forgets all that it keeps of this site: cache, storage, every cookie.
        """
        drive(self.words.sign_out(who, clear_site_data=clear_site_data))

    def csrf_token(self, who: Principal) -> str:
        """For the pages of this caller, which send it as X-CSRF-Token: see ``Words.csrf_token``."""
        return self.words.csrf_token(who)


class WatchwordMiddleware:
    """Around a WSGI application: makes the visit, adds the cookie to its answer, and answers WatchwordErrors."""

    def __init__(self, app: App, auth: Auth) -> None:
        self.app, self.auth = app, auth

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            words = self.auth.words
        except WatchwordError as error:
            return _send(start_response, refusal(error))
        visit = Visit(self.auth, words.ww.sessions, lambda: Connection.from_environ(environ))

        def starting(status: str, headers: Headers, exc_info: ExcInfo = None) -> Write:
            ours = drive(visit.settle(int(status[:3])))
            if ours:
                kept = [pair for pair in headers if pair[0].lower() != "cache-control"]
                more = [(name.decode("ascii").title(), line.decode("ascii")) for name, line in ours]
                headers = [*kept, *more, ("Cache-Control", "no-store")]
            return start_response(status, headers, *(() if exc_info is None else (exc_info,)))

        mark = enter(visit)
        try:
            reply = None if words.refresh_path is None else drive(words.ahead(visit))
            if reply is not None:
                return _send(start_response, reply)
            return _Answer(self.app(environ, starting), visit, start_response)
        except WatchwordError as error:
            if visit.begun:
                raise
            drive(visit.abandon())
            return _send(start_response, refusal(error))
        except BaseException:
            drive(visit.abandon())
            raise
        finally:
            leave(mark)


class _Answer:
    """The body of an answer, made while its visit stands; one that is refused before it began is a refusal."""

    def __init__(self, body: Iterable[bytes], visit: Visit, start_response: StartResponse) -> None:
        self._body, self._visit, self._start = body, visit, start_response
        self._parts = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        mark = enter(self._visit)
        try:
            return next(self._parts)
        except WatchwordError as error:
            if self._visit.begun:
                raise
            drive(self._visit.abandon())
            self._parts = iter(_send(self._start, refusal(error)))
            return next(self._parts)
        finally:
            leave(mark)

    def close(self) -> None:
        """The server calls this when the answer has gone out, or its client has."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            drive(self._visit.abandon())


def _send(start_response: StartResponse, reply: Reply) -> list[bytes]:
    headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in reply.headers]
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    return [reply.body]
