"""How statements reach PostgreSQL: one connection, driven step by step, whoever does the waiting.

A *dialogue* is a generator: it yields what its socket has to be (READ, WRITE) before it can go on, and returns what
came of it. A loop and a thread wait each in their own way, and the words are the same. psycopg connects and brings
libpq; we speak through ``psycopg.pq``, so that a point read costs one prepared statement and nothing else.

Text cannot hold NUL in PostgreSQL: it is written as ``\\0``, and a backslash as two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.rows import tuple_row

from ..errors import ConfigurationError, StoreUnavailableError
from .base import Effect, affect
from .sql import Done, Job, Row

READ, WRITE = 1, 2
T = TypeVar("T")
Dialogue = Generator[int | Callable[[], None], int, T]
"""Yields READ, WRITE or both, and is sent what the socket is; or a function to be called where blocking is allowed."""

BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
"""Every decision is one conditional statement, a unique key or a row lock, so nothing leans on more isolation."""


_PASSING = {"40001", "40P01", "55P03", "57014"}
"""Serialization, deadlock, lock timeout, statement timeout: after these a connection is as good as before."""


class LostError(Exception):
    """The connection is gone."""


class SilentError(LostError):
    """The server does not answer in time."""


class Link:
    """One connection, and the statements it knows by name."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.pgconn = connection.pgconn
        self._names: dict[str, bytes] = {}
        self._sound = True
        self._process = os.getpid()

    def __del__(self) -> None:
        """Its loop may end before it arrives; in the child of a fork it is the parent's."""
        if self._process == os.getpid():
            self.close()

    @property
    def alive(self) -> bool:
        return self.pgconn.status == ConnStatus.OK

    @property
    def reusable(self) -> bool:
        """Nothing is under way on it, and no transaction is open."""
        return self._sound and self.alive and self.pgconn.transaction_status == TransactionStatus.IDLE

    def close(self) -> None:
        self.connection.close()

    def ask(self, sql: str, parameters: Row) -> Dialogue[Done]:
        """One statement, which stays prepared. Raises: LostError; what ``_refused`` makes of the server's word."""
        try:
            name = self._names.get(sql)
            if name is None:
                name = b"watchword_%d" % len(self._names)
                self.pgconn.send_prepare(name, _numbered(sql))
                yield from self._answer()
                self._names[sql] = name
            values, formats = _packed(parameters)
            self.pgconn.send_query_prepared(name, values, formats, 1)
            return _done((yield from self._answer()))
        except psycopg.OperationalError as error:
            raise LostError(_first_line(str(error))) from None

    def ask_once(self, sql: str, parameters: Row) -> Dialogue[Done]:
        """The same for a statement that will hardly come again."""
        try:
            values, formats = _packed(parameters)
            self.pgconn.send_query_params(_numbered(sql), values, None, formats, 1)
            return _done((yield from self._answer()))
        except psycopg.OperationalError as error:
            raise LostError(_first_line(str(error))) from None

    def say(self, words: bytes) -> Dialogue[bytes]:
        """A command without parameters; returns the tag that the server answers with."""
        try:
            self.pgconn.send_query(words)
            return (yield from self._answer()).command_status or b""
        except psycopg.OperationalError as error:
            raise LostError(_first_line(str(error))) from None

    def _answer(self) -> Dialogue[Any]:
        """The result of what was sent: the first error among its parts, or else the last of them."""
        pgconn = self.pgconn
        while pgconn.flush():
            if (yield READ | WRITE) & READ:
                pgconn.consume_input()
        answer = None
        while True:
            while pgconn.is_busy():
                yield READ
                pgconn.consume_input()
            part = pgconn.get_result()
            if part is None:
                break
            if answer is None or answer.status != ExecStatus.FATAL_ERROR:
                answer = part
        if answer is None or answer.status == ExecStatus.FATAL_ERROR:
            raise self._refused(answer)
        return answer

    def _refused(self, answer: Any) -> Exception:
        """Only the server's first line: its details may quote rows."""
        if answer is None or not self.alive:
            return LostError("the connection was closed by the server")
        state = (answer.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        words = (answer.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
        if state.startswith("22"):  # a value that no column can hold: the caller's
            return psycopg.errors.lookup(state)(words)
        self._sound = self._sound and state in _PASSING
        return unavailable(f"{words} (SQLSTATE {state})", reason=f"postgres_{state}")

    def heard(self) -> bool:
        """Take in what came unasked; True if there was a notification. Raises: psycopg.OperationalError."""
        self.pgconn.consume_input()
        found = False
        while self.pgconn.notifies() is not None:
            found = True
        return found


def transact(link: Link, job: Job[T], *, once: bool = False) -> Dialogue[T]:
    """The job in a transaction of its own. Raises: LostError only while nothing of the job was begun."""
    yield from link.say(BEGIN)
    try:
        answer = yield from _run(link, job, link.ask_once if once else link.ask)
    except LostError as error:
        raise unavailable(f"{error}; nothing was written") from None
    except Exception:
        if link.alive:
            yield from _undo(link)
        raise
    try:
        tag = yield from link.say(b"COMMIT")
    except LostError as error:
        raise unavailable(f"{error}; nobody knows whether the write was committed", reason="commit_unknown") from None
    if tag != b"COMMIT":
        raise unavailable("the transaction was taken back")
    return answer


def _undo(link: Link) -> Dialogue[None]:
    try:
        yield from link.say(b"ROLLBACK")
    except (LostError, StoreUnavailableError):  # the end of the connection takes it back as well
        link.close()


def _run(link: Link, job: Job[T], ask: Callable[[str, Row], Dialogue[Done]]) -> Dialogue[T]:
    try:
        step = next(job)
        while True:
            if isinstance(step, tuple):
                done = yield from ask(*step)
            else:
                yield _affecting(link, step)
                done = Done([], 0)
            step = job.send(done)
    except StopIteration as stop:
        answer: T = stop.value
        return answer


def _affecting(link: Link, effect: Effect) -> Callable[[], None]:
    """The effect, to be called where blocking is allowed: inside a savepoint of psycopg's, which forbids to commit."""
    connection = link.connection

    def call() -> None:
        mine: BaseException | None = None
        try:
            with connection.transaction():
                try:
                    affect(effect, connection)
                except BaseException as error:
                    mine = error
                    raise
        except psycopg.Error as error:
            if not link.alive:
                raise unavailable("the connection was lost; nothing was written") from None
            if error is mine:
                raise
            raise ConfigurationError(
                "an effect neither ends the transaction it runs in, nor swallows the error of a statement in it"
            ) from error
        finally:
            connection.row_factory = tuple_row

    return call


# Values on the wire


def _text(value: str) -> str:
    if "\\" in value or "\0" in value:
        return value.replace("\\", "\\\\").replace("\0", "\\0")
    return value


def _read_text(value: bytes) -> str:
    text = value.decode()
    if "\\" in text:
        return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))
    return text


def _packed(parameters: Sequence[Any]) -> tuple[list[bytes | None], list[int]]:
    """The parameters and their formats: bytes in binary, all else as text, of the type that the statement implies."""
    values: list[bytes | None] = []
    for value in parameters:
        if isinstance(value, str):
            values.append(_text(value).encode())
        elif value is None or isinstance(value, bytes):
            values.append(value)
        elif isinstance(value, int):
            values.append(b"%d" % value)
        else:
            values.append(_array(value))
    return values, [1 if isinstance(value, bytes) else 0 for value in parameters]


def _array(texts: Sequence[str]) -> bytes:
    quoted = (_text(text).replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()


def _read_int(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


_READ: dict[int, Callable[[bytes], Any]] = {
    16: lambda value: value == b"\x01",
    17: bytes,
    20: _read_int,
    21: _read_int,
    23: _read_int,
    25: _read_text,
}
"""How a value is read, by the number of its type: bool, bytea, int8, int2, int4, text."""


def _done(answer: Any) -> Done:
    read = [_READ.get(answer.ftype(column), bytes) for column in range(answer.nfields)]
    rows = [
        tuple(
            None if (value := answer.get_value(number, column)) is None else reader(value)
            for column, reader in enumerate(read)
        )
        for number in range(answer.ntuples)
    ]
    return Done(rows, answer.command_tuples or 0)


@lru_cache(maxsize=128)
def _numbered(sql: str) -> bytes:
    """``?`` as PostgreSQL writes it: $1, $2 …"""
    first, *others = sql.split("?")
    return "".join([first, *(f"${number}{part}" for number, part in enumerate(others, 1))]).encode()


# Errors


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def unavailable(why: str, *, reason: str = "") -> StoreUnavailableError:
    return StoreUnavailableError(f"PostgreSQL: {why}", reason=reason)
