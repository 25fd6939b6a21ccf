"""A store that lies: rows that are old, another's, broken, used up or not there, and feeds that go back, skip, repeat.

The lie is told at the n-th reading after ``tell``; before and after it the store is honest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from msgspec.structs import replace

from watchword.stores.base import Event, Feed, Record
from watchword.stores.memory import MemoryStore

WRONG: dict[str, Any] = {
    "nothing": None,
    "a number": 7,
    "no number": -1,
    "no text": "",
    "a text": "live",
    "no list": [],
    "a list of numbers": [1],
    "no object": {},
    "a truth": True,
    "a fraction": 1e300,
}
"""Values that stand where others are meant to."""

Lie = Callable[["Liar", str, str, Record | None], Record | None]


def old(age: int) -> Lie:
    """The row as it was so many writes ago."""

    def told(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
        versions = store.written.get((kind, key), [])
        return versions[max(len(versions) - 1 - age, 0)] if versions else found

    return told


def another(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    """Another row of this kind, under its own key: the newest that is somebody else's."""
    others = [rows[-1] for (what, name), rows in store.written.items() if what == kind and name != key]
    return others[-1] if others else None


def gone(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    return None


def expired(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    """One that should not be given any more."""
    return None if found is None else replace(found, expires_at=1)


def extra(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    """A row where there is none."""
    return found or next((rows[-1] for (what, _), rows in store.written.items() if what == kind), None)


def broken(field: int, value: str) -> Lie:
    """One value of the row's data is another, of another sort."""

    def told(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
        if found is None:
            return None
        data = deepcopy(dict(found.data))
        name = sorted(data)[field % len(data)]
        return replace(found, data=data | {name: WRONG[value]})

    return told


def lacking(field: int) -> Lie:
    def told(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
        if found is None:
            return None
        data = dict(found.data)
        del data[sorted(data)[field % len(data)]]
        return replace(found, data=data)

    return told


def empty(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    return None if found is None else replace(found, data={})


def nobody(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    return None if found is None else replace(found, subject=None)


def odd(store: Liar, kind: str, key: str, found: Record | None) -> Record | None:
    """The row's own fields are of another sort."""
    wrong: Mapping[str, Any] = {"version": "1", "expires_at": "soon", "subject": 7}
    return None if found is None else replace(found, **wrong)


class Liar(MemoryStore):
    """``suspends``: nothing here does, but a view must be told by its follower."""

    pulls_inline = False

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[tuple[str, str], list[Record]] = {}
        self.lie: Lie | None = None
        self.feed_lie: Callable[[Feed], Feed] | None = None
        self.after = 0

    def tell(self, lie: Lie, after: int = 0) -> None:
        self.lie, self.after = lie, after

    def be_honest(self) -> None:
        self.lie = self.feed_lie = None

    def _note(self, *records: Record) -> None:
        for record in records:
            self.written.setdefault((record.kind, record.key), []).append(deepcopy(record))

    def _told(self, kind: str, key: str, found: Record | None) -> Record | None:
        if self.lie is None:
            return found
        if self.after:
            self.after -= 1
            return found
        lie, self.lie = self.lie, None
        return lie(self, kind, key, found)

    async def put(self, *records: Record, **more: Any) -> None:
        await super().put(*records, **more)
        self._note(*records)

    async def swap(self, record: Record, *, version: int, puts: Any = (), **more: Any) -> bool:
        done = await super().swap(record, version=version, puts=puts, **more)
        if done:
            self._note(replace(record, version=version + 1), *puts)
        return done

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        return self._told(kind, key, await super().get(kind, key, now=now))

    async def find(self, kind: str, **more: Any) -> list[Record]:
        honest = await super().find(kind, **more)
        told = [self._told(kind, one.key, one) for one in honest[:1]] + list(honest[1:])
        return [one for one in told if one is not None]

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        honest = await super().tail(after, now=now, limit=limit)
        return honest if self.feed_lie is None else self.feed_lie(honest)


# feeds


def goes_back(honest: Feed) -> Feed:
    return Feed(honest.epoch, max(honest.head - 2, 0), ())


def repeats(honest: Feed) -> Feed:
    return Feed(honest.epoch, honest.head, (*honest.events, *honest.events))


def turns_round(honest: Feed) -> Feed:
    return Feed(honest.epoch, honest.head, tuple(reversed(honest.events)))


def begins_anew(honest: Feed) -> Feed:
    """Another life, of which nothing is known."""
    return Feed("another", 0, ())


def of_another_sort(honest: Feed) -> Feed:
    head: Any = "7"
    return Feed(honest.epoch, head, ())


def says_nonsense(honest: Feed) -> Feed:
    odd: Any = {"what": 7, "value": None, "at": "now", "until": "then", "seq": "1"}
    return Feed(honest.epoch, honest.head, (Event(**odd), *honest.events))
