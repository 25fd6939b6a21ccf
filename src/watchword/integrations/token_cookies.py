"""Token cookies: signing in with a refresh family, and the path on which a browser gets its next access token.

The refresh cookie travels on that path alone, so whatever is asked with an access cookie that is not good any more is
sent there (307: with its method and its body), and back again with new cookies. An answer that is no success sets and
clears nothing: another tab may have been quicker, and its cookies are the good ones.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from ..app import Watchword
from ..authn.authenticator import Authenticator
from ..authn.credentials import extract
from ..authn.family_marks import FamilyMarks
from ..errors import ConfigurationError, NotYetValidError, Stage, TokenError, TokenNotFoundError, WatchwordError
from ..principal import Principal
from ..tokens.base import Issued
from ..web.cookies import CookiePolicy, read_cookies
from ..web.csrf import check_page
from ..web.messages import Connection, Reply
from ..web.token_cookies import TokenCookies
from .signing_in import Given
from .visit import RefreshFirstError, Visit, refusal
from .way_back import Way, continue_page, is_navigation, location_of, way_of

log = logging.getLogger("watchword.integrations")

_QUIET = ((b"content-length", b"0"), (b"cache-control", b"no-store"))


class TokenPair:
    """An access token, a refresh token and the mark of their family, each in its cookie.

    Raises: ConfigurationError without a refresh grace.
    """

    def __init__(self, ww: Watchword, authenticator: Authenticator, cookies: TokenCookies) -> None:
        if not ww.refresh.grace:
            raise ConfigurationError(
                "token cookies need a refresh grace, or two tabs that refresh at once end each other's sign-in: set "
                "refresh_grace, or use sessions (the profile high_risk has no grace)"
            )
        self._ww, self._authenticator, self._cookies = ww, authenticator, cookies
        self._marks = FamilyMarks(ww.ring)
        self.path = cookies.path

    async def start(self, visit: Visit, subject: str, given: Given) -> tuple[Issued, Sequence[bytes]]:
        """A new family and its first access token. Raises: ConfigurationError for ``data``."""
        if given["data"]:
            raise ConfigurationError(
                "a token can be read by whoever holds it: data= needs a session; drop TokenCookies"
            )
        before = {visit.started} if visit.started else await self._presented(visit.connection)
        ends = None if given["remember"] else self._ww.clock.now() + int(self._cookies.life.total_seconds())
        family = await self._ww.refresh.issue(
            subject,
            client_id=self._cookies.client_id,
            device=visit.device,
            ip=visit.connection.ip,
            scopes=given["scopes"],
            roles=given["roles"],
            fpt=given["fpt"],
            ends_at=ends,
        )
        visit.started, visit.end = str(family.family_id), self._end
        issued, lines = self._dressed(family)
        for one in before:
            await self._end(one)
        return issued, lines

    def cleared(self) -> Sequence[bytes]:
        return self._cookies.clear()

    def seen(self, visit: Visit, who: Principal) -> None:
        """Nothing is set anew before it has to be."""

    def instead(self, connection: Connection, error: TokenError) -> TokenError:
        """What is raised where ``error`` stopped a credential: for a cookie, RefreshFirstError where that can help."""
        if error.stage is Stage.BINDING or isinstance(error, NotYetValidError):
            return error  # the next one would be refused as well
        if connection.is_websocket or self._cookies.signs_in_at(connection.path) or not self._presents(connection):
            return error
        location = location_of(self.path, connection)
        return error if location is None else RefreshFirstError(str(error), location=location, reason=error.reason)

    def asks_ahead(self, connection: Connection) -> bool:
        """Whether this is a page, and refused before the application sees the request."""
        known = self._cookies.sign_in_at is not None and not self._cookies.signs_in_at(connection.path)
        return known and connection.method in ("GET", "HEAD") and is_navigation(connection)

    async def answer(self, connection: Connection) -> Reply:
        """The answer at ``path``: 307 back, 204 for a POST without a way back, or why not."""
        try:
            self._cookies.check_host(connection)
            way = way_of(connection, self.path)
            return await self._refreshed(connection, way)
        except TokenError as error:
            reply, where = refusal(error), self._cookies.sign_in_at
            return _see(where) if where is not None and is_navigation(connection) else reply
        except WatchwordError as error:
            return refusal(error)

    async def _refreshed(self, connection: Connection, way: Way) -> Reply:
        csrf = check_page(connection, origins=self._authenticator.origins)
        if await self._was_here(connection, way):
            return _onward(way.back)
        token = self._read(connection, self._cookies.refresh)
        if token is None:
            if way.back is not None and way.may_continue(connection) and self._presents(connection):
                return continue_page(self.path, way.back)
            raise TokenNotFoundError("no refresh cookie came with the request; sign in again")
        family = await self._ww.refresh.unproven(token)
        if self._marks.family_of(self._read(connection, self._cookies.family)) != family.family_id:
            raise TokenNotFoundError(
                f"the cookie {self._cookies.family.name} does not name the family of the refresh cookie, which another "
                "host of this site may have planted; sign in again",
                reason="family_cookie",
            )
        if csrf is not None:
            self._authenticator.check_csrf(csrf, family)
        await self._ww.binding.check_device(connection, family, self._ww.end)
        lines = self._dressed(await self._ww.refresh.rotate(token, client_id=self._cookies.client_id))[1]
        return _onward(way.back, lines)

    def _dressed(self, refresh: Issued) -> tuple[Issued, Sequence[bytes]]:
        """An access token of the family, and the cookies. A family that outlives ``life`` is to be remembered."""
        ww, now = self._ww, self._ww.clock.now()
        derived = {
            "scopes": refresh.scopes,
            "roles": refresh.roles,
            "client_id": str(refresh.client_id),
            "family_id": refresh.family_id,
            "rev": refresh.rev,
            "auth_time": refresh.auth_time,
            "fpt": refresh.fpt,
        }
        access = ww.access.issue(refresh.subject, **derived)  # type: ignore[arg-type]  # a dictionary of options
        if access.expires_at > refresh.expires_at:
            left = timedelta(seconds=refresh.expires_at - now)
            access = ww.access.issue(refresh.subject, lifetime=left, **derived)  # type: ignore[arg-type]  # as above
        remembered = refresh.expires_at - int(refresh.auth_time or now) > self._cookies.life.total_seconds()
        age = refresh.expires_at - now if remembered else None
        mark, here = self._marks.of(str(refresh.family_id)), self._cookies
        cookies = (here.access, access.token), (here.refresh, refresh.token), (here.family, mark)
        return access, [replace(policy, max_age=age).set_cookie(value) for policy, value in cookies]

    async def _was_here(self, connection: Connection, way: Way) -> bool:
        """Has another tab been quicker? Then nothing is rotated, or a third one, still on its way, would be too late.

        Who only wants to go back needs a good token. A script wants a new one, and that is one younger than the grace.
        """
        try:
            who = await self._authenticator.authenticate(connection)
        except TokenError:
            return False
        return who is not None and (
            way.back is not None or self._ww.clock.now() - who.issued_at <= self._ww.refresh.grace
        )

    async def _presented(self, connection: Connection) -> set[str]:
        """The families of this browser: of the access cookie where that is good, and the one that its mark names."""
        found: set[str | None] = set()
        with suppress(TokenError):
            found.add(self._marks.family_of(self._read(connection, self._cookies.family)))
        with suppress(TokenError):
            token = self._read(connection, self._cookies.access)
            found.add(None if token is None else (await self._ww.access.authenticate(token)).family_id)
        return {one for one in found if one is not None}

    def _read(self, connection: Connection, cookie: CookiePolicy) -> str | None:
        return read_cookies(connection.headers_of(b"cookie"), cookie.name)

    def _presents(self, connection: Connection) -> bool:
        """An access cookie, and one alone."""
        try:
            found = extract(connection, self._cookies.name)
        except WatchwordError:
            return False
        return found is not None and found.carrier == "cookie"

    async def _end(self, family_id: str) -> None:
        await self._ww.revoke(family=family_id)


def _onward(back: str | None, lines: Sequence[bytes] = ()) -> Reply:
    cookies = [(b"set-cookie", line) for line in lines]
    if back is None:
        return Reply(204, [*_QUIET[1:], *cookies], b"")
    return Reply(307, [*_QUIET, (b"location", back.encode("ascii")), *cookies], b"")


def _see(path: str) -> Reply:
    return Reply(303, [*_QUIET, (b"location", path.encode("ascii"))], b"")
