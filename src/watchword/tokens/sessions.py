"""session: opaque, for browsers; its data and roles stay on the server, and it can be ended at any moment."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, overload

from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..crypto.digest import digest, new_id, same
from ..errors import (
    ConfigurationError,
    StoreConflictError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    UnavailableError,
)
from ..formats import opaque
from ..principal import Principal
from ..revocation.event import event, notice
from ..revocation.feed import catch_up
from ..revocation.near import Near
from ..revocation.stale import asked, renew
from ..revocation.view import OnStale, View
from ..stores.base import Audit, Event, Record, Store
from ..stores.whole import found as whole_rows
from ..stores.whole import read
from . import session_rows as rows
from .base import KINDS, Issued, life_of, named, one_id, plain_json, rev_of, shown, whole_seconds, words
from .roles import with_roles
from .rows import SESSION
from .session_rows import RECORD, TOUCH_EVERY, Held
from .session_rows import SessionInfo as SessionInfo

T = TypeVar("T")
MAX_DATA = 16_384
ATTEMPTS = 10
log = logging.getLogger("watchword.tokens")
ALL = 1_000_000
"""Rows of one subject or session that are looked through: dead ones are kept for a day, and hide no live one."""


class Sessions:
    """Server-side sessions over a store; stands alone: ``Sessions(store)``.

    Parameters: idle: ended after this long without a request (30 min). absolute: ended this long after sign-in (12 h,
    at most 30 d). remember: idle and absolute life of a session started with ``remember=True`` (30 d). limit: so many
    live sessions of one subject at most; a new one ends those that were started or rotated longest ago, and
    ``on_limit``, a plain function of the subject and the session, is told of each. view: where revocations are heard.
    near: with a view, a session that was looked up answers from memory; False reads the store at each request.
    Every verb raises UnavailableError when the store does not answer.
    """

    kind = KINDS["session"]
    prefix = KINDS["session"].starts[0]

    def __init__(
        self,
        store: Store,
        *,
        view: View | None = None,
        clock: Clock | None = None,
        idle: timedelta = timedelta(minutes=30),
        absolute: timedelta | None = None,
        remember: timedelta = timedelta(days=30),
        limit: int | None = None,
        on_limit: Callable[[str, SessionInfo], object] | None = None,
        near: bool = True,
    ) -> None:
        self._store = store
        self._view = view
        self.near = Near(RECORD, store, view if near else None, rows.held, SESSION)
        self._clock = clock or (view.clock if view is not None else SystemClock())
        self._absolute = life_of(self.kind, absolute, self.kind.life)
        self.idle = min(whole_seconds(idle, "an idle time"), self._absolute)
        self._remember = life_of(self.kind, remember, self.kind.cap)
        self._limit, self._on_limit = limit, on_limit
        if limit is not None and limit < 1:
            raise ConfigurationError("a limit of sessions is 1 or more; None is no limit")
        if self.idle < TOUCH_EVERY:
            raise ConfigurationError(f"an idle time under {TOUCH_EVERY} s would end sessions that are in use")

    async def start(
        self,
        subject: str,
        *,
        data: Mapping[str, Any] | None = None,
        roles: Iterable[str] = (),
        scopes: Iterable[str] = (),
        device: str | None = None,
        ip: str | None = None,
        remember: bool = False,
        replaces: str | None = None,
        format: str | None = None,
        fpt: str | None = None,
    ) -> Issued:
        """Sign ``subject`` in: a new token, always.

        ``data`` is plain JSON of up to 16 KiB and 8 levels, and stays on the server.
        ``replaces``: the session that this browser had before, by id or token; the one ends as the other begins.
        ``fpt``: the device fingerprint that ``ww.binding.fingerprint`` took of the request.
        """
        self.kind.check_format(format)
        now = self._clock.now()
        idle, absolute = (self._remember, self._remember) if remember else (self.idle, self._absolute)
        content = {
            "state": "live",
            "token_id": new_id(),
            "session_id": new_id(),
            "created_at": now,
            "last_seen": now,
            "idle": idle,
            "absolute_at": now + absolute,
            "auth_time": now,
            "rev": rev_of(self._view, None),
            "roles": words(roles, "roles"),
            "scopes": words(scopes, "scopes"),
            "device": shown(device),
            "ip": shown(ip),
            "fpt": fpt,
            "data": plain_json(data, "session data", MAX_DATA),
        }
        token = opaque.issue(self.prefix)
        record = rows.row(self._key(token), named(subject, "a subject"), content)
        await self._begin(record, await self._id_of(replaces), now)
        await self._keep_to_limit(str(record.subject), record.data["session_id"])
        return Issued.of(token, rows.principal(record))

    @overload
    async def authenticate(
        self, untrusted: object, *, current: bool = False, on_stale: OnStale | None = None
    ) -> Principal: ...
    @overload
    async def authenticate(
        self, untrusted: object, *, as_: type[T], current: bool = False, on_stale: OnStale | None = None
    ) -> T: ...
    async def authenticate(
        self,
        untrusted: object,
        *,
        as_: type[T] | None = None,
        current: bool = False,
        on_stale: OnStale | None = None,
    ) -> Principal | T:
        """The Principal behind a session token; ``claims`` is the session's data (with ``as_``: the data as that type).

        ``current``: with the data and roles that the store has now, whatever is kept near.
        Raises: MalformedTokenError, TokenNotFoundError, TokenExpiredError, TokenRevokedError, StaleRevocationError;
        ClaimError for data that do not fit ``as_``.
        """
        now = self._clock.now()
        found, who = await self._live(untrusted, now, on_stale, current=current)
        if now >= found.touch_at:
            await self._touch(found, now)
        return who if as_ is None else who.claims_as(as_)

    async def update(
        self,
        token: str,
        *,
        data: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        roles: Iterable[str] | None = None,
    ) -> Principal:
        """Merge ``data`` into the session's data by top-level name, drop the names in ``remove``; both or neither.

        Raises: StoreConflictError when other writers keep winning.
        """
        added = plain_json(data, "session data", MAX_DATA)
        dropped = _names(remove)
        new_roles = None if roles is None else words(roles, "roles")

        def merged(was: Mapping[str, Any]) -> dict[str, Any]:
            kept = {name: value for name, value in was["data"].items() if name not in dropped}
            changes: dict[str, Any] = {"data": plain_json(kept | added, "session data", MAX_DATA)}
            return changes if new_roles is None else changes | {"roles": new_roles}

        for _ in range(ATTEMPTS):
            record = (await self._live(token, self._clock.now(), current=True))[0].record
            updated = rows.changed_row(record, **merged(record.data))
            if await self._write(updated, self._notice(record)):
                return rows.principal(updated)
        raise StoreConflictError

    async def rotate(self, token: str, *, roles: Iterable[str] | None = None) -> Issued:
        """A new token for the same session, at every change of privilege; the old one is dead at once.

        Raises: TokenRevokedError when another rotation won.
        """
        changes = {} if roles is None else {"roles": words(roles, "roles")}
        for _ in range(ATTEMPTS):
            now = self._clock.now()
            record = (await self._live(token, now, current=True))[0].record
            fresh, content = opaque.issue(self.prefix), {"token_id": new_id(), "last_seen": now} | changes
            successor = rows.row(self._key(fresh), str(record.subject), dict(record.data) | content)
            audit = [rows.trail("session_rotated", successor, now)]
            if await self._write(rows.tombstone(record, "rotated"), [rows.death_of(record, now)], [successor], audit):
                await self._hear()
                return Issued.of(fresh, rows.principal(successor))
        raise StoreConflictError  # each time a touch or an update was quicker

    async def list(self, subject: str) -> list[SessionInfo]:
        """The live sessions of a subject, oldest first."""
        before = None
        while True:
            now = self._clock.now()
            found = await whole_rows(self._store, RECORD, SESSION, now=now, subject=subject, limit=ALL)
            live = {record.key: record for record in found if rows.is_live(record)}
            standing = [rows.info(record) for record in live.values() if await self._stands(record, now)]
            if len(standing) == len(live) or live.keys() == before:
                return standing
            before = live.keys()  # again: a rotation meanwhile may have moved a session to another row

    async def end(self, session_id: str) -> bool:
        """Sign one session out, and with it its refresh families and access tokens. False if there was none.

        ``session_id``: its id, or the session token itself.
        """
        known = await self._id_of(session_id)
        return known is not None and await self._end_rows(known, "session_ended")

    async def end_all(self, subject: str, *, keep: str | None = None) -> int:
        """Sign all sessions of a subject out, but for ``keep``, an id or a token; returns how many."""
        keep = await self._id_of(keep)
        sessions = [info.session_id for info in await self.list(subject)]
        return sum([await self.end(session_id) for session_id in sessions if session_id != keep])

    async def outlive(self, fact: Event, keep: str, *, audit: Sequence[Audit] = ()) -> bool:
        """Write a cut-off of a subject so that one of its sessions, an id or a token, outlives it.

        False, and nothing written, when the subject has no such session alive. One transaction writes the fact and,
        into the session, the feed number that the fact gets if nothing else is committed meanwhile: the session is then
        no older than the fact, and has passed all before. If something is, it ends with the others, to be safe.
        """
        for _ in range(ATTEMPTS):
            await self._hear()
            known, now = await self._id_of(keep), self._clock.now()
            live = [] if known is None else await self._rows(known)
            if self._view is None or not live or live[0].subject != fact.value:
                return False
            position = f"{self._view.epoch}.{self._view.seq + 1}"
            try:
                record = (await self._judged(rows.held(live[0]), now))[0].record
            except (TokenExpiredError, TokenRevokedError):
                return False
            if await self._write(rows.changed_row(record, rev=position), [fact], audit=audit):
                return True
        raise StoreConflictError

    async def revocation_of(self, untrusted: object) -> Event | None:
        try:
            record = (await self._live(untrusted, self._clock.now(), current=True))[0].record
        except (TokenExpiredError, TokenRevokedError):
            return None
        return event("session", record.data["session_id"], now=self._clock.now())

    async def _live(
        self, untrusted: object, now: int, on_stale: OnStale | None = None, *, current: bool = False
    ) -> tuple[Held, Principal]:
        key = self._key(untrusted)
        kept = None if current else self.near.kept(key, now=now)
        if kept is not None:
            try:
                return await self._judged(kept, now, on_stale)
            except (TokenExpiredError, TokenRevokedError):
                if kept.who is None:
                    raise
                self.near.forget(key)  # another process may have seen a request since, or spared this session
        found = await (self.near.read if current else self.near.get)(key, now=now)
        if found is None or not same(found.record.key, key):
            raise TokenNotFoundError("no such session; sign in")
        return await self._judged(found, now, on_stale)

    async def _judged(self, found: Held, now: int, on_stale: OnStale | None = None) -> tuple[Held, Principal]:
        """The session with the roles of now. Raises: TokenRevokedError, TokenExpiredError."""
        who = found.who
        if who is None:
            raise TokenRevokedError(f"this session token was {found.record.data['state']}; sign in again")
        if now >= who.expires_at:
            raise TokenExpiredError("the session has ended by time; sign in again", claim="exp")
        view = self._view
        if view is not None and not view.fresh():
            await renew(self._store, view, on_stale)
            view = await asked(view, who, on_stale=on_stale)
        if view is None:
            return found, who
        changed = view.roles_changed(who)  # before the check: what is heard between them may be a revocation, too
        view.check(who)
        return (found, who) if changed is None else await self._with_roles(found, changed, now)

    async def _with_roles(self, found: Held, changed: str, now: int) -> tuple[Held, Principal]:
        record = await with_roles(self._store, found.record, changed, now, widen=True)
        renewed = rows.held(record)
        self.near.amend(record.key, found, renewed)
        return renewed, rows.principal(record)

    async def _touch(self, found: Held, now: int) -> None:
        """Note a request, once for all that share this copy of the row. When it fails the session ends no later."""
        record, found.touch_at = found.record, now + TOUCH_EVERY
        touched = rows.changed_row(record, last_seen=now)
        try:
            won = await self._store.swap(touched, version=record.version)
        except UnavailableError as error:
            log.info("the last request of a session was not noted, so it may end too early: %s", error)
            return
        if won:
            self.near.amend(record.key, found, rows.held(replace(touched, version=record.version + 1)))
        else:  # somebody wrote the row, which may have been a touch as well
            self.near.forget(record.key)

    async def _stands(self, record: Record, now: int) -> bool:
        try:
            await self._judged(rows.held(record), now)
        except (TokenExpiredError, TokenRevokedError):
            return False
        return True

    async def _id_of(self, session: str | None) -> str | None:
        """The id of a session named by its id or its token; None for a token that nobody has."""
        if not isinstance(session, str) or not session.startswith(self.prefix):
            return one_id(session, "a session_id")
        record = await read(self._store, RECORD, self._key(session), SESSION, now=self._clock.now())
        return None if record is None else str(record.data["session_id"])

    async def _rows(self, session_id: str) -> builtins.list[Record]:
        """The rows of a session that are not dead yet; more than one only for a moment that nobody sees."""
        found = await whole_rows(self._store, RECORD, SESSION, now=self._clock.now(), group=session_id, limit=ALL)
        return [record for record in found if rows.is_live(record)]

    async def _begin(self, record: Record, replaces: str | None, now: int) -> None:
        """Write a new session; the one that it replaces ends in the same transaction."""
        started = rows.trail("session_started", record, now)
        for _ in range(ATTEMPTS):
            before = [] if replaces is None else await self._rows(replaces)
            if not before:
                return await self._store.put(record, audit=[started])
            if await self._end(before[0], "session_ended", puts=[record], audit=[started]):
                return await self._hear()
        raise StoreConflictError

    async def _keep_to_limit(self, subject: str, begun: str) -> None:
        """Decided by the order of the rows, on which all agree; whoever comes last sees all and ends what is over.

        Never the one that has just ``begun``: its token is still to be handed out.
        """
        if self._limit is None:
            return
        over = [info for info in (await self.list(subject))[: -self._limit] if info.session_id != begun]
        for info in over:
            if await self._end_rows(info.session_id, "session_over_limit") and self._on_limit is not None:
                try:
                    self._on_limit(subject, info)
                except Exception:  # the new session has begun, whatever becomes of the notice
                    log.exception("on_limit failed")

    async def _end_rows(self, session_id: str, name: str) -> bool:
        ended = False
        while live := await self._rows(session_id):  # again after a lost race: a rotation makes another row live
            for record in live:
                ended = await self._end(record, name) or ended
        if ended:
            await self._hear()
        return ended

    async def _end(self, record: Record, name: str, puts: Sequence[Record] = (), audit: Sequence[Audit] = ()) -> bool:
        """False when the row changed meanwhile."""
        now = self._clock.now()
        fact = event("session", record.data["session_id"], now=now)
        return await self._write(rows.tombstone(record, "ended"), [fact], puts, [rows.trail(name, record, now), *audit])

    def _notice(self, record: Record) -> builtins.list[Event]:
        """Nobody reads it where no process keeps sessions, and all writers of the feed queue for its numbers."""
        return [notice("changed", record.key, now=self._clock.now())] if self.near.keeps else []

    async def _write(
        self, record: Record, events: Sequence[Event], puts: Sequence[Record] = (), audit: Sequence[Audit] = ()
    ) -> bool:
        """Over the version that was read. False when the row changed meanwhile."""
        try:
            return await self._store.swap(record, version=record.version, puts=puts, events=events, audit=audit)
        finally:  # also when nobody knows what became of it
            self.near.forget(record.key)

    def _key(self, untrusted: object) -> str:
        return digest(RECORD, opaque.parse(untrusted, self.prefix))

    async def _hear(self) -> None:
        if self._view is not None:
            await catch_up(self._store, self._view)


def _names(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise ConfigurationError("names to remove are a list, not one text")
    return frozenset(names)
