"""Somebody who may read and write all of Redis, beside a composite: forges, moves, replays, floods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.services.postgres import Postgres
from tests.services.valkey import Server, wait_until
from watchword.clock import FrozenClock, SystemClock
from watchword.runtime.ticker import drive
from watchword.stores.base import Event, Record, open_store
from watchword.stores.composite.store import BOUND

NOW = 1_800_000_000


class Attacker:
    """Reads and writes what lies in Redis under a store's prefix, and forgets nothing of what he saw."""

    def __init__(self, server: Server, carrier: str) -> None:
        self.redis = server.client()
        self.at = f"{{{carrier.rpartition('=')[2]}}}"
        self.seen: dict[str, list[bytes]] = {}

    def look(self) -> None:
        for name in map(bytes.decode, self.redis.keys(f"{self.at}:c:*")):  # type: ignore[arg-type]
            laid = self.laid(name)
            if laid not in self.seen.setdefault(name, []):
                self.seen[name].append(laid)

    def laid(self, name: str) -> bytes:
        found = self.redis.get(name)
        return found if isinstance(found, bytes) else b""

    def name(self, key: str, kind: str = "session") -> str:
        return f"{self.at}:c:{kind}:{key}"

    def close(self) -> None:
        self.redis.close()


class Scene:
    """Two nodes over one file, one Redis, one clock that stands."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.clock = FrozenClock()
        carrier = server.fresh()
        url = f"sqlite:///{folder}/app.db"
        self.nodes: list[Any] = [open_store(url, carrier=carrier, clock=self.clock) for _ in range(2)]
        for node in self.nodes:
            node.open_blocking()
        self.attacker = Attacker(server, carrier)

    def warm(self) -> None:
        """Both nodes know a window that both believe in."""
        for _ in range(3):
            self.clock.advance(0.6)
            for node in self.nodes:
                drive(node.get("session", "nobody", now=NOW))

    def get(self, node: int, key: str, kind: str = "session") -> Any:
        return drive(self.nodes[node].get(kind, key, now=NOW))


@pytest.fixture
def scene(valkey: Server, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(valkey, tmp_path)
    yield made
    for node in made.nodes:
        node.close_blocking()
    made.attacker.close()


def row(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"who": "victim"}, "subject": "user-7", **changes})


def test_a_copy_of_one_node_is_read_by_the_other(scene: Scene) -> None:
    """So that the rest of this page tests something."""
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    assert scene.get(0, "k") == row("k")
    assert (scene.get(1, "k"), scene.nodes[1].hits) == (row("k"), 1)


def test_what_lies_in_redis_tells_nothing_of_a_session(scene: Scene) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k", group="secret-group")))
    scene.get(0, "k")
    scene.attacker.look()
    [[laid]] = scene.attacker.seen.values()
    for word in (b"victim", b"user-7", b"secret-group", b"who"):
        assert word not in laid


FORGERIES: dict[str, Callable[[bytes], Any]] = {
    "nothing of a copy": lambda laid: b"2:",
    "plain": lambda laid: b'1:AAAAAAAAAAA["root",null,null,{"who":"attacker"}]',
    "a later version": lambda laid: b"2" + laid[1:],
    "a version with a zero": lambda laid: b"01" + laid[1:],
    "a huge version": lambda laid: b"9" * 40 + laid[1:],
    "another window": lambda laid: laid[:2] + b"A" * 11 + laid[13:],
    "a bit of the nonce": lambda laid: laid[:13] + bytes([laid[13] ^ 1]) + laid[14:],
    "a bit of the tag": lambda laid: laid[:-1] + bytes([laid[-1] ^ 1]),
    "cut short": lambda laid: laid[:20],
    "nothing sealed": lambda laid: laid[:13],
    "grown": lambda laid: laid + b"\0",
    "bytes": lambda laid: bytes(range(256)),
    "large": lambda laid: laid[:13] + bytes(2_000_000),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_copy_is_none(scene: Scene, forgery: str) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    scene.get(0, "k")
    name = scene.attacker.name("k")
    laid = scene.attacker.laid(name)
    scene.attacker.redis.set(name, FORGERIES[forgery](laid))
    for node in (1, 0, 1):
        assert scene.get(node, "k") == row("k")
    assert drive(scene.nodes[0].swap(row("k", data={}), version=1)) is True
    assert scene.get(0, "k") == row("k", data={}, version=2)
    scene.attacker.redis.set(scene.attacker.name("made-up"), FORGERIES[forgery](laid))
    assert scene.get(1, "made-up") is None


def test_a_value_of_another_type_is_none(scene: Scene) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    scene.attacker.redis.lpush(scene.attacker.name("k"), "x")
    for _ in range(20):  # errors of Redis open the breaker, and that is all
        assert scene.get(0, "k") == row("k")


def test_a_copy_moved_to_another_key_or_kind_is_none(scene: Scene) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k"), row("other", data={"who": "attacker"})))
    scene.get(0, "k")
    laid = scene.attacker.laid(scene.attacker.name("k"))
    for key, kind in (("other", "session"), ("nobody", "session"), ("k", "opaque_access"), ("k", "api_key")):
        scene.attacker.redis.set(scene.attacker.name(key, kind), laid)
    assert scene.get(1, "other") == row("other", data={"who": "attacker"})
    assert scene.get(1, "nobody") is None
    assert scene.get(1, "k", "opaque_access") is scene.get(1, "k", "api_key") is None
    assert scene.nodes[1].hits == 0


def test_a_copy_of_another_database_is_none(scene: Scene, valkey: Server, tmp_path: Path) -> None:
    """Two databases by mistake beside one prefix."""
    scene.warm()
    carrier = f"redis://{valkey.place}?prefix={scene.attacker.at[1:-1]}"
    stranger: Any = open_store(f"sqlite:///{tmp_path}/other.db", carrier=carrier, clock=scene.clock)
    stranger.open_blocking()
    drive(stranger.put(row("k", data={"who": "stranger"})))
    for _ in range(3):
        drive(stranger.get("session", "k", now=NOW))
    assert stranger.hits == 2
    assert scene.get(0, "k") is None
    stranger.close_blocking()


@pytest.mark.parametrize("seed", range(6))
def test_no_replay_brings_a_row_back_past_the_bound(scene: Scene, seed: int) -> None:
    """Rows change, at both nodes; now and then any copy that ever was is put back, or what is there is taken away.

    Whatever version is read, it was the newest at some moment of the last ``BOUND`` seconds.
    """
    chance, keys = Random(seed), ["a", "b"]
    drive(scene.nodes[0].put(*map(row, keys)))
    newest = dict.fromkeys(keys, 1)
    ended: dict[tuple[str, int], float] = {}
    stale = fresh = 0
    for _ in range(1500):
        key, node = chance.choice(keys), chance.randrange(2)
        match chance.choice(["get", "get", "get", "write", "wait", "replay", "replay", "remove"]):
            case "get":
                version = scene.get(node, key).version
                assert ended.get((key, version), scene.clock.monotonic()) > scene.clock.monotonic() - BOUND
                stale += version != newest[key]
                fresh += version == newest[key]
            case "write" if chance.random() < 0.3:
                assert drive(scene.nodes[node].swap(row(key), version=newest[key])) is True
                ended[key, newest[key]] = scene.clock.monotonic()
                newest[key] += 1
            case "wait":
                scene.clock.advance(chance.choice([0.01, 0.1, 0.3, 0.5, 0.51, 1.0]))
            case "replay":
                scene.attacker.look()
                old = scene.attacker.seen.get(scene.attacker.name(key), [])[-30:]
                if old:
                    scene.attacker.redis.set(scene.attacker.name(key), chance.choice(old))
            case "remove":
                scene.attacker.redis.delete(scene.attacker.name(key))
    assert fresh > 100
    assert stale > 0, "the replays were tried while they could succeed"


def test_old_copies_are_dead_once_the_bound_is_over_however_often_they_are_shown(scene: Scene) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    scene.get(0, "k")
    laid = scene.attacker.laid(scene.attacker.name("k"))
    drive(scene.nodes[0].drop("session", "k"))
    scene.clock.advance(BOUND)
    for _ in range(50):
        for node in (0, 1):
            scene.attacker.redis.set(scene.attacker.name("k"), laid)
            assert scene.get(node, "k") is None
        scene.clock.advance(0.1)


def test_a_node_that_begins_believes_no_copy_from_before(scene: Scene) -> None:
    """It cannot know how old the window is in which that was sealed."""
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    scene.get(0, "k")
    drive(scene.nodes[0]._record.swap(row("k", data={"who": "changed"}), version=1))  # behind the back of Redis
    scene.nodes[1].close_blocking()
    scene.clock.advance(3600)
    scene.nodes[1].open_blocking()
    assert scene.get(1, "k") == row("k", data={"who": "changed"}, version=2)


def test_a_restored_backup_of_the_database_makes_no_old_copy_good(scene: Scene) -> None:
    scene.warm()
    drive(scene.nodes[0].put(row("k")))
    scene.get(0, "k")
    laid = scene.attacker.laid(scene.attacker.name("k"))
    record = scene.nodes[0]._record
    window = drive(record.get("carrier", "window", now=NOW))
    for _ in range(9):
        scene.clock.advance(1)
        scene.get(0, "nobody")
        scene.get(1, "nobody")
    drive(record.swap(row("k", data={"who": "changed"}), version=1))
    drive(record.drop("carrier", "window"))
    drive(record.put(window))  # its secret is that of the copy again, at version 1
    for _ in range(30):
        scene.attacker.redis.set(scene.attacker.name("k"), laid)
        for node in (0, 1):
            assert scene.get(node, "k") == row("k", data={"who": "changed"}, version=2)
        scene.clock.advance(0.3)


# Messages


@pytest.fixture(params=["loop", "threads"])
def way(request: pytest.FixtureRequest) -> str:
    way: str = request.param
    return way


async def follower(way: str, place: tuple[str, str]) -> Any:
    store: Any = open_store(place[0], carrier=place[1])
    await store.open() if way == "loop" else store.open_blocking()
    await store.tail(0, now=NOW)
    await store.news(timeout=1)  # the first returns at once
    return store


@pytest.mark.anyio
async def test_of_all_messages_only_a_new_one_of_ours_wakes(way: str, valkey: Server, postgres: Postgres) -> None:
    place, clock = (postgres.fresh(), valkey.fresh()), SystemClock()
    store = await follower(way, place)
    writer: Any = open_store(place[0], carrier=place[1])
    writer.open_blocking()
    channel = store._channel
    with valkey.client() as spy, spy.pubsub() as heard:
        heard.ssubscribe(channel)
        wait_until(lambda: heard.get_sharded_message(timeout=0.01), "subscribed")
        for value in ("a", "b"):
            drive(writer.append(Event(what="session", value=value, at=NOW, until=NOW + 99)))
        caught = [heard.get_sharded_message(timeout=1)["data"] for _ in range(2)]
        began = clock.monotonic()
        await store.news(timeout=5)
        assert clock.monotonic() < began + 1, "ours wakes"
        await store.news(timeout=0.3)  # the second, if the first was told alone
        await store.tail(0, now=NOW)
        first, last = caught
        bad = [first, last, last[:-1], last[:-10], b"", b"x" * 1000, b"1.x.99", last.replace(b".2.", b".3."), b"\xff"]
        bad += [b"1.." + last.rpartition(b".")[2], b"1.%s.%d.%s" % (b"e", 2**70, b"A" * 43)]
        for message in (*bad, *reversed(bad)):
            spy.execute_command("SPUBLISH", channel, message)
        began = clock.monotonic()
        await store.news(timeout=0.3)
        assert clock.monotonic() >= began + 0.29, "nothing else does"
    await store.close()
    writer.close_blocking()


@pytest.mark.anyio
async def test_a_flood_of_messages_makes_a_follower_ask_no_more_than_a_clock_would(
    way: str, valkey: Server, postgres: Postgres
) -> None:
    store, clock = await follower(way, (postgres.fresh(), valkey.fresh())), SystemClock()
    heed, looked_at = store._news._heed, 0

    def counted(message: object) -> bool:
        nonlocal looked_at
        looked_at += 1
        found: bool = heed(message)
        return found

    def flood() -> None:
        with valkey.client() as client, client.pipeline(transaction=False) as pipeline:
            for number in range(30_000):
                pipeline.execute_command("SPUBLISH", store._channel, f"1.{'e' * 8}.{number}.{'A' * 43}")
                if number % 1000 == 999:
                    pipeline.execute()

    store._news._heed = counted
    flooding = asyncio.get_running_loop().run_in_executor(None, flood)
    began, woken = clock.monotonic(), 0
    while clock.monotonic() < began + 2 or not flooding.done():
        await store.news(timeout=0.5)
        await asyncio.sleep(0)
        woken += 1
    assert woken < 10 * (clock.monotonic() - began)
    assert 500 < looked_at < 15_000, "it stops listening to such a thing"
    await store.close()
