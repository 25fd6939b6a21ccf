"""Who verifies: a record for each process that follows, so that a revocation can wait until all of them have heard.

A record is written when a process opens, once a minute, and when a notice in the feed asks for it; never for a
revocation that nobody waits for. It goes when the process closes, and expires when the process is gone.
"""

from __future__ import annotations

import asyncio
import os
import platform
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from datetime import timedelta
from threading import Event as Signal

from msgspec import Struct

from ..crypto.digest import new_id
from ..errors import ConfigurationError
from ..revocation.event import Revocation, notice
from ..revocation.feed import catch_up
from ..revocation.view import View
from ..stores.base import Event, Record, Store
from ..stores.whole import Shape, found
from ..tokens.base import whole_seconds

RECORD = "verifier"
EVERY = 60
"""Seconds between two words of a process that nobody asks."""
LIFE = 300
"""Seconds, beside its ``max_staleness``, after which a process that says nothing is forgotten."""
RETRY = 1.0
FIRST_LOOK, LONGEST_LOOK = 0.005, 0.1
"""Seconds between two looks at the records while a revocation waits; each is twice as long as the one before."""
ALL = 100_000


class Verifier(Struct, frozen=True, kw_only=True):
    """One process that follows the feed, as of its last word."""

    name: str
    """``<machine>:<process id>:<part of a random id>``."""
    cursor: int
    """How far it had heard."""
    lag: int
    """How many events fewer than there are now."""
    age: int
    """Seconds since, by the wall clocks of two machines."""
    max_staleness: float
    """Seconds after which it refuses, if it hears nothing more: its open window counted in. 0: it asks each time."""
    own: bool
    """This very process."""


class _Held(Struct):
    """What a row holds. A newer release may write more."""

    name: str
    epoch: str
    cursor: int
    at: int
    max_staleness: float


_ROW = Shape(_Held, _Held, owned=False)


class Verifiers:
    """The list, and this process's place in it."""

    def __init__(self, store: Store, view: View) -> None:
        self._store, self._view, self._clock = store, view, view.clock
        self._key: str | None = None
        self._loop: AbstractEventLoop | None = None
        self._asked = self._answered = self._version = 0
        self._due = self._patience = float("-inf")
        view.listen(self._heard)

    def _heard(self, events: Sequence[Event], _: bool) -> None:
        self._asked += sum(one.what == "acknowledge" for one in events)

    async def join(self, loop: AbstractEventLoop | None) -> None:
        """Hear the feed, and be on the list. ``loop``: where this process lives; None: in threads."""
        self._loop, self._key = loop, new_id()
        await catch_up(self._store, self._view)
        await self._store.put(self._record())
        self._version, self._patience, self._due = 1, float("-inf"), self._clock.monotonic() + EVERY
        await catch_up(self._store, self._view)  # again: whoever revoked before we were on the list did not wait for us

    async def leave(self, loop: AbstractEventLoop | None) -> None:
        """From another loop than it joined on the record is left to expire: its connections were that loop's."""
        key, self._key = self._key, None
        if key is not None and loop is self._loop:
            await self._store.drop(RECORD, key)

    async def tick(self) -> None:
        """Say how far this process has heard, if that is due or was asked for."""
        now, asked = self._clock.monotonic(), self._asked
        if self._key is None or now < self._patience or (asked == self._answered and now < self._due):
            return
        self._patience = now + RETRY
        await self._say()
        self._answered, self._due, self._patience = asked, now + EVERY, now

    async def list(self) -> list[Verifier]:
        """All of them, those that joined first before the others. Raises: UnavailableError."""
        head, now = await self._store.append(), self._clock.now()
        rows = await found(self._store, RECORD, _ROW, now=now, limit=ALL)
        return [_shown(self._record() if one.key == self._key else one, head, now, self._key) for one in rows]

    async def heard(self, done: Revocation, timeout: timedelta | None) -> Revocation:
        """Wait until all have heard what ``done`` says, or refuse by themselves; name those who did not answer.

        Raises: UnavailableError when the store stops answering; the fact stands all the same.
        """
        began, look = self._clock.monotonic(), FIRST_LOOK
        patience = None if timeout is None else seconds_of(timeout)
        await self._store.append(notice("acknowledge", str(self._key), now=self._clock.now()))
        while True:
            others = await found(self._store, RECORD, _ROW, now=self._clock.now(), limit=ALL)
            others = [one for one in others if one.key != self._key]
            late = [one for one in others if not self._has(one, done.seq)]
            longest = max((one.data["max_staleness"] for one in late), default=0.0)
            left = began + (longest if patience is None else min(patience, longest)) - self._clock.monotonic()
            if left <= 0:
                heard = ("self", *(one.data["name"] for one in others if one not in late))
                return Revocation(done.seq, acknowledged=heard, missing=tuple(one.data["name"] for one in late))
            await self._pause(min(look, left))
            look = min(2 * look, LONGEST_LOOK)

    def _has(self, record: Record, seq: int) -> bool:
        if not record.data["max_staleness"]:
            return True  # it asks the store at each request, so it has nothing to hear
        return bool(record.data["epoch"] == self._view.epoch and record.data["cursor"] >= seq)

    async def _pause(self, seconds: float) -> None:
        if self._loop is None:
            Signal().wait(seconds)
        else:
            await asyncio.sleep(seconds)

    async def _say(self) -> None:
        record = self._record()
        if await self._store.swap(record, version=self._version):
            self._version += 1
            return
        await self._store.drop(RECORD, record.key)  # forgotten, or a swap that came through although it seemed not to
        await self._store.put(record)
        self._version = 1

    def _record(self) -> Record:
        if self._key is None:
            raise ConfigurationError("open it first: 'async with ww:' or 'await ww.open()'")
        now, staleness = self._clock.now(), self._view.max_staleness + self._view.open_for
        held = {
            "name": f"{platform.node() or 'host'}:{os.getpid()}:{self._key[:6]}",
            "epoch": self._view.epoch,
            "cursor": self._view.seq,
            "at": now,
            "max_staleness": staleness,
        }
        return Record(kind=RECORD, key=self._key, data=held, expires_at=now + LIFE + int(staleness))


def seconds_of(timeout: timedelta) -> float:
    """Raises: ConfigurationError for a bare number."""
    whole_seconds(timeout, "a timeout")
    return timeout.total_seconds()


def _shown(record: Record, head: int, now: int, own: str | None) -> Verifier:
    held = record.data
    return Verifier(
        name=held["name"],
        cursor=held["cursor"],
        lag=max(head - held["cursor"], 0),
        age=max(now - held["at"], 0),
        max_staleness=held["max_staleness"],
        own=record.key == own,
    )
