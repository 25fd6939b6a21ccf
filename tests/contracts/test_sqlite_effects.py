"""What SQLite adds to the contract of effects: the caller's own tables stand or fall with the swap."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

import watchword
from watchword.stores.base import Record
from watchword.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000


def record(key: str, n: int = 0) -> Record:
    return Record(kind="k", key=key, data={"n": n})


def rename(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute("UPDATE users SET name = 'new'")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture(params=["loop", "threads"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[SQLiteStore]:
    with closing(sqlite3.connect(path)) as app:
        app.execute("CREATE TABLE users (name TEXT NOT NULL CHECK (name <> ''))")
        app.execute("INSERT INTO users VALUES ('old')")
        app.commit()
    store = SQLiteStore(f"sqlite:///{path}")
    if request.param == "loop":
        await store.open()
    else:
        store.open_blocking()
    await store.put(record("a"), record("b"))
    yield store
    await store.close()


def name(path: Path) -> str:
    with closing(sqlite3.connect(path)) as app:
        return str(app.execute("SELECT name FROM users").fetchone()[0])


async def test_both_are_written_or_none(store: SQLiteStore, path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        rename(connection)
        raise LookupError("no such user")

    with pytest.raises(LookupError, match="no such user"):
        await store.swap(record("a", 1), version=1, effect=fail)
    assert (name(path), await store.get("k", "a", now=NOW)) == ("old", record("a"))
    assert await store.swap(record("a", 1), version=1, effect=rename) is True
    assert name(path) == "new"


@pytest.mark.parametrize(
    "effect",
    [
        lambda c: c.execute("UPDATE people SET name = 'x'"),  # no such table: an error of the caller, not the machine
        lambda c: c.execute("UPDATE users SET name = ''"),
        lambda c: (rename(c), c.commit()),
        lambda c: (rename(c), c.rollback()),
        lambda c: (rename(c), c.execute("ROLLBACK TO job")),
        lambda c: (rename(c), c.execute("RELEASE job")),
        lambda c: (rename(c), c.executescript("SELECT 1")),
        lambda c: c.execute("ATTACH ':memory:' AS other"),
        lambda c: (c.__enter__(), rename(c), c.__exit__(None, None, None)),  # with connection: ...
    ],
    ids=["no-table", "check", "commit", "rollback", "rollback-to", "release", "script", "attach", "with"],
)
async def test_what_goes_wrong_in_an_effect_stays_there(
    store: SQLiteStore, path: Path, effect: Callable[[sqlite3.Connection], object]
) -> None:
    """Neither can it end the transaction, nor does it take the writes of others with it."""
    others = [store.put(record(f"other-{n}")) for n in range(3)]
    if store.suspends:
        *_, failed = await asyncio.gather(
            *others, store.swap(record("a", 1), version=1, effect=effect), return_exceptions=True
        )
    else:
        for other in others:
            await other
        with pytest.raises(sqlite3.Error) as caught:
            await store.swap(record("a", 1), version=1, effect=effect)
        failed = caught.value
    assert isinstance(failed, sqlite3.Error)
    assert name(path) == "old"
    assert [found.key for found in await store.find("k", now=NOW)] == ["a", "b", "other-0", "other-1", "other-2"]
    assert await store.swap(record("a", 2), version=1, effect=rename) is True
    assert name(path) == "new"


async def test_an_effect_reads_what_stands_and_leaves_no_habits(store: SQLiteStore) -> None:
    seen: list[object] = []

    def effect(connection: sqlite3.Connection) -> None:
        connection.row_factory, connection.text_factory = sqlite3.Row, lambda raw: raw.decode().upper()
        seen.append(connection.execute("SELECT name FROM users").fetchone()["name"])

    assert await store.swap(record("a"), version=1, effect=effect) is True
    assert seen == ["OLD"]
    assert await store.take("k", "b", now=NOW) == record("b")


CRASH = """
import os, sys
from watchword.runtime.ticker import drive
from watchword.stores.base import Record
from watchword.stores.sqlite import SQLiteStore

def effect(connection):
    connection.execute("UPDATE users SET name = 'new'")
    if sys.argv[2] == "inside":
        os._exit(9)

store = SQLiteStore(f"sqlite:///{sys.argv[1]}")
store.open_blocking()
drive(store.swap(Record(kind="k", key="a", data={"n": 1}), version=1, effect=effect))
os._exit(9)
"""


@pytest.mark.parametrize(("where", "happened"), [("inside", False), ("after", True)])
async def test_a_crash_leaves_both_or_none(store: SQLiteStore, path: Path, where: str, happened: bool) -> None:
    source = str(Path(watchword.__file__).parents[1])
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [sys.executable, "-c", CRASH, str(path), where], env={"PYTHONPATH": source}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (9, b"")
    assert name(path) == ("new" if happened else "old")
    found = await store.get("k", "a", now=NOW)
    assert found is not None
    assert found.data == {"n": int(happened)}
