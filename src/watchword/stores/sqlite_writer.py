"""How SQLite writes: in the calling thread, or on one of its own that commits what is waiting in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, RLock, Thread, current_thread
from typing import Any, NamedTuple

from ..errors import ConfigurationError, StoreUnavailableError
from .base import CALLED_BACK, Effect, affect
from .sql import Done, Job, T

MISUSE = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
"""What a caller did wrong; every other sqlite3.Error is the machine's."""
_GROUP = 500
"""At most so many jobs in one transaction."""


class _Outcome(NamedTuple):
    """How one job ended."""

    answer: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


class Writer:
    """Writes in the calling thread, one job after the other."""

    suspends = False

    def __init__(self, connection: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        self._lock = RLock()  # of a thread's own, so that an effect that calls the store is told so
        self._writing = False
        self.turn = Lock()  # held while the connection is used, and over a fork
        self._connection: sqlite3.Connection | None = connection
        self._connect = connect
        self._closed = False

    async def write(self, job: Job[T]) -> T:
        with self._lock:
            if self._closed:
                raise closed()
            if self._writing:
                raise ConfigurationError(CALLED_BACK)
            self._writing = True
            try:
                answer: T = self._commit([job])[0].get()
            finally:
                self._writing = False
            return answer

    async def close(self) -> None:
        self.close_blocking()

    def close_blocking(self) -> None:
        with self._lock:
            self._closed = True
            self._drop_connection()

    def _commit(self, jobs: Sequence[Job[Any]]) -> list[_Outcome]:
        """A connection that failed is not used again: SQLite must never try an fsync twice and believe the second."""
        with self.turn:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                return commit(self._connection, jobs)
            except sqlite3.Error as error:
                self._drop_connection()
                return [_Outcome(error=unavailable(error)) for _ in jobs]
            except BaseException:
                self._drop_connection()
                raise

    def pause(self) -> None:
        """Finish what is being written, and write nothing more while ``turn`` is held."""
        self.turn.acquire()
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Waiting(NamedTuple):
    job: Job[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class ThreadWriter(Writer):
    """Writes on a thread of its own: all that is waiting goes into one transaction, and into one fsync."""

    suspends = True

    def __init__(self, connection: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connection, connect)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="watchword-sqlite", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        if current_thread() is self._thread:
            raise ConfigurationError(CALLED_BACK)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:  # so that nothing is queued behind the end
            if self._closed:
                raise closed()
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


def commit(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[_Outcome]:
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
            except _EffectError as failed:
                connection.execute("ROLLBACK TO job")  # fails where the machine did, and SQLite took all of it back
                outcome = _Outcome(error=failed.error)
            except Exception as error:
                if isinstance(error, sqlite3.Error) and not isinstance(error, MISUSE):
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
        step = next(job)
        while True:
            if isinstance(step, tuple):
                cursor = connection.execute(*step)
                done = Done(cursor.fetchall(), cursor.rowcount)
            else:
                _affect(connection, step)
                done = Done([], 0)
            step = job.send(done)
    except StopIteration as stop:
        answer: T = stop.value
        return answer


class _EffectError(Exception):
    """Carries what a caller's effect raised past those who judge our own statements."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _affect(connection: sqlite3.Connection, effect: Effect) -> None:
    """Call the effect, which may read and write what it likes, but not end the transaction that is not its own."""
    connection.set_authorizer(_statement)
    try:
        affect(effect, connection)
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is the caller's, and no other's
        raise _EffectError(error) from None
    finally:
        connection.set_authorizer(None)
        connection.row_factory, connection.text_factory = None, str


def _statement(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_DENY if action in _NOT_ITS_OWN else sqlite3.SQLITE_OK


_NOT_ITS_OWN = {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}


def closed() -> ConfigurationError:
    return ConfigurationError("open the store first")


def unavailable(error: sqlite3.Error) -> StoreUnavailableError:
    failure = StoreUnavailableError(f"SQLite: {error}")
    failure.__cause__ = error
    return failure
