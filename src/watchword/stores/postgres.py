"""The store in PostgreSQL: any number of nodes, and the system of record for all of them.

Each verb is one transaction, READ COMMITTED; what must have one winner is decided by one conditional statement, a
unique key or a row lock. The numbers of the feed are taken under the lock of its one row, which is held until the
commit. A trigger tells the listening followers at each commit that moved the feed.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from math import ceil
from pathlib import Path
from random import SystemRandom
from threading import Lock
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ..clock import Clock, SystemClock
from ..errors import ConfigurationError, StoreUnavailableError
from .base import Feed, Name, Record, Survey, Tally, behind
from .breaker import Breaker
from .postgres_loop import LoopPool
from .postgres_pool import GRACE, Guard, Pool, ThreadPool, closed, hold
from .postgres_wire import Link, LostError, transact, unavailable
from .sql import APPLIED, STANDING, TAIL, Job, Migration, Row, SQLVerbs, T, feed, migrate, migrations, pending, unheard
from .sql_survey import survey

OLDEST = 14
"""The oldest major version of the server that is taken."""
POOL_SIZE = 8
PATIENCE = 2.0
"""Seconds."""
_LOCK = int.from_bytes(b"watchwrd", "big") & (1 << 62) - 1
_SETTINGS = """
    SELECT set_config('statement_timeout', %(statement)s, false), set_config('lock_timeout', %(lock)s, false),
           set_config('idle_in_transaction_session_timeout', %(idle)s, false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
"""A server that never answers, a lock that is never released and a client that stands still all end by themselves;
and a commit that returned is on disk, whatever the role's default is."""

_STANDING = STANDING.format("SELECT * FROM unnest(?::text[], ?::text[])")
_SIZE = (
    "SELECT to_regclass('watchword_migrations') IS NOT NULL,"
    " COALESCE((SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
    " WHERE c.relkind = 'r' AND c.relname LIKE 'watchword_%' AND pg_table_is_visible(c.oid)), 0)"
)
_ABOUT = (
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'synchronous_standby_names')"
    " UNION ALL SELECT 'standby', pg_is_in_recovery()::text ORDER BY 1"
)

_TAKEN_BACK = {"postgres_40001", "postgres_40P01"}
"""Serialization failure and deadlock: nothing was written, and the next try meets others."""
_RETRIES = 3
_PAUSE = 0.01
_chance = SystemRandom()

_open_stores: WeakSet[PostgresStore] = WeakSet()


class PostgresStore(SQLVerbs):
    """See ``stores.base.Store``.

    Parameters: url: as libpq reads it, and ``pool_size=N`` and ``timeout=S`` in its query. patience: that timeout in
    Python: how long a connection, an answer, a lock or a free connection may let us wait before the verb is
    StoreUnavailableError.

    An effect is given the ``psycopg.Connection`` of its transaction, and may block: under an event loop a worker
    thread calls it.
    """

    pulls_inline = False
    pushes = True
    lasts = True
    purge_locking = " FOR UPDATE SKIP LOCKED"
    keys_beside: Path | None = None

    def __init__(self, url: str, *, patience: timedelta | None = None, clock: Clock | None = None) -> None:
        self._parameters, self._size, said = _parsed(url)
        self._patience = said if patience is None else patience.total_seconds()
        self.tally, self.breaker = Tally(), Breaker(clock or SystemClock())
        self._parameters.setdefault("connect_timeout", str(max(2, ceil(self._patience))))
        self.suspends = True
        self._lock = Lock()  # holds opening and closing
        self._pool: Pool | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._same_way(LoopPool)
        pool = self._pool
        if isinstance(pool, LoopPool):
            if pool.loop is loop:
                return
            pool.let_go()  # it served a loop that is gone
        link = await asyncio.to_thread(self._first)
        if isinstance(self._pool, LoopPool) and self._pool.loop is loop:
            link.close()  # somebody else opened it meanwhile
            return
        self._opened(LoopPool(self._connect, [link], **self._how()))

    def open_blocking(self) -> None:
        with self._lock:
            self._same_way(ThreadPool)
            if self._pool is None:
                pool = ThreadPool(self._connect, [self._first()], **self._how())
                self._opened(pool)

    def _how(self) -> dict[str, Any]:
        return {"size": self._size, "patience": self._patience, "guard": Guard(self.breaker, self.tally)}

    def _same_way(self, case: type[Pool]) -> None:
        if self._pool is not None and not isinstance(self._pool, case):
            raise ConfigurationError("the store is open the other way (event loop or threads); close it first")

    def _opened(self, pool: Pool) -> None:
        self._pool, self.suspends = pool, pool.suspends
        _open_stores.add(self)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if isinstance(pool, LoopPool):
            await pool.close()
        elif pool is not None:
            pool.let_go()

    def close_blocking(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.let_go()

    def forked(self) -> None:
        """In the child of a fork: the connections are the parent's, and are kept unused, so that nothing ends them."""
        self._lock = Lock()
        if self._pool is not None:
            _parents.append(self._pool)
            self._pool = None

    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise closed()
        return self._pool

    async def _write(self, begin: Callable[[], Job[T]], *, again: bool = True) -> T:
        pool = self._open_pool()
        for left in reversed(range(_RETRIES + 1 if again else 1)):
            try:
                return await pool.run(lambda link: transact(link, begin()))
            except StoreUnavailableError as error:
                if not left or error.reason not in _TAKEN_BACK:
                    raise
            await pool.pause(_PAUSE * (1 + _chance.random()))
        raise AssertionError("it either returns or raises")

    async def _read(self, sql: str, parameters: Row) -> list[Row]:
        return (await self._open_pool().run(lambda link: link.ask(sql, parameters))).rows

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        limit = max(limit, 1)
        question = TAIL, (after, now, limit + 1)
        return feed((await self._open_pool().run(lambda link: link.ask(*question), spare=True)).rows, limit)

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        return await self._open_pool().look(kind, key, now)

    def tail_now(self, after: int, *, now: int) -> Feed:
        raise ConfigurationError(_NOT_INLINE)

    def _standing(self, names: Sequence[Name]) -> tuple[str, Row]:
        return _STANDING, (tuple(what for what, _ in names), tuple(value for _, value in names))

    def changed(self) -> bool:
        raise ConfigurationError(_NOT_INLINE)

    async def news(self, *, timeout: float) -> None:
        await self._open_pool().news(timeout)

    def _connect(self) -> Link:
        """Blocks. Raises: StoreUnavailableError."""
        try:
            connection = psycopg.Connection.connect(**self._parameters, autocommit=True)
            link = Link(connection)
            try:
                connection.execute(_SETTINGS, self._limits())
            except BaseException:
                link.close()
                raise
            return link
        except psycopg.Error as error:
            words = str(error).replace(str(self._parameters.get("password") or "\0"), "***")
            raise unavailable(" ".join(words.split())) from None

    def _limits(self) -> dict[str, str]:
        """What the server ends by itself. A lock goes first, so that the error says what was waited for."""
        lock = ceil(self._patience * 1000)
        return {"lock": f"{lock}ms", "statement": f"{lock + ceil(GRACE * 500)}ms", "idle": f"{2 * lock}ms"}

    def _first(self) -> Link:
        """The first connection of an opening: looks at the server, and migrates if the database is behind."""
        with ExitStack() as undo:
            link = self._connect()
            undo.callback(link.close)
            check(link.pgconn.server_version, link.connection.info.parameter_status("server_encoding"))
            known = migrations("postgres")
            self._do(link, _migrated(known) if self.migrates else _looked(known))
            undo.pop_all()
            return link

    def _do(self, link: Link, job: Job[T]) -> T:
        """Run a job that looks at the tables, or makes them. Blocks."""
        try:
            return hold(link, transact(link, job, once=True), _MIGRATING, _no_effect)
        except LostError as error:
            raise unavailable(str(error)) from None
        except StoreUnavailableError as error:
            if error.reason.startswith("postgres_42"):
                raise ConfigurationError(
                    f"the tables cannot be made: {error}; run watchword db upgrade as a role that may create them"
                ) from None
            raise

    def upgrade(self, told: Callable[[str], object]) -> list[str]:
        with closing(self._connect()) as link:
            wait = f"{ceil(self._patience * 1000)}ms"
            return self._do(link, _migrated(migrations("postgres"), told, wait))

    def survey(self, *, now: int) -> list[Survey]:
        with closing(self._connect()) as link:

            def ask(sql: str, parameters: Row = ()) -> list[Row]:
                try:
                    return hold(link, link.ask_once(sql, parameters), _MIGRATING, _no_effect).rows
                except LostError as error:
                    raise unavailable(str(error)) from None

            link.connection.execute("SET statement_timeout = 0")
            [(there, size)] = ask(_SIZE)
            about = {"server": link.connection.info.parameter_status("server_version") or ""}
            about |= dict(ask(_ABOUT))
            known = migrations("postgres")
            return [survey(ask, known, scheme="postgresql", there=there, now=now, about=about, size=size)]


def _there() -> Job[bool]:
    there = yield "SELECT to_regclass('watchword_migrations') IS NOT NULL", ()
    return bool(there.rows[0][0])


def _looked(known: list[Migration]) -> Job[None]:
    """Raises: ConfigurationError where a migration is pending."""
    wanting = pending(known, (yield APPLIED, ()).rows if (yield from _there()) else [])
    if wanting:
        raise behind([migration.name for migration in wanting])


def _migrated(known: list[Migration], told: Callable[[str], object] = unheard, wait: str = "") -> Job[list[str]]:
    """Nothing is locked where nothing is to be done: then a role that may not create tables is good enough.

    ``wait``: as long as it takes for whoever else is upgrading, and so long (``2000ms``) for any lock after that.
    """
    if (yield from _there()) and not pending(known, (yield APPLIED, ()).rows):
        return []
    yield "SET LOCAL statement_timeout = 0", ()
    if wait:
        yield "SET LOCAL lock_timeout = 0", ()
    yield "SELECT pg_advisory_xact_lock(?)", (_LOCK,)
    if wait:
        yield "SELECT set_config('lock_timeout', ?, true)", (wait,)
    return (yield from migrate(known, told))


def check(version: int, encoding: str | None) -> None:
    """Raises: ConfigurationError for a server that is too old, or a database that cannot hold every text."""
    if version < OLDEST * 10_000:
        raise ConfigurationError(f"the server is PostgreSQL {version // 10_000}; watchword needs {OLDEST} or later")
    if encoding != "UTF8":
        raise ConfigurationError(f"the database is encoded in {encoding}; make one with ENCODING 'UTF8'")


def _no_effect(call: Callable[[], None]) -> None:
    raise AssertionError("a migration has no effects")


def _parsed(url: str) -> tuple[dict[str, Any], int, float]:
    """What libpq makes of the URL, the size of the pool, and the patience.

    No message quotes a piece of it: it holds a password.
    """
    base, _, query = url.partition("?")
    words = query.split("&") if query else []
    sizes = [word.partition("=")[2] for word in words if word.startswith("pool_size=")]
    waits = [word.partition("=")[2] for word in words if word.startswith("timeout=")]
    rest = "&".join(word for word in words if not word.startswith(("pool_size=", "timeout=")))
    if len(waits) > 1 or not all(_WAIT.fullmatch(wait) and 0.05 <= float(wait) <= 30 for wait in waits):
        raise ConfigurationError("timeout in the URL of a PostgreSQL store is from 0.05 to 30 seconds, said once")
    if len(sizes) > 1 or not all(size.isascii() and size.isdigit() and 0 < int(size[:6]) < 1000 for size in sizes):
        raise ConfigurationError("pool_size in the URL of a PostgreSQL store is a number from 1 to 999, said once")
    login, at, _ = base.partition("://")[2].rpartition("@")
    try:
        if (at and set(login) & set("@/#")) or "@" in rest:  # libpq would take a part of the password for the host
            raise psycopg.ProgrammingError
        parameters = conninfo_to_dict(base + ("?" + rest if rest else ""))
    except psycopg.Error:
        raise ConfigurationError(
            "the URL of the PostgreSQL store cannot be read: it is postgresql://user:password@host:port/database with"
            " every special character of user and password percent-encoded, and no option that libpq does not know"
        ) from None
    if parameters.setdefault("target_session_attrs", "read-write") not in ("read-write", "primary"):
        raise ConfigurationError(
            "a PostgreSQL store reads and writes on the primary alone: a standby may not know yet what was revoked"
        )
    for name, value in _DEFAULTS.items():
        parameters.setdefault(name, value)
    known = {**parameters, "client_encoding": "utf8"}
    return known, int(sizes[0]) if sizes else POOL_SIZE, float(waits[0]) if waits else PATIENCE


_DEFAULTS = {
    "application_name": "watchword",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
_MIGRATING = 3600.0
"""Seconds that one statement of a migration may take; who waits for the one that migrates waits ``patience``."""
_WAIT = re.compile(r"\d{1,2}(\.\d{1,3})?", re.ASCII)
_NOT_INLINE = "a PostgreSQL store does not answer inline: await tail() and news()"
_parents: list[Pool] = []


def _after_fork() -> None:
    for store in _open_stores:
        store.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
