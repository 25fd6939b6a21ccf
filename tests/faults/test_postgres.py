"""F-07 to F-13, F-28 on a real PostgreSQL: it goes away, falls silent, is slow, is full; nothing is half done."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio.lowlevel
import psycopg
import pytest

from tests.faults.proxy import FaultProxy
from tests.services.postgres import Postgres
from watchword.app import Watchword, drive
from watchword.clock import SystemClock
from watchword.errors import ConfigurationError, StoreUnavailableError, TokenRevokedError
from watchword.stores.base import Event, Record, Store
from watchword.stores.postgres import PostgresStore, check
from watchword.stores.sql import migrations

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
PATIENCE = timedelta(seconds=0.5)
BOUND = 5.0
"""Seconds: patience, its grace and a second try, on a machine that has other work."""
WAYS = ["loop", "threads"]
SYNC = b"S\x00\x00\x00\x04"
"""With which a client of PostgreSQL ends a round trip, unless it sends a plain query."""


def session(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"plan": "pro"}, **changes})


def revoked(value: str) -> Event:
    return Event(what="session", value=value, at=NOW, until=NOW + 100)


async def opened(store: Store, way: str) -> None:
    if way == "loop":
        await store.open()
    else:
        store.open_blocking()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def schema(postgres: Postgres) -> str:
    return postgres.schema()


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(postgres.port) as made:
        yield made


@pytest.fixture
async def store(postgres: Postgres, schema: str, way: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(postgres.url(schema=schema, pool_size="3"), patience=PATIENCE)
    await opened(made, way)
    yield made
    await made.close()


@pytest.fixture
async def behind(postgres: Postgres, schema: str, proxy: FaultProxy, way: str) -> AsyncIterator[PostgresStore]:
    """A store that reaches its server through the proxy."""
    url = postgres.url(schema=schema, port=proxy.port, sslmode="disable", gssencmode="disable")
    made = PostgresStore(url, patience=PATIENCE)
    await opened(made, way)
    yield made
    proxy.heal()
    await made.close()


async def failing(verb: Coroutine[Any, Any, object]) -> StoreUnavailableError:
    """The error of a verb, which comes in time."""
    clock = SystemClock()
    began = clock.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        await verb
    assert clock.monotonic() - began < BOUND
    return caught.value


# It goes away


async def test_a_server_that_stops_is_unavailable_and_one_that_is_back_is_served_at_once(
    postgres: Postgres, store: PostgresStore
) -> None:
    await store.put(session("k"))
    await store.append(revoked("a"))
    before = await store.tail(0, now=NOW)
    for kill in (False, True):
        postgres.stop(kill=kill)
        try:
            for verb in (store.get("session", "k", now=NOW), store.put(session("x")), store.tail(0, now=NOW)):
                await failing(verb)
        finally:
            postgres.start()
        assert await store.get("session", "k", now=NOW) == session("k")
        assert await store.tail(0, now=NOW) == before


async def test_connections_that_died_while_idle_are_nobody_s_trouble(postgres: Postgres, store: PostgresStore) -> None:
    await store.put(session("k"))
    for verb in (
        partial(store.get, "session", "k", now=NOW),
        partial(store.find, "session", now=NOW),
        partial(store.swap, session("k"), version=1),
        partial(store.append, revoked("a")),
    ):
        postgres.stop()
        postgres.start()
        assert await verb()


async def test_what_was_acknowledged_survives_a_crash_and_the_rest_is_whole_or_not_there(
    postgres: Postgres, store: PostgresStore, way: str
) -> None:
    """F-08: each write puts two records; the server dies among many."""
    done: set[int] = set()
    enough = threading.Event()

    async def write(start: int) -> None:
        for n in range(start, 100_000, 4):
            try:
                await store.put(session(f"{n}.a"), session(f"{n}.b"))
            except StoreUnavailableError:
                return
            done.add(n)
            if len(done) > 60:
                enough.set()

    if way == "loop":
        writers = [asyncio.create_task(write(start)) for start in range(4)]
        assert await asyncio.to_thread(enough.wait, 30)
        await asyncio.to_thread(postgres.stop, kill=True)
        await asyncio.gather(*writers)
    else:
        with ThreadPoolExecutor(4) as threads:
            for start in range(4):
                threads.submit(drive, write(start))
            assert enough.wait(30)
            postgres.stop(kill=True)
    postgres.start()
    found = {record.key for record in await store.find("session", now=NOW, limit=100_000)}
    assert {f"{n}.{half}" for n in done for half in "ab"} <= found
    assert {key[:-1] + "a" for key in found} == {key for key in found if key.endswith("a")}
    assert {key[:-1] + "b" for key in found} == {key for key in found if key.endswith("b")}


# The connection is cut in the middle


async def test_a_cut_before_the_commit_writes_nothing(behind: PostgresStore, proxy: FaultProxy) -> None:
    await behind.put(session("k"))
    proxy.cut_at(b"COMMIT\x00", delivered=False)
    error = await failing(behind.swap(session("k", data={}), version=1, puts=[session("next")], events=[revoked("a")]))
    assert error.reason == "commit_unknown"
    assert await behind.find("session", now=NOW) == [session("k")]
    assert await behind.append() == 0


async def test_a_lost_answer_to_the_commit_is_not_taken_for_a_no(behind: PostgresStore, proxy: FaultProxy) -> None:
    """F-09: it was written; the error says that nobody knows, and no verb is said a second time."""
    await behind.put(session("k"))
    ran: list[object] = []
    proxy.cut_at(b"COMMIT\x00", delivered=True)
    error = await failing(behind.swap(session("k"), version=1, events=[revoked("a")], effect=ran.append))
    assert error.reason == "commit_unknown"
    assert "nobody knows" in str(error)
    assert len(ran) == 1
    assert await behind.get("session", "k", now=NOW) == session("k", version=2)
    assert await behind.append() == 1


@pytest.mark.parametrize("words", [b"BEGIN", b"SELECT kind"])
async def test_a_cut_before_anything_was_done_is_begun_again(
    behind: PostgresStore, proxy: FaultProxy, words: bytes
) -> None:
    proxy.cut_at(words, delivered=True)
    await behind.put(session("k"))
    assert await behind.get("session", "k", now=NOW) == session("k")
    assert await behind.find("session", now=NOW) == [session("k")]


async def test_a_cut_in_the_middle_of_a_transaction_takes_it_back(behind: PostgresStore, proxy: FaultProxy) -> None:
    await behind.put(session("k"))
    proxy.cut_at(b"INSERT INTO watchword_events", delivered=True)
    error = await failing(behind.swap(session("k"), version=1, events=[revoked("a")]))
    assert "nothing was written" in str(error)
    assert await behind.get("session", "k", now=NOW) == session("k")
    assert (await behind.tail(0, now=NOW)).head == 0


async def test_a_connection_that_falls_silent_is_left_and_never_used_again(
    behind: PostgresStore, proxy: FaultProxy
) -> None:
    """F-07: nothing is closed, nothing comes; what was asked then is never answered to another."""
    await behind.put(session("k"), session("other"))
    proxy.half_open()
    error = await failing(behind.get("session", "k", now=NOW))
    assert "no answer" in str(error)
    await failing(behind.drop("session", "k"))
    proxy.heal()
    assert await behind.get("session", "other", now=NOW) == session("other")
    assert await behind.get("session", "gone", now=NOW) is None


# It is slow, or full


async def test_a_lock_is_waited_for_no_longer_than_patience(
    postgres: Postgres, store: PostgresStore, schema: str
) -> None:
    """F-10, F-13: somebody holds the row, and then the whole table."""
    await store.put(session("k"))
    with postgres.connect(schema) as other:
        for hold in ("UPDATE watchword_records SET version = version", "LOCK TABLE watchword_records"):
            with other.transaction():
                other.execute(hold)
                error = await failing(store.swap(session("k"), version=1, events=[revoked("a")]))
                assert error.reason == "postgres_55P03"
    assert await store.swap(session("k"), version=1) is True
    assert await store.append() == 0


async def test_a_deadlock_ends_one_of_the_two_and_writes_none_of_it(
    postgres: Postgres, store: PostgresStore, schema: str
) -> None:
    await store.put(session("a"), session("b"))

    def effect(connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT 1 FROM watchword_records WHERE key = 'b' FOR UPDATE NOWAIT")

    with postgres.connect(schema) as other, other.transaction():
        other.execute("UPDATE watchword_records SET version = version WHERE key = 'b'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await store.swap(session("a"), version=1, effect=effect)
    assert await store.get("session", "a", now=NOW) == session("a")


async def test_what_the_server_took_back_for_a_deadlock_is_begun_again(
    postgres: Postgres, schema: str, way: str
) -> None:
    """F-10. Ours holds the record and wants the feed; the other one holds the feed and wants the record."""
    store = PostgresStore(postgres.url(schema=schema), patience=timedelta(seconds=20))
    await opened(store, way)
    await store.put(session("k"))
    begun: list[int] = []
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'watchword'"
    with postgres.connect(schema) as other, postgres.connect() as watcher, ThreadPoolExecutor(2) as threads:
        other.execute("BEGIN")
        other.execute("SET LOCAL deadlock_timeout = '30s'")  # so that ours is the one that is taken back
        other.execute("UPDATE watchword_feed SET head = head")
        swap = partial(store.swap, session("k", data={"n": 1}), version=1, events=[revoked("a")])
        ours = asyncio.create_task(swap()) if way == "loop" else asyncio.wrap_future(threads.submit(drive, swap()))
        while not watcher.execute(waiting).fetchone():
            await anyio.lowlevel.checkpoint()
        theirs = threads.submit(other.execute, "UPDATE watchword_records SET version = version RETURNING 1")
        begun.append(len((await asyncio.wrap_future(theirs)).fetchall()))
        other.execute("COMMIT")
        assert await ours is True
    assert begun == [1]
    assert (await store.tail(0, now=NOW)).head == 1
    assert (store.tally.errors, store.breaker.state) == (1, "closed")
    await store.close()


async def test_an_effect_is_never_begun_again(postgres: Postgres, schema: str, way: str) -> None:
    store = PostgresStore(postgres.url(schema=schema))
    await opened(store, way)
    await store.put(session("k"))
    ran: list[int] = []

    def effect(connection: psycopg.Connection[Any]) -> None:
        ran.append(1)
        raise StoreUnavailableError("as after a deadlock", reason="postgres_40P01")

    with pytest.raises(StoreUnavailableError):
        await store.swap(session("k"), version=1, effect=effect)
    assert ran == [1]
    await store.close()


async def test_when_every_connection_is_busy_the_next_waits_no_longer_than_patience(
    store: PostgresStore, way: str
) -> None:
    """F-12: the pool has 3, and each is held by an effect that does not end."""
    await store.put(*(session(f"{n}") for n in range(3)))
    ending = threading.Event()
    begun = threading.Barrier(4)

    def effect(_: object) -> None:
        begun.wait(30)
        ending.wait(30)

    swaps = [partial(store.swap, session(f"{n}"), version=1, effect=effect) for n in range(3)]
    with ThreadPoolExecutor(3) as threads:
        if way == "loop":
            tasks = [asyncio.create_task(swap()) for swap in swaps]
        else:
            tasks = [asyncio.wrap_future(threads.submit(drive, swap())) for swap in swaps]  # type: ignore[misc]
        await asyncio.to_thread(begun.wait, 30)
        error = await failing(store.get("session", "0", now=NOW))
        assert (await store.tail(0, now=NOW)).head == 0  # the feed is heard all the same
        assert store.breaker.state == "closed"
        ending.set()
        assert await asyncio.gather(*tasks) == [True] * 3
    assert "all 3 connections were busy for 0.5 s" in str(error)
    assert await store.get("session", "0", now=NOW) == session("0", version=2)


# The feed


async def test_a_number_waits_for_the_transaction_that_took_the_one_before(
    postgres: Postgres, store: PostgresStore, schema: str, way: str
) -> None:
    """Who has read up to N never sees a number below N appear, and a number taken in vain is given again."""
    for end, mine in (("COMMIT", 2), ("ROLLBACK", 3)):
        run: Callable[[], Coroutine[Any, Any, int]] = partial(store.append, revoked(f"mine {end}"))
        with postgres.connect(schema) as other, postgres.connect() as watcher, ThreadPoolExecutor(1) as thread:
            other.execute("BEGIN")
            other.execute("UPDATE watchword_feed SET head = head + 1")
            other.execute(
                "INSERT INTO watchword_events SELECT head, 'session', 'theirs', %s, %s FROM watchword_feed",
                (NOW, NOW + 100),
            )
            append = asyncio.create_task(run()) if way == "loop" else thread.submit(drive, run())
            before = (await store.tail(0, now=NOW)).head
            while not watcher.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone():
                assert (await store.tail(0, now=NOW)).head == before
            other.execute(end)
            assert (await append if isinstance(append, asyncio.Task) else append.result()) == mine
        feed = await store.tail(0, now=NOW)
        assert [event.seq for event in feed.events] == list(range(1, feed.head + 1))


async def test_purge_leaves_what_is_given_more_life_at_that_moment(
    postgres: Postgres, store: PostgresStore, schema: str, way: str
) -> None:
    await store.put(session("touched", expires_at=NOW), session("dead", expires_at=NOW))
    with postgres.connect(schema) as other:
        other.execute("BEGIN")
        other.execute("UPDATE watchword_records SET expires_at = expires_at + 100 WHERE key = 'touched'")
        assert await store.purge(now=NOW) == 1
        other.execute("COMMIT")
    assert await store.get("session", "touched", now=NOW) == session("touched", expires_at=NOW + 100)


# News


async def test_news_comes_with_a_commit_and_not_before(store: PostgresStore, postgres: Postgres, schema: str) -> None:
    clock = SystemClock()
    await store.news(timeout=30)  # the first call returns at once
    began = clock.monotonic()
    await store.news(timeout=0.05)
    assert clock.monotonic() - began >= 0.05
    await store.append(revoked("a"))
    await store.put(session("k"))
    began = clock.monotonic()
    await store.news(timeout=30)
    assert clock.monotonic() - began < 5
    with postgres.connect(schema) as other:
        other.execute("BEGIN")
        other.execute("UPDATE watchword_feed SET head = head + 1")
        began = clock.monotonic()
        await store.news(timeout=0.05)
        assert clock.monotonic() - began >= 0.05
        other.execute("COMMIT")
    await store.news(timeout=30)
    assert clock.monotonic() - began < 5


async def test_who_cannot_listen_waits_the_time_out_and_listens_again_when_it_can(
    behind: PostgresStore, proxy: FaultProxy, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SystemClock()
    await behind.news(timeout=30)
    proxy.cut()
    await behind.news(timeout=30)  # the end of the connection may have been news
    postgres.stop()
    try:
        began = clock.monotonic()
        for _ in range(3):
            await behind.news(timeout=0.05)
        assert 0.1 <= clock.monotonic() - began < BOUND
    finally:
        postgres.start()
    assert [record.levelname for record in caplog.records if record.name == "watchword.stores"] == ["WARNING"]
    for _ in range(3):
        await behind.news(timeout=0.05)
    await behind.append(revoked("a"))
    began = clock.monotonic()
    await behind.news(timeout=30)
    assert clock.monotonic() - began < BOUND


# Round trips


async def test_lookups_of_one_turn_share_one_round_trip(postgres: Postgres, schema: str, proxy: FaultProxy) -> None:
    store = PostgresStore(postgres.url(schema=schema, port=proxy.port, sslmode="disable", gssencmode="disable"))
    await store.open()
    await store.put(*(session(f"{n}", expires_at=NOW + n) for n in range(100)), session("5", kind="family"))
    await asyncio.gather(store.get("session", "0", now=0), store.get("session", "1", now=0))  # prepared from here on
    asked: list[bytes] = []

    def noted(chunk: bytes, _: bytes) -> bytes:
        asked.append(chunk)
        return chunk

    proxy.rewrite(noted, "up")
    found = await asyncio.gather(
        *(store.get("session", f"{n}", now=NOW) for n in range(100)),
        *(store.get("session", "7", now=now) for now in (NOW + 6, NOW + 7)),
        *(store.get("family", f"{n}", now=NOW) for n in (5, 6)),
        store.get("session", "gone", now=NOW),
    )
    assert sum(chunk.count(SYNC) + chunk.startswith(b"Q") for chunk in asked) == 1
    assert found[0] is None  # it ends at that very second
    assert found[1:100] == [session(f"{n}", expires_at=NOW + n) for n in range(1, 100)]
    assert [one is not None for one in found[100:]] == [True, False, True, False, False]
    assert found[7] is not None
    assert found[100] is not None
    assert found[7].data is not found[100].data
    await store.close()


async def test_what_a_cancelled_caller_began_comes_to_its_end(postgres: Postgres) -> None:
    store = PostgresStore(postgres.fresh(), patience=PATIENCE)
    await store.open()
    await store.put(session("k"))
    for turns in range(12):
        tasks = [
            asyncio.create_task(store.get("session", "k", now=NOW)),
            asyncio.create_task(store.put(session(f"new-{turns}"))),
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert await store.get("session", "k", now=NOW) == session("k")
    await store.close()
    await store.open()
    found = {record.key for record in await store.find("session", now=NOW)}
    assert found == {"k", *(f"new-{turns}" for turns in range(1, 12))}
    await store.close()


# Effects


async def test_an_effect_is_in_the_transaction_with_a_connection_that_blocks(
    postgres: Postgres, store: PostgresStore, schema: str
) -> None:
    with postgres.connect(schema) as other:
        other.execute("CREATE TABLE users (name TEXT)")
        await store.put(session("k"))

        def effect(name: str, error: Exception | None, connection: psycopg.Connection[Any]) -> None:
            connection.execute("INSERT INTO users VALUES (%s)", (name,))
            assert other.execute("SELECT name FROM users").fetchall() == []
            if error is not None:
                raise error

        with pytest.raises(KeyError):
            await store.swap(session("k"), version=1, events=[revoked("a")], effect=partial(effect, "a", KeyError()))
        assert await store.swap(session("k"), version=1, effect=partial(effect, "b", None)) is True
        assert other.execute("SELECT name FROM users").fetchall() == [("b",)]
    assert (await store.get("session", "k", now=NOW)) == session("k", version=2)
    assert await store.append() == 0


@pytest.mark.parametrize("what", ["commit", "rollback", "COMMIT", "ROLLBACK", "COMMIT; BEGIN", "swallows"])
async def test_an_effect_that_ends_the_transaction_or_swallows_its_error_is_told_so(
    store: PostgresStore, what: str
) -> None:
    def effect(connection: psycopg.Connection[Any]) -> None:
        if what == "swallows":
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT 1 FROM nowhere")
        elif what.islower():
            getattr(connection, what)()
        else:
            connection.execute(what.encode())

    await store.put(session("k"))
    with pytest.raises((ConfigurationError, psycopg.ProgrammingError)):
        await store.swap(session("k"), version=1, puts=[session("next")], effect=effect)
    if not what.startswith("COMMIT"):
        assert await store.find("session", now=NOW) == [session("k")]
    assert await store.swap(session("third"), version=1) is False


async def test_a_connection_lost_in_an_effect_is_the_machine_s(postgres: Postgres, store: PostgresStore) -> None:
    def effect(connection: psycopg.Connection[Any]) -> None:
        with postgres.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")

    await store.put(session("k"))
    await failing(store.swap(session("k"), version=1, effect=effect))
    assert await store.get("session", "k", now=NOW) == session("k")


async def test_the_loop_goes_on_while_an_effect_blocks(postgres: Postgres) -> None:
    store = PostgresStore(postgres.fresh())
    await store.open()
    await store.put(session("k"))
    going = threading.Event()
    swap = asyncio.create_task(store.swap(session("k"), version=1, effect=lambda _: going.wait(30)))
    assert await store.get("session", "k", now=NOW) == session("k")
    going.set()
    assert await swap is True
    await store.close()


# Opening


def test_the_time_it_may_take_is_said_in_the_url(postgres: Postgres) -> None:
    assert PostgresStore(postgres.url(schema="x"))._patience == 2
    assert PostgresStore(postgres.url(schema="x", timeout="0.25"))._patience == 0.25
    for wrong in ("0", "0.01", "31", "1e1", "2&timeout=2", "", "-1"):
        with pytest.raises(ConfigurationError, match=r"from 0\.05 to 30"):
            PostgresStore(postgres.url(schema="x") + f"&timeout={wrong}")


@pytest.mark.parametrize("way", ["loop"])
async def test_of_many_that_open_an_empty_database_one_makes_the_tables(postgres: Postgres, way: str) -> None:
    url = postgres.fresh()
    stores = [PostgresStore(url) for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    await stores[0].put(session("k"))
    assert await stores[7].get("session", "k", now=NOW) == session("k")
    assert len({(await store.tail(0, now=NOW)).epoch for store in stores}) == 1
    for store in stores:
        await store.close()


def test_a_role_that_may_not_create_tables_opens_what_is_there(postgres: Postgres, schema: str) -> None:
    role = f"app_{schema}"
    url = postgres.url(schema=schema).replace("postgres@", f"{role}@")
    with postgres.connect() as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}".encode())
        with pytest.raises(ConfigurationError, match="as a role that may create them"):
            PostgresStore(url).open_blocking()
        first = PostgresStore(postgres.url(schema=schema))
        first.open_blocking()
        first.close_blocking()
        owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}".encode())
    store = PostgresStore(url)
    store.open_blocking()
    drive(store.put(session("k")))
    assert drive(store.append(revoked("a"))) == 1
    assert drive(store.purge(now=NOW)) == 0
    store.close_blocking()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("UPDATE watchword_migrations SET checksum = 'x'", "is not the file that was applied"),
        ("INSERT INTO watchword_migrations VALUES (9999, '9999_later.sql', 'x')", "newer than this watchword"),
    ],
)
def test_a_database_that_another_release_changed_is_refused(
    postgres: Postgres, schema: str, change: str, match: str
) -> None:
    store = PostgresStore(postgres.url(schema=schema))
    store.open_blocking()
    store.close_blocking()
    with postgres.connect(schema) as other:
        other.execute(change.encode())
    with pytest.raises(ConfigurationError, match=match):
        store.open_blocking()
    assert [one.name for one in migrations("postgres")] == ["0001_tables.sql", "0002_standing.sql"]


def test_an_old_server_and_another_encoding_are_refused() -> None:
    check(140_000, "UTF8")
    with pytest.raises(ConfigurationError, match="PostgreSQL 13; watchword needs 14"):
        check(139_999, "UTF8")
    with pytest.raises(ConfigurationError, match="LATIN1"):
        check(180_000, "LATIN1")


def test_durability_is_said_where_the_role_has_none(postgres: Postgres, schema: str) -> None:
    with postgres.connect(schema) as other:
        other.execute("CREATE ROLE hasty LOGIN SUPERUSER")
        other.execute("ALTER ROLE hasty SET synchronous_commit = off")
    store = PostgresStore(postgres.url(schema=schema).replace("postgres@", "hasty@"))
    store.open_blocking()
    said = drive(store._read("SELECT current_setting('synchronous_commit'), current_setting('lock_timeout')", ()))
    assert said == [("on", "2s")]
    store.close_blocking()


SECRET = "s3cr3t-word"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://app:{SECRET}@127.0.0.1:1/app",
        f"postgresql://app:{SECRET}@host:port:{SECRET}/app",
        f"postgresql://app:{SECRET}@127.0.0.1/app?{SECRET}=1",
        f"postgresql://app:{SECRET}%zz@127.0.0.1/app",
        f"postgresql://app:{SECRET}@127.0.0.1/app?pool_size={SECRET}",
        f"postgresql://app:{SECRET}@127.0.0.1/app?target_session_attrs={SECRET}",
        f"postgresql://127.0.0.1:1/app?password={SECRET}&application_name={SECRET}",
        f"postgresql://app:hunter@{SECRET}@127.0.0.1:1/app",
        f"postgresql://app:p@{SECRET}/w0rd@127.0.0.1:1/app",
        f"postgresql://app:1/{SECRET}@127.0.0.1:1/app",
        f"postgresql://app:1#{SECRET}@127.0.0.1:1/app",
        f"postgresql://app:1?{SECRET}@127.0.0.1:1/app",
    ],
)
def test_no_error_quotes_the_password(url: str) -> None:
    with pytest.raises((ConfigurationError, StoreUnavailableError)) as caught:
        PostgresStore(url).open_blocking()
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert SECRET not in repr(PostgresStore(f"postgres://app:{SECRET}@127.0.0.1/app"))


@pytest.mark.parametrize("mode", ["any", "standby", "read-only", "prefer-standby"])
def test_a_standby_is_not_asked(mode: str) -> None:
    with pytest.raises(ConfigurationError, match="primary"):
        PostgresStore(f"postgresql://127.0.0.1/app?target_session_attrs={mode}")


# Forks


def test_a_child_leaves_the_parent_s_connections_alone(postgres: Postgres) -> None:
    store = PostgresStore(postgres.fresh())
    store.open_blocking()
    drive(store.put(session("k")))
    drive(store.news(timeout=1))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with pytest.raises(ConfigurationError, match="open the store first"):
                drive(store.get("session", "k", now=NOW))
            store.open_blocking()
            code = 0 if drive(store.get("session", "k", now=NOW)) == session("k") else 2
            store.close_blocking()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    drive(store.append(revoked("a")))
    clock = SystemClock()
    began = clock.monotonic()
    drive(store.news(timeout=30))
    assert clock.monotonic() - began < 5
    assert drive(store.get("session", "k", now=NOW)) == session("k")
    store.close_blocking()


# The whole of it


async def test_a_new_life_of_the_feed_is_heard_of_at_once(postgres: Postgres, schema: str, tmp_path: Path) -> None:
    """F-11: what the page tells an operator to do after a failover that lost commits."""
    options: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test", "keys": tmp_path / "k.keys"}
    async with Watchword(postgres.url(schema=schema), **options) as ww:
        before = ww.access.issue("u").token
        await ww.revoke(session="s")
        await ww.revoke(subject="u")
        token = ww.access.issue("u").token
        assert ww.access.verify(token).subject == "u"
        seq, epoch = ww.view.seq, ww.view.epoch
        assert isinstance(ww.store, PostgresStore)
        await ww.store.new_epoch()
        async with asyncio.timeout(BOUND):
            while ww.view.epoch == epoch:
                await anyio.lowlevel.checkpoint()
        assert ww.view.seq == seq
        for dead in (before, token):
            with pytest.raises(TokenRevokedError):
                ww.access.verify(dead)
        assert ww.access.verify(ww.access.issue("u").token).subject == "u"


def test_without_a_place_for_the_keys_it_says_what_to_do(postgres: Postgres) -> None:
    with pytest.raises(ConfigurationError, match=r"keys='app\.keys'"):
        Watchword(postgres.fresh(), issuer="https://as.test", audience="https://api.test")
