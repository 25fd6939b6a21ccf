"""The pure parts of the composite, and what it does where two of its writes meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.valkey import Server
from watchword import Watchword
from watchword.clock import FrozenClock
from watchword.crypto.digest import new_secret
from watchword.errors import ConfigurationError
from watchword.runtime.ticker import drive
from watchword.stores.base import Event, Feed, Record, open_store
from watchword.stores.composite.doubts import MOST, Doubts
from watchword.stores.composite.messages import Messages
from watchword.stores.composite.store import BOUND
from watchword.stores.composite.windows import Windows, window_of

OURS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
NOW = 1_800_000_000
FIRST, SECOND, THIRD = (new_secret() for _ in range(3))


def name(secret: str) -> str:
    return window_of(secret, 1, 0).name


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


# Windows


@pytest.fixture
def windows(clock: FrozenClock) -> Windows:
    return Windows(clock, 2.0)


def test_the_first_window_that_is_heard_of_may_be_of_any_age(windows: Windows) -> None:
    windows.heard(FIRST, 7, asked_at=windows.asking())
    assert windows.good(name(FIRST)) is None
    assert windows.ripe()
    assert windows.newest is not None, "who reads a row now may seal it: others can know better"


def test_our_own_window_is_as_old_as_the_write_that_made_it(clock: FrozenClock, windows: Windows) -> None:
    asked_at = windows.asking()
    clock.advance(1.5)  # until the answer came
    windows.turned(FIRST, 1, asked_at=asked_at)
    clock.advance(0.49)
    assert windows.good(name(FIRST)) is not None
    clock.advance(0.01)
    assert windows.good(name(FIRST)) is None


def test_anothers_window_is_as_old_as_our_last_question_before_it(clock: FrozenClock, windows: Windows) -> None:
    windows.heard(FIRST, 1, asked_at=windows.asking())
    clock.advance(0.5)
    windows.heard(FIRST, 1, asked_at=windows.asking())
    clock.advance(0.5)
    windows.heard(SECOND, 2, asked_at=windows.asking())
    clock.advance(1.49)
    assert windows.good(name(SECOND)) is not None
    clock.advance(0.01)
    assert windows.good(name(SECOND)) is None
    assert windows.good(name(FIRST)) is None


def test_an_older_window_is_good_to_its_own_end(clock: FrozenClock, windows: Windows) -> None:
    windows.turned(FIRST, 1, asked_at=windows.asking())
    clock.advance(1)
    windows.turned(SECOND, 2, asked_at=windows.asking())
    assert windows.good(name(FIRST)) is not None
    clock.advance(1)
    assert windows.good(name(FIRST)) is None
    assert windows.good(name(SECOND)) is not None


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_that_was_put_back_makes_everything_unknown(windows: Windows, version: int) -> None:
    windows.turned(FIRST, 1, asked_at=windows.asking())
    windows.turned(SECOND, 2, asked_at=windows.asking())
    windows.heard(FIRST if version == 1 else THIRD, version, asked_at=windows.asking())
    assert [windows.good(name(one)) for one in (FIRST, SECOND, THIRD)] == [None] * 3


def test_one_asks_now_and_then(clock: FrozenClock, windows: Windows) -> None:
    assert windows.due()
    windows.turned(FIRST, 1, asked_at=windows.asking())
    assert not windows.due()
    clock.advance(0.5)
    assert windows.due()
    assert windows.ripe()
    windows.asking()
    assert not windows.due(), "whatever becomes of the question"


def test_old_windows_are_let_go_of(clock: FrozenClock, windows: Windows) -> None:
    for number in range(100):
        windows.turned(new_secret(), number, asked_at=windows.asking())
        clock.advance(0.5)
    assert len(windows._known) <= 5


# Doubts


@pytest.fixture
def doubts(clock: FrozenClock) -> Doubts:
    return Doubts(clock, bound=2, late=5)


def test_a_write_is_in_doubt_until_redis_knows(clock: FrozenClock, doubts: Doubts) -> None:
    with doubts.over("k") as doubt:
        clock.advance(3600)
        assert "k" in doubts
        assert "other" not in doubts
        doubt.settled = True
    assert "k" not in doubts


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_redis_was_not_told_of_stays_in_doubt_for_a_while(
    clock: FrozenClock, doubts: Doubts, fails: bool
) -> None:
    try:
        with doubts.over("k"):
            clock.advance(60)
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    clock.advance(6.9)
    assert "k" in doubts
    clock.advance(0.2)
    assert "k" not in doubts


def test_of_two_writes_at_once_the_one_that_is_settled_says_nothing_of_the_other(doubts: Doubts) -> None:
    with doubts.over("k") as first:
        with doubts.over("k"):
            pass
        first.settled = True
    assert "k" in doubts
    with doubts.over("k2") as outer:
        with doubts.over("k2") as inner:
            outer.settled = inner.settled = True
        assert "k2" not in doubts, "a write that has not returned may be read either way"
    assert "k2" not in doubts


def test_what_the_feed_names_is_in_doubt_until_older_copies_are_dead(clock: FrozenClock, doubts: Doubts) -> None:
    doubts.add(["k"])
    clock.advance(1.9)
    assert "k" in doubts
    clock.advance(0.2)
    assert "k" not in doubts
    with doubts.over("k"):
        doubts.add(["k"])
    clock.advance(6.9)
    assert "k" in doubts, "the longer doubt stands"


def test_with_too_many_in_doubt_all_are(clock: FrozenClock, doubts: Doubts) -> None:
    doubts.add(f"{number}" for number in range(MOST + 1))
    assert "never named" in doubts
    assert len(doubts._until) <= MOST
    clock.advance(7)
    assert "never named" not in doubts


# Messages


def test_a_message_is_news_once() -> None:
    secret = bytes(32)
    ours, theirs = Messages(secret), Messages(secret)
    message = theirs.write("e1", 5)
    assert ours.news(message) is False, "nothing is known of the feed yet"
    ours.heard(Feed("e1", 4))
    ours.heard(Feed("e1", 5))  # somebody else asked, for the health of the store or for another follower
    assert ours.news(message) is True, "the follower has not heard it"
    assert ours.news(message) is False
    assert ours.news(theirs.write("e1", 4)) is False
    ours.heard(Feed("e2", 1))
    assert ours.news(message) is False, "of another life of the feed"
    assert ours.news(Messages(bytes(31) + b"1").write("e2", 2)) is False
    assert ours.news(theirs.write("e2", 2)) is True


@pytest.mark.parametrize("untrusted", [None, 1, "text", [b"x"], b"", b".", b"1.e2.x.", b"\xff.\xff", b"x" * 300])
def test_what_is_no_message_is_no_news(untrusted: object) -> None:
    assert Messages(bytes(32)).news(untrusted) is False


# Where writes meet


@pytest.fixture
def nodes(valkey: Server, tmp_path: Path, clock: FrozenClock) -> Iterator[list[Any]]:
    carrier, url = valkey.fresh(), f"sqlite:///{tmp_path}/app.db"
    made = [open_store(url, carrier=carrier, clock=clock) for _ in range(2)]
    for _ in range(3):
        for node in made:
            node.open_blocking()
            drive(node.get("session", "nobody", now=NOW))
        clock.advance(0.6)
    yield made
    for node in made:
        node.close_blocking()


def row(**changes: Any) -> Record:
    return Record(**{"kind": "session", "key": "k", "data": {"n": 1}, **changes})


def get(node: Any) -> Record | None:
    found: Record | None = drive(node.get("session", "k", now=NOW))
    return found


def test_who_read_a_row_before_it_was_written_lays_no_older_copy(nodes: list[Any]) -> None:
    one, other = nodes
    drive(one.put(row()))
    window = one._windows.newest  # one reads, and is slow
    drive(other.swap(row(data={"n": 2}), version=1))
    drive(one._line.ask(one._copies.keep(row(), window)))
    assert get(other) == get(one) == row(data={"n": 2}, version=2)
    window = one._windows.newest
    drive(other.drop("session", "k"))
    drive(one._line.ask(one._copies.keep(row(data={"n": 2}, version=2), window)))
    assert get(other) is get(one) is None
    drive(other.put(row(data={"n": 3})))
    assert get(other) == get(one) == row(data={"n": 3})


class Slow:
    """A record that answers a lookup late: ``meanwhile`` happens after the row was read."""

    def __init__(self, record: Any, meanwhile: Callable[[], object]) -> None:
        self._real, self._meanwhile = record, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        found: Record | None = await self._real.get(kind, key, now=now)
        if kind == "session":
            self._meanwhile()
        return found


def test_a_row_that_was_long_on_its_way_is_as_old_as_its_question(nodes: list[Any], clock: FrozenClock) -> None:
    one, other = nodes
    drive(one.put(row()))
    record = one._record

    def meanwhile() -> None:
        drive(record.swap(row(data={"n": 2}), version=1))
        for _ in range(4):
            clock.advance(0.49)
            for node in nodes:
                node._windows._due_at = 0
                drive(node._freshen())

    one._record = Slow(record, meanwhile)
    assert get(one) == row()
    one._record = record
    clock.advance(0.1)
    assert get(other) == get(one) == row(data={"n": 2}, version=2)


def test_who_loses_a_swap_reads_the_record_and_not_the_copy_that_misled_it(nodes: list[Any]) -> None:
    one, other = nodes
    drive(one.put(row()))
    assert get(one) == row()
    drive(other._record.swap(row(data={"n": 2}), version=1))  # and Redis hears nothing of it
    assert get(one) == row(), "a copy"
    assert drive(one.swap(row(data={"n": 9}), version=1)) is False
    assert get(one) == row(data={"n": 2}, version=2)
    assert drive(one.swap(row(data={"n": 9}), version=2)) is True


def test_a_row_that_the_feed_names_is_read_from_the_record(nodes: list[Any]) -> None:
    one, other = nodes
    drive(one.put(row()))
    assert get(one) == row()
    notice = Event(what="changed", value="k", at=NOW, until=NOW + 60)
    drive(other._record.swap(row(data={"n": 2}), version=1, events=[notice]))
    assert get(one) == row()
    one.tail_now(0, now=NOW)
    assert get(one) == row(data={"n": 2}, version=2)


def test_a_write_is_read_back_though_redis_was_not_told(nodes: list[Any]) -> None:
    one = nodes[0]
    drive(one.put(row()))
    assert get(one) == row()
    line, one._line = one._line, Deaf()
    drive(one.swap(row(data={"n": 2}), version=1))
    one._line = line
    assert get(one) == row(data={"n": 2}, version=2)
    one._line = Deaf()
    drive(one.take("session", "k", now=NOW))
    one._line = line
    assert get(one) is None


class Deaf:
    async def ask(self, *_: object) -> None:
        return None


def test_a_copy_ends_when_its_row_does(nodes: list[Any], clock: FrozenClock) -> None:
    one, other = nodes
    drive(one.put(row(expires_at=NOW + 1)))
    for node in nodes:
        assert get(node) == row(expires_at=NOW + 1)
        assert drive(node.get("session", "k", now=NOW + 1)) is None
    drive(other.purge(now=NOW + 1))
    assert get(other) is None, "a wall clock that jumps back revives nothing here"


def test_only_kinds_that_are_looked_up_again_and_again_are_copied(nodes: list[Any], valkey: Server) -> None:
    one = nodes[0]
    for kind in ("session", "opaque_access", "api_key", "refresh", "one_time", "roles", "user", "carrier"):
        drive(one.put(row(kind=kind)))
        drive(one.get(kind, "k", now=NOW))
    with valkey.client() as client:
        laid = {key.split(b":")[2] for key in client.keys(f"{{{one.address.prefix}}}:*")}
    assert laid == {b"session", b"opaque_access", b"api_key"}


def test_copies_and_what_blocks_older_ones_end_by_themselves(nodes: list[Any], valkey: Server) -> None:
    one = nodes[0]
    drive(one.put(row()))
    get(one)
    with valkey.client() as client:
        name = f"{{{one.address.prefix}}}:c:session:k"
        assert 0 < client.pttl(name) <= BOUND * 1000
        drive(one.drop("session", "k"))
        assert BOUND * 1000 < client.pttl(name) <= BOUND * 1000 + 1000


# What it is told


@pytest.mark.parametrize(
    ("url", "carrier"),
    [
        ("memory:", "redis://host"),
        ("redis://host", "redis://host"),
        ("sqlite:///x.db", "postgresql://host/x"),
        ("sqlite:///x.db", "memory:"),
        ("sqlite:///x.db", "nonsense"),
        ("sqlite:///x.db", "redis://user:hunter2@host?wait=1"),
        ("sqlite:///x.db", "redis://user:hunter2@host?misspelt=1"),
    ],
)
def test_a_carrier_is_a_redis_beside_sql(url: str, carrier: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, carrier=carrier)
    assert "hunter2" not in str(caught.value)


def test_its_repr_hides_the_password_and_says_how_redis_does(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/x.db", carrier="redis://root-user:hunter2@host")
    assert "hunter2" not in repr(store)
    assert "root-user" not in repr(store)
    assert "closed" in repr(store)


def test_it_says_of_itself_what_its_record_says(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/x.db", carrier="redis://host")
    assert (store.pulls_inline, store.pushes, store.lasts) == (True, False, True)
    assert store.keys_beside == tmp_path / "x.db.keys"


def test_a_short_max_staleness_shortens_the_life_of_copies(tmp_path: Path) -> None:
    ww = Watchword(f"sqlite:///{tmp_path}/x.db", carrier="redis://host", max_staleness=timedelta(seconds=1), **OURS)
    assert ww.store._windows.bound == 0.4  # type: ignore[attr-defined]


@pytest.mark.parametrize("seconds", [0.0, 0.9])
def test_where_copies_would_be_old_at_once_there_are_none(valkey: Server, tmp_path: Path, seconds: float) -> None:
    options: dict[str, Any] = {"max_staleness": timedelta(seconds=seconds), "carrier": valkey.fresh()}
    store: Any = open_store(f"sqlite:///{tmp_path}/x.db", **options)
    store.open_blocking()
    drive(store.put(row()))
    for _ in range(3):
        assert get(store) == row()
    assert (store.hits, store.misses) == (0, 0)
    assert drive(store.get("carrier", "window", now=NOW)) is None
    store.close_blocking()
