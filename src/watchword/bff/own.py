"""Tokens of our own Watchword behind its own session: they end with the session, whoever ends it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ..app import Watchword
from ..errors import ConfigurationError, InsufficientScopeError, TokenError, TokenRevokedError
from ..tokens.base import Issued
from .base import GrantRefusedError, Tokens, Want


class OwnTokens:
    """Refresh families and access tokens of ``ww`` itself. ``client_id``: how they name this BFF."""

    patience = 5.0

    def __init__(self, ww: Watchword, *, client_id: str = "bff") -> None:
        self._ww, self._client = ww, client_id

    async def issue(self, session: Issued, *, scopes: Iterable[str] = (), want: Want | None = None) -> Tokens:
        """The first tokens for a session that has just begun; what ``Grants.keep`` keeps."""
        mine = [info for info in await self._ww.sessions.list(session.subject) if info.session_id == session.session_id]
        if not mine:
            raise TokenRevokedError("this session has ended; sign in again")
        issued = await self._ww.refresh.issue(
            session.subject,
            client_id=self._client,
            session_id=session.session_id,
            scopes=scopes,
            roles=session.roles,
            auth_time=session.auth_time,
            rev=session.rev,
            ends_at=mine[0].ends_at,
        )
        return self._tokens(issued, want or Want())

    async def refresh(self, refresh_token: str, want: Want) -> Tokens:
        try:
            rotated = await self._ww.refresh.rotate(
                refresh_token, client_id=self._client, scopes=want.scopes if want.scopes else None
            )
        except InsufficientScopeError as error:
            raise ConfigurationError(f"a route wants more than what was granted: {error}") from error
        except TokenError as error:
            raise GrantRefusedError(f"{error.code}: {error}") from error
        return self._tokens(rotated, want)

    async def revoke(self, refresh_token: str) -> None:
        with suppress(TokenError):  # it was dead already
            await self._ww.revoke(token=refresh_token)

    async def close(self) -> None:
        """Nothing is open: the Watchword belongs to the application."""

    def _tokens(self, refresh: Issued, want: Want) -> Tokens:
        if not set(want.scopes) <= refresh.scopes:
            raise ConfigurationError("want names scopes that are not among those granted")
        access = self._ww.access.issue(
            refresh.subject,
            scopes=want.scopes or refresh.scopes,
            client_id=self._client,
            session_id=refresh.session_id,
            family_id=refresh.family_id,
            audience=want.audience,
            roles=refresh.roles,
            rev=refresh.rev,
            auth_time=refresh.auth_time,
        )
        life = access.expires_at - self._ww.clock.now()
        return Tokens(access_token=access.token, expires_in=life, refresh_token=refresh.token)
