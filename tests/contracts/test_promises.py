"""`watchword.testing.stores`: our own stores keep the promises, and a store that breaks one is found out."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from watchword.errors import ConfigurationError, StoreConflictError
from watchword.stores.base import SCHEMES, Audit, Effect, Event, Feed, Record, Store, affect, open_store
from watchword.stores.memory import MemoryStore
from watchword.testing.stores import PROMISES, assert_keeps_promises, broken_promises


@pytest.mark.parametrize("scheme", ["memory", "sqlite", "redis"])
def test_our_own_stores_keep_them(scheme: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """PostgreSQL is left out for its time; the contract tests ask it all of this and more."""
    numbers = itertools.count()

    def make() -> Store:
        if scheme == "redis":
            return open_store(request.getfixturevalue("valkey").fresh())
        return open_store("memory:" if scheme == "memory" else f"sqlite:///{tmp_path}/{next(numbers)}.db")

    assert_keeps_promises(make)


class Forgets(MemoryStore):
    """It takes no notice of the end of a record."""

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        return await super().get(kind, key, now=0)


class Overwrites(MemoryStore):
    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        for record in records:
            await self.drop(record.kind, record.key)
        await super().put(*records, audit=audit)


class OneByOne(MemoryStore):
    """A put in several transactions."""

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        for record in records:
            await super().put(record)
        await super().put(audit=audit)


class LooksThenTakes(MemoryStore):
    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        found = await self.get(kind, key, now=now)
        if found is not None:
            await self.drop(kind, key, audit=audit)
        return found


class LastWriterWins(MemoryStore):
    async def swap(self, record: Record, *, version: int, **more: Any) -> bool:
        found = await self.get(record.kind, record.key, now=0)
        return await super().swap(record, version=found.version if found else version, **more)


class EffectFirst(MemoryStore):
    """The effect runs whether or not the swap happens."""

    async def swap(
        self, record: Record, *, version: int, puts: Sequence[Record] = (), effect: Effect | None = None, **more: Any
    ) -> bool:
        if effect is not None:
            affect(effect, None)
        return await super().swap(record, version=version, puts=puts, **more)


class EventsFirst(MemoryStore):
    """Events are written before it is known whether the swap happens."""

    async def swap(self, record: Record, *, version: int, events: Sequence[Event] = (), **more: Any) -> bool:
        await self.append(*events)
        return await super().swap(record, version=version, **more)


class LosesTheHead(MemoryStore):
    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        feed = await super().tail(after, now=now, limit=limit)
        return replace(feed, head=feed.events[-1].seq if feed.events else 0)


class TakesTheSecond(MemoryStore):
    """A name that is revoked again has the end of the second time, though that is earlier."""

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        for event in events:
            await super().append(event)
            self._tables.events[-1] = replace(self._tables.events[-1], until=event.until)
        return await super().append(audit=audit)


class PurgesTheLiving(MemoryStore):
    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        return await super().purge(now=now + 1, audit_before=audit_before)


class PurgesTheTrail(MemoryStore):
    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        return await super().purge(now=now, audit_before=now if audit_before is None else audit_before)


class NeverCloses(MemoryStore):
    def close_blocking(self) -> None:
        pass


class NothingChanges(MemoryStore):
    def changed(self) -> bool:
        return False


BREAKS: dict[type[MemoryStore], str] = {
    Forgets: "a record ends at its second",
    Overwrites: "put is all or nothing",
    OneByOne: "put is all or nothing",
    LooksThenTakes: "one of many takes wins",
    LastWriterWins: "a swap over another version writes nothing",
    EffectFirst: "an effect runs once, with a swap that happens",
    EventsFirst: "a swap over another version writes nothing",
    LosesTheHead: "the head stays when its event is gone",
    TakesTheSecond: "a name has one event",
    PurgesTheLiving: "purge removes the dead and nothing else",
    PurgesTheTrail: "purge removes the dead and nothing else",
    NeverCloses: "closed, it refuses",
    NothingChanges: "it pulls inline, or says that it does not",
}


@pytest.mark.parametrize("store", BREAKS, ids=lambda store: store.__name__)
def test_a_store_that_breaks_one_is_found_out(store: Callable[[], Store]) -> None:
    promise = BREAKS[store]  # type: ignore[index]
    assert {one.promise for one in broken_promises(store, {promise: PROMISES[promise]})} == {promise}


def test_it_says_which_and_what_was_seen() -> None:
    with pytest.raises(AssertionError, match="promises of a store were broken") as caught:
        assert_keeps_promises(Forgets)
    assert "a record ends at its second (loop): AssertionError: get at 0 s: Record(" in str(caught.value)


def test_what_raises_is_broken_and_not_the_end_of_the_test() -> None:
    def make() -> Store:
        raise StoreConflictError

    assert {one.promise for one in broken_promises(make)} == PROMISES.keys()


# Stores that others publish


def test_a_scheme_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shelf.py").write_text(
        "from watchword.stores.memory import MemoryStore\n\n\ndef Shelf(url):\n    return MemoryStore()\n"
    )
    about = tmp_path / "shelf-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    points = ["[watchword.stores]", "shelf = shelf:Shelf", "broken = shelves:Shelf", "sqlite = shelf:Shelf"]
    (about / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert isinstance(open_store("shelf:anything"), MemoryStore)
        assert not isinstance(open_store(f"sqlite:///{tmp_path}/a.db"), MemoryStore)  # ours come first
        with pytest.raises(ConfigurationError, match="broken: its package is not whole"):
            open_store("broken:anything")
    finally:
        sys.modules.pop("shelf", None)


def test_a_scheme_of_nobody() -> None:
    with pytest.raises(ConfigurationError, match="no store for the URL scheme 'nobody'"):
        open_store("nobody:anything")
    assert "nobody" not in SCHEMES
