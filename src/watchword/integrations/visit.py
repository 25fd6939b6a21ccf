"""A request or websocket handshake while it is being answered: what it presents, and the cookies of its answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar

from ..errors import ConfigurationError, CsrfError, TokenError, UnavailableError, WatchwordError
from ..principal import Principal
from ..revocation.view import OnStale
from ..tokens.sessions import Sessions
from ..web.challenge import reply_to
from ..web.messages import Connection, Reply
from ..web.user_agent import device_of

log = logging.getLogger("watchword.integrations")


class NothingPresentedError(WatchwordError):
    """This needs a credential, and the request presented none."""

    code = "nothing_presented"
    status = 401
    public = ""


class RefreshFirstError(TokenError):
    """The access token in the cookie is not good any more; at ``location`` there is a new one, and a way back."""

    code = "refresh_first"

    def __init__(self, message: str, *, location: bytes, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.location = location


class Visit:
    """What stands in the ContextVar while a request is answered.

    ``owner`` is the Auth whose middleware made it, ``connect`` reads the request once somebody asks, ``outer`` is the
    visit around it, where one attached application is mounted in another. ``who`` remembers the caller, once known.
    """

    begun = ended = False
    set_cookies: Sequence[bytes] = ()
    clear_site_data: bytes | None = None
    started: str | None = None
    """What began in this visit, a session or a refresh family, while its cookies are not on their way yet."""
    stands: Callable[[], Awaitable[bool]] | None = None
    """Asked before a cookie goes out that is older than this visit."""
    who: Principal | None = None
    on_caller: Callable[[Principal, OnStale], None] | None = None
    """Of a websocket: who wants to know for whom it is open, and what was said of a stale word."""
    _connection: Connection | None = None

    def __init__(self, owner: object, sessions: Sessions, connect: Callable[[], Connection]) -> None:
        self.owner, self._connect = owner, connect
        self.outer = _visit.get()
        self.end: Callable[[str], Awaitable[object]] = sessions.end
        """How what began in this visit is ended."""

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    @property
    def device(self) -> str | None:
        return device_of(self.connection.headers_of(b"user-agent"))

    @property
    def owes(self) -> bool:
        """Whether there is anything to settle: headers for the answer, or what began here and has no cookie yet."""
        return self.started is not None or self.clear_site_data is not None or bool(self.set_cookies)

    async def settle(self, status: int) -> list[tuple[bytes, bytes]]:
        """Our headers for the answer, which begins now. But a refusal (400 and above) signs nobody in."""
        self.begun = True
        if status >= 400 or (self.stands is not None and not await self.stands()):
            await self.abandon()
        lines, self.set_cookies, self.started = self.set_cookies, (), None
        cleared, self.clear_site_data = self.clear_site_data, None
        more = [] if cleared is None else [(b"clear-site-data", cleared)]
        return [*((b"set-cookie", one) for one in lines), *more]

    async def abandon(self) -> None:
        """Send no cookie, and end what began here: nobody will ever hold its token."""
        started, self.started, self.set_cookies = self.started, None, ()
        self.clear_site_data = None
        if started is not None:
            with suppress(WatchwordError):
                await self.end(started)


_visit: ContextVar[Visit | None] = ContextVar("watchword_visit", default=None)
enter, leave = _visit.set, _visit.reset


def current(owner: object = None) -> Visit:
    """The visit of the request being answered (that of ``owner``, where one is named). Raises: ConfigurationError."""
    visit = _visit.get()
    while visit is not None and owner is not None and visit.owner is not owner:
        visit = visit.outer
    if visit is None:
        raise ConfigurationError(
            "no request is being answered by an application that has this auth. Put it there, once: auth.attach(app) "
            "(FastAPI, Starlette, Flask), app = auth.attach(app) (ASGI, WSGI), plugins=[auth] (Litestar), MIDDLEWARE "
            "(Django); outside of a request ask ww itself"
        )
    return visit


_SET_UP_WRONG = ("gateway_silent", "not_the_gateway")


def refusal(error: WatchwordError) -> Reply:
    """The reply to a refusal, and its line in the log, which says why and what to do."""
    if isinstance(error, NothingPresentedError):
        return reply_to(None)
    loud = isinstance(error, UnavailableError | CsrfError) or error.reason in _SET_UP_WRONG
    level = logging.ERROR if error.status == 500 else logging.WARNING if loud else logging.INFO
    log.log(level, "%s: %s", error.reason, error, exc_info=error if error.status == 500 else None)
    reply = reply_to(error)
    return _onward(reply, error.location) if isinstance(error, RefreshFirstError) else reply


def _onward(reply: Reply, location: bytes) -> Reply:
    """307: the same request goes there, with its method and its body."""
    kept = [pair for pair in reply.headers if pair[0] != b"www-authenticate"]
    return Reply(307, [*kept, (b"location", location)], reply.body)
