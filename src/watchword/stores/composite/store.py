"""The verbs of the composite: all of them are the record's, and around a few of them Redis is told or asked first.

What is decided is decided by the record. Redis may be away, slow, empty, old, or written to by somebody else: then
verbs take longer, followers are woken later, and no copy older than ``BOUND`` is believed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import Lock
from typing import Any

from msgspec.structs import replace

from ...clock import Clock, SystemClock
from ...crypto.digest import new_secret
from ...encoding import unb64url
from ...errors import ConfigurationError, StoreConflictError, StoreUnavailableError, WatchwordError
from ..base import Audit, Effect, Event, Feed, Record, Store
from ..breaker import Breaker
from ..redis.address import read_address
from ..redis.news import LoopNews, News, ThreadNews
from ..redis.wire import Command
from .copies import KINDS, Copies
from .doubts import Doubt, Doubts
from .line import Line
from .messages import Messages
from .windows import Windows

RECORD = "carrier"
"""The kind of our two rows in the record: ``window`` and ``news``, a secret each."""
OPERATION = 0.1
"""Seconds for all that one verb asks of Redis, unless the URL says otherwise."""
BOUND = 2.0
"""Seconds that a copy may be old at most; two fifths of ``max_staleness`` where that is less."""
LEAST = 0.4
"""With a bound below this no copies are made: they would be old before anybody reads them."""
LATE = 5.0
"""Seconds after which a write whose caller has left, or could not be told, has come to its end."""
_FAR = 2**62
log = logging.getLogger("watchword.stores")


class CompositeStore:
    """A store over another, the *record*. What is not defined here is the record's own.

    Parameters: record: an SQL store. carrier: ``redis://…`` and its kin, as for the Redis store, but for ``wait``.
    max_staleness: how old the word about revocations may be.
    ``hits`` and ``misses`` count the lookups that a copy answered, or could not; ``carrier_breaker`` says how Redis
    does; ``breaker`` is the record's.
    """

    def __init__(
        self,
        record: Store,
        carrier: str,
        *,
        max_staleness: timedelta = timedelta(seconds=5),
        clock: Clock | None = None,
    ) -> None:
        self.address = read_address(carrier, timeout=OPERATION)
        if self.address.wait:
            raise ConfigurationError("wait is for a Redis that is the record: beside one, nothing waits for replicas")
        clock = clock or SystemClock()
        bound = min(BOUND, max_staleness.total_seconds() * 0.4)
        self._copied = KINDS if bound >= LEAST else frozenset[str]()
        at = f"{{{self.address.prefix}}}:"
        self._record, self._clock, self._channel = record, clock, f"{at}carrier"
        self.carrier_breaker = Breaker(clock)
        self._line = Line(self.address, self.carrier_breaker)
        self._windows = Windows(clock, bound)
        self._copies = Copies(at, self._windows)
        self._doubts = Doubts(clock, bound, LATE)
        self._messages: Messages | None = None
        self._news: News | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asking = Lock()
        self._listened_twice = False
        self.hits = self.misses = 0

    def __getattr__(self, name: str) -> Any:
        """Every other verb, and what the record says of itself."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._record, name)

    @property
    def pushes(self) -> bool:
        """A record that answers inline is looked at so often that it needs no carrier."""
        return not self._record.pulls_inline

    async def open(self) -> None:
        await self._record.open()
        loop = asyncio.get_running_loop()
        if self._messages is not None and self._loop is loop:
            return
        await self._begin(loop)

    def open_blocking(self) -> None:
        self._record.open_blocking()
        if self._messages is None:
            with suppress(StopIteration):
                self._begin(None).send(None)

    async def _begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._let_go()
        secret = await self._secret("news")
        self._loop, self._asking, self._listened_twice = loop, Lock(), False
        self._messages = Messages(unb64url(secret.data["secret"].encode()))
        self._news = (LoopNews if loop else ThreadNews)(self.address, self._channel, self._messages.news)
        self._line.open(threads=loop is None)
        if await self._line.ask(("PING",)) is None:
            log.warning("%s: until it answers, the record alone is asked: %s", self.address, self._line.why)

    async def close(self) -> None:
        self._let_go()
        await self._record.close()

    def close_blocking(self) -> None:
        self._let_go()
        self._record.close_blocking()

    def _let_go(self) -> None:
        news, self._news, self._messages = self._news, None, None
        if news is not None:
            news.close()
        self._line.close()
        self._windows.forget()

    # Copies

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        if kind not in self._copied or self._messages is None:
            return await self._record.get(kind, key, now=now)
        await self._freshen()
        if key not in self._doubts:
            replies = await self._line.ask(self._copies.look(kind, key))
            copy = None if replies is None else self._copies.read(kind, key, replies[0])
            if copy is not None and copy.live(now) and key not in self._doubts:
                self.hits += 1
                return copy
        self.misses += 1
        window = self._windows.newest  # known before the row is asked for
        found = await self._record.get(kind, key, now=now)
        if found is not None and window is not None:
            await self._line.ask(self._copies.keep(found, window))
        return found

    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        with self._doubts.over(key) as doubt:
            taken = await self._record.take(kind, key, now=now, audit=audit)
            if taken is not None:
                await self._tell(doubt, self._gone(kind, key))
        return taken

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
        """A swap that fails leaves the row in doubt, so that whoever reads it to try again reads the record."""
        window = self._windows.newest
        with self._doubts.over(record.key) as doubt:
            done = await self._record.swap(
                record, version=version, puts=puts, events=events, audit=audit, effect=effect
            )
            if done:
                written = replace(record, version=version + 1)
                copy = [self._copies.keep(written, window)] if record.kind in self._copied else []
                await self._tell(doubt, copy, events)
        return done

    async def drop(self, kind: str, key: str, *, events: Sequence[Event] = (), audit: Sequence[Audit] = ()) -> bool:
        with self._doubts.over(key) as doubt:
            done = await self._record.drop(kind, key, events=events, audit=audit)
            if done:
                await self._tell(doubt, self._gone(kind, key), events)
        return done

    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        removed = await self._record.purge(now=now, audit_before=audit_before)
        self._windows.forget()
        return removed

    def _gone(self, kind: str, key: str) -> list[Command]:
        return [self._copies.gone(kind, key)] if kind in self._copied else []

    # News

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        head: int = await self._record.append(*events, audit=audit)
        await self._tell(Doubt(), [], events)
        return head

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        return self._heard(await self._record.tail(after, now=now, limit=limit))

    def tail_now(self, after: int, *, now: int) -> Feed:
        return self._heard(self._record.tail_now(after, now=now))

    def _heard(self, feed: Feed) -> Feed:
        """No copy of a row that the feed names is believed: whoever wrote it may not have reached Redis."""
        if self._messages is not None:
            self._messages.heard(feed)
        self._doubts.add(event.value for event in feed.events)
        return feed

    async def news(self, *, timeout: float) -> None:
        """Of Redis while it does well, else of the record; from then on of both, so that nothing piles up unread."""
        news, record = self._news, self._record
        if news is not None and self.pushes and self.carrier_breaker.state == "closed" and await news.listens():
            if self._listened_twice:
                await record.news(timeout=0)
            await news.wait(timeout)
            return
        self._listened_twice = True
        await record.news(timeout=timeout)

    async def _tell(self, doubt: Doubt, commands: list[Command], events: Sequence[Event] = ()) -> None:
        """After a commit. Whatever becomes of it here, the write has happened."""
        published = [await self._message()] if events and self.pushes and self.carrier_breaker.state == "closed" else []
        every = [*commands, *(one for one in published if one is not None)]
        doubt.settled = not every or await self._line.ask(*every) is not None

    async def _message(self) -> Command | None:
        with suppress(WatchwordError):
            feed = await self._record.tail(_FAR, now=0, limit=1)
            if self._messages is not None:
                return "SPUBLISH", self._channel, self._messages.write(feed.epoch, feed.head)
        return None

    # Secrets

    async def _freshen(self) -> None:
        """Know the newest window of the record, and make a new one when it is time; one at a time, the others go on."""
        windows = self._windows
        if not windows.due() or not self._asking.acquire(blocking=False):
            return
        try:
            await self._hear_window()
            if windows.ripe() and not await self._turn_window():
                await self._hear_window()  # somebody was quicker; theirs began after our first question
        except StoreUnavailableError:
            pass  # whoever reads a row is told; copies that are young enough are good all the same
        finally:
            self._asking.release()

    async def _hear_window(self) -> None:
        asked_at = self._windows.asking()
        row = await self._secret("window")
        self._windows.heard(row.data["secret"], row.version, asked_at=asked_at)

    async def _turn_window(self) -> bool:
        asked_at, fresh, newest = self._windows.asking(), new_secret(), self._windows.newest
        if newest is None:  # forgotten meanwhile
            return False
        row = Record(kind=RECORD, key="window", data=_secret(fresh))
        turned: bool = await self._record.swap(row, version=newest.version)
        if turned:
            self._windows.turned(fresh, newest.version + 1, asked_at=asked_at)
        return turned

    async def _secret(self, key: str) -> Record:
        """A row of ours; whoever needs it first makes it."""
        found = await self._record.get(RECORD, key, now=0)
        while found is None:
            with suppress(StoreConflictError):
                await self._record.put(Record(kind=RECORD, key=key, data=_secret(new_secret())))
            found = await self._record.get(RECORD, key, now=0)
        return found

    def __repr__(self) -> str:
        return f"CompositeStore({self._record!r}, {str(self.address)!r}, {self.carrier_breaker.state})"


def _secret(text: str) -> Mapping[str, str]:
    return {"secret": text}
