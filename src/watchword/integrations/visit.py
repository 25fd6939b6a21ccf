"""A request or websocket handshake while it is being answered: what it presents, and the cookies of its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

from ..errors import ConfigurationError, CsrfError, UnavailableError, WatchwordError
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


class Visit:
    """What stands in the ContextVar while a request is answered.

    ``owner`` is the Auth whose middleware made it, ``connect`` reads the request once somebody asks, ``outer`` is the
    visit around it, where one attached application is mounted in another. ``who`` remembers the caller, once known.
    """

    def __init__(self, owner: object, sessions: Sessions, connect: Callable[[], Connection]) -> None:
        self.owner, self.sessions, self._connect = owner, sessions, connect
        self.outer = _visit.get()
        self.begun = self.ended = False
        self.set_cookie: bytes | None = None
        self.device_cookie: bytes | None = None
        self.clear_site_data: bytes | None = None
        self.started: str | None = None
        """The session that began in this visit, while its cookie is not on its way yet."""
        self.who: Principal | None = None
        self.on_caller: Callable[[Principal, OnStale], None] | None = None
        """Of a websocket: who wants to know for whom it is open, and what was said of a stale word."""
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    @property
    def device(self) -> str | None:
        return device_of(self.connection.headers_of(b"user-agent"))

    async def settle(self, status: int) -> list[tuple[bytes, bytes]]:
        """Our headers for the answer, which begins now. But a refusal (400 and above) signs nobody in."""
        self.begun = True
        if status >= 400:
            await self.abandon()
        line, self.set_cookie, self.started = self.set_cookie, None, None
        lines = [] if line is None else [one for one in (line, self.device_cookie) if one is not None]
        cleared, self.clear_site_data = self.clear_site_data, None
        more = [] if cleared is None else [(b"clear-site-data", cleared)]
        return [*((b"set-cookie", one) for one in lines), *more]

    async def abandon(self) -> None:
        """Send no cookie, and end a session that began here: nobody will ever hold its token."""
        started, self.started, self.set_cookie = self.started, None, None
        self.clear_site_data = None
        if started is not None:
            with suppress(WatchwordError):
                await self.sessions.end(started)


_visit: ContextVar[Visit | None] = ContextVar("watchword_visit", default=None)
enter, leave = _visit.set, _visit.reset


def current(owner: object = None) -> Visit:
    """The visit of the request being answered (that of ``owner``, where one is named). Raises: ConfigurationError."""
    visit = _visit.get()
    while visit is not None and owner is not None and visit.owner is not owner:
        visit = visit.outer
    if visit is None:
        raise ConfigurationError("no request to an application with this auth is being answered: call auth.attach(app)")
    return visit


def refusal(error: WatchwordError) -> Reply:
    """The reply to a refusal, and its line in the log, which says why and what to do."""
    if isinstance(error, NothingPresentedError):
        return reply_to(None)
    loud = isinstance(error, UnavailableError | CsrfError)
    level = logging.ERROR if error.status == 500 else logging.WARNING if loud else logging.INFO
    log.log(level, "%s: %s", error.reason, error, exc_info=error if error.status == 500 else None)
    return reply_to(error)
