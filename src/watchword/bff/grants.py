"""Tokens kept behind a session: sealed in the store, refreshed once however many ask, gone when the session is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from msgspec import Struct
from msgspec.structs import replace

from ..app import Watchword
from ..crypto.digest import new_id, same
from ..errors import (
    ConfigurationError,
    StoreConflictError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    UnavailableError,
    WatchwordError,
    WrongTypeError,
)
from ..principal import Principal
from ..revocation.stale import asked, renew
from ..stores.base import Record
from ..stores.whole import Shape, read
from ..tokens.base import Issued
from .base import GrantRefusedError, Source, Tokens, Want
from .seal import Vault

log = logging.getLogger("watchword.bff")

RECORD = "grant"
MARGIN = 30
"""Seconds before its end at which an access token is replaced; a short one at a quarter of its life."""
UNSAID = 60
"""Seconds for which an access token is used whose life its server did not say."""
YOUNGEST = 5
"""Seconds of age below which an access token that an upstream refuses is not replaced: a new one would fare no better.

Otherwise each request to an upstream that refuses everything would be a refresh.
"""
POLL = 0.05
"""Seconds between two looks at a row that another process is refreshing."""
ATTEMPTS = 20
HOLD_TIMES = 2
"""So many times the patience of the source is a lease good for."""
NOTHING = Want()


class _Access(Struct):
    sealed: str
    obtained_at: int
    expires_at: int


class _Live(Struct):
    refresh: str | None
    access: dict[str, _Access]
    lease: str | None


class _Dead(Struct):
    state: str


GRANT = Shape(_Live, _Dead)


class Grants:
    """The bearer tokens of an application's sessions: ``keep`` them after sign-in, then ask for a ``bearer``.

    One row a session, under the session's id, until the session's end at the latest; each token in it is sealed with
    the secret ``seal`` key of the ring, for this session alone. Of any number of requests, tasks and processes one
    refreshes: it takes the lease in the row, and the others wait for what it writes. A holder that writes nothing for
    twice the patience of the source is taken for dead; no clocks are compared for that.
    Parameters: ww: whose sessions, store and ring these are. source: who refreshes (``OAuthTokens``, ``OwnTokens``).
    """

    def __init__(self, ww: Watchword, source: Source) -> None:
        self._ww, self._source = ww, source
        self._vault = Vault(ww.ring)
        self._hold = HOLD_TIMES * source.patience
        self._locks: WeakValueDictionary[tuple[Any, str], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[str]] = set()

    async def keep(self, session: Issued, tokens: Tokens, *, want: Want = NOTHING) -> None:
        """Keep the tokens that a sign-in gave, in the place of what this session had. ``want``: what they are good for.

        Raises: TokenRevokedError for a session that has ended; ConfigurationError for tokens that cannot be kept.
        """
        session_id, now = str(session.session_id), self._ww.clock.now()
        ends = [info.ends_at for info in await self._ww.sessions.list(session.subject) if info.session_id == session_id]
        if not ends:
            raise TokenRevokedError("this session has ended; sign in again")
        data = self._filled(session_id, {}, tokens, want, now)
        record = Record(
            kind=RECORD, key=session_id, data=data, subject=session.subject, group=session_id, expires_at=ends[0]
        )
        for _ in range(ATTEMPTS):
            before = await self._ww.store.get(RECORD, session_id, now=now)
            if before is None:
                with suppress(StoreConflictError):
                    return await self._ww.store.put(record)
            elif await self._ww.store.swap(record, version=before.version):
                return
        raise StoreConflictError

    async def bearer(self, who: Principal, want: Want = NOTHING, *, refused: str | None = None) -> str:
        """A live access token for the caller's session. ``who``: as the corridor let through; it is judged once more.

        ``refused``: a token that an upstream did not take; another one is given.
        Raises: WrongTypeError for what is no session; TokenNotFoundError where nothing is kept, TokenExpiredError and
        TokenRevokedError where it cannot be renewed or the session was revoked: sign in again, all three.
        UnavailableError while the source does not answer and nothing that is kept is good, or nobody knows of
        revocations; ConfigurationError for what the source will never give.
        """
        if who.kind != "session" or who.session_id is None:
            raise WrongTypeError("tokens are kept behind sessions alone", claim="typ")
        token = await self._token(who.session_id, want, refused)
        await self._check(who)  # last: since the corridor a body has come, or a source was asked
        return token

    async def end(self, session_id: str) -> bool:
        """Forget the tokens of a session, and tell the source: for sign-out. False if there were none."""
        record = await self._ww.store.take(RECORD, session_id, now=self._ww.clock.now())
        if record is None or record.data.get("state"):
            return False
        await self._revoke(record)
        return True

    async def close(self) -> None:
        """Wait for refreshes that are under way, then let go of the source's connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._source.close()

    async def _token(self, session_id: str, want: Want, refused: str | None) -> str:
        record = await self._row(session_id)
        found = self._good(record, want, refused)
        if found is not None:
            return found
        try:
            return await self._renewed(session_id, want, refused)
        except UnavailableError:
            left = self._good(record, want, refused, margin=False)
            if left is None:
                raise
            return left  # it is due, but good still

    async def _check(self, who: Principal) -> None:
        """Raises: TokenRevokedError for a session that has ended since; StaleRevocationError."""
        await renew(self._ww.store, self._ww.view)
        view = await asked(self._ww.view, who)
        try:
            if view is not None:
                view.check(who)
        except TokenRevokedError:
            live = await self._ww.sessions.list(who.subject)
            if all(info.session_id != who.session_id for info in live):  # else it was spared: ``keep=``
                raise

    async def _renewed(self, session_id: str, want: Want, refused: str | None) -> str:
        """One at a time in this process; who waited finds what the one before wrote.

        The work goes on when its caller goes away: what a source has rotated must be written.
        """
        place = (asyncio.get_running_loop(), session_id)
        lock = self._locks.get(place)
        if lock is None:
            lock = self._locks[place] = asyncio.Lock()
        async with lock:
            task = asyncio.ensure_future(self._renew(session_id, want, refused))
            self._tasks.add(task)
            task.add_done_callback(self._done)
            return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[str]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone; then nobody else looks

    async def _renew(self, session_id: str, want: Want, refused: str | None) -> str:
        """Take the lease of the row and refresh; or wait for who has it, and use what that one wrote."""
        seen, since = -1, 0.0
        try:
            async with asyncio.timeout(3 * self._hold):
                while True:
                    record = await self._row(session_id)
                    found = self._good(record, want, refused)
                    if found is not None:
                        return found
                    now = self._ww.clock.monotonic()
                    if record.version != seen:
                        seen, since = record.version, now
                    if record.data["lease"] is not None and now - since < self._hold:
                        await asyncio.sleep(POLL)
                    elif await self._swap(record, {"lease": new_id()}):
                        done = await self._refresh(replace(record, version=record.version + 1), want)
                        if done is not None:
                            return done
        except TimeoutError as error:
            raise UnavailableError("another process is refreshing these tokens, and does not finish") from error

    async def _refresh(self, record: Record, want: Want) -> str | None:
        """Ask the source, with the lease of this version in hand. None when another's success is to be used."""
        sealed, sent = record.data["refresh"], self._ww.clock.now()
        if sealed is None:
            await self._release(record)
            raise TokenExpiredError("the access token has ended, and no refresh token came with it; sign in again")
        try:
            tokens = await self._source.refresh(self._vault.open(sealed, record.key, "refresh"), want)
        except GrantRefusedError as error:
            log.info("the source refuses the refresh token of session %s: %s", record.key, error)
            if await self._ww.store.swap(replace(record, data={"state": "refused"}), version=record.version):
                raise TokenRevokedError("the tokens behind this session were refused; sign in again") from error
            return None  # somebody took the lease meanwhile: what that one got may be good
        except BaseException:
            await self._release(record)
            raise
        await self._save(record.key, tokens, want, sent)
        return tokens.access_token

    async def _save(self, session_id: str, tokens: Tokens, want: Want, sent: int) -> None:
        """Write what the source gave over whatever is there by now: it is good, whoever else tried meanwhile."""
        failed: WatchwordError = StoreConflictError()
        for _ in range(ATTEMPTS):
            try:
                record = await self._read(session_id)
                if record is None:
                    if tokens.refresh_token is not None:
                        await self._give_back(tokens.refresh_token)
                    raise TokenNotFoundError("the session ended while its tokens were refreshed; sign in again")
                data = self._filled(session_id, record.data, tokens, want, sent)
                if await self._ww.store.swap(replace(record, data=data), version=record.version):
                    return
            except UnavailableError as error:
                failed = error
                await asyncio.sleep(POLL)
        raise failed

    async def _release(self, record: Record) -> None:
        with suppress(WatchwordError):  # then it runs out
            await self._swap(record, {"lease": None})

    async def _revoke(self, record: Record) -> None:
        sealed = record.data.get("refresh")
        if sealed is not None:
            with suppress(WatchwordError):
                await self._give_back(self._vault.open(sealed, record.key, "refresh"))

    async def _give_back(self, refresh_token: str) -> None:
        try:
            await self._source.revoke(refresh_token)
        except WatchwordError as error:
            log.warning("a refresh token that nobody needs any more could not be revoked: %s", error)

    async def _row(self, session_id: str) -> Record:
        record = await self._read(session_id)
        if record is None:
            raise TokenNotFoundError("no tokens are kept for this session; sign in again")
        if record.data.get("state", "live") != "live":
            raise TokenRevokedError("the tokens behind this session were refused; sign in again")
        return record

    async def _read(self, session_id: str) -> Record | None:
        return await read(self._ww.store, RECORD, session_id, GRANT, now=self._ww.clock.now())

    async def _swap(self, record: Record, changes: dict[str, Any]) -> bool:
        changed = replace(record, data=dict(record.data) | changes)
        return await self._ww.store.swap(changed, version=record.version)

    def _good(self, record: Record, want: Want, refused: str | None, *, margin: bool = True) -> str | None:
        """The access token that is kept for this wish, if it can be used. Raises: TokenRevokedError, see YOUNGEST."""
        kept, now = record.data["access"].get(want.name), self._ww.clock.now()
        if kept is None:
            return None
        life = kept["expires_at"] - kept["obtained_at"]
        if now + (min(MARGIN, life // 4) if margin else 0) >= kept["expires_at"]:
            return None
        token = self._vault.open(kept["sealed"], record.key, _place(want))
        if refused is None or not same(token, refused):
            return token
        if now - kept["obtained_at"] < YOUNGEST:
            raise TokenRevokedError("an upstream refuses an access token that is only seconds old; look at its log")
        return None

    def _filled(self, session_id: str, was: Mapping[str, Any], tokens: Tokens, want: Want, sent: int) -> dict[str, Any]:
        """What a row holds with these tokens in it, and without what has ended."""
        life = UNSAID if tokens.expires_in is None else tokens.expires_in
        if not tokens.access_token or life <= 0:
            raise ConfigurationError("an access token is a text that lives for some seconds")
        sealed = self._vault.seal(tokens.access_token, session_id, _place(want))
        kept = {name: one for name, one in was.get("access", {}).items() if one["expires_at"] > sent}
        kept[want.name] = {"sealed": sealed, "obtained_at": sent, "expires_at": sent + life}
        refresh = was.get("refresh")
        if tokens.refresh_token is not None:
            refresh = self._vault.seal(tokens.refresh_token, session_id, "refresh")
        return {"refresh": refresh, "access": kept, "lease": None}


def _place(want: Want) -> str:
    return f"access {want.name}"
