"""What a sign-in leaves in the browser: a session's cookie here, token cookies in ``token_cookies``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypedDict

from ..app import Watchword
from ..errors import TokenError, WatchwordError
from ..principal import Principal
from ..tokens.base import KINDS, Issued
from ..web.cookies import CookiePolicy, read_cookies
from .visit import Visit

TOUCHED_EVERY = 60
"""Seconds: no cookie is set anew more often than sessions note that they are used."""


class Given(TypedDict):
    """What a sign-in says of the one who signs in."""

    data: Mapping[str, Any] | None
    roles: Iterable[str]
    scopes: Iterable[str]
    remember: bool
    fpt: str | None


class SigningIn(Protocol):
    """How a sign-in is kept in a browser."""

    async def start(self, visit: Visit, subject: str, given: Given) -> tuple[Issued, Sequence[bytes]]:
        """What is new, and its ``Set-Cookie`` lines; what the request presented has ended."""
        ...

    def cleared(self) -> Sequence[bytes]: ...

    def seen(self, visit: Visit, who: Principal) -> None:
        """This caller was found good."""
        ...


class SessionCookie:
    """An opaque token of a session, in one cookie."""

    def __init__(self, ww: Watchword, cookie: CookiePolicy) -> None:
        self._ww = ww
        self._cookie = replace(cookie, max_age=ww.sessions.idle) if cookie.max_age == "idle" else cookie
        self._lasting = replace(cookie, max_age=int(KINDS["session"].cap.total_seconds()))
        self._idle = ww.sessions.idle if cookie.max_age == "idle" else 0

    async def start(self, visit: Visit, subject: str, given: Given) -> tuple[Issued, Sequence[bytes]]:
        before = visit.started or await self._presented(visit)
        issued = await self._ww.sessions.start(
            subject, device=visit.device, ip=visit.connection.ip, replaces=before, **given
        )
        visit.started, visit.stands = issued.session_id, None
        return issued, [(self._lasting if given["remember"] else self._cookie).set_cookie(issued.token)]

    def cleared(self) -> Sequence[bytes]:
        return [self._cookie.clear()]

    def seen(self, visit: Visit, who: Principal) -> None:
        """With ``max_age="idle"`` the cookie of a session in use is set anew, once a minute."""
        if not self._idle or who.kind != "session" or visit.set_cookies:
            return
        if who.expires_at - self._ww.clock.now() > self._idle - TOUCHED_EVERY:
            return
        token = self._read(visit)

        async def stands() -> bool:
            try:
                return token is not None and (await self._ww.sessions.authenticate(token)).token_id == who.token_id
            except WatchwordError:
                return False

        if token is not None:
            visit.set_cookies, visit.stands = [self._cookie.set_cookie(token)], stands

    async def _presented(self, visit: Visit) -> str | None:
        try:
            token = self._read(visit)
            return None if token is None else (await self._ww.sessions.authenticate(token)).session_id
        except TokenError:
            return None

    def _read(self, visit: Visit) -> str | None:
        return read_cookies(visit.connection.headers_of(b"cookie"), self._cookie.name)
