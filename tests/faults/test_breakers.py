"""A server that failed five times in a row is left alone, but for a try now and then; the rest is 503 at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.proxy import FaultProxy
from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword import Watchword
from watchword.clock import FrozenClock, SystemClock
from watchword.errors import StoreConflictError, StoreUnavailableError
from watchword.runtime.metrics import prometheus
from watchword.stores.base import Record
from watchword.stores.postgres import PostgresStore
from watchword.stores.redis import RedisStore

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
Made = PostgresStore | RedisStore


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=["postgres", "redis"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(scheme: str, request: pytest.FixtureRequest) -> Any:
    server: Postgres | Server = request.getfixturevalue("postgres" if scheme == "postgres" else "valkey")
    with FaultProxy(server.port) as made:
        yield made


@pytest.fixture(params=["loop", "threads"])
async def store(
    request: pytest.FixtureRequest, scheme: str, proxy: FaultProxy, clock: FrozenClock
) -> AsyncIterator[Made]:
    made: Made
    if scheme == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url(schema=postgres.schema(), port=proxy.port)
        made = PostgresStore(url, patience=timedelta(seconds=2), clock=clock)
    else:
        server: Server = request.getfixturevalue("valkey")
        made = RedisStore(server.fresh().replace(f":{server.port}", f":{proxy.port}"), clock=clock)
    if request.param == "loop":
        await made.open()
    else:
        made.open_blocking()
    yield made
    proxy.heal()
    await made.close()


def state(store: Made) -> str:
    return store.breaker.state


async def fails(verb: Awaitable[object]) -> str:
    with pytest.raises(StoreUnavailableError) as caught:
        await verb
    return caught.value.reason


async def test_five_failures_open_it_and_one_good_try_closes_it(
    store: Made, proxy: FaultProxy, clock: FrozenClock
) -> None:
    look: Callable[[], Awaitable[object]] = lambda: store.get("session", "k", now=NOW)  # noqa: E731
    await look()
    proxy.refuse()
    proxy.cut()
    for _ in range(5):
        assert state(store) == "closed"
        assert await fails(look()) != "breaker_open"
    assert state(store) == "open"
    proxy.heal()
    for verb in (look(), store.put(Record(kind="s", key="k", data={})), store.tail(0, now=NOW), store.append()):
        assert await fails(verb) == "breaker_open", "the server would have answered, and was asked"
    clock.advance(1)
    proxy.refuse()
    proxy.cut()
    assert await fails(look()) != "breaker_open"  # the try
    assert await fails(look()) == "breaker_open"
    proxy.heal()
    clock.advance(1)
    assert await look() is None
    assert state(store) == "closed"
    assert store.tally.errors == 5 + 4 + 1 + 1


async def test_what_a_caller_does_wrong_opens_nothing(store: Made) -> None:
    await store.put(Record(kind="s", key="k", data={}))
    for _ in range(6):
        with pytest.raises(StoreConflictError):
            await store.put(Record(kind="s", key="k", data={}))
        with pytest.raises(TypeError):
            await store.put(Record(kind="s", key="l", data={"x": object()}))
    assert (state(store), store.tally.errors) == ("closed", 0)


# Health under faults


@pytest.fixture
async def ww(
    scheme: str, proxy: FaultProxy, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Watchword]:
    if scheme == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url(schema=postgres.schema(), port=proxy.port, timeout="0.3", pool_size="2")
    else:
        server: Server = request.getfixturevalue("valkey")
        url = server.fresh("timeout=0.3").replace(f":{server.port}", f":{proxy.port}")
    made = Watchword(
        url,
        issuer="https://app.example",
        audience="https://api.example",
        keys=tmp_path / "app.keys",
        max_staleness=timedelta(seconds=1),
    )
    async with made:
        yield made
        proxy.heal()


BOUND = 5.0
"""Seconds: a lease of 1 s, an answer that is waited for, a try of the breaker, and a machine that has other work."""


async def until(ww: Watchword, ready: bool) -> dict[str, str]:
    """The checks, when health says so; it never takes longer than the bound to say anything."""
    clock = SystemClock()
    began = clock.monotonic()
    while True:
        asked = clock.monotonic()
        found = await ww.health()
        assert clock.monotonic() - asked < BOUND
        if found.ready is ready:
            return dict(found.checks)
        assert clock.monotonic() - began < BOUND
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", ["silent", "gone"])
async def test_a_store_that_is_silent_or_gone_is_not_ready_within_the_bound_and_one_that_is_back_is(
    ww: Watchword, proxy: FaultProxy, fault: str
) -> None:
    assert (await ww.health()).ready
    if fault == "silent":
        proxy.half_open()
    else:
        proxy.refuse()
        proxy.cut()
    checks = await until(ww, False)
    assert checks["store"] in ("store_unavailable", "breaker_open", "pool_busy")
    assert checks["follower"] == "ok"
    while (await ww.health()).checks["revocations"] == "ok":  # noqa: ASYNC110 - time has to pass
        await asyncio.sleep(0.01)
    assert ww.metrics().store_errors > 0
    assert ww.metrics().lease < 0
    proxy.heal()
    assert set((await until(ww, True)).values()) == {"ok"}


async def test_a_pool_that_is_exhausted_is_ready(postgres: Postgres, tmp_path: Path) -> None:
    """F-12: every connection is held, the verbs are 503, and the process still judges what it can."""
    url = postgres.url(schema=postgres.schema(), timeout="0.2", pool_size="2")
    begun, ending = threading.Barrier(3), threading.Event()

    def effect(_: object) -> None:
        begun.wait(30)
        ending.wait(30)

    async with Watchword(
        url,
        issuer="https://app.example",
        audience="https://api.example",
        keys=tmp_path / "app.keys",
        max_staleness=timedelta(seconds=1),
    ) as ww:
        await ww.store.put(*(Record(kind="s", key=f"{n}", data={}) for n in range(2)))
        held = [
            asyncio.create_task(ww.store.swap(Record(kind="s", key=f"{n}", data={}), version=1, effect=effect))
            for n in range(2)
        ]
        await asyncio.to_thread(begun.wait, 30)
        ends = SystemClock().monotonic() + 2  # two leases
        while SystemClock().monotonic() < ends:
            found = await ww.health()
            assert found.ready, found
            await asyncio.sleep(0.1)
        assert await fails(ww.store.get("s", "0", now=NOW)) == "pool_busy"
        ending.set()
        await asyncio.gather(*held, return_exceptions=True)


async def test_a_carrier_is_told_apart_from_its_record(valkey: Server, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    names: dict[str, str] = {"issuer": "https://app.example", "audience": "https://api.example"}
    async with Watchword(url, carrier=valkey.fresh(), **names) as ww:  # type: ignore[arg-type]  # a plain dictionary
        assert (await ww.health()).ready
        found = ww.metrics()
    assert (found.breaker, found.carrier) == ("none", "closed")
    assert 'watchword_store_breaker{store="carrier",state="closed"} 1\n' in prometheus(found)
    assert 'store="record"' not in prometheus(found)
    assert "copies.record" in found.caches
    assert [one.scheme for one in ww.store.survey(now=NOW)] == ["sqlite"]
