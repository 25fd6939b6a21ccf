"""A hundred at once, on every store, as tasks and as threads: one wins, no 5xx, no token is lost (F-22, F-27).

``make soak`` runs the same with more rounds: WATCHWORD_SOAK is how many.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from watchword import Issued, Principal, Watchword, blocking
from watchword.clock import FrozenClock
from watchword.errors import TokenConsumedError, TokenRevokedError, WatchwordError
from watchword.runtime.ticker import drive
from watchword.stores.base import Record

ROUNDS = int(os.environ.get("WATCHWORD_SOAK", "2"))
AT_ONCE = 100
STORES = ["memory", "sqlite", "postgres", "valkey", "postgres with valkey"]
OPTIONS: dict[str, Any] = {
    "issuer": "https://as.test",
    "audience": "https://api.test",
    "clock": FrozenClock(),
    "one_time_every": timedelta(0),
}
RESET = "password-reset"


class Job:
    """One thing that happens once. ``make`` prepares a round, ``try_it`` is tried by all, ``check`` looks afterwards.

    On a loop they are awaited, in a thread they are driven.
    """

    losers: set[type] = set()  # noqa: RUF012 - read only
    winners = 1

    async def make(self, ww: Watchword, turn: int) -> Any:
        raise NotImplementedError

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        raise NotImplementedError

    async def check(self, ww: Watchword, made: Any, won: list[Any]) -> None:
        pass


class Redeem(Job):
    """The effect counts in the caller's own table where there is one (SQL), and in a list where there is none."""

    losers = {TokenConsumedError}  # noqa: RUF012

    def __init__(self) -> None:
        self.effects: list[object] = []

    async def make(self, ww: Watchword, turn: int) -> Any:
        return (await ww.one_time.issue(f"user-{turn}", purpose=RESET)).token

    def effect(self, connection: Any) -> None:
        self.effects.append(connection)
        if connection is not None:
            connection.execute("CREATE TABLE IF NOT EXISTS mine (n INTEGER)")
            connection.execute("INSERT INTO mine VALUES (1)")

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        return await ww.one_time.redeem(made, purpose=RESET, effect=self.effect)

    async def check(self, ww: Watchword, made: Any, won: list[Any]) -> None:
        assert [type(one) for one in won] == [Principal]
        assert len(self.effects) == 1
        self.effects.clear()


class RotateSession(Job):
    losers = {TokenRevokedError}  # noqa: RUF012

    async def make(self, ww: Watchword, turn: int) -> Any:
        return (await ww.sessions.start(f"user-{turn}")).token

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        return await ww.sessions.rotate(made)

    async def check(self, ww: Watchword, made: Any, won: list[Any]) -> None:
        (one,) = await ww.sessions.list(won[0].subject)
        assert (await ww.sessions.authenticate(won[0].token)).session_id == one.session_id


class RotateRefresh(Job):
    """All of them get the same successor."""

    winners = AT_ONCE

    async def make(self, ww: Watchword, turn: int) -> Any:
        return (await ww.refresh.issue(f"user-{turn}", client_id="c")).token

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        return await ww.refresh.rotate(made)

    async def check(self, ww: Watchword, made: Any, won: list[Any]) -> None:
        (successor,) = {one.token for one in won}
        assert isinstance(await ww.refresh.rotate(successor), Issued)


class RotateKey(Job):
    losers = {TokenRevokedError}  # noqa: RUF012

    async def make(self, ww: Watchword, turn: int) -> Any:
        return (await ww.api_keys.issue(f"user-{turn}")).token

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        return await ww.api_keys.rotate(made)

    async def check(self, ww: Watchword, made: Any, won: list[Any]) -> None:
        for token in (made, won[0].token):
            await ww.api_keys.authenticate(token)
        assert len(await ww.api_keys.list(won[0].subject)) == 2


class Nothing(WatchwordError):  # noqa: N818
    """There was nothing left to take."""


class Take(Job):
    """What the store itself promises; a take that finds nothing answers None."""

    losers = {Nothing}  # noqa: RUF012

    async def make(self, ww: Watchword, turn: int) -> Any:
        await ww.store.put(Record(kind="thing", key=str(turn), data={}))
        return str(turn)

    async def try_it(self, ww: Watchword, made: Any) -> Any:
        found = await ww.store.take("thing", made, now=1)
        if found is None:
            raise Nothing
        return found


JOBS = {job.__name__: job for job in (Redeem, RotateSession, RotateRefresh, RotateKey, Take)}


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What a Watchword needs to be told of its store."""
    names = request.param.split(" with ")
    served = [request.getfixturevalue(name).fresh() for name in names if name in ("postgres", "valkey")]
    beside = {"carrier": served[1]} if len(names) > 1 else {}
    own = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    return {"url": served[0] if served else own, "keys": tmp_path / "app.keys", **beside, **OPTIONS}


def judge(job: Job, results: list[Any]) -> list[Any]:
    won = [one for one in results if not isinstance(one, BaseException)]
    lost = [one for one in results if isinstance(one, BaseException)]
    assert {type(one) for one in lost} <= job.losers, "no 5xx, and nothing but the refusal that is meant"
    assert (len(won), len(results)) == (job.winners, AT_ONCE)
    return won


@pytest.fixture
def figures(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    if ROUNDS >= 50:
        with capsys.disabled():
            took = time.perf_counter() - began
            print(f"\n{request.node.name}: {ROUNDS} rounds of {AT_ONCE}, {took:.1f} s ", end="")  # noqa: T201


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("name", JOBS)
async def test_of_a_hundred_tasks_one_wins(name: str, place: dict[str, Any]) -> None:
    """But in memory, half of them belong to another Watchword on the same store, as in another process."""
    job = JOBS[name]()
    async with AsyncExitStack() as opened:
        nodes = [
            await opened.enter_async_context(Watchword(**place)) for _ in range(1 if place["url"] == "memory:" else 2)
        ]
        for turn in range(ROUNDS):
            made = await job.make(nodes[0], turn)
            tries = (job.try_it(nodes[n % len(nodes)], made) for n in range(AT_ONCE))
            won = judge(job, await asyncio.gather(*tries, return_exceptions=True))
            await job.check(nodes[0], made, won)


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("name", JOBS)
def test_of_a_hundred_threads_one_wins(name: str, place: dict[str, Any]) -> None:
    job = JOBS[name]()
    before = sys.getswitchinterval()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, before)
        sys.setswitchinterval(1e-5)
        ww = stack.enter_context(blocking.Watchword(**place))._opened()
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        for turn in range(ROUNDS):
            made = drive(job.make(ww, turn))
            won = judge(job, in_threads(pool, partial(job.try_it, ww, made)))
            drive(job.check(ww, made, won))


def in_threads(pool: ThreadPoolExecutor, verb: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
    barrier = threading.Barrier(AT_ONCE)

    def one(_: int) -> Any:
        barrier.wait()
        try:
            return drive(verb())
        except WatchwordError as error:
            return error

    return list(pool.map(one, range(AT_ONCE)))
