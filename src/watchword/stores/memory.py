"""The store in this process's memory: for tests, tools, single processes. Each opening is empty, with a new epoch."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from ..errors import ConfigurationError, StoreConflictError
from .base import (
    CALLED_BACK,
    COVERED,
    EVERYTHING,
    NO_NEWS,
    Audit,
    Effect,
    Event,
    Feed,
    Name,
    Record,
    Survey,
    Tally,
    affect,
)

# What goes in is kept as JSON text and read back each time, so that nobody holds a live piece of the store, and JSON
# means here what it means in every other store.
_encode = Encoder().encode
_decode = Decoder(dict[str, Any]).decode


class _Row:
    __slots__ = ("data", "number", "record")

    def __init__(self, number: int, record: Record, data: bytes) -> None:
        self.number = number
        self.record = record
        self.data = data

    def read(self) -> Record:
        return replace(self.record, data=_decode(self.data))


class _Tables:
    """All that one opening holds. Its methods expect the lock to be held."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.head = 0
        self.commits = 0
        self.created = 0
        self.rows: dict[str, dict[str, _Row]] = {}
        self.subjects: dict[tuple[str, str], dict[str, _Row]] = {}
        self.groups: dict[tuple[str, str], dict[str, _Row]] = {}
        self.events: list[Event] = []
        self.standing: dict[Name, Event] = {}
        """The one event of each name."""
        self.audited = 0
        self.audit: list[tuple[Audit, bytes]] = []

    def row(self, kind: str, key: str) -> _Row | None:
        rows = self.rows.get(kind)
        return None if rows is None else rows.get(key)

    def add(self, row: _Row) -> None:
        kind, key, subject, group = row.record.kind, row.record.key, row.record.subject, row.record.group
        self.rows.setdefault(kind, {})[key] = row
        if subject is not None:
            self.subjects.setdefault((kind, subject), {})[key] = row
        if group is not None:
            self.groups.setdefault((kind, group), {})[key] = row

    def remove(self, record: Record) -> None:
        del self.rows[record.kind][record.key]
        for index, name in ((self.subjects, record.subject), (self.groups, record.group)):
            if name is not None:
                rows = index[record.kind, name]
                del rows[record.key]
                if not rows:
                    del index[record.kind, name]

    def prepare(self, records: Sequence[Record]) -> list[tuple[Record, bytes]]:
        """Everything about new records that can fail, before anything is written."""
        seen = set()
        for record in records:
            place = record.kind, record.key
            if place in seen or self.row(*place) is not None:
                raise StoreConflictError(f"a record of kind {record.kind!r} with this key is already there")
            seen.add(place)
        return [(record, _encode(record.data)) for record in records]

    def write(
        self, new: Iterable[tuple[Record, bytes]], events: Sequence[Event], audit: Iterable[tuple[Audit, bytes]]
    ) -> None:
        """Nothing in here can fail."""
        for record, data in new:
            self.created += 1
            self.add(_Row(self.created, replace(record, data={}, version=1), data))
        for event in events:
            self.head += 1
            before = self.standing.get(name := (event.what, event.value), event)
            if before is not event:
                del self.events[self.place(before.seq) - 1]
            self.events.append(replace(event, seq=self.head, until=max(before.until, event.until)))
            self.standing[name] = replace(self.events[-1], at=0)
        for entry, detail in audit:
            self.audited += 1
            self.audit.append((replace(entry, detail={}, seq=self.audited), detail))
        self.commits += 1

    def place(self, seq: int) -> int:
        """How many events have this number or a lower one."""
        return bisect_right(self.events, seq, key=lambda event: event.seq)

    def forget(self, now: int) -> None:
        """Let go of events that have ended, or that a later ``everything`` stands for."""
        last = self.standing.get(EVERYTHING)
        self.events = [event for event in self.events if event.until > now and not _covered(event, last)]
        self.standing = {(event.what, event.value): replace(event, at=0) for event in self.events}


def _covered(event: Event, last: Event | None) -> bool:
    return last is not None and event.what in COVERED and event.seq < last.seq and event.until <= last.until


def _trail(audit: Sequence[Audit]) -> list[tuple[Audit, bytes]]:
    return [(entry, _encode(entry.detail)) for entry in audit]


class MemoryStore:
    """See ``stores.base.Store``; safe under threads."""

    suspends = False
    pulls_inline = True
    pushes = False
    lasts = False
    migrates = True
    breaker = None
    keys_beside: Path | None = None

    def __init__(self, url: str = "memory:") -> None:
        if url not in ("memory:", "memory://"):
            raise ConfigurationError(f"a memory store has nothing to configure: write 'memory:', not {url!r}")
        self.tally = Tally()
        self._lock = RLock()  # of a thread's own, so that an effect that calls the store is told so
        self._in_effect = False
        self._opened: _Tables | None = None
        self._seen = -1

    @property
    def _tables(self) -> _Tables:
        tables = self._opened
        if tables is None:
            raise ConfigurationError("open the store first")
        if self._in_effect:
            raise ConfigurationError(CALLED_BACK)
        return tables

    async def open(self) -> None:
        self.open_blocking()

    def open_blocking(self) -> None:
        with self._lock:
            if self._opened is None:
                self._opened, self._seen = _Tables(), -1

    def survey(self, *, now: int) -> list[Survey]:
        with self._lock:
            tables = self._opened
            if tables is None:
                return [Survey(scheme="memory")]
            living = {kind: sum(row.record.live(now) for row in rows.values()) for kind, rows in tables.rows.items()}
            return [
                Survey(
                    scheme="memory",
                    epoch=tables.epoch,
                    head=tables.head,
                    records={kind: number for kind, number in sorted(living.items()) if number},
                    events=sum(event.until > now for event in tables.events),
                    audit=len(tables.audit),
                    oldest_audit=tables.audit[0][0].at if tables.audit else None,
                )
            ]

    def upgrade(self, told: Callable[[str], object]) -> list[str]:
        return []

    async def close(self) -> None:
        self.close_blocking()

    def close_blocking(self) -> None:
        with self._lock:
            self._opened = None

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        with self._lock:
            tables = self._tables
            tables.write(tables.prepare(records), (), _trail(audit))

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        with self._lock:
            row = self._tables.row(kind, key)
        return row.read() if row is not None and row.record.live(now) else None

    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        with self._lock:
            tables = self._tables
            row = tables.row(kind, key)
            if row is None or not row.record.live(now):
                return None
            trail = _trail(audit)
            tables.remove(row.record)
            tables.write((), (), trail)
        return row.read()

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
        with self._lock:
            tables = self._tables
            row = tables.row(record.kind, record.key)
            if row is None or row.record.version != version:
                return False
            new, trail, data = tables.prepare(puts), _trail(audit), _encode(record.data)
            if effect is not None:
                self._run(effect)  # first, because nothing after it can fail
            tables.remove(row.record)
            tables.add(_Row(row.number, replace(record, data={}, version=version + 1), data))
            tables.write(new, events, trail)
            self.tally.published += len(events)
        return True

    def _run(self, effect: Effect) -> None:
        self._in_effect = True
        try:
            affect(effect, None)
        finally:
            self._in_effect = False

    async def drop(self, kind: str, key: str, *, events: Sequence[Event] = (), audit: Sequence[Audit] = ()) -> bool:
        with self._lock:
            tables = self._tables
            row = tables.row(kind, key)
            if row is None:
                return False
            trail = _trail(audit)
            tables.remove(row.record)
            tables.write((), events, trail)
            self.tally.published += len(events)
        return True

    async def find(
        self, kind: str, *, now: int, subject: str | None = None, group: str | None = None, limit: int = 1000
    ) -> list[Record]:
        with self._lock:
            tables = self._tables
            rows: dict[str, _Row] | None
            if subject is not None:
                rows = tables.subjects.get((kind, subject))
            elif group is not None:
                rows = tables.groups.get((kind, group))
            else:
                rows = tables.rows.get(kind)
            found = [
                row
                for row in (rows or {}).values()
                if row.record.live(now) and (group is None or row.record.group == group)
            ]
        found.sort(key=lambda row: row.number)
        return [row.read() for row in found[: max(limit, 0)]]

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        with self._lock:
            tables = self._tables
            if events or audit:
                tables.write((), events, _trail(audit))
                self.tally.published += len(events)
            return tables.head

    def _feed(self, after: int, now: int, limit: int) -> Feed:
        with self._lock:
            tables = self._tables
            events = [event for event in tables.events[tables.place(after) :] if event.until > now]
            if len(events) > limit:
                del events[limit:]
                return Feed(tables.epoch, events[-1].seq, tuple(events))
            return Feed(tables.epoch, tables.head, tuple(events))

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        return self._feed(after, now, max(limit, 1))

    def tail_now(self, after: int, *, now: int) -> Feed:
        return self._feed(after, now, 10_000)

    async def standing(self, names: Sequence[Name], *, now: int) -> Feed:
        with self._lock:
            tables = self._tables
            found = {name: tables.standing[name] for name in names if name in tables.standing}
            live = sorted((event for event in found.values() if event.until > now), key=lambda event: event.seq)
            return Feed(tables.epoch, tables.head, tuple(live))

    def changed(self) -> bool:
        with self._lock:
            before, self._seen = self._seen, self._tables.commits
            return before != self._seen

    async def news(self, *, timeout: float) -> None:
        raise ConfigurationError(NO_NEWS)

    async def audited(self, *, after: int = 0, subject: str | None = None, limit: int = 1000) -> list[Audit]:
        with self._lock:
            found = [
                (entry, detail)
                for entry, detail in self._tables.audit
                if entry.seq > after and (subject is None or entry.subject == subject)
            ]
        return [replace(entry, detail=_decode(detail)) for entry, detail in found[: max(limit, 0)]]

    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        with self._lock:
            tables = self._tables
            dead = [row.record for rows in tables.rows.values() for row in rows.values() if not row.record.live(now)]
            for record in dead:
                tables.remove(record)
            before = len(tables.events) + len(tables.audit)
            tables.forget(now)
            if audit_before is not None:
                tables.audit = [(entry, detail) for entry, detail in tables.audit if entry.at >= audit_before]
            removed = len(dead) + before - len(tables.events) - len(tables.audit)
            if removed:
                tables.commits += 1
                self.tally.removed += removed
            return removed
