"""The floor with loops and threads: chores that are done again and again, and nothing that stops them but stop()."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import anyio.lowlevel
import pytest

from watchword.clock import AHEAD, FrozenClock
from watchword.errors import ConfigurationError, StoreUnavailableError
from watchword.revocation.event import event
from watchword.revocation.view import View
from watchword.runtime.follow import AGAIN, EVERY_INLINE, EVERY_REMOTE, Follower
from watchword.runtime.janitor import EVERY, Janitor
from watchword.runtime.ticker import TaskTicker, ThreadTicker, drive
from watchword.stores.base import Audit, Event, Feed, Record
from watchword.stores.memory import MemoryStore

PATIENCE = 30.0
"""Seconds until a thread that does not answer is taken for dead; nothing here waits for them to pass."""


class Counting:
    """A chore that is due all the time, and fails at its second and third tick."""

    name = "counting"
    seconds = 0.0

    def __init__(self, then: Callable[[], None] = lambda: None, enough: int = 6) -> None:
        self.ticks, self.enough, self.then = 0, enough, then
        self.done = threading.Event()

    async def tick(self) -> None:
        self.ticks += 1
        if self.ticks == self.enough:
            self.then()
            self.done.set()
        if self.ticks == 2:
            raise StoreUnavailableError("away for a moment")
        if self.ticks == 3:
            raise ZeroDivisionError("a bug")


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(one.levelno, one.getMessage()) for one in caplog.records if one.name == "watchword.runtime"]


FAILURES = [(logging.WARNING, "counting: away for a moment"), (logging.ERROR, "counting failed")]


async def turns(number: int = 50) -> None:
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


async def test_a_task_ticks_through_failures_until_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "watchword.runtime")
    chore = Counting()
    ticker = TaskTicker(chore)
    ticker.start()
    await turns()
    assert chore.ticks > 6
    assert said(caplog) == FAILURES
    await ticker.stop()
    after = chore.ticks
    await turns()
    assert chore.ticks == after
    await ticker.stop()


async def test_an_outage_is_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    chore, away = Counting(), 40

    async def tick() -> None:
        chore.ticks += 1
        if chore.ticks <= away:
            raise StoreUnavailableError(f"away since {chore.ticks}")

    chore.tick = tick  # type: ignore[method-assign]
    caplog.set_level(logging.INFO, "watchword.runtime")
    ticker = TaskTicker(chore)
    ticker.start()
    while chore.ticks <= away + 2:
        await turns()
    await ticker.stop()
    warnings = [(logging.WARNING, f"counting: away since {number}") for number in (1, 2, 4, 8, 16, 32)]
    assert said(caplog) == [*warnings, (logging.INFO, "counting goes on, after 40 failures")]


async def test_a_task_can_start_again() -> None:
    chore = Counting()
    ticker = TaskTicker(chore)
    await ticker.stop()
    for _ in range(2):
        before = chore.ticks
        ticker.start()
        await turns()
        await ticker.stop()
        assert chore.ticks > before
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("watchword")] == []


def test_a_task_whose_loop_is_gone_can_be_stopped_on_another() -> None:
    ticker, loop = TaskTicker(Counting()), asyncio.new_event_loop()

    async def start() -> None:
        ticker.start()
        await turns()

    loop.run_until_complete(start())
    (task,) = asyncio.all_tasks(loop)
    loop.close()
    asyncio.run(ticker.stop())
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_thread_ticks_through_failures_until_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    chore = Counting()
    ticker = ThreadTicker(chore)
    ticker.start()
    assert chore.done.wait(PATIENCE)
    ticker.stop()
    after = chore.ticks
    assert [one.name for one in threading.enumerate() if one.name == "watchword-counting"] == []
    assert chore.ticks == after
    assert said(caplog)[:2] == FAILURES
    ticker.stop()


def test_a_thread_can_start_again() -> None:
    ticker = ThreadTicker(chore := Counting())
    ticker.stop()
    ticker.start()
    assert chore.done.wait(PATIENCE)
    ticker.stop()
    chore.done.clear()
    chore.enough = chore.ticks + 3
    ticker.start()
    assert chore.done.wait(PATIENCE)
    ticker.stop()


def test_a_thread_may_stop_itself() -> None:
    chore = Counting(then=lambda: ticker.stop())
    ticker = ThreadTicker(chore)
    ticker.start()
    assert chore.done.wait(PATIENCE)


def test_a_thread_keeps_no_process_alive() -> None:
    chore = Counting()
    ticker = ThreadTicker(chore)
    ticker.start()
    (thread,) = [one for one in threading.enumerate() if one.name == "watchword-counting"]
    assert thread.daemon
    ticker.stop()


def test_drive_is_for_what_never_suspends() -> None:
    async def value() -> int:
        return 7

    async def waits() -> None:
        await asyncio.Future[None](loop=loop)

    async def fails() -> None:
        raise StoreUnavailableError

    loop = asyncio.new_event_loop()
    assert drive(value()) == 7
    with pytest.raises(StoreUnavailableError):
        drive(fails())
    with pytest.raises(ConfigurationError, match="suspends"):
        drive(waits())
    loop.close()


# the chores


class Asked(MemoryStore):
    """Counts the questions to its feed."""

    asked = 0

    def tail_now(self, after: int, *, now: int) -> Feed:
        self.asked += 1
        return super().tail_now(after, now=now)

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        self.asked += 1
        return await super().tail(after, now=now, limit=limit)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def store() -> Asked:
    made = Asked()
    made.open_blocking()
    return made


async def test_the_follower_asks_when_there_is_news_and_before_half_the_lease_is_gone(
    store: Asked, clock: FrozenClock
) -> None:
    view = View(clock=clock)
    follower = Follower(store, view)
    assert follower.seconds == EVERY_INLINE
    await follower.tick()
    assert (store.asked, view.fresh()) == (1, True)
    await follower.tick()
    assert store.asked == 1
    await store.append(event("subject", "u", now=clock.now()))
    await follower.tick()
    assert (store.asked, view.seq) == (2, 1)
    clock.advance(2.5)
    await follower.tick()
    assert store.asked == 2
    clock.advance(0.01)
    await follower.tick()
    assert store.asked == 3
    assert view.lease_until == clock.monotonic() + 5


async def test_a_remote_store_is_asked_every_time(store: Asked, clock: FrozenClock) -> None:
    store.pulls_inline = False
    follower = Follower(store, View(clock=clock))
    assert follower.seconds == EVERY_REMOTE
    for number in range(3):
        await follower.tick()
        assert store.asked == number + 1


async def test_a_lease_shorter_than_the_pace_is_asked_about_four_times(store: Asked, clock: FrozenClock) -> None:
    store.pulls_inline = False
    assert Follower(store, View(clock=clock, max_staleness=timedelta(milliseconds=200))).seconds == 0.05


class Told(Asked):
    """A store that pushes: waits until something is written, and remembers for how long it was asked to."""

    pulls_inline, pushes, away = False, True, False

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.written = asyncio.Event()

    async def news(self, *, timeout: float) -> None:
        self.waits.append(timeout)
        await self.written.wait()
        self.written.clear()

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        self.written.set()
        return await super().append(*events, audit=audit)

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        if self.away:
            raise StoreUnavailableError
        return await super().tail(after, now=now, limit=limit)


async def test_a_store_that_pushes_is_asked_when_it_has_news(clock: FrozenClock) -> None:
    store = Told()
    await store.open()
    view = View(clock=clock)
    ticker = TaskTicker(Follower(store, view))
    ticker.start()
    await turns()
    assert (store.asked, store.waits) == (0, [EVERY_REMOTE])  # it listens from the very first
    store.written.set()
    await turns()
    assert (store.asked, store.waits) == (1, [EVERY_REMOTE] * 2)
    await store.append(event("subject", "u", now=clock.now()))
    await turns()
    assert (store.asked, view.seq) == (2, 1)
    await ticker.stop()


async def test_after_a_failure_a_store_that_pushes_is_asked_soon_and_not_again_and_again(
    clock: FrozenClock,
) -> None:
    store = Told()
    await store.open()
    follower = Follower(store, View(clock=clock))
    store.away = True
    store.written.set()
    with pytest.raises(StoreUnavailableError):
        await follower.tick()
    assert follower.seconds == AGAIN
    store.away = False
    await follower.tick()  # nothing is waited for: this question is late already
    assert (len(store.waits), follower.seconds) == (1, 0)


async def test_the_janitor_removes_what_expired_an_hour_ago(store: Asked, clock: FrozenClock) -> None:
    """A clock that is an hour ahead for a while has removed nothing that lives."""
    now = clock.now() - AHEAD
    await store.put(*(Record(kind="k", key=str(end), data={}, expires_at=now + end) for end in (0, 1, 2)))
    janitor = Janitor(store, clock)
    await janitor.tick()
    assert [one.key for one in await store.find("k", now=0)] == ["1", "2"]
    clock.advance(2)
    await janitor.tick()
    assert await store.find("k", now=0) == []


async def test_the_janitor_prunes_the_trail_on_request_and_never_comes_at_the_same_moment() -> None:
    store, clock = MemoryStore(), FrozenClock(86_400 * 10)
    store.open_blocking()
    await store.append(audit=[Audit(name="old", at=86_400 * 9 - 1), Audit(name="young", at=86_400 * 9)])
    await Janitor(store, clock).tick()
    assert len(await store.audited()) == 2
    janitor = Janitor(store, clock, timedelta(days=1))
    waits = {janitor.seconds}
    for _ in range(20):
        await janitor.tick()
        waits.add(janitor.seconds)
    assert [row.name for row in await store.audited()] == ["young"]
    assert janitor.removed == 1
    assert len(waits) > 10
    assert all(EVERY / 2 <= wait <= EVERY * 1.5 for wait in waits)
    for wrong in (timedelta(hours=23), 86_400, "1 year"):
        with pytest.raises(ConfigurationError, match="audit_retention is a timedelta"):
            Janitor(store, clock, wrong)  # type: ignore[arg-type]  # what people write
