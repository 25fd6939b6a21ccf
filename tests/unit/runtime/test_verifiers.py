"""Who verifies: the list of processes, and waiting until each of them has heard or refuses by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Watchword, blocking
from watchword.errors import ConfigurationError, StoreUnavailableError, TokenRevokedError
from watchword.revocation.event import Revocation, event
from watchword.revocation.feed import catch_up
from watchword.revocation.view import View
from watchword.runtime.follow import Follower
from watchword.runtime.verifiers import EVERY, LIFE, RECORD, RETRY, Verifiers
from watchword.stores.base import Audit, Effect, Event, Record
from watchword.stores.memory import MemoryStore

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


class Moody(MemoryStore):
    """Counts the swaps, and fails while it is told to."""

    swaps, fails = 0, False

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
        self.swaps += 1
        if self.fails:
            raise StoreUnavailableError
        return await super().swap(record, version=version, puts=puts, events=events, audit=audit, effect=effect)


class Process(Verifiers):
    """One process over a store that all share. While it waits, ``meanwhile`` ticks and the clock goes on."""

    def __init__(self, store: MemoryStore, clock: FrozenClock, seconds: float = 5, **policy: Any) -> None:
        self.view = View(clock=clock, max_staleness=timedelta(seconds=seconds), **policy)
        super().__init__(store, self.view)
        self.store, self.clock, self.follower = store, clock, Follower(store, self.view, self)
        self.meanwhile: list[Process] = []
        self.paused: list[float] = []

    async def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.clock.advance(seconds)
        for one in self.meanwhile:
            await one.tick_all()

    async def tick_all(self) -> None:
        await catch_up(self.store, self.view)
        await self.tick()

    async def open(self) -> Process:
        await self.join(None)
        return self

    async def revoke(self, timeout: timedelta | None = None) -> Revocation:
        seq = await self.store.append(event("subject", "u", now=self.clock.now()))
        await catch_up(self.store, self.view)
        return await self.heard(Revocation(seq, acknowledged=("self",)), timeout)

    async def name(self) -> str:
        return next(one.name for one in await self.list() if one.own)


@pytest.fixture
def store() -> Moody:
    made = Moody()
    made.open_blocking()
    return made


async def test_a_process_is_on_the_list_while_it_is_open(store: Moody, clock: FrozenClock) -> None:
    first, second = await Process(store, clock).open(), await Process(store, clock, 2.5).open()
    await store.append(event("subject", "u", now=clock.now()))
    clock.advance(7)
    shown = await first.list()
    assert [(one.own, one.cursor, one.lag, one.age, one.max_staleness) for one in shown] == [
        (True, 0, 1, 0, 5.0),
        (False, 0, 1, 7, 2.5),
    ]
    assert all(f":{os.getpid()}:" in one.name for one in shown)
    assert len({one.name for one in shown}) == 2
    await second.leave(None)
    await second.leave(None)
    assert [one.own for one in await first.list()] == [True]


async def test_from_another_loop_it_does_not_touch_the_store(store: Moody, clock: FrozenClock) -> None:
    process = Process(store, clock)
    await process.join(asyncio.get_running_loop())
    await process.leave(None)
    assert len(await process.list()) == 1


async def test_it_speaks_once_a_minute_and_is_forgotten_when_it_does_not(store: Moody, clock: FrozenClock) -> None:
    alive, dead = await Process(store, clock).open(), await Process(store, clock).open()
    for _ in range((LIFE + 5) // 5):
        await store.append(event("session", "s", now=clock.now()))
        await alive.tick_all()
        clock.advance(5)
    assert store.swaps == (LIFE + 5) // EVERY
    assert [one.own for one in await alive.list()] == [True]
    assert await dead.list() != []


async def test_all_have_heard(store: Moody, clock: FrozenClock) -> None:
    us, others = await Process(store, clock).open(), [await Process(store, clock).open() for _ in range(3)]
    us.meanwhile = others
    before = clock.monotonic()
    done = await us.revoke()
    assert done.seq == 1
    assert done.missing == ()
    assert done.acknowledged == ("self", *[await one.name() for one in others])
    assert clock.monotonic() - before < 0.01
    assert store.swaps == 3, "one each"
    for one in others:
        await one.tick_all()
    assert store.swaps == 3, "and no more"


async def test_nobody_writes_for_a_revocation_that_nobody_waits_for(store: Moody, clock: FrozenClock) -> None:
    other = await Process(store, clock).open()
    for _ in range(20):
        await store.append(event("subject", "u", now=clock.now()))
        await other.tick_all()
    assert store.swaps == 0


async def test_one_that_says_nothing_is_missing_once_it_refuses(store: Moody, clock: FrozenClock) -> None:
    us, quick, slow = [await Process(store, clock, seconds).open() for seconds in (60, 3, 4)]
    us.meanwhile, before = [quick], clock.monotonic()
    done = await us.revoke()
    assert (done.acknowledged, done.missing) == (("self", await quick.name()), (await slow.name(),))
    assert clock.monotonic() - before == pytest.approx(4), "the bound of the one that is late, and of no other"
    assert not slow.view.fresh()
    assert max(us.paused) <= 0.1
    assert len(us.paused) < 100


async def test_one_that_may_be_open_is_waited_for_until_its_window_is_over(store: Moody, clock: FrozenClock) -> None:
    us = await Process(store, clock).open()
    slow = await Process(store, clock, 4, open_for=timedelta(seconds=30)).open()
    before = clock.monotonic()
    assert (await us.revoke()).missing == (await slow.name(),)
    assert clock.monotonic() - before == pytest.approx(34)


async def test_one_that_asks_each_time_has_nothing_to_hear(store: Moody, clock: FrozenClock) -> None:
    us, asks = await Process(store, clock).open(), await Process(store, clock, 0, on_stale="ask").open()
    done = await us.revoke()
    assert (done.acknowledged, done.missing) == (("self", await asks.name()), ())
    assert us.paused == []


@pytest.mark.parametrize(("timeout", "waited"), [(0, 0), (0.25, 0.25), (9, 5)])
async def test_a_timeout_ends_it_sooner_and_never_later(
    store: Moody, clock: FrozenClock, timeout: float, waited: float
) -> None:
    us, other = await Process(store, clock).open(), await Process(store, clock).open()
    before = clock.monotonic()
    done = await us.revoke(timedelta(seconds=timeout))
    assert done.missing == (await other.name(),)
    assert clock.monotonic() - before == pytest.approx(waited)


async def test_a_bare_number_is_no_timeout(store: Moody, clock: FrozenClock) -> None:
    us = await Process(store, clock).open()
    with pytest.raises(ConfigurationError, match="timedelta"):
        await us.revoke(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data", [{}, {"max_staleness": "5"}, {"cursor": "9"}, {"epoch": None}, {"name": 7}, {"at": "x"}]
)
async def test_a_row_that_is_none_is_passed_over(store: Moody, clock: FrozenClock, data: dict[str, Any]) -> None:
    """As one that somebody edited."""
    one = await Process(store, clock).open()
    whole = (await store.find(RECORD, now=clock.now()))[0].data
    await store.put(
        Record(kind=RECORD, key="k", data=dict(whole) | data if data else {}, expires_at=clock.now() + LIFE)
    )
    assert [shown.own for shown in await one.list()] == [True]
    assert (await one.revoke()).missing == ()
    assert one.paused == []


async def test_an_old_word_is_no_answer(store: Moody, clock: FrozenClock) -> None:
    """It spoke a moment before the revocation, and what it said then counts for nothing."""
    us, other = await Process(store, clock).open(), await Process(store, clock).open()
    await other.tick_all()
    assert (await us.revoke(timedelta(seconds=1))).missing == (await other.name(),)
    await other.tick_all()
    assert (await us.heard(Revocation(1), None)).missing == ()


async def test_a_word_about_another_life_of_the_feed_is_no_answer(store: Moody, clock: FrozenClock) -> None:
    us, other = await Process(store, clock).open(), await Process(store, clock).open()
    other.view.hear(await store.tail(0, now=clock.now()), asked_after=0, sent_at=clock.monotonic())
    other.view.epoch, other.view.seq = "another", 999
    clock.advance(EVERY)
    await other.tick()
    assert [one.cursor for one in await us.list()] == [0, 999]
    assert (await us.revoke(timedelta(seconds=1))).missing == (await other.name(),)


async def test_one_that_closes_meanwhile_is_waited_for_no_longer(store: Moody, clock: FrozenClock) -> None:
    us, other = await Process(store, clock).open(), await Process(store, clock).open()

    class Closing(Process):
        async def tick_all(self) -> None:
            await other.leave(None)

    us.meanwhile = [Closing(store, clock)]
    assert await us.revoke() == Revocation(1, acknowledged=("self",))


async def test_one_whose_record_was_swept_away_comes_back(store: Moody, clock: FrozenClock) -> None:
    us, other = await Process(store, clock).open(), await Process(store, clock).open()
    clock.advance(LIFE + 5)
    await store.purge(now=clock.now())
    await us.tick_all()
    await other.tick_all()
    assert len(await us.list()) == 2
    us.meanwhile = [other]
    assert (await us.revoke()).missing == ()


async def test_a_store_that_fails_is_asked_once_a_second_and_the_answer_is_not_lost(
    store: Moody, clock: FrozenClock
) -> None:
    us, other = await Process(store, clock).open(), await Process(store, clock).open()
    await other.tick_all()
    await us.revoke(timedelta(0))
    store.fails, store.swaps = True, 0
    for _ in range(100):
        try:
            await other.tick_all()
        except StoreUnavailableError:
            assert store.fails
        clock.advance(RETRY / 20)
    assert 4 <= store.swaps <= 6
    store.fails = False
    clock.advance(RETRY)
    await other.tick_all()
    assert (await us.heard(Revocation(1), timedelta(0))).missing == ()


async def test_a_swap_that_came_through_although_it_failed(store: Moody, clock: FrozenClock) -> None:
    other = await Process(store, clock).open()
    (record,) = await store.find(RECORD, now=clock.now())
    await store.swap(record, version=1)
    clock.advance(EVERY)
    await other.tick_all()
    assert [one.version for one in await store.find(RECORD, now=clock.now())] == [1]
    clock.advance(EVERY)
    await other.tick_all()
    assert [one.version for one in await store.find(RECORD, now=clock.now())] == [2]


# through Watchword


@asynccontextmanager
async def house(url: str, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Watchword]:
    async with Watchword(url, clock=clock, keys=tmp_path / "app.keys", **OPTIONS) as ww:
        yield ww


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    made: str = request.getfixturevalue(request.param).fresh()
    return made


async def test_both_verbs_wait_and_the_other_has_applied_it(url: str, clock: FrozenClock, tmp_path: Path) -> None:
    async with house(url, clock, tmp_path) as ww, house(url, clock, tmp_path) as other:
        (name,) = [one.name for one in await ww.verifiers() if not one.own]
        token = ww.access.issue("alice").token
        session = await ww.sessions.start("alice")
        other.access.verify(token)
        done = await ww.revoke(token=token, wait=True)
        assert (done.acknowledged, done.missing) == (("self", name), ())
        with pytest.raises(TokenRevokedError):
            other.access.verify(token)
        token = ww.access.issue("alice").token
        done = await ww.subject_changed("alice", "password", keep=session.token, wait=True)
        assert (done.acknowledged, done.missing) == (("self", name), ())
        with pytest.raises(TokenRevokedError):
            other.access.verify(token)
        await other.sessions.authenticate(session.token)
    async with house(url, clock, tmp_path) as ww:
        assert [one.own for one in await ww.verifiers()] == [True]
        assert (await ww.revoke(subject="u", wait=True)).acknowledged == ("self",)


def test_threads_wait_too(url: str, tmp_path: Path) -> None:
    keys = tmp_path / "app.keys"
    with blocking.Watchword(url, keys=keys, **OPTIONS) as ww, blocking.Watchword(url, keys=keys, **OPTIONS) as other:
        (name,) = [one.name for one in ww.verifiers() if not one.own]
        token = ww.access.issue("alice").token
        done = ww.subject_changed("alice", "disabled", wait=True)
        assert (done.acknowledged, done.missing) == (("self", name), ())
        with pytest.raises(TokenRevokedError):
            other.access.verify(token)


async def test_memory_is_one_process(clock: FrozenClock) -> None:
    async with Watchword("memory:", clock=clock, **OPTIONS) as ww:
        assert (await ww.revoke(subject="u", wait=True)).acknowledged == ("self",)
        assert (await ww.revoke(subject="u")).acknowledged == ("self",)


async def test_a_fact_that_came_while_it_joined_is_heard_before_it_is_open(clock: FrozenClock) -> None:
    """The revoker did not find it on the list, and so did not wait for it."""

    class Racing(Moody):
        async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
            await self.append(event("token", "t", now=clock.now()))
            await super().put(*records, audit=audit)

    racing = Racing()
    racing.open_blocking()
    process = await Process(racing, clock).open()
    assert process.view.seq == 1
    assert len(process.view) == 1
