"""The store in a SQLite file: one node, any number of processes; the system of record where no server is wanted.

Reads run inline on one connection, because a point read costs less than a hop to another thread. Writes run on a
second connection: after ``open()`` on one writer thread that commits all that is waiting in one transaction, after
``open_blocking()`` in the calling thread, under a lock. WAL, synchronous=FULL and BEGIN IMMEDIATE throughout.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

from ..errors import ConfigurationError, StoreUnavailableError
from .base import NO_NEWS, Feed, Name, Survey, Tally, behind
from .sql import STANDING, TAIL, Job, Row, SQLVerbs, T, feed, migrate, migrations, unheard
from .sql_survey import survey
from .sqlite_writer import MISUSE, ThreadWriter, Writer, closed, commit, unavailable

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
"""Why opening may fail now and work later."""
_TAIL_NOW = 10_000
_THERE = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'watchword_migrations'"
_UPGRADING = 60.0
"""Seconds that ``upgrade`` waits for whoever writes or upgrades."""


_open_stores: WeakSet[SQLiteStore] = WeakSet()


class SQLiteStore(SQLVerbs):
    """See ``stores.base.Store``. Opening works inline, and waits at most about ``busy_timeout`` for other processes."""

    pulls_inline = True
    pushes = False
    lasts = True
    breaker = None

    def __init__(self, url: str, *, busy_timeout: timedelta = timedelta(milliseconds=500)) -> None:
        self.path = _path(url)
        self.keys_beside: Path | None = Path(f"{self.path}.keys")
        self.suspends = True
        self.tally = Tally()
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = Lock()  # holds the reader, and opening and closing
        self._reader: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._seen = -1

    async def open(self) -> None:
        self._open(ThreadWriter)

    def open_blocking(self) -> None:
        self._open(Writer)

    def _open(self, case: type[Writer]) -> None:
        with self._lock:
            if type(self._writer) is case:
                return
            if self._writer is not None:
                raise ConfigurationError("the store is open the other way (event loop or threads); close it first")
            if not self.migrates:
                self._refuse_behind()
            with ExitStack() as undo, self._telling():
                writer = undo.enter_context(closing(self._migrated(self._busy_timeout)[0]))
                reader = undo.enter_context(closing(self._connect()))
                reader.execute("PRAGMA query_only = ON")
                undo.pop_all()
            self._writer = case(writer, self._connect)
            self._reader, self._seen = reader, -1
            self.suspends = self._writer.suspends
            _open_stores.add(self)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What SQLite says while it opens a file, in words of ours."""
        try:
            yield
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in _PASSING:
                raise unavailable(error) from error
            raise ConfigurationError(f"{self.path} cannot be opened as a store: {error}") from error

    def _migrated(
        self, patience: float, told: Callable[[str], object] = unheard
    ) -> tuple[sqlite3.Connection, list[str]]:
        """A connection for writing, to the file as this watchword wants it; and which migrations that took."""
        _create(self.path)
        with ExitStack() as undo:
            writer = undo.enter_context(closing(self._connect(patience)))
            _use_wal(writer, patience)
            [outcome] = commit(writer, [migrate(migrations("sqlite"), told)])
            applied = outcome.get()
            writer.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
            undo.pop_all()
        return writer, applied

    def _refuse_behind(self) -> None:
        found = self.survey(now=0)[0]
        if found.pending:
            raise behind(found.pending)

    def survey(self, *, now: int) -> list[Survey]:
        known = migrations("sqlite")
        if not os.path.exists(self.path):
            wanting = tuple(migration.name for migration in known)
            return [Survey(scheme="sqlite", present=0, wanted=known[-1].number, pending=wanting, size=0)]
        with self._telling(), closing(self._connect()) as reader:
            reader.execute("PRAGMA query_only = ON")
            reader.execute("BEGIN")  # so that all of it is of one moment

            def ask(sql: str, parameters: Row = ()) -> list[Row]:
                return reader.execute(sql, parameters).fetchall()

            size = ask("PRAGMA page_count")[0][0] * ask("PRAGMA page_size")[0][0]
            about = {"sqlite": sqlite3.sqlite_version, "journal_mode": ask("PRAGMA journal_mode")[0][0]}
            there = bool(ask(_THERE)[0][0])
            return [survey(ask, known, scheme="sqlite", there=there, now=now, about=about, size=size)]

    def upgrade(self, told: Callable[[str], object]) -> list[str]:
        with self._telling():
            writer, applied = self._migrated(_UPGRADING, told)
            writer.close()
        return applied

    def _connect(self, patience: float | None = None) -> sqlite3.Connection:
        patience = self._busy_timeout if patience is None else patience
        connection = sqlite3.connect(self.path, timeout=patience, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        if self._writer is None:
            raise closed()
        reader = self._connect()
        reader.execute("PRAGMA query_only = ON")
        return reader

    def _detach(self) -> Writer | None:
        """From here on every verb says "open the store first"; what was queued before is still written."""
        with self._lock:
            writer, self._writer = self._writer, None
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            return writer

    def pause(self) -> None:
        """Before a fork: let go of every connection, and hold all comers until ``resume``.

        SQLite keeps its file locks in the memory of the process; a child that inherits an open connection would believe
        in locks it does not have, and one of the two would delete the other's log.
        """
        self._lock.acquire()
        if self._writer is not None:
            self._writer.pause()
        if self._reader is not None:
            self._reader.close()
            self._reader, self._seen = None, -1

    def resume(self, *, forked: bool) -> None:
        """After a fork: the parent connects again by itself; in the child the store is closed."""
        writer = self._writer
        if forked:
            self._writer = None
        if writer is not None:
            writer.turn.release()
        self._lock.release()

    async def close(self) -> None:
        writer = self._detach()
        if writer is not None:
            await writer.close()

    def close_blocking(self) -> None:
        writer = self._detach()
        if writer is not None:
            writer.close_blocking()

    async def _write(self, begin: Callable[[], Job[T]], *, again: bool = True) -> T:
        writer = self._writer
        if writer is None:
            raise closed()
        try:
            return await writer.write(begin())
        except StoreUnavailableError:
            self.tally.errors += 1
            raise

    def _rows(self, sql: str, parameters: Row) -> list[Row]:
        try:
            with self._lock:
                if self._reader is None:
                    self._reader = self._connect_reader()
                return self._reader.execute(sql, parameters).fetchall()
        except MISUSE:
            raise
        except sqlite3.Error as error:
            self.tally.errors += 1
            raise unavailable(error) from error

    async def _read(self, sql: str, parameters: Row) -> list[Row]:
        return self._rows(sql, parameters)

    def tail_now(self, after: int, *, now: int) -> Feed:
        return feed(self._rows(TAIL, (after, now, _TAIL_NOW + 1)), _TAIL_NOW)

    def _standing(self, names: Sequence[Name]) -> tuple[str, Row]:
        pairs = ", ".join(["(?, ?)"] * len(names))
        return STANDING.format(f"VALUES {pairs}" if names else "SELECT 0, 0 WHERE FALSE"), sum(names, ())

    def changed(self) -> bool:
        before, self._seen = self._seen, self._rows("PRAGMA data_version", ())[0][0]
        return before != self._seen

    async def news(self, *, timeout: float) -> None:
        raise ConfigurationError(NO_NEWS)


def _path(url: str) -> str:
    parts = urlsplit(url)
    name = unquote(parts.path)[1:]
    plain = url.startswith("sqlite:///") and not parts.query and not parts.fragment
    if not plain or not name or name.startswith(":") or "\0" in name:
        raise ConfigurationError(
            "this URL names no SQLite file: write sqlite:///relative/path.db or sqlite:////absolute/path.db,"
            " with nothing before or after the path; for a store without a file, write memory:"
        )
    return os.path.abspath(name)


def _create(path: str) -> None:
    """Make the file, for its owner alone; SQLite gives its -wal and -shm the same mode. A file that is there stays."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be created: {error.strerror}") from error


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to WAL. SQLite answers "locked" at once to all but one of those who try it together, so wait here."""
    connection.execute("PRAGMA busy_timeout = 0")
    pauses = int(patience / 0.005)
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not pauses:
                raise
            pauses -= 1
            time.sleep(0.005)
    if mode != "wal":
        raise ConfigurationError("the file system under the SQLite file cannot do WAL; put the file on a local disk")
    connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")


def _before_fork() -> None:
    _paused.extend(_open_stores)
    for store in _paused:
        store.pause()


def _after_fork(*, forked: bool) -> None:
    while _paused:
        _paused.pop().resume(forked=forked)


_paused: list[SQLiteStore] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(forked=False),
        after_in_child=lambda: _after_fork(forked=True),
    )
