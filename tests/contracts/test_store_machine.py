"""Store equivalence (I22): every store is asked the same things in the same order, and gives the same answers."""

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword.clock import FrozenClock
from watchword.errors import WatchwordError
from watchword.stores.base import EVERYTHING, Audit, Event, Feed, Record, Store, open_store

TIMES = st.integers(0, 12)
KINDS = st.sampled_from(["session", "family"])
KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])
OWNERS = st.none() | st.sampled_from(["o1", "o2"])
LIMITS = st.integers(0, 6)
DATA = st.dictionaries(
    st.text(max_size=3),
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers()),
    max_size=2,
)
RECORDS = st.builds(
    Record,
    kind=KINDS,
    key=KEYS,
    data=DATA,
    version=st.integers(1, 3),
    subject=OWNERS,
    group=OWNERS,
    expires_at=st.none() | TIMES,
)
NAMES = ["n1", "n2", "n3", "n4"]  # no keys: what the feed names, a composite reads anew
FACTS = st.builds(
    Event, what=st.sampled_from(["session", "family", "key"]), value=st.sampled_from(NAMES), at=TIMES, until=TIMES
)
EVENTS = st.lists(
    FACTS | st.builds(Event, what=st.just("everything"), value=st.just(""), at=TIMES, until=TIMES), max_size=3
)
AUDIT = st.lists(st.builds(Audit, name=KEYS, at=TIMES, subject=OWNERS, detail=DATA, seq=st.integers(0, 9)), max_size=2)

SOAK = int(os.environ.get("WATCHWORD_SOAK", "1"))

Verb = Callable[[Store], Coroutine[Any, Any, Any]]


def outcome(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The answer of a verb, or the class of its error."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    except WatchwordError as error:
        return type(error)
    raise AssertionError("the store suspended")


class SideBySide(RuleBasedStateMachine):
    postgres: ClassVar[Postgres]
    valkey: ClassVar[Server]
    hits: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        urls = [
            "memory:",
            f"sqlite:///{Path(self.folder.name)}/store.db",
            self.postgres.fresh(),
            self.valkey.fresh(),
        ]
        self.stores = [open_store(url) for url in urls]
        self.clock = FrozenClock()
        for record in (f"sqlite:///{Path(self.folder.name)}/carried.db", self.postgres.fresh()):
            self.stores.append(open_store(record, carrier=self.valkey.fresh(), clock=self.clock))
        for store in self.stores:
            store.open_blocking()

    def teardown(self) -> None:
        for store in self.stores:
            self.hits.append(getattr(store, "hits", 0))
            store.close_blocking()
        self.folder.cleanup()

    def ask(self, verb: Verb) -> Any:
        answer, *others = [outcome(verb(store)) for store in self.stores]
        assert others == [answer] * len(others)
        return answer

    def ask_feed(self, after: int, now: int, limit: int) -> None:
        feeds: list[Feed] = [outcome(store.tail(after, now=now, limit=limit)) for store in self.stores]
        first, *others = [(feed.head, feed.events) for feed in feeds]
        assert others == [first] * len(others)

    @rule(records=st.lists(RECORDS, max_size=3), audit=AUDIT)
    def put(self, records: list[Record], audit: list[Audit]) -> None:
        self.ask(lambda store: store.put(*records, audit=audit))

    @rule(seconds=st.sampled_from([0.3, 0.6, 3, 8]))
    def a_moment_passes(self, seconds: float) -> None:
        """For the copies of a composite, which reads boot time: they grow old, and doubts about them end."""
        self.clock.advance(seconds)

    @rule(kind=KINDS, key=KEYS, now=TIMES)
    def get(self, kind: str, key: str, now: int) -> None:
        self.ask(lambda store: store.get(kind, key, now=now))

    @rule(kind=KINDS, key=KEYS, now=TIMES, audit=AUDIT)
    def take(self, kind: str, key: str, now: int, audit: list[Audit]) -> None:
        self.ask(lambda store: store.take(kind, key, now=now, audit=audit))

    @rule(record=RECORDS, version=st.integers(1, 3), puts=st.lists(RECORDS, max_size=1), events=EVENTS, audit=AUDIT)
    def swap(self, record: Record, version: int, puts: list[Record], events: list[Event], audit: list[Audit]) -> None:
        self.ask(lambda store: store.swap(record, version=version, puts=puts, events=events, audit=audit))

    @rule(record=RECORDS, puts=st.lists(RECORDS, max_size=2), events=EVENTS, audit=AUDIT)
    def swap_what_is_there(self, record: Record, puts: list[Record], events: list[Event], audit: list[Audit]) -> None:
        now = self.ask(lambda store: store.get(record.kind, record.key, now=0))
        if now is not None:
            self.ask(lambda store: store.swap(record, version=now.version, puts=puts, events=events, audit=audit))

    @rule(kind=KINDS, key=KEYS, events=EVENTS, audit=AUDIT)
    def drop(self, kind: str, key: str, events: list[Event], audit: list[Audit]) -> None:
        self.ask(lambda store: store.drop(kind, key, events=events, audit=audit))

    @rule(kind=KINDS, now=TIMES, subject=OWNERS, group=OWNERS, limit=LIMITS)
    def find(self, kind: str, now: int, subject: str | None, group: str | None, limit: int) -> None:
        self.ask(lambda store: store.find(kind, now=now, subject=subject, group=group, limit=limit))

    @rule(events=EVENTS, audit=AUDIT)
    def append(self, events: list[Event], audit: list[Audit]) -> None:
        self.ask(lambda store: store.append(*events, audit=audit))

    @rule(after=st.integers(0, 20), now=TIMES, limit=LIMITS)
    def tail(self, after: int, now: int, limit: int) -> None:
        self.ask_feed(after, now, limit)

    @rule(now=TIMES)
    def standing(self, now: int) -> None:
        feed: Feed = outcome(self.stores[0].tail(0, now=now, limit=1000))
        names = [(what, value) for what in ("session", "family", "key") for value in NAMES]
        for store in self.stores:
            found: Feed = outcome(store.standing([*names, EVERYTHING], now=now))
            assert found.events == tuple(replace(one, at=0) for one in feed.events)

    @rule(after=st.integers(0, 20), subject=OWNERS, limit=LIMITS)
    def audited(self, after: int, subject: str | None, limit: int) -> None:
        self.ask(lambda store: store.audited(after=after, subject=subject, limit=limit))

    @rule(now=TIMES, audit_before=st.none() | TIMES)
    def purge(self, now: int, audit_before: int | None) -> None:
        self.ask(lambda store: store.purge(now=now, audit_before=audit_before))

    @invariant()
    def everything_is_the_same(self) -> None:
        for kind in ("session", "family"):
            self.ask(lambda store, kind=kind: store.find(kind, now=-1))  # type: ignore[misc]
        for key in ("k1", "k2", "k3", "k4"):
            self.ask(lambda store, key=key: store.get("session", key, now=0))  # type: ignore[misc]
        self.ask(lambda store: store.audited())
        self.ask_feed(0, -1, 100)


def test_all_stores_give_the_same_answers(postgres: Postgres, valkey: Server) -> None:
    SideBySide.postgres, SideBySide.valkey = postgres, valkey
    run_state_machine_as_test(
        SideBySide,
        settings=settings(max_examples=40 * SOAK, stateful_step_count=60, deadline=None, derandomize=SOAK == 1),
    )
    assert sum(SideBySide.hits) > 100, "the composites answered from copies as well"
