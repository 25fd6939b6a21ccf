"""What every store promises (`watchword.stores.base`), line by line, for each row of SCHEMES, opened each way."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from select import select
from types import FrameType
from typing import Any, TypeVar

import anyio.lowlevel
import pytest
from msgspec.structs import replace

from watchword.errors import ConfigurationError, StoreConflictError
from watchword.stores.base import SCHEMES, Audit, Event, Feed, Name, Record, Store, open_store

pytestmark = pytest.mark.anyio

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]

PLACES = {"memory": "memory:", "sqlite": "sqlite:///{folder}/store.db"}
SERVED = {
    "postgresql": "postgres",
    "redis": "valkey",
    "redis+cluster": "valkey_cluster",
    "redis, Debian's": "debian_redis",
}
"""Scheme, or leg that is one more server of a scheme -> the fixture that has its server."""
CARRIED = {"postgresql with redis": "postgresql", "sqlite with redis": "sqlite"}
"""Leg that has a carrier beside its record -> the scheme of the record."""
SPELLINGS = {"postgres", "rediss", "redis+sentinel", "rediss+sentinel", "rediss+cluster"}
"""Schemes that are another scheme's store."""
FORGETFUL = {"memory"}
"""Schemes whose stores are empty at each opening."""
CASES = [
    pytest.param((leg, way), id=f"{leg}-{way}")
    for leg in sorted({*SCHEMES, *SERVED, *CARRIED} - SPELLINGS)
    for way in ("loop", "threads")
]
NOW = 1_800_000_000


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a caller without an event loop does with a store that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    coroutine.close()
    raise AssertionError("the store suspended")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    scheme, way = request.param
    return scheme, way


@pytest.fixture
def closed(case: tuple[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    carrier = request.getfixturevalue("valkey").fresh() if case[0] in CARRIED else None
    scheme = CARRIED.get(case[0], case[0])
    if scheme in SERVED:
        return open_store(request.getfixturevalue(SERVED[scheme]).fresh(), carrier=carrier)
    return open_store(PLACES[scheme].format(folder=tmp_path), carrier=carrier)


async def start(store: Store, case: tuple[str, str]) -> None:
    if case[1] == "loop":
        await store.open()
    else:
        store.open_blocking()


@pytest.fixture
async def store(closed: Store, case: tuple[str, str]) -> AsyncIterator[Store]:
    await start(closed, case)
    yield closed
    await closed.close()


def restless(frame: FrameType, event: str, argument: object) -> Any:
    """A trace function: at each line of a store this thread steps back, so that another runs and a race is lost.

    Nothing is waited for; a timeout of 0 would hand the interpreter straight back to the same thread.
    """
    name = frame.f_globals.get("__name__", "")
    if not name.startswith("watchword.stores") or name.endswith("_wire"):  # what speaks on one connection has no rival
        return None
    select((), (), (), 1e-5)
    return restless


async def race(store: Store, calls: Sequence[Call[T]]) -> list[T]:
    """All the calls at once, as tasks or as threads, whichever this store serves."""
    if store.suspends:
        return list(await asyncio.gather(*(call() for call in calls)))
    barrier = threading.Barrier(len(calls))

    def run(call: Call[T]) -> T:
        barrier.wait()
        before = sys.gettrace()
        sys.settrace(restless)
        try:
            return drive(call())
        finally:
            sys.settrace(before)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def session(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"plan": "pro"}, **changes})


def revoked(value: str, until: int = NOW + 100) -> Event:
    return Event(what="session", value=value, at=NOW, until=until)


def keys(records: Sequence[Record]) -> list[str]:
    return [record.key for record in records]


async def names(store: Store) -> list[str]:
    return [entry.name for entry in await store.audited()]


async def values(store: Store) -> list[str]:
    return [event.value for event in (await store.tail(0, now=NOW)).events]


# Records


async def test_a_record_comes_back_as_it_went_in(store: Store) -> None:
    data = {"text": "naïve \x00 \U0001f511", "list": [1, 2.5, None, True], "deep": {"big": 2**70}, "none": {}}
    whole = session("k", data=data, subject="user-7", group="fam\x001", expires_at=NOW + 1)
    await store.put(whole, session("bare", data={}))
    assert await store.get("session", "k", now=NOW) == whole
    assert await store.get("session", "bare", now=NOW) == Record(kind="session", key="bare", data={})


async def test_data_is_plain_json_and_nobody_holds_a_live_piece_of_it(store: Store) -> None:
    data: dict[str, Any] = {"roles": ("a", "b"), "inner": {"n": 1}}
    await store.put(session("k", data=data))
    data["inner"]["n"] = 2
    first = await store.get("session", "k", now=NOW)
    assert first is not None
    assert first.data == {"roles": ["a", "b"], "inner": {"n": 1}}
    first.data["inner"]["n"] = 3
    second = await store.get("session", "k", now=NOW)
    assert second is not None
    assert second.data["inner"] == {"n": 1}


async def test_a_new_record_has_version_1_whatever_it_says(store: Store) -> None:
    await store.put(session("k", version=7))
    found = await store.get("session", "k", now=NOW)
    assert found is not None
    assert found.version == 1


async def test_what_is_missing_is_none(store: Store) -> None:
    await store.put(session("k"))
    assert await store.get("session", "other", now=NOW) is None
    assert await store.get("other", "k", now=NOW) is None
    assert await store.take("session", "other", now=NOW) is None
    assert await store.take("other", "k", now=NOW) is None
    assert await store.find("other", now=NOW) == []


async def test_a_record_is_live_one_second_before_it_expires_and_gone_at_that_second(store: Store) -> None:
    record = session("k", subject="user-7", group="g", expires_at=NOW)
    await store.put(record)
    for now, there in ((NOW - 1, True), (NOW, False), (NOW + 1, False)):
        assert (await store.get("session", "k", now=now) is not None) is there
        assert (await store.find("session", now=now) != []) is there
        assert (await store.find("session", now=now, subject="user-7") != []) is there
        assert (await store.find("session", now=now, group="g") != []) is there
    assert await store.take("session", "k", now=NOW, audit=[Audit(name="taken", at=NOW)]) is None
    assert await names(store) == []
    assert await store.take("session", "k", now=NOW - 1) == record


# put


@pytest.mark.parametrize("expires_at", [None, NOW + 100, 1])
async def test_a_put_that_meets_a_record_writes_nothing(store: Store, expires_at: int | None) -> None:
    old = session("old", expires_at=expires_at)
    await store.put(old)
    with pytest.raises(StoreConflictError):
        await store.put(session("new-1"), session("old", data={}), session("new-2"), audit=[Audit(name="put", at=NOW)])
    assert await store.find("session", now=0) == [old]
    assert await names(store) == []


async def test_a_put_that_names_a_key_twice_writes_nothing(store: Store) -> None:
    with pytest.raises(StoreConflictError):
        await store.put(session("a"), session("b"), session("a"))
    assert await store.find("session", now=NOW) == []
    await store.put(session("a"), session("a", kind="other"))


async def test_one_of_many_puts_of_one_key_wins(store: Store) -> None:
    async def put(n: int, key: str) -> bool:
        try:
            await store.put(
                session(key, data={"n": n}), session(f"{key}-{n}"), audit=[Audit(name=f"{key}-{n}", at=NOW)]
            )
        except StoreConflictError:
            return False
        return True

    async def put_all(n: int) -> list[bool]:
        return [await put(n, f"k{turn}") for turn in range(4)]

    winners = []
    for turn, won in enumerate(zip(*await race(store, [partial(put_all, n) for n in range(20)]), strict=True)):
        assert won.count(True) == 1
        winners.append(f"k{turn}-{won.index(True)}")
        assert await store.get("session", f"k{turn}", now=NOW) == session(f"k{turn}", data={"n": won.index(True)})
    assert sorted(keys(await store.find("session", now=NOW))) == sorted([*(f"k{turn}" for turn in range(4)), *winners])
    assert sorted(await names(store)) == sorted(winners)


async def test_what_is_not_json_is_refused_and_nothing_is_written(store: Store) -> None:
    await store.put(session("k"))
    with pytest.raises(TypeError):
        await store.put(session("a"), session("b", data={"x": object()}))
    with pytest.raises(TypeError):
        await store.swap(session("k", data={}), version=1, puts=[session("c", data={"x": object()})])
    with pytest.raises(TypeError):
        await store.take("session", "k", now=NOW, audit=[Audit(name="n", at=NOW, detail={"x": object()})])
    with pytest.raises(TypeError):
        await store.append(revoked("a"), audit=[Audit(name="n", at=NOW, detail={"x": object()})])
    assert await store.find("session", now=NOW) == [session("k")]
    assert (await store.tail(0, now=NOW)).head == 0
    assert await names(store) == []


# take and drop


async def test_take_removes_what_it_returns(store: Store) -> None:
    await store.put(session("k", subject="user-7", group="g"), session("stays"))
    audit = [Audit(name="taken", at=NOW)]
    assert await store.take("session", "k", now=NOW, audit=audit) == session("k", subject="user-7", group="g")
    assert await store.take("session", "k", now=NOW, audit=audit) is None
    assert await store.get("session", "k", now=NOW) is None
    assert keys(await store.find("session", now=NOW)) == ["stays"]
    assert await store.find("session", now=NOW, subject="user-7") == []
    assert await store.find("session", now=NOW, group="g") == []
    assert await names(store) == ["taken"]


async def test_one_of_a_hundred_takes_gets_it(store: Store) -> None:
    await store.put(*(session(f"k{n}") for n in range(4)))

    async def take_all() -> list[str]:
        taken = [await store.take("session", f"k{n}", now=NOW, audit=[Audit(name=f"k{n}", at=NOW)]) for n in range(4)]
        return [record.key for record in taken if record is not None]

    taken = [key for keys in await race(store, [take_all] * 100) for key in keys]
    assert sorted(taken) == sorted(await names(store)) == sorted(f"k{n}" for n in range(4))


async def test_drop_tells_whether_it_was_there(store: Store) -> None:
    await store.put(session("k", subject="user-7", expires_at=1), session("stays"))
    events, audit = [revoked("k")], [Audit(name="ended", at=NOW)]
    assert await store.drop("session", "other", events=events, audit=audit) is False
    assert await values(store) == await names(store) == []
    assert await store.drop("session", "k", events=events, audit=audit) is True
    assert await store.drop("session", "k", events=events, audit=audit) is False
    assert (await values(store), await names(store)) == (["k"], ["ended"])
    assert keys(await store.find("session", now=0)) == ["stays"]


# swap


async def test_swap_replaces_the_record_and_counts(store: Store) -> None:
    await store.put(session("k", subject="user-7", group="g", expires_at=NOW + 1))
    new = session("k", data={"plan": "team"}, subject="user-8", expires_at=NOW + 50, version=99)
    assert await store.swap(new, version=1) is True
    found = await store.get("session", "k", now=NOW + 49)
    assert found == session("k", data={"plan": "team"}, subject="user-8", expires_at=NOW + 50, version=2)
    assert await store.find("session", now=NOW, subject="user-8") == [found]
    assert await store.find("session", now=NOW, subject="user-7") == []
    assert await store.find("session", now=NOW, group="g") == []
    assert await store.swap(session("k"), version=2) is True
    assert await store.get("session", "k", now=NOW) == session("k", version=3)


async def test_swap_writes_all_that_comes_with_it(store: Store) -> None:
    await store.put(session("k"))
    done = await store.swap(
        session("k", data={}),
        version=1,
        puts=[session("next"), session("third")],
        events=[revoked("a"), revoked("b")],
        audit=[Audit(name="rotated", at=NOW)],
    )
    assert done is True
    assert keys(await store.find("session", now=NOW)) == ["k", "next", "third"]
    assert (await values(store), await names(store)) == (["a", "b"], ["rotated"])


@pytest.mark.parametrize(("key", "version"), [("k", 1), ("k", 3), ("k", 0), ("gone", 1)])
async def test_a_swap_over_another_version_writes_nothing(store: Store, key: str, version: int) -> None:
    await store.put(session("k"))
    await store.swap(session("k"), version=1)
    done = await store.swap(
        session(key, data={}),
        version=version,
        puts=[session("next")],
        events=[revoked("a")],
        audit=[Audit(name="rotated", at=NOW)],
    )
    assert done is False
    assert await store.find("session", now=NOW) == [session("k", version=2)]
    assert await values(store) == await names(store) == []


@pytest.mark.parametrize("taken", ["there", "k"])
async def test_a_swap_whose_puts_meet_a_record_writes_nothing(store: Store, taken: str) -> None:
    await store.put(session("k"), session("there"))
    with pytest.raises(StoreConflictError):
        await store.swap(
            session("k", data={}),
            version=1,
            puts=[session("next"), session(taken)],
            events=[revoked("a")],
            audit=[Audit(name="rotated", at=NOW)],
        )
    assert await store.find("session", now=NOW) == [session("k"), session("there")]
    assert await values(store) == await names(store) == []
    assert await store.append() == 0


async def test_an_expired_record_can_be_swapped(store: Store) -> None:
    await store.put(session("k", expires_at=1))
    assert await store.swap(session("k", expires_at=NOW + 1), version=1) is True
    assert await store.get("session", "k", now=NOW) == session("k", expires_at=NOW + 1, version=2)


async def test_one_of_fifty_swaps_over_one_version_wins(store: Store) -> None:
    await store.put(session("k"))

    async def swap(n: int, version: int) -> bool:
        return await store.swap(
            session("k", data={"n": n}),
            version=version,
            puts=[session(f"{version}-{n}")],
            events=[revoked(f"{version}-{n}")],
        )

    for version in range(1, 6):
        won = await race(store, [partial(swap, n, version) for n in range(50)])
        assert won.count(True) == 1
        winner = won.index(True)
        assert await store.get("session", "k", now=NOW) == session("k", data={"n": winner}, version=version + 1)
        assert await store.get("session", f"{version}-{winner}", now=NOW) is not None
        assert len(await store.find("session", now=NOW)) == version + 1
        assert len(await values(store)) == version


# effects


async def test_an_effect_runs_once_with_a_swap_that_happens_and_never_without(store: Store) -> None:
    await store.put(session("k"))
    ran: list[object] = []
    assert await store.swap(session("k", data={"n": 1}), version=7, effect=ran.append) is False
    assert ran == []
    assert await store.swap(session("k", data={"n": 1}), version=1, effect=ran.append) is True
    assert len(ran) == 1
    assert await store.get("session", "k", now=NOW) == session("k", data={"n": 1}, version=2)


async def test_an_effect_that_raises_leaves_nothing_of_the_swap(store: Store) -> None:
    class MineError(Exception):
        pass

    def effect(_: object) -> None:
        raise MineError

    await store.put(session("k"))
    with pytest.raises(MineError):
        await store.swap(
            session("k", data={}),
            version=1,
            puts=[session("next")],
            events=[revoked("a")],
            audit=[Audit(name="rotated", at=NOW)],
            effect=effect,
        )
    assert await store.find("session", now=NOW) == [session("k")]
    assert await values(store) == await names(store) == []
    assert await store.append() == 0
    assert await store.swap(session("k", data={}), version=1, puts=[session("next")]) is True


async def test_an_effect_that_runs_off_the_end_of_an_iterator_hangs_nobody(store: Store) -> None:
    """``next(cursor)`` without a row: no coroutine and no future can carry a StopIteration."""
    await store.put(session("k"))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(store.swap(session("k", data={}), version=1, effect=lambda _: next(iter(()))), 5)
    assert await store.get("session", "k", now=NOW) == session("k")


async def test_an_effect_that_gives_up_altogether_stops_itself_alone(store: Store) -> None:
    class GivenUp(BaseException):
        pass

    def effect(_: object) -> None:
        raise GivenUp

    await store.put(session("k"))
    if store.suspends:
        failed, other = await asyncio.gather(
            store.swap(session("k", data={}), version=1, effect=effect),
            store.put(session("other")),
            return_exceptions=True,
        )
        assert (type(failed), other) == (GivenUp, None)
    else:
        with pytest.raises(GivenUp):
            await store.swap(session("k", data={}), version=1, effect=effect)
        await store.put(session("other"))
    assert await store.find("session", now=NOW) == [session("k"), session("other")]


async def test_a_put_that_conflicts_leaves_no_effect(store: Store) -> None:
    """Whichever comes first in a store: after a conflict nothing that the effect wrote may stand."""
    await store.put(session("k"), session("there"))
    ran: list[object] = []
    with pytest.raises(StoreConflictError):
        await store.swap(session("k"), version=1, puts=[session("there")], effect=ran.append)
    assert ran == []


async def test_a_coroutine_is_no_effect(store: Store) -> None:
    async def effect(_: object) -> None:
        raise AssertionError("it ran")

    await store.put(session("k"))
    with pytest.raises(ConfigurationError, match="plain function"):
        await store.swap(session("k", data={}), version=1, effect=effect)
    assert await store.get("session", "k", now=NOW) == session("k")


async def test_an_effect_that_calls_its_store_is_told_so_and_does_not_hang(store: Store) -> None:
    def effect(_: object) -> None:
        drive(store.put(session("other")))

    await store.put(session("k"))
    with pytest.raises(ConfigurationError, match="cannot call that store"):
        await store.swap(session("k", data={}), version=1, effect=effect)
    assert await store.find("session", now=NOW) == [session("k")]
    await store.put(session("other"))


async def test_of_fifty_swaps_with_an_effect_one_has_it(store: Store) -> None:
    await store.put(session("k"))
    ran: list[int] = []

    async def swap(n: int) -> bool:
        return await store.swap(session("k", data={"n": n}), version=1, effect=lambda _: ran.append(n))

    won = await race(store, [partial(swap, n) for n in range(50)])
    assert won.count(True) == 1
    assert ran == [won.index(True)]


async def test_no_reader_misses_a_record_while_it_is_swapped(store: Store) -> None:
    await store.put(session("k", subject="user-7"))
    ended = False

    async def swap() -> bool:
        nonlocal ended
        done = [await store.swap(session("k", subject="user-7"), version=version) for version in range(1, 101)]
        ended = True
        return all(done)

    async def get() -> bool:
        return await store.get("session", "k", now=NOW) is not None

    async def find() -> bool:
        return len(await store.find("session", now=NOW, subject="user-7")) == 1

    async def read(there: Call[bool]) -> bool:
        while not ended:
            if not await there():
                return False
            if store.suspends:
                await anyio.lowlevel.checkpoint()
        return True

    calls: list[Call[bool]] = [swap, *(partial(read, there) for there in (get, get, find))]
    assert await race(store, calls) == [True] * 4


# find


async def test_find_gives_the_oldest_first_by_subject_group_or_both(store: Store) -> None:
    await store.put(session("d", subject="u1", group="g1"), session("a", subject="u1", group="g2"))
    await store.put(session("c", subject="u2", group="g1"), session("other", kind="family", subject="u1", group="g1"))
    await store.put(session("b", subject="u1", group="g1"), session("e"))

    async def found(**filters: Any) -> list[str]:
        return keys(await store.find("session", now=NOW, **filters))

    assert await found() == ["d", "a", "c", "b", "e"]
    assert await found(subject="u1") == ["d", "a", "b"]
    assert await found(group="g1") == ["d", "c", "b"]
    assert await found(subject="u1", group="g1") == ["d", "b"]
    assert await found(subject="u2", group="g2") == await found(subject="") == await found(group="u1") == []
    assert await found(limit=2) == ["d", "a"]
    assert await found(subject="u1", limit=2) == ["d", "a"]
    assert await found(group="g1", limit=1) == ["d"]
    assert await found(limit=0) == []


async def test_a_swap_keeps_its_place_and_a_new_put_goes_last(store: Store) -> None:
    await store.put(*(session(key, subject="u") for key in "abc"))
    await store.swap(session("a", subject="u"), version=1)
    assert keys(await store.find("session", now=NOW, subject="u")) == ["a", "b", "c"]
    await store.take("session", "b", now=NOW)
    await store.put(session("b", subject="u"))
    assert keys(await store.find("session", now=NOW, subject="u")) == ["a", "c", "b"]
    await store.take("session", "b", now=NOW)
    await store.put(session("0", subject="u"))
    assert keys(await store.find("session", now=NOW)) == ["a", "c", "0"]


async def test_limits_count_live_records_only(store: Store) -> None:
    await store.put(session("dead", subject="u", expires_at=NOW), session("x", subject="u"), session("y", subject="u"))
    assert keys(await store.find("session", now=NOW, subject="u", limit=2)) == ["x", "y"]
    assert keys(await store.find("session", now=NOW, limit=1)) == ["x"]


# The feed


async def test_events_are_numbered_from_1_in_the_order_they_were_written(store: Store) -> None:
    assert await store.append() == 0
    assert await store.append(revoked("a"), revoked("b")) == 2
    assert await store.append(Event(what="subject", value="c", at=1, until=NOW + 1, seq=77)) == 3
    assert await store.append() == 3
    feed = await store.tail(0, now=NOW)
    assert feed.head == 3
    assert feed.events == (
        Event(what="session", value="a", at=NOW, until=NOW + 100, seq=1),
        Event(what="session", value="b", at=NOW, until=NOW + 100, seq=2),
        Event(what="subject", value="c", at=1, until=NOW + 1, seq=3),
    )
    assert [event.seq for event in (await store.tail(1, now=NOW)).events] == [2, 3]
    assert await store.tail(3, now=NOW) == Feed(feed.epoch, 3)
    assert await store.tail(9, now=NOW) == Feed(feed.epoch, 3)


async def test_an_audited_append_returns_the_head(store: Store) -> None:
    assert await store.append(audit=[Audit(name="looked", at=NOW)]) == 0
    assert await store.append(revoked("a"), audit=[Audit(name="revoked", at=NOW)]) == 1
    assert await store.append(audit=[Audit(name="looked", at=NOW)]) == 1
    assert await names(store) == ["looked", "revoked", "looked"]


async def test_an_event_lives_until_its_second(store: Store) -> None:
    await store.append(revoked("a", until=NOW), revoked("b", until=NOW + 1), revoked("c", until=NOW + 2))
    assert [event.value for event in (await store.tail(0, now=NOW - 1)).events] == ["a", "b", "c"]
    assert [event.value for event in (await store.tail(0, now=NOW)).events] == ["b", "c"]
    last = await store.tail(0, now=NOW + 2)
    assert (last.events, last.head) == ((), 3)


async def test_a_limited_tail_says_where_to_go_on(store: Store) -> None:
    await store.append(*(revoked(f"{n}") for n in range(1, 6)), revoked("dead", until=NOW), revoked("7"))
    after, read = 0, []
    for expected in (2, 4, 7):
        feed = await store.tail(after, now=NOW, limit=2)
        assert feed.head == expected
        read += [event.seq for event in feed.events]
        after = feed.head
    assert read == [1, 2, 3, 4, 5, 7]
    assert (await store.tail(5, now=NOW, limit=1)).head == 7
    assert (await store.tail(0, now=NOW, limit=6)).head == 7
    assert len((await store.tail(0, now=NOW, limit=0)).events) == 1


async def test_the_head_stays_when_its_event_is_purged(store: Store) -> None:
    await store.append(revoked("a"), revoked("b", until=NOW))
    assert await store.purge(now=NOW) == 1
    assert (await store.tail(0, now=NOW)).head == await store.append() == 2
    assert await store.purge(now=NOW + 1000) == 1
    assert await store.tail(0, now=0) == Feed((await store.tail(0, now=0)).epoch, 2)
    assert await store.append(revoked("c")) == 3


async def test_a_failed_write_takes_no_number_that_the_head_counts(store: Store) -> None:
    await store.put(session("k"), session("there"))
    await store.append(revoked("a"))
    with pytest.raises(StoreConflictError):
        await store.swap(session("k"), version=1, puts=[session("there")], events=[revoked("b"), revoked("c")])
    with pytest.raises(TypeError):
        await store.append(revoked("b"), audit=[Audit(name="n", at=NOW, detail={"x": object()})])
    feed = await store.tail(0, now=NOW)
    assert (feed.head, [event.value for event in feed.events]) == (1, ["a"])
    last = await store.append(revoked("d"))
    feed = await store.tail(1, now=NOW)
    assert (feed.head, [event.value for event in feed.events]) == (last, ["d"])


async def test_who_has_read_up_to_a_number_never_sees_a_lower_one_appear(store: Store) -> None:
    writers, turns = 8, 25
    written = 0

    async def write(writer: int) -> list[tuple[int, str]]:
        nonlocal written
        mine = []
        for turn in range(turns):
            name = f"{writer}.{turn}"
            if turn % 3:
                last = await store.append(revoked(f"{name}.1"), revoked(f"{name}.2"))
                mine += [(last - 1, f"{name}.1"), (last, f"{name}.2")]
            else:
                await store.put(session(name))
                assert await store.swap(session(name), version=1, events=[revoked(name)])
        written += 1
        return mine

    async def read() -> list[tuple[int, str]]:
        after, ending = 0, False
        seen: list[tuple[int, str]] = []
        while not ending:
            ending = written == writers
            feed = await store.tail(after, now=NOW, limit=7)
            assert [event.seq for event in feed.events] == list(range(after + 1, feed.head + 1))
            assert feed.head >= after
            ending = ending and not feed.events
            seen += [(event.seq, event.value) for event in feed.events]
            after = feed.head
            if store.suspends:
                await anyio.lowlevel.checkpoint()
        return seen

    calls: list[Call[list[tuple[int, str]]]] = [*(partial(write, writer) for writer in range(writers)), read]
    *mine, seen = await race(store, calls)
    assert len(seen) == await store.append() == writers * (turns + 16)
    assert {pair for pairs in mine for pair in pairs} <= set(seen)
    assert [(event.seq, event.value) for event in (await store.tail(0, now=NOW)).events] == seen


async def test_a_store_that_pulls_inline_tails_at_once_and_hints_at_changes(store: Store) -> None:
    if not store.pulls_inline:
        with pytest.raises(ConfigurationError):
            store.tail_now(0, now=NOW)
        return
    assert store.changed() is True
    await store.append(revoked("a"))
    assert store.changed() is True
    assert store.tail_now(0, now=NOW) == await store.tail(0, now=NOW)
    assert store.tail_now(1, now=NOW) == Feed(store.tail_now(0, now=NOW).epoch, 1)
    store.changed()
    assert store.changed() is False
    await store.put(session("k"))
    await store.swap(session("k"), version=1, events=[revoked("b")])
    assert store.changed() is True
    await store.drop("session", "k", events=[revoked("c")])
    assert store.changed() is True
    assert store.changed() is False


async def test_a_store_that_does_not_push_says_so(store: Store) -> None:
    if not store.pushes:
        with pytest.raises(ConfigurationError, match="tells nobody"):
            await store.news(timeout=1)


# The audit trail


async def test_the_audit_trail_is_read_from_a_number_on_and_by_subject(store: Store) -> None:
    detail = {"ip": "203.0.113.9", "roles": ["a"]}
    await store.append(audit=[Audit(name="a", at=5, subject="u1", detail=detail), Audit(name="b", at=4, seq=50)])
    await store.put(session("k"), audit=[Audit(name="c", at=6, subject="u2")])
    await store.append(revoked("x"), audit=[Audit(name="d", at=7, subject="u1")])
    trail = await store.audited()
    assert trail[0] == Audit(name="a", at=5, subject="u1", detail=detail, seq=trail[0].seq)
    assert trail[1] == Audit(name="b", at=4, seq=trail[1].seq)
    assert [entry.name for entry in trail] == ["a", "b", "c", "d"]
    numbers = [entry.seq for entry in trail]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0
    assert await store.audited(after=numbers[1]) == trail[2:]
    assert await store.audited(subject="u1") == [trail[0], trail[3]]
    assert await store.audited(subject="u1", after=numbers[0]) == [trail[3]]
    assert await store.audited(limit=2) == trail[:2]
    assert await store.audited(subject="nobody") == await store.audited(limit=0) == []


# standing


SEVERAL = [("session", "a"), ("session", "b\x00:é"), ("sub:ject%", "a"), ("everything", "")]


async def test_standing_names_what_is_revoked_of_what_is_asked_about(store: Store) -> None:
    empty = await store.tail(0, now=NOW)
    assert await store.standing(SEVERAL, now=NOW) == empty
    about = [Event(what=what, value=value, at=NOW, until=NOW + 9) for what, value in SEVERAL]
    await store.append(revoked("other"), *about)
    found = await store.standing(SEVERAL, now=NOW)
    assert (found.epoch, found.head) == (empty.epoch, 5)
    assert [((one.what, one.value), one.seq, one.until, one.at) for one in found.events] == [
        (name, seq, NOW + 9, 0) for seq, name in enumerate(SEVERAL, 2)
    ]
    assert await store.standing(SEVERAL[2:0:-1], now=NOW) == Feed(empty.epoch, 5, found.events[1:3])
    assert await store.standing([("session", "nobody"), ("token", "a")], now=NOW) == Feed(empty.epoch, 5)
    assert await store.standing([], now=NOW) == Feed(empty.epoch, 5)


async def test_a_name_is_revoked_until_its_second(store: Store) -> None:
    await store.append(revoked("a", until=NOW + 1))
    assert (await store.standing([("session", "a")], now=NOW)).events
    assert not (await store.standing([("session", "a")], now=NOW + 1)).events


async def test_a_name_revoked_twice_has_the_newest_number_and_the_latest_end(store: Store) -> None:
    await store.append(revoked("a", until=NOW + 1), revoked("a", until=NOW + 9))
    await store.append(revoked("b", until=NOW + 9), revoked("b", until=NOW + 1))
    names: list[Name] = [("session", "a"), ("session", "b")]
    assert await store.purge(now=NOW + 1) == 0
    found = (await store.standing(names, now=NOW + 8)).events
    assert [(one.value, one.seq, one.until) for one in found] == [("a", 2, NOW + 9), ("b", 4, NOW + 9)]
    assert await store.purge(now=NOW + 9) == 2
    assert await store.standing(names, now=NOW) == Feed((await store.tail(0, now=NOW)).epoch, 4)


async def test_whatever_writes_an_event_is_seen_by_standing(store: Store) -> None:
    await store.put(session("k"), session("l"))
    assert not await store.swap(session("k"), version=7, events=[revoked("lost")])
    assert await store.swap(session("k"), version=1, events=[revoked("swapped")])
    assert await store.drop("session", "l", events=[revoked("dropped")])
    found = await store.standing([("session", value) for value in ("lost", "swapped", "dropped")], now=NOW)
    assert [one.value for one in found.events] == ["swapped", "dropped"]


async def test_standing_takes_a_thousand_names(store: Store) -> None:
    names = [("session", f"{n}") for n in range(1000)]
    await store.append(*(revoked(value) for _, value in names))
    assert [(one.what, one.value) for one in (await store.standing(names, now=NOW)).events] == names


# purge


async def test_purge_removes_what_is_dead_and_nothing_else(store: Store) -> None:
    await store.put(session("dead", expires_at=NOW), session("live", expires_at=NOW + 1), session("forever"))
    await store.append(revoked("dead", until=NOW), revoked("live", until=NOW + 1), audit=[Audit(name="a", at=1)])
    assert await store.purge(now=NOW - 1) == 0
    assert await store.purge(now=NOW) == 2
    assert await store.purge(now=NOW) == 0
    assert keys(await store.find("session", now=0)) == ["live", "forever"]
    assert [event.value for event in (await store.tail(0, now=0)).events] == ["live"]
    assert await names(store) == ["a"]
    await store.put(session("dead"))


async def test_purge_removes_any_number(store: Store) -> None:
    await store.put(*(session(f"{n}", subject="u", expires_at=1) for n in range(1201)), session("live"))
    await store.append(*(revoked(f"{n}", until=1) for n in range(801)))
    assert await store.purge(now=NOW) == 2002
    assert keys(await store.find("session", now=0)) == ["live"]
    assert await store.append() == 801


# tally


async def test_what_was_written_and_removed_is_counted(store: Store) -> None:
    await store.put(Record(kind="s", key="k", data={}), Record(kind="s", key="l", data={}, expires_at=1))
    event = Event(what="session", value="a", at=0, until=NOW + 9)
    assert not await store.swap(Record(kind="s", key="k", data={}), version=9, events=[event])
    assert await store.swap(Record(kind="s", key="k", data={}), version=1, events=[event])
    assert await store.drop("s", "k", events=[event])
    assert not await store.drop("s", "k", events=[event])
    await store.append(event, event)
    await store.purge(now=NOW)
    assert (store.tally.published, store.tally.removed, store.tally.errors) == (4, 1, 0)


# survey and upgrade


async def test_a_survey_counts_what_lives_and_changes_nothing(store: Store, case: tuple[str, str]) -> None:
    await store.put(session("a"), session("b", expires_at=NOW + 1), session("c", kind="key:x"))
    await store.append(revoked("a"), revoked("b", until=NOW), audit=[Audit(name="a", at=5), Audit(name="b", at=4)])
    [found] = store.survey(now=NOW)
    assert found.ready
    beside = {"carrier": 1} if case[0] in CARRIED else {}  # a composite keeps its secrets in its record
    assert dict(found.records) == {"key:x": 1, "session": 2} | beside
    assert (found.head, found.events, found.audit, found.oldest_audit) == (2, 1, 2, 5)
    assert found.epoch == (await store.tail(0, now=NOW)).epoch
    assert store.upgrade(str) == []
    [again] = store.survey(now=NOW)
    assert replace(again, size=found.size) == found  # the memory of a Redis is never the same


async def test_an_event_takes_the_place_of_the_one_before_it_and_keeps_the_later_end(store: Store) -> None:
    await store.append(revoked("a", until=NOW + 9), revoked("b"), revoked("a", until=NOW + 1))
    assert await facts(store) == [("session", "b", 2, NOW + 100), ("session", "a", 3, NOW + 9)]
    await store.put(session("a"), session("b"))
    await store.swap(session("a"), version=1, events=[revoked("a", until=NOW + 20)])
    await store.drop("session", "b", events=[revoked("b", until=NOW + 1), revoked("c")])
    after = [("session", "a", 4, NOW + 20), ("session", "b", 5, NOW + 100), ("session", "c", 6, NOW + 100)]
    assert await facts(store) == after
    assert await store.append() == 6
    assert [event.seq for event in (await store.tail(4, now=NOW)).events] == [5, 6]
    assert await store.purge(now=NOW + 20) == 1
    assert await facts(store) == after[1:]


async def test_what_was_written_with_a_superseding_event_fails_with_it(store: Store) -> None:
    await store.append(revoked("a", until=NOW + 9))
    await store.put(session("k"), session("there"))
    with pytest.raises(StoreConflictError):
        await store.swap(session("k"), version=1, puts=[session("there")], events=[revoked("a")])
    assert not await store.swap(session("k"), version=7, events=[revoked("a")])
    assert await facts(store) == [("session", "a", 1, NOW + 9)]


async def test_everything_stands_for_what_came_before_it_but_for_keys(store: Store) -> None:
    before = ("token", "session", "family", "subject", "signed_in", "client", "roles", "key", "tenant")
    await store.append(*(Event(what=what, value="x", at=NOW, until=NOW + 50) for what in before))
    await store.append(revoked("longer", until=NOW + 101), everything(NOW + 100), revoked("later"))
    assert await store.purge(now=NOW) == 7
    left = [("key", "x", 8, NOW + 50), ("tenant", "x", 9, NOW + 50), ("session", "longer", 10, NOW + 101)]
    left += [("everything", "", 11, NOW + 100), ("session", "later", 12, NOW + 100)]
    assert await facts(store) == left
    assert await store.purge(now=NOW) == 0
    names: list[Name] = [("token", "x"), ("key", "x"), ("session", "later")]
    assert [event.what for event in (await store.standing(names, now=NOW)).events] == ["key", "session"]
    await store.append(everything(NOW + 200))
    assert await store.purge(now=NOW) == 2
    assert await facts(store) == [*left[:2], ("everything", "", 13, NOW + 200)]


async def test_a_storm_and_then_everything_leaves_a_small_feed(store: Store) -> None:
    """F-39, in small; more than one page of what is let go of, behind a page of what is not."""
    await store.append(*(Event(what="key", value=f"{n}", at=NOW, until=NOW + 50) for n in range(600)))
    for _ in range(2):
        await store.append(*(Event(what="subject", value=f"{n}", at=NOW, until=NOW + 50) for n in range(1100)))
    assert len((await store.tail(0, now=NOW)).events) == 1700
    await store.append(everything(NOW + 50))
    assert await store.purge(now=NOW) == 1100
    assert len((await store.tail(0, now=NOW)).events) == 601


def everything(until: int) -> Event:
    return Event(what="everything", value="", at=NOW, until=until)


async def facts(store: Store) -> list[tuple[str, str, int, int]]:
    """All of the feed."""
    return [(event.what, event.value, event.seq, event.until) for event in (await store.tail(0, now=0)).events]


async def test_the_trail_is_pruned_on_request_alone_and_goes_on_counting(store: Store) -> None:
    await store.append(audit=[Audit(name=f"{at}", at=at, subject="u") for at in (1, 5, 4, 6)])
    assert await store.purge(now=NOW) == 0
    assert await store.purge(now=NOW, audit_before=1) == 0
    assert await store.purge(now=NOW, audit_before=5) == 2
    assert await names(store) == ["5", "6"]
    await store.append(audit=[Audit(name="7", at=7, subject="u")])
    trail = await store.audited()
    assert [(row.name, row.seq - trail[0].seq) for row in trail] == [("5", 0), ("6", 2), ("7", 3)]
    assert [row.name for row in await store.audited(after=trail[0].seq, subject="u")] == ["6", "7"]
    assert [row.name for row in await store.audited(after=trail[1].seq, limit=1)] == ["7"]


async def test_any_number_of_rows_of_the_trail_is_pruned(store: Store) -> None:
    await store.append(audit=[Audit(name="a", at=at) for at in range(1201)])
    assert await store.purge(now=NOW, audit_before=1200) == 1200
    assert [row.at for row in await store.audited()] == [1200]


# Opening and closing


VERBS: dict[str, Callable[[Store], Coroutine[Any, Any, object]]] = {
    "put": lambda store: store.put(session("x")),
    "get": lambda store: store.get("session", "x", now=NOW),
    "take": lambda store: store.take("session", "x", now=NOW),
    "swap": lambda store: store.swap(session("x"), version=1),
    "drop": lambda store: store.drop("session", "x"),
    "find": lambda store: store.find("session", now=NOW),
    "append": lambda store: store.append(revoked("x")),
    "append nothing": lambda store: store.append(),
    "tail": lambda store: store.tail(0, now=NOW),
    "standing": lambda store: store.standing([("session", "x")], now=NOW),
    "audited": lambda store: store.audited(),
    "purge": lambda store: store.purge(now=NOW),
}


def refuses_everything(store: Store) -> bool:
    for verb in VERBS.values():
        with pytest.raises(ConfigurationError, match="open the store first"):
            drive(verb(store))
    if store.pulls_inline:
        with pytest.raises(ConfigurationError, match="open the store first"):
            store.tail_now(0, now=NOW)
        with pytest.raises(ConfigurationError, match="open the store first"):
            store.changed()
    return True


async def test_before_opening_and_after_closing_every_verb_refuses(closed: Store, case: tuple[str, str]) -> None:
    await closed.close()
    assert refuses_everything(closed)
    await start(closed, case)
    await closed.put(session("k"))
    await closed.close()
    await closed.close()
    assert refuses_everything(closed)
    closed.close_blocking()


async def test_opening_an_open_store_changes_nothing(store: Store, case: tuple[str, str]) -> None:
    await store.put(session("k"))
    await store.append(revoked("a"))
    before = await store.tail(0, now=NOW)
    await start(store, case)
    assert await store.get("session", "k", now=NOW) == session("k")
    assert await store.tail(0, now=NOW) == before


async def test_opening_again_finds_all_of_it_or_a_new_life(closed: Store, case: tuple[str, str]) -> None:
    await start(closed, case)
    await closed.put(session("k"), audit=[Audit(name="a", at=NOW)])
    await closed.append(revoked("a"))
    before = await closed.tail(0, now=NOW)
    await closed.close()
    await start(closed, case)
    after = await closed.tail(0, now=NOW)
    if case[0] in FORGETFUL:
        assert after == Feed(after.epoch, 0)
        assert after.epoch != before.epoch
        assert await closed.find("session", now=NOW) == []
        assert await closed.audited() == []
    else:
        assert after == before
        assert await closed.find("session", now=NOW) == [session("k")]
        assert await names(closed) == ["a"]
    await closed.close()


async def test_after_each_opening_there_may_be_news(closed: Store, case: tuple[str, str]) -> None:
    for _ in range(3):
        await start(closed, case)
        if closed.pulls_inline:
            assert [closed.changed(), closed.changed()] == [True, False]
        await closed.close()


def test_a_store_opens_on_one_loop_after_the_other(closed: Store, case: tuple[str, str]) -> None:
    async def once(key: str, *, close: bool) -> Record | None:
        await start(closed, case)
        await closed.put(session(key))
        found = await closed.get("session", key, now=NOW)
        if close:
            await closed.close()
        return found

    assert asyncio.run(once("a", close=True)) == session("a")
    assert asyncio.run(once("b", close=False)) == session("b")  # the loop ends, the store stays open
    assert asyncio.run(once("c", close=False)) == session("c")
    closed.close_blocking()


@pytest.mark.parametrize("verb", VERBS)
def test_opened_for_threads_no_verb_suspends(closed: Store, verb: str) -> None:
    closed.open_blocking()
    assert closed.suspends is False
    drive(VERBS[verb](closed))
    closed.close_blocking()
    closed.close_blocking()


@pytest.mark.parametrize("url", ["", "nothing", "file:///x.db", "sqlite", "memory:/x", "memory:?a=b", ":memory:"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_store(url)
