"""The verbs of the store: each write is one script, each lookup one command."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from ...clock import Clock, SystemClock
from ...errors import ConfigurationError, StoreConflictError, StoreUnavailableError
from ..base import CALLED_BACK, COVERED, Audit, Effect, Event, Feed, Name, Record, Survey, Tally, affect
from ..breaker import Breaker
from . import scripts
from .address import read_address
from .checks import check, read_info
from .lane import Lane, LoopLane, ThreadLane
from .news import LoopNews, News, ThreadNews
from .rows import (
    Arguments,
    audit_in,
    audit_out,
    events_out,
    feed_in,
    find_out,
    name_out,
    part,
    record_in,
    record_out,
    records_out,
    standing_in,
)
from .survey import survey
from .wire import Command, Refused

AUDIT_ROWS = 100_000
"""So many rows of the audit trail are kept; the oldest go first."""
_PAGE = 1000
_STEP = 500
"""So much of each sort is purged in one script: other writers never wait long behind it."""
log = logging.getLogger("watchword.stores")


class RedisStore:
    """See ``stores.base.Store``. ``cautions``: after opening, what about the server makes a loss likelier."""

    suspends = True
    pulls_inline = False
    pushes = True
    lasts = True
    migrates = True
    keys_beside: Path | None = None

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self.address = read_address(url)
        self.tally, self.breaker = Tally(), Breaker(clock or SystemClock())
        self.cautions: list[str] = []
        self._at = f"{{{self.address.prefix}}}:"
        self._counters = f"{self._at}m"
        self._lane: Lane | None = None
        self._writes: Lane | None = None
        self._news: News | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = Lock()
        self._in_effect: int | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(self._lane, ThreadLane):
            raise _other_way()
        if self._lane is not None and self._loop is loop:
            return
        self.close_blocking()
        self._loop, self.suspends = loop, True
        self._wire_up(LoopLane(self.address), LoopLane(self.address) if self.address.wait else None)
        self._news = LoopNews(self.address, f"{self._at}news")
        await self._checked()

    def open_blocking(self) -> None:
        with self._opening:
            if isinstance(self._lane, LoopLane):
                raise _other_way()
            if self._lane is not None:
                return
            self.suspends = False
            self._wire_up(ThreadLane(self.address), None)
            self._news = ThreadNews(self.address, f"{self._at}news")
            with suppress(StopIteration):
                self._checked().send(None)

    def _wire_up(self, lane: Lane, writes: Lane | None) -> None:
        """WAIT holds up all that comes behind it on its connection; so where it is used, writes have their own."""
        self._lane, self._writes = lane, writes or lane

    async def _checked(self) -> None:
        try:
            [info, flushing] = await self._open_lane.ask(("INFO",), ("CONFIG", "GET", "appendfsync"), look=True)
            if isinstance(info, Refused):
                raise ConfigurationError(f"{self.address} refuses INFO ({info.code}): the user needs that right")
            known = flushing if isinstance(flushing, list) else []  # many a managed Redis forbids CONFIG
            self.cautions = check(self.address, read_info(info), b"".join(known[1:]).decode())
            for lane in (self._lane, self._writes):
                if lane is not None:
                    lane.proven = True
        except BaseException:
            self.close_blocking()
            raise
        for caution in self.cautions:
            log.warning("%s: %s", self.address, caution)

    def survey(self, *, now: int) -> list[Survey]:
        return [survey(self.address, self._at, now)]

    def upgrade(self, told: Callable[[str], object]) -> list[str]:
        return []

    async def close(self) -> None:
        self.close_blocking()

    def close_blocking(self) -> None:
        lanes, self._lane, self._writes = (self._lane, self._writes), None, None
        news, self._news, self._loop = self._news, None, None
        for one in (*lanes, news):
            if one is not None:
                one.close()

    @property
    def _open_lane(self) -> Lane:
        lane = self._lane
        if lane is None:
            raise ConfigurationError("open the store first")
        if self._in_effect is not None and self._in_effect == get_ident():
            raise ConfigurationError(CALLED_BACK)
        return lane

    async def _asked(self, lane: Lane, *commands: Command, look: bool) -> list[Any]:
        """Ask, and count what fails. Raises: StoreUnavailableError without asking, while the breaker is open."""
        try:
            if not self.breaker.allows():
                raise StoreUnavailableError(
                    "Redis failed several times in a row, and is tried again within a second", reason="breaker_open"
                )
            replies = await lane.ask(*commands, look=look)
        except StoreUnavailableError as error:
            self.tally.errors += 1
            if error.reason != "breaker_open":
                self.breaker.failed()
            raise
        if isinstance(replies[0], Refused):
            self.tally.errors += replies[0].code != "NOSCRIPT"
        if isinstance(replies[0], Refused) and replies[0].not_done:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return replies

    async def _look(self, *command: str | int) -> Any:
        [reply] = await self._asked(self._open_lane, command, look=True)
        if isinstance(reply, Refused):
            raise reply.said()
        return reply

    async def _run(self, script: scripts.Script, arguments: Arguments, *, look: bool = False) -> Any:
        """Run a script; where it writes and ``wait`` is set, return when so many replicas have it."""
        lane = self._open_lane
        if not look and self._writes is not None:
            lane = self._writes
        after: list[Command] = [] if look or not self.address.wait else [self._wait]
        keys = (1, self._counters, *arguments)
        reply, *waited = await self._asked(lane, ("EVALSHA", script.hash, *keys), *after, look=look)
        if isinstance(reply, Refused) and reply.code == "NOSCRIPT":
            reply, *waited = await self._asked(lane, ("EVAL", script.text, *keys), *after, look=look)
        if isinstance(reply, Refused):
            raise reply.said()
        if waited and not (isinstance(waited[0], int) and waited[0] >= self.address.wait):
            raise StoreUnavailableError(
                f"Redis: written, but {self.address.wait} replicas have not confirmed it in time"
            )
        return reply

    @property
    def _wait(self) -> Command:
        return "WAIT", self.address.wait, int(self.address.timeout * 500)

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        if not await self._run(scripts.PUT, [*records_out(records), *audit_out(audit, AUDIT_ROWS)]):
            raise _there()

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        fields = await self._look("HMGET", f"{self._at}r:{part(kind)}:{key}", "v", "s", "g", "x", "d")
        found = record_in(kind, key, fields)
        return found if found is not None and found.live(now) else None

    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        fields = await self._run(scripts.TAKE, [part(kind), key, now, *audit_out(audit, AUDIT_ROWS)])
        return None if fields is None else record_in(kind, key, fields)

    async def swap(
        self,
        record: Record,
        *,
        version: int,
        puts: Sequence[Record] = (),
        events: Sequence[Event] = (),
        audit: Sequence[Audit] = (),
        effect: Effect | None = None,
    ) -> bool:
        """With an ``effect``: the record is claimed, ``effect(None)`` runs, and then all is written in one script.

        At most one claim is given out for a version, so the effect runs at most once. What ends in between (a crash, a
        lost connection, a cancelled task) leaves the claim: who comes later is told False, and the record stays as it
        is until it expires or somebody ends it.
        """
        change: Arguments = [
            version,
            *record_out(record),
            *records_out(puts),
            *events_out(events),
            *audit_out(audit, AUDIT_ROWS),
        ]
        if effect is None:
            done = await self._swap("go", "", change)
            self.tally.published += len(events) if done else 0
            return done
        claim = f"{version}:{secrets.token_hex(8)}"
        if not await self._swap("claim", claim, change):
            return False
        try:
            self._affect(effect)
        except BaseException:
            with suppress(StoreUnavailableError):
                await self._run(scripts.RELEASE, [claim, part(record.kind), record.key])
            raise
        if not await self._swap("go", claim, change):
            raise StoreConflictError(
                "the effect ran, but the record was changed or ended meanwhile, so it stays unused"
            )
        self.tally.published += len(events)
        return True

    async def _swap(self, step: str, claim: str, change: Arguments) -> bool:
        done: int = await self._run(scripts.SWAP, [step, claim, *change])
        if done < 0:
            raise _there()
        return done == 1

    def _affect(self, effect: Effect) -> None:
        self._in_effect = get_ident()
        try:
            affect(effect, None)
        finally:
            self._in_effect = None

    async def drop(self, kind: str, key: str, *, events: Sequence[Event] = (), audit: Sequence[Audit] = ()) -> bool:
        arguments: Arguments = [part(kind), key, *events_out(events), *audit_out(audit, AUDIT_ROWS)]
        done = bool(await self._run(scripts.DROP, arguments))
        self.tally.published += len(events) if done else 0
        return done

    async def find(
        self, kind: str, *, now: int, subject: str | None = None, group: str | None = None, limit: int = 1000
    ) -> list[Record]:
        rows = await self._run(scripts.FIND, find_out(kind, now, subject, group, limit), look=True)
        found = (record_in(kind, key.decode(), fields) for key, *fields in rows)
        return [record for record in found if record is not None]

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        if not events and not audit:
            return int(await self._look("HGET", self._counters, "head") or 0)
        head: int = await self._run(scripts.APPEND, [*events_out(events), *audit_out(audit, AUDIT_ROWS)])
        self.tally.published += len(events)
        return head

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        return feed_in(await self._run(scripts.TAIL, [after, now, max(limit, 1)], look=True))

    def tail_now(self, after: int, *, now: int) -> Feed:
        raise _asks()

    async def standing(self, names: Sequence[Name], *, now: int) -> Feed:
        return standing_in(names, await self._run(scripts.STANDING, [now, *map(name_out, names)], look=True))

    def changed(self) -> bool:
        raise _asks()

    async def news(self, *, timeout: float) -> None:
        if self._open_lane and self._news is not None:
            await self._news.wait(timeout)

    async def audited(self, *, after: int = 0, subject: str | None = None, limit: int = 1000) -> list[Audit]:
        found: list[Audit] = []
        page = [after]
        while page and len(found) < limit:
            members = await self._look("ZRANGEBYSCORE", f"{self._at}a", f"({after}", "+inf", "LIMIT", 0, _PAGE)
            rows = list(map(audit_in, members))
            found += (row for row in rows if subject is None or row.subject == subject)
            page = [row.seq for row in rows]
            after = page[-1] if page else after
        return found[: max(limit, 0)]

    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        removed, more = 0, 1
        before = "" if audit_before is None else audit_before
        while more:
            count, more = await self._run(scripts.PURGE, [now, _STEP, before])
            removed += count
        after: bytes | None = b"0"
        while after is not None:
            count, after = await self._run(scripts.COMPACT, [after, _STEP, " ".join(COVERED)])
            removed += count
        self.tally.removed += removed
        return removed

    def __repr__(self) -> str:
        return f"RedisStore({str(self.address)!r})"


def _there() -> StoreConflictError:
    return StoreConflictError("a record of this kind with this key is already there")


def _other_way() -> ConfigurationError:
    return ConfigurationError("the store is open the other way (event loop or threads); close it first")


def _asks() -> ConfigurationError:
    return ConfigurationError("this store cannot answer at once: ask it with tail, and wait for news")
