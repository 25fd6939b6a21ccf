"""Migrations of every SQL store: applied once and whole, refused where they are not ours, and only on request."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.services.postgres import Postgres
from watchword.app import Watchword, drive
from watchword.errors import ConfigurationError
from watchword.stores import postgres as postgres_store
from watchword.stores import sqlite as sqlite_store
from watchword.stores.base import Record, open_store
from watchword.stores.sql import Migration, migrations

NOW = 1_800_000_000
MODULES = {"sqlite": sqlite_store, "postgres": postgres_store}

pytestmark = pytest.mark.anyio


@pytest.fixture(params=sorted(MODULES))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.fresh()


def change(url: str, sql: str) -> None:
    """As an operator does, or another release."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute(sql)
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def names(dialect: str) -> list[str]:
    return [migration.name for migration in migrations(dialect)]


def with_more(monkeypatch: pytest.MonkeyPatch, dialect: str, *more: Migration) -> None:
    known = migrations(dialect)
    monkeypatch.setattr(MODULES[dialect], "migrations", lambda _: [*known, *more])


def more(dialect: str, number: int, *statements: str) -> Migration:
    last = migrations(dialect)[-1].number
    return Migration(last + number, f"{last + number:04}_more.sql", "x" * number, list(statements))


def test_upgrade_makes_it_and_again_does_nothing(url: str, dialect: str) -> None:
    store, heard = open_store(url), list[str]()
    [before] = store.survey(now=NOW)
    assert (before.present, before.pending, before.ready) == (0, tuple(names(dialect)), False)
    assert (before.epoch, before.records, before.oldest_audit) == ("", {}, None)
    assert store.upgrade(heard.append) == heard == names(dialect)
    assert store.upgrade(heard.append) == []
    [after] = store.survey(now=NOW)
    assert (after.present, after.wanted, after.pending, after.amiss) == (len(heard), len(heard), (), "")
    assert after.ready
    assert after.epoch


def test_both_dialects_have_the_same_migrations() -> None:
    assert names("sqlite") == names("postgres")


def test_never_refuses_what_is_behind_and_opens_what_is_not(url: str, dialect: str, tmp_path: Path) -> None:
    store = open_store(url, migrate="never")
    with pytest.raises(ConfigurationError, match=r"lacks 0001_tables\.sql.*watchword db upgrade") as refused:
        store.open_blocking()
    assert refused.value.reason == "migrations_pending"
    assert open_store(url).survey(now=NOW)[0].present == 0, "looking changed it"
    assert open_store(url).upgrade(str) == names(dialect)
    store.open_blocking()
    drive(store.put(Record(kind="session", key="k", data={})))
    store.close_blocking()


async def test_a_watchword_that_never_migrates_says_so(url: str, tmp_path: Path) -> None:
    names = {"issuer": "https://app.example", "audience": "https://api.example", "keys": tmp_path / "app.keys"}
    ww = Watchword(url, migrate="never", **names)  # type: ignore[arg-type]  # a plain dictionary
    with pytest.raises(ConfigurationError, match="watchword db upgrade"):
        await ww.open()
    with pytest.raises(ConfigurationError, match="'auto' or 'never', not 'sometimes'"):
        Watchword(url, migrate="sometimes", **names)  # type: ignore[arg-type]  # a plain dictionary


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        ("UPDATE watchword_migrations SET checksum = 'x'", "is not the file that was applied"),
        ("INSERT INTO watchword_migrations VALUES (9999, '9999_later.sql', 'x')", "newer than this watchword"),
    ],
)
def test_what_is_not_ours_is_said_and_left_alone(url: str, sql: str, match: str) -> None:
    store = open_store(url)
    store.upgrade(str)
    change(url, sql)
    [found] = store.survey(now=NOW)
    assert match in found.amiss
    assert not found.ready
    for migrate in ("auto", "never"):
        with pytest.raises(ConfigurationError, match=match):
            open_store(url, migrate=migrate).open_blocking()
    with pytest.raises(ConfigurationError, match=match):
        store.upgrade(str)
    assert match in store.survey(now=NOW)[0].amiss


def test_a_migration_that_fails_leaves_nothing(url: str, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also nothing of the good ones before it."""
    open_store(url).upgrade(str)
    good = more(dialect, 1, "CREATE TABLE watchword_more (a INTEGER)")
    bad = more(dialect, 2, "CREATE TABLE watchword_further (a INTEGER)", "CREATE nonsense")
    with monkeypatch.context() as patch:
        with_more(patch, dialect, good, bad)
        with pytest.raises(ConfigurationError, match="cannot be"):
            open_store(url).upgrade(str)
        assert open_store(url).survey(now=NOW)[0].pending == (good.name, bad.name)
    with_more(monkeypatch, dialect, good, bad._replace(statements=["CREATE TABLE watchword_further (a INTEGER)"]))
    assert open_store(url).upgrade(str) == [good.name, bad.name]


UPGRADER = """
import sys
from watchword.stores import postgres, sqlite
from watchword.stores.base import open_store
from watchword.stores.sql import Migration, migrations

def more(dialect, number):
    last = migrations(dialect)[-1].number
    made = [f"CREATE TABLE watchword_more_{number} (a INTEGER)"]
    return Migration(last + number, f"{last + number:04}_more.sql", "x", made)

def known(dialect):
    return [*migrations(dialect), more(dialect, 1), more(dialect, 2)]

postgres.migrations = sqlite.migrations = known

def told(name):
    print("applying", name, flush=True)
    if name == known("sqlite")[-1].name:
        sys.stdin.readline()

print("applied", len(open_store(sys.argv[1]).upgrade(told)), flush=True)
"""


@pytest.fixture
def upgrader(url: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    begun: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", UPGRADER, url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.strip()
    raise AssertionError(f"it ended with {process.wait()}")


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_upgrade_at_once_and_one_does_it(
    url: str, dialect: str, upgrader: Callable[[], subprocess.Popen[str]]
) -> None:
    first = upgrader()
    last = f"applying {migrations(dialect)[-1].number + 2:04}_more.sql"
    assert hear(first, last) == last
    second = upgrader()  # waits, for as long as it takes: the first one is in the middle
    go_on(first)
    every = len(migrations(dialect)) + 2
    assert hear(first, "applied") == f"applied {every}"
    assert hear(second, "applied") == "applied 0"
    assert (first.wait(), second.wait()) == (0, 0)


def test_a_crash_in_the_middle_leaves_nothing_half_done(
    url: str, dialect: str, upgrader: Callable[[], subprocess.Popen[str]]
) -> None:
    open_store(url).upgrade(str)
    crashing = upgrader()
    hear(crashing, f"applying {migrations(dialect)[-1].number + 2:04}_more.sql")
    crashing.kill()
    crashing.wait()
    [found] = open_store(url).survey(now=NOW)
    assert (found.present, found.ready) == (migrations(dialect)[-1].number, True)
    again = upgrader()
    hear(again, f"applying {migrations(dialect)[-1].number + 2:04}_more.sql")
    go_on(again)
    assert hear(again, "applied") == "applied 2"
