"""A server that failed five times in a row is left alone, but for a try now and then; the rest is 503 at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.proxy import FaultProxy
from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword.clock import FrozenClock
from watchword.errors import StoreConflictError, StoreUnavailableError
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
