"""What only the SQLite store promises: its file, its neighbours in other processes, and what a crash leaves behind."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from stat import S_IMODE
from typing import Any, ClassVar

import anyio.lowlevel
import pytest

import watchword
from watchword.errors import ConfigurationError, StoreConflictError, StoreUnavailableError
from watchword.stores import sqlite, sqlite_writer
from watchword.stores.base import Audit, Event, Record
from watchword.stores.sql import Job, Migration, migrations
from watchword.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.anyio

WAYS = ["loop", "threads"]
NOW = 1_800_000_000


def record(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {}, **changes})


def revoked(value: str) -> Event:
    return Event(what="session", value=value, at=NOW, until=NOW + 100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def closed_store(path: Path, busy_timeout: timedelta = timedelta(milliseconds=50)) -> SQLiteStore:
    return SQLiteStore(f"sqlite:///{path}", busy_timeout=busy_timeout)


async def start(store: SQLiteStore, way: str) -> SQLiteStore:
    if way == "loop":
        await store.open()
    else:
        store.open_blocking()
    return store


async def opened(path: Path, way: str = "threads") -> SQLiteStore:
    return await start(closed_store(path), way)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store(path: Path, way: str) -> AsyncIterator[SQLiteStore]:
    store = await opened(path, way)
    yield store
    await store.close()


@pytest.fixture
async def looped(path: Path) -> AsyncIterator[SQLiteStore]:
    store = await opened(path, "loop")
    yield store
    await store.close()


@pytest.fixture
def stranger(path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to the file, as another process has one."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)) as connection:
        yield connection


def child(script: str, *arguments: str) -> "subprocess.Popen[str]":
    source = str(Path(watchword.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )


def tell(process: "subprocess.Popen[str]", line: str = "go") -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]") -> int:
    with process:
        assert process.stdin is not None
        process.stdin.close()
        return process.wait()


# The file


def mode(file: Path) -> str:
    return oct(S_IMODE(file.stat().st_mode))


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


async def test_the_files_are_for_their_owner_alone(no_umask: None, path: Path, way: str) -> None:
    store = await opened(path, way)
    await store.put(record("k"))
    files = [path, Path(f"{path}-wal"), Path(f"{path}-shm")]
    assert [mode(file) for file in files] == ["0o600"] * 3
    await store.close()


async def test_the_promises_about_the_disk_are_kept(store: SQLiteStore) -> None:
    assert store._writer is not None
    for connection in (store._writer._connection, store._reader):
        assert connection is not None
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        answers = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
        assert answers == ["wal", 2, 1, 50]
    assert SQLiteStore("sqlite:///x.db")._busy_timeout == 0.5


async def test_the_store_lives_in_a_file_that_is_there_already(path: Path, stranger: sqlite3.Connection) -> None:
    stranger.execute("CREATE TABLE orders (id INTEGER)")
    stranger.execute("INSERT INTO orders VALUES (1)")
    os.chmod(path, 0o640)
    store = await opened(path)
    await store.put(record("k"))
    await store.close()
    assert mode(path) == "0o640"
    assert stranger.execute("SELECT id FROM orders").fetchall() == [(1,)]


def test_urls_name_relative_and_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert SQLiteStore("sqlite:///a/b.db").path == str(tmp_path / "a/b.db")
    assert SQLiteStore("sqlite:////var/lib/b.db").path == "/var/lib/b.db"
    assert SQLiteStore("sqlite:///a%20b%3F.db").path == str(tmp_path / "a b?.db")
    store = SQLiteStore("sqlite:///here.db")
    monkeypatch.chdir("/")
    store.open_blocking()
    store.close_blocking()
    assert (tmp_path / "here.db").exists()


OTHERS = (
    "sqlite: sqlite:/ sqlite:// sqlite:/// sqlite:a.db sqlite:/a.db sqlite://host/a.db sqlite://u@h/a.db"
    " sqlite:///a.db?mode=ro sqlite:///a.db#x sqlite:///:memory: sqlite:///a%00b.db"
)


@pytest.mark.parametrize("url", OTHERS.split())
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///relative"):
        SQLiteStore(url)


async def test_a_place_where_no_database_can_be_is_a_configuration_error(tmp_path: Path, way: str) -> None:
    (tmp_path / "text.db").write_text("this is no database, and long enough to be sure of that" * 20)
    for place in (tmp_path, tmp_path / "no" / "folder.db", tmp_path / "text.db"):
        with pytest.raises(ConfigurationError, match="cannot be"):
            await opened(place, way)
    assert (tmp_path / "text.db").read_text().startswith("this is no database")


async def test_the_two_ways_of_opening_exclude_each_other(store: SQLiteStore, way: str) -> None:
    other = "threads" if way == "loop" else "loop"
    with pytest.raises(ConfigurationError, match="close it first"):
        await start(store, other)
    await store.put(record("k"))
    await store.close()
    store.open_blocking()
    assert store.suspends is False
    store.close_blocking()
    await store.open()
    assert store.suspends is True
    assert await store.get("session", "k", now=NOW) == record("k")


# Migrations


def test_migrations_are_numbered_without_gaps() -> None:
    known = migrations("sqlite")
    assert [migration.number for migration in known] == list(range(1, len(known) + 1))
    assert all(migration.statements and len(migration.checksum) == 64 for migration in known)


async def test_a_changed_migration_is_refused(path: Path, stranger: sqlite3.Connection, way: str) -> None:
    await (await opened(path)).close()
    stranger.execute("UPDATE watchword_migrations SET checksum = 'other'")
    with pytest.raises(ConfigurationError, match=r"0001_tables\.sql is not the file .* reinstall watchword"):
        await opened(path, way)


async def test_a_newer_database_is_refused(path: Path, stranger: sqlite3.Connection, way: str) -> None:
    await (await opened(path)).close()
    stranger.execute("INSERT INTO watchword_migrations VALUES (9999, '9999_future.sql', 'x')")
    with pytest.raises(ConfigurationError, match=r"newer than this watchword: .*9999_future\.sql.* install"):
        await opened(path, way)
    stranger.execute("BEGIN IMMEDIATE")  # nothing was left locked


async def test_a_migration_happens_once_and_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations("sqlite")
    bad = Migration(len(known) + 1, "bad.sql", "x", ["CREATE TABLE watchword_more (a)", "CREATE TABLE nonsense"])
    good = bad._replace(statements=["CREATE TABLE watchword_more (a)", "INSERT INTO watchword_more VALUES (1)"])
    store = await opened(path)
    await store.put(record("k"))
    await store.close()

    monkeypatch.setattr(sqlite, "migrations", lambda dialect: [*known, bad])
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await opened(path)
    monkeypatch.setattr(sqlite, "migrations", lambda dialect: known)
    await (await opened(path)).close()
    monkeypatch.setattr(sqlite, "migrations", lambda dialect: [*known, good])
    await (await opened(path)).close()
    store = await opened(path)
    assert store._rows("SELECT a FROM watchword_more", ()) == [(1,)]
    assert await store.get("session", "k", now=NOW) == record("k")
    await store.close()


# Other processes

OPEN_AT_ONCE = """
import sys
from watchword.stores.base import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store.open_blocking()
print(store.tail_now(0, now=0).epoch, flush=True)
"""


def test_processes_that_open_one_fresh_file_at_once_all_succeed(tmp_path: Path) -> None:
    for turn in range(3):
        processes = [child(OPEN_AT_ONCE, f"sqlite:///{tmp_path}/{turn}.db") for _ in range(6)]
        assert [hear(process) for process in processes] == ["ready"] * 6
        for process in processes:
            tell(process)
        epochs = [hear(process) for process in processes]
        assert [end(process) for process in processes] == [0] * 6
        assert len(epochs[0]) == 8
        assert set(epochs) == {epochs[0]}


WATCH = """
import sys
from watchword.stores.base import open_store
store = open_store(sys.argv[1])
store.open_blocking()
store.changed()
print("ready", flush=True)
for line in sys.stdin:
    print(store.changed(), [event.value for event in store.tail_now(0, now=0).events], flush=True)
"""


async def test_another_process_sees_an_event_as_soon_as_it_is_committed(store: SQLiteStore) -> None:
    process = child(WATCH, f"sqlite:///{store.path}")
    assert hear(process) == "ready"
    for expected in ("False []", "True ['a']", "False ['a']", "True ['a', 'b']"):
        if expected.startswith("True"):
            await store.append(revoked(expected[-3]))
        tell(process)
        assert hear(process) == expected
    assert end(process) == 0


async def test_two_stores_on_one_file_agree_on_one_winner(path: Path) -> None:
    stores = [await start(closed_store(path, timedelta(seconds=30)), "loop") for _ in range(4)]
    await stores[0].put(record("k"))
    for version in range(1, 11):
        swaps = [
            store.swap(record("k"), version=version, events=[revoked(f"{version}-{n}")])
            for n in range(5)
            for store in stores
        ]
        answers = await asyncio.gather(*swaps, return_exceptions=True)
        assert answers.count(True) == 1
        assert answers.count(False) == len(answers) - 1
    for store in stores:
        assert await store.get("session", "k", now=NOW) == record("k", version=11)
        assert [event.seq for event in store.tail_now(0, now=NOW).events] == list(range(1, 11))
        await store.close()


async def test_a_locked_database_is_unavailable_and_nothing_is_half_written(
    store: SQLiteStore, stranger: sqlite3.Connection
) -> None:
    await store.put(record("k"))
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match=r"^SQLite: database is locked$") as failure:
        await store.put(record("a"), record("b"), audit=[Audit(name="n", at=NOW)])
    assert isinstance(failure.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(StoreUnavailableError):
        await store.swap(record("k"), version=1, puts=[record("c")], events=[revoked("k")])
    assert await store.get("session", "k", now=NOW) == record("k")
    stranger.execute("ROLLBACK")
    assert await store.find("session", now=NOW) == [record("k")]
    assert (await store.audited(), await store.append()) == ([], 0)
    assert await store.swap(record("k"), version=1, puts=[record("c")], events=[revoked("k")]) is True


async def test_a_write_holds_the_lock_before_it_reads(store: SQLiteStore, stranger: sqlite3.Connection) -> None:
    await store.append(revoked("a"))
    stranger.execute("PRAGMA busy_timeout = 0")

    def job() -> Job[int]:
        before = yield "SELECT head FROM watchword_feed", ()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            stranger.execute("UPDATE watchword_feed SET head = head + 1")
        yield "UPDATE watchword_feed SET head = ?", (before.rows[0][0] + 1,)
        return int(before.rows[0][0])

    assert await store._write(job) == 1
    assert await store.append() == 2


async def test_opening_waits_for_a_locked_database_and_gives_up(
    path: Path, stranger: sqlite3.Connection, way: str
) -> None:
    for lock in ("BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"):
        stranger.execute(lock)
        with pytest.raises(StoreUnavailableError, match="database is locked"):
            await opened(path, way)
        stranger.execute("ROLLBACK")
        stranger.execute("PRAGMA journal_mode = WAL")
    await (await opened(path, way)).close()


# A machine that fails


class Frail(sqlite3.Connection):
    """A connection whose COMMIT fails, or whose disk is full, while told so."""

    failing: ClassVar[bool] = False
    pages: ClassVar[int] = 1_000_000
    made: ClassVar[int] = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Frail.made += 1
        self.execute(f"PRAGMA max_page_count = {self.pages}").fetchall()

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if sql == "COMMIT" and Frail.failing:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


@pytest.fixture
def frail(monkeypatch: pytest.MonkeyPatch) -> type[Frail]:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Frail))
    for name in ("failing", "pages", "made"):
        monkeypatch.setattr(Frail, name, getattr(Frail, name))
    return Frail


async def test_a_commit_that_fails_is_told_to_everybody_and_its_connection_never_used_again(
    frail: type[Frail], path: Path, way: str
) -> None:
    store = await opened(path, way)
    made = frail.made
    frail.failing = True
    answers = await asyncio.gather(*(store.put(record(f"{n}")) for n in range(5)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["SQLite: disk I/O error"] * 5
    assert all(isinstance(answer, StoreUnavailableError) for answer in answers)
    assert len({id(answer) for answer in answers}) == 5
    assert await store.find("session", now=NOW) == []
    frail.failing = False
    await store.put(record("k"))
    assert await store.find("session", now=NOW) == [record("k")]
    assert frail.made > made
    await store.close()


async def test_a_full_disk_refuses_writes_serves_reads_and_needs_no_repair(
    frail: type[Frail], path: Path, way: str
) -> None:
    frail.pages = 40
    store = await opened(path, way)
    written: list[str] = []

    async def fill() -> None:
        for n in range(len(written), 300):
            await store.put(record(f"{n}", data={"x": "y" * 1000}), record(f"{n}-pair"))
            written.append(f"{n}")

    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="database or disk is full"):
            await fill()
        assert await store.get("session", written[-1], now=NOW) is not None
    assert 3 < len(written) < 100
    frail.pages = 1_000_000
    await fill()
    assert len(written) == 300
    found = [found.key for found in await store.find("session", now=NOW, limit=1000)]
    assert sorted(found) == sorted([*written, *(f"{key}-pair" for key in written)])
    assert store._rows("PRAGMA integrity_check", ()) == [("ok",)]
    await store.close()


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 4 * 4096))


async def test_a_corrupt_database_is_unavailable(path: Path, way: str) -> None:
    store = await opened(path, way)
    await store.put(*(record(f"{n}", data={"x": "y" * 500}) for n in range(200)))
    await store.close()
    spoil(path)
    store = await opened(path, way)
    with pytest.raises(StoreUnavailableError):
        await store.find("session", now=NOW)
    with pytest.raises(StoreUnavailableError):
        await store.put(*(record(f"new-{n}") for n in range(200)))
    await store.close()


WRITE = """
import asyncio, sys
from itertools import count
from watchword.stores.base import Event, Record, open_store

url, turn, way = sys.argv[1:]

async def write(store, lane):
    for n in count():
        key = f"{turn}.{lane}.{n}"
        await store.put(Record(kind="left", key=key, data={}), Record(kind="right", key=key, data={}))
        event = Event(what="session", value=key, at=0, until=1)
        await store.swap(Record(kind="left", key=key, data={}), version=1, events=[event])
        print(key, flush=True)

async def main():
    store = open_store(url)
    if way == "loop":
        await store.open()
    else:
        store.open_blocking()
    await asyncio.gather(*(write(store, lane) for lane in range(5)))

asyncio.run(main())
"""


def test_what_was_acknowledged_outlives_kill_9_and_nothing_is_half_written(path: Path) -> None:
    acknowledged: set[str] = set()
    for turn in range(20):
        process = child(WRITE, f"sqlite:///{path}", str(turn), WAYS[turn % 2])
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(1 + turn * 7 % 40)]
        process.kill()
        heard += process.stdout.readlines()
        with process:
            assert process.wait() == -9
        acknowledged |= {line.strip() for line in heard if line.endswith("\n")}

        with closing(sqlite3.connect(path)) as reading:
            assert reading.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = reading.execute("SELECT kind, key, version FROM watchword_records").fetchall()
            events = reading.execute("SELECT seq, value FROM watchword_events ORDER BY seq").fetchall()
            [(head,)] = reading.execute("SELECT head FROM watchword_feed").fetchall()
        left = {key: version for kind, key, version in rows if kind == "left"}
        right = {key for kind, key, _ in rows if kind == "right"}
        swapped = {key for key, version in left.items() if version == 2}
        assert left.keys() == right
        assert [seq for seq, _ in events] == list(range(1, head + 1))
        assert {value for _, value in events} == swapped
        assert acknowledged <= swapped
    assert len(acknowledged) > 300


# The writer thread


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs each transaction had."""
    sizes: list[int] = []
    commit: Callable[..., Any] = sqlite_writer.commit

    def counted(connection: sqlite3.Connection, jobs: Any) -> Any:
        outcomes = commit(connection, jobs)
        sizes.append(len(jobs))
        return outcomes

    monkeypatch.setattr(sqlite_writer, "commit", counted)
    return sizes


@pytest.fixture
async def patient(path: Path, groups: list[int]) -> AsyncIterator[SQLiteStore]:
    """A store on a loop that waits long for a lock, so that its queue can be filled behind one."""
    store = closed_store(path, busy_timeout=timedelta(seconds=30))
    await store.open()
    groups.clear()
    yield store
    await store.close()


async def queue(*calls: Any) -> "list[asyncio.Task[Any]]":
    tasks = [asyncio.ensure_future(call) for call in calls]
    await anyio.lowlevel.checkpoint()
    return tasks


async def test_what_waits_is_committed_together_and_a_job_that_fails_goes_alone(
    patient: SQLiteStore, groups: list[int], stranger: sqlite3.Connection
) -> None:
    await patient.put(record("there"))
    stranger.execute("BEGIN IMMEDIATE")
    tasks = await queue(
        patient.put(record("first")),
        patient.put(record("a"), audit=[Audit(name="a", at=NOW)]),
        patient.put(record("b"), record("bad", data={"x": object()})),
        patient.put(record("c"), record("there")),
        patient.append(revoked("d"), audit=[Audit(name="d", at=NOW, detail={"x": object()})]),
        patient.swap(record("there"), version=1, events=[revoked("e")]),
        patient.put(record("g", subject=object())),
        patient.put(record("f")),
    )
    stranger.execute("ROLLBACK")
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers[2:5]] == [TypeError, StoreConflictError, TypeError]
    assert isinstance(answers[6], sqlite3.ProgrammingError)
    assert [*answers[:2], answers[5], answers[7]] == [None, None, True, None]
    assert sum(groups) == 9
    assert max(groups) >= 7
    keys = [found.key for found in await patient.find("session", now=NOW)]
    assert keys == ["there", "first", "a", "f"]
    assert [(event.seq, event.value) for event in patient.tail_now(0, now=NOW).events] == [(1, "e")]
    assert [entry.name for entry in await patient.audited()] == ["a"]


async def test_a_cancelled_task_does_not_disturb_the_writer(patient: SQLiteStore, stranger: sqlite3.Connection) -> None:
    stranger.execute("BEGIN IMMEDIATE")
    first, second, third = await queue(*(patient.put(record(key)) for key in "abc"))
    first.cancel()
    second.cancel()
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
    stranger.execute("ROLLBACK")
    await third
    await patient.put(record("d"))
    assert [found.key for found in await patient.find("session", now=NOW)][-2:] == ["c", "d"]


async def test_closing_writes_what_was_queued(patient: SQLiteStore, stranger: sqlite3.Connection) -> None:
    stranger.execute("BEGIN IMMEDIATE")
    tasks = await queue(*(patient.put(record(f"{n:03}")) for n in range(700)))
    [closing_task] = await queue(patient.close())
    with pytest.raises(ConfigurationError):
        await patient.put(record("late"))
    stranger.execute("ROLLBACK")
    await asyncio.gather(*tasks, closing_task)
    await patient.open()
    assert [found.key for found in await patient.find("session", now=NOW)] == [f"{n:03}" for n in range(700)]


async def test_closing_from_a_thread_writes_what_was_queued(patient: SQLiteStore) -> None:
    tasks = await queue(*(patient.put(record(f"{n}")) for n in range(20)))
    patient.close_blocking()
    await asyncio.gather(*tasks)


def test_a_loop_that_ended_does_not_disturb_the_writer(path: Path, stranger: sqlite3.Connection) -> None:
    store = closed_store(path, busy_timeout=timedelta(seconds=30))

    async def leave() -> None:
        await store.open()
        stranger.execute("BEGIN IMMEDIATE")
        await queue(store.put(record("left")))

    async def come() -> None:
        stranger.execute("ROLLBACK")
        await store.put(record("came"))
        assert [found.key for found in await store.find("session", now=NOW)] == ["left", "came"]
        await store.close()

    asyncio.run(leave())
    asyncio.run(come())


async def test_an_answer_comes_after_its_commit(looped: SQLiteStore, stranger: sqlite3.Connection) -> None:
    async def put_and_look(n: int) -> bool:
        await looped.put(record(f"{n}"))
        return stranger.execute("SELECT key FROM watchword_records WHERE key = ?", (f"{n}",)).fetchall() != []

    assert all(await asyncio.gather(*(put_and_look(n) for n in range(200))))


async def test_standing_searches_the_index_whatever_the_length_of_the_feed(path: Path) -> None:
    store = await opened(path)
    sql, parameters = store._standing([("token", "a"), ("subject", "b")])
    with closing(sqlite3.connect(store.path)) as reader:
        plan = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}", (*parameters, NOW))]
    await store.close()
    assert any("SEARCH watchword_events USING INDEX watchword_events_name" in step for step in plan)
    assert not any(step.startswith("SCAN watchword_events") for step in plan)
