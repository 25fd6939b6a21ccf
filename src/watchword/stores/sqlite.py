"""The store in a SQLite file: one node, any number of processes; the system of record where no server is wanted.

Reads run inline on one connection, because a point read costs less than a hop to another thread. Writes run on a
second connection: after ``open()`` on one writer thread that commits all that is waiting in one transaction, after
``open_blocking()`` in the calling thread, under a lock. WAL, synchronous=FULL and BEGIN IMMEDIATE throughout.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..errors import ConfigurationError, StoreUnavailableError
from .base import Feed
from .sql import TAIL, Done, Job, Row, SQLVerbs, T, feed, migrate, migrations

_MISUSE = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
"""What a caller did wrong; every other sqlite3.Error is the machine's."""
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
"""Why opening may fail now and work later."""
_GROUP = 500
"""At most so many jobs in one transaction."""
_TAIL_NOW = 10_000


class SQLiteStore(SQLVerbs):
    """See ``stores.base.Store``. Opening works inline, and waits at most about ``busy_timeout`` for other processes."""

    pulls_inline = True

    def __init__(self, url: str, *, busy_timeout: timedelta = timedelta(milliseconds=500)) -> None:
        self.path = _path(url)
        self.keys_beside: Path | None = Path(f"{self.path}.keys")
        self.suspends = True
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = Lock()  # holds the reader, and opening and closing
        self._reader: sqlite3.Connection | None = None
        self._writer: _Writer | None = None
        self._seen = -1

    async def open(self) -> None:
        self._open(_ThreadWriter)

    def open_blocking(self) -> None:
        self._open(_Writer)

    def _open(self, case: type[_Writer]) -> None:
        with self._lock:
            if type(self._writer) is case:
                return
            if self._writer is not None:
                raise ConfigurationError("the store is open the other way (event loop or threads); close it first")
            _create(self.path)
            with ExitStack() as undo:
                try:
                    writer = undo.enter_context(closing(self._connect()))
                    _use_wal(writer, self._busy_timeout)
                    for outcome in _commit(writer, [migrate(migrations("sqlite"))]):
                        outcome.get()
                    reader = undo.enter_context(closing(self._connect()))
                    reader.execute("PRAGMA query_only = ON")
                except sqlite3.Error as error:
                    if error.sqlite_errorcode & 0xFF in _PASSING:
                        raise _unavailable(error) from error
                    raise ConfigurationError(f"{self.path} cannot be opened as a store: {error}") from error
                undo.pop_all()
            self._writer = case(writer, self._connect)
            self._reader, self._seen = reader, -1
            self.suspends = self._writer.suspends

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _detach(self) -> _Writer | None:
        """From here on every verb says "open the store first"; what was queued before is still written."""
        with self._lock:
            writer, self._writer = self._writer, None
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            return writer

    async def close(self) -> None:
        writer = self._detach()
        if writer is not None:
            await writer.close()

    def close_blocking(self) -> None:
        writer = self._detach()
        if writer is not None:
            writer.close_blocking()

    async def _write(self, job: Job[T]) -> T:
        writer = self._writer
        if writer is None:
            raise _closed()
        return await writer.write(job)

    def _rows(self, sql: str, parameters: Row) -> list[Row]:
        try:
            with self._lock:
                if self._reader is None:
                    raise _closed()
                return self._reader.execute(sql, parameters).fetchall()
        except _MISUSE:
            raise
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    async def _read(self, sql: str, parameters: Row) -> list[Row]:
        return self._rows(sql, parameters)

    def tail_now(self, after: int, *, now: int) -> Feed:
        return feed(self._rows(TAIL, (after, now, _TAIL_NOW + 1)), _TAIL_NOW)

    def changed(self) -> bool:
        before, self._seen = self._seen, self._rows("PRAGMA data_version", ())[0][0]
        return before != self._seen


class _Outcome(NamedTuple):
    """How one job ended."""

    answer: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


class _Writer:
    """Writes in the calling thread, one job after the other."""

    suspends = False

    def __init__(self, connection: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = connection
        self._connect = connect
        self._closed = False

    async def write(self, job: Job[T]) -> T:
        with self._lock:
            if self._closed:
                raise _closed()
            answer: T = self._commit([job])[0].get()
            return answer

    async def close(self) -> None:
        self.close_blocking()

    def close_blocking(self) -> None:
        with self._lock:
            self._closed = True
            self._drop_connection()

    def _commit(self, jobs: Sequence[Job[Any]]) -> list[_Outcome]:
        """A connection that failed is not used again: SQLite must never try an fsync twice and believe the second."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            return _commit(self._connection, jobs)
        except sqlite3.Error as error:
            self._drop_connection()
            return [_Outcome(error=_unavailable(error)) for _ in jobs]
        except BaseException:
            self._drop_connection()
            raise

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Waiting(NamedTuple):
    job: Job[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class _ThreadWriter(_Writer):
    """Writes on a thread of its own: all that is waiting goes into one transaction, and into one fsync."""

    suspends = True

    def __init__(self, connection: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connection, connect)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="watchword-sqlite", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:  # so that nothing is queued behind the end
            if self._closed:
                raise _closed()
            self._queue.put(_Waiting(job, loop, future))
        return await future

    async def close(self) -> None:
        self._end()
        await asyncio.to_thread(self._thread.join)

    def close_blocking(self) -> None:
        self._end()
        self._thread.join()

    def _end(self) -> None:
        with self._lock:
            self._closed = True
            self._queue.put(None)

    def _serve(self) -> None:
        queue, serving = self._queue, True
        while serving:
            taken = [queue.get()]
            while len(taken) < _GROUP and not queue.empty():
                taken.append(queue.get())
            serving = taken[-1] is not None
            group = [waiting for waiting in taken if waiting is not None]
            if group:
                try:
                    outcomes = self._commit([waiting.job for waiting in group])
                except BaseException as error:  # noqa: BLE001 - whatever it was, the thread lives on and it is told
                    outcomes = [_Outcome(error=error)] * len(group)
                _tell(group, outcomes)
        self._drop_connection()


def _tell(group: Sequence[_Waiting], outcomes: Sequence[_Outcome]) -> None:
    """Wake each loop once; a loop that was closed meanwhile has nobody left to tell."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        loops.setdefault(waiting.loop, []).append((waiting.future, outcome))
    for loop, results in loops.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: Iterable[tuple[asyncio.Future[Any], _Outcome]]) -> None:
    for future, outcome in results:
        if future.done():  # its task was cancelled
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.answer)


def _commit(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[_Outcome]:
    """Run the jobs in one transaction, a savepoint each: a job that raises takes back its own writes only.

    Raises: sqlite3.Error when the machine fails; then nothing of any job is written.
    """
    outcomes = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for job in jobs:
            connection.execute("SAVEPOINT job")
            try:
                outcome = _Outcome(_run(connection, job))
            except Exception as error:
                if isinstance(error, sqlite3.Error) and not isinstance(error, _MISUSE):
                    raise
                connection.execute("ROLLBACK TO job")
                outcome = _Outcome(error=error)
            connection.execute("RELEASE job")
            outcomes.append(outcome)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
    return outcomes


def _run(connection: sqlite3.Connection, job: Job[T]) -> T:
    try:
        sql, parameters = next(job)
        while True:
            cursor = connection.execute(sql, parameters)
            sql, parameters = job.send(Done(cursor.fetchall(), cursor.rowcount))
    except StopIteration as stop:
        answer: T = stop.value
        return answer


def _closed() -> ConfigurationError:
    return ConfigurationError("open the store first")


def _unavailable(error: sqlite3.Error) -> StoreUnavailableError:
    failure = StoreUnavailableError(f"SQLite: {error}")
    failure.__cause__ = error
    return failure


def _path(url: str) -> str:
    parts = urlsplit(url)
    name = unquote(parts.path)[1:]
    plain = url.startswith("sqlite:///") and not parts.query and not parts.fragment
    if not plain or not name or name.startswith(":") or "\0" in name:
        raise ConfigurationError(
            f"{url!r} names no SQLite file: write sqlite:///relative/path.db or sqlite:////absolute/path.db,"
            " with nothing after the path; for a store without a file, write memory:"
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
