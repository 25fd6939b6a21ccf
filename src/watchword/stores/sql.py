"""What the SQL stores share: the statements, the rows, the verbs as jobs, and the migration runner.

A *job* is a generator: it yields one statement after the other, is sent what each did, and returns the verb's answer.
An Effect is yielded in place of a statement, and is called with the connection.
Whoever runs it owns connection, transaction and waiting, so the same verbs serve SQLite (inline, or on its writer
thread) and a driver that awaits. A job that raises is rolled back by its store and leaves nothing behind.
Statements mark their parameters with ``?`` and hold no other question mark.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from hashlib import sha256
from importlib.resources import files
from secrets import token_hex
from typing import Any, NamedTuple, TypeVar

from msgspec.json import Decoder, Encoder

from ..errors import ConfigurationError, StoreConflictError
from .base import COVERED, Audit, Effect, Event, Feed, Name, Record, Tally

Row = tuple[Any, ...]
T = TypeVar("T")


class Done(NamedTuple):
    """What one statement did: the rows it returned, and how many it touched."""

    rows: list[Row]
    touched: int


Job = Generator[tuple[str, Row] | Effect, Done, T]

GET = (
    "SELECT kind, key, version, subject, grp, expires_at, data FROM watchword_records"
    " WHERE kind = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
)
_FIND = (
    "SELECT kind, key, version, subject, grp, expires_at, data FROM watchword_records"
    " WHERE kind = ? AND (expires_at IS NULL OR expires_at > ?)"
)
_PUT = (
    "INSERT INTO watchword_records (kind, key, version, subject, grp, expires_at, data) VALUES (?, ?, 1, ?, ?, ?, ?)"
    " ON CONFLICT (kind, key) DO NOTHING"
)
_TAKE = (
    "DELETE FROM watchword_records WHERE kind = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
    " RETURNING kind, key, version, subject, grp, expires_at, data"
)
_SWAP = (
    "UPDATE watchword_records SET version = version + 1, subject = ?, grp = ?, expires_at = ?, data = ?"
    " WHERE kind = ? AND key = ? AND version = ?"
)
_DROP = "DELETE FROM watchword_records WHERE kind = ? AND key = ?"
_HEAD = "SELECT head FROM watchword_feed"
_EPOCH = "UPDATE watchword_feed SET epoch = ?"
_NUMBERS = "UPDATE watchword_feed SET head = head + ? RETURNING head"
_SUPERSEDED = "DELETE FROM watchword_events WHERE what = ? AND value = ? RETURNING until"
_EVENT = "INSERT INTO watchword_events (seq, what, value, at, until) VALUES (?, ?, ?, ?, ?)"
TAIL = (  # one statement, so head and events are of one moment
    "SELECT epoch, head, seq, what, value, at, until FROM watchword_feed LEFT JOIN (SELECT * FROM watchword_events"
    " WHERE seq > ? AND until > ? ORDER BY seq LIMIT ?) AS news ON TRUE ORDER BY seq"
)
STANDING = (
    "WITH asked (what, value) AS ({}) SELECT epoch, head, seq, what, value, 0, until FROM watchword_feed LEFT JOIN"
    " (SELECT max(seq) AS seq, what, value, max(until) AS until FROM asked JOIN watchword_events USING (what, value)"
    " GROUP BY what, value HAVING max(until) > ?) AS found ON TRUE ORDER BY seq"
)
"""Between the braces: the names, as a dialect writes a list of pairs."""
_AUDIT = "INSERT INTO watchword_audit (name, at, subject, detail) VALUES (?, ?, ?, ?)"
_AUDITED = "SELECT seq, name, at, subject, detail FROM watchword_audit WHERE seq > ?"
_PURGE_RECORDS = (
    "DELETE FROM watchword_records WHERE id IN (SELECT id FROM watchword_records WHERE expires_at <= ? LIMIT ?{})"
)
_PURGE_EVENTS = (
    "DELETE FROM watchword_events WHERE seq IN (SELECT seq FROM watchword_events WHERE until <= ? LIMIT ?{})"
)
_NAMES = ", ".join(repr(what) for what in COVERED)
_LAST = "FROM watchword_events WHERE what = 'everything' AND value = '' ORDER BY seq DESC LIMIT 1"
_PURGE_COVERED = (
    "DELETE FROM watchword_events WHERE seq IN (SELECT seq FROM watchword_events"  # noqa: S608 - words of ours
    f" WHERE seq < (SELECT seq {_LAST}) AND until <= (SELECT until {_LAST})"
    f" AND what IN ({_NAMES}) LIMIT ?{{}})"
)
_PURGE_AUDIT = (  # rows come in the order of their time, give or take, so the oldest are looked at and no more
    "DELETE FROM watchword_audit WHERE at < ? AND seq IN (SELECT seq FROM watchword_audit ORDER BY seq LIMIT ?{})"
)
APPLIED = "SELECT number, name, checksum FROM watchword_migrations ORDER BY number"
_PURGE_STEP = 500
"""So many rows in one purging transaction: other writers never wait long behind it."""

_encode = Encoder().encode
_decode = Decoder(dict[str, Any]).decode


def record(row: Row) -> Record:
    kind, key, version, subject, group, expires_at, data = row
    return Record(
        kind=kind, key=key, data=_decode(data), version=version, subject=subject, group=group, expires_at=expires_at
    )


def feed(rows: list[Row], limit: int) -> Feed:
    """The answer of TAIL, asked for one row more than ``limit`` to see whether any was left behind."""
    epoch, head, first = rows[0][:3]
    if first is None:
        return Feed(epoch, head)
    events = [Event(seq=seq, what=what, value=value, at=at, until=until) for _, _, seq, what, value, at, until in rows]
    if len(events) > limit:
        del events[limit:]
        head = events[-1].seq
    return Feed(epoch, head, tuple(events))


def _put(records: Sequence[Record]) -> Job[None]:
    for r in records:
        done = yield _PUT, (r.kind, r.key, r.subject, r.group, r.expires_at, _encode(r.data))
        if not done.touched:
            raise StoreConflictError(f"a record of kind {r.kind!r} with this key is already there")


def _note(events: Sequence[Event], audit: Sequence[Audit]) -> Job[None]:
    """Write both; the numbers are taken inside the transaction that commits them, so they come in commit order."""
    if events:
        done = yield _NUMBERS, (len(events),)
        first = done.rows[0][0] - len(events) + 1
        for seq, event in enumerate(events, first):
            older = yield _SUPERSEDED, (event.what, event.value)
            until = max([event.until, *(row[0] for row in older.rows)])
            yield _EVENT, (seq, event.what, event.value, event.at, until)
    for a in audit:
        yield _AUDIT, (a.name, a.at, a.subject, _encode(a.detail))


def _put_audited(records: Sequence[Record], audit: Sequence[Audit]) -> Job[None]:
    yield from _put(records)
    yield from _note((), audit)


def _append(events: Sequence[Event], audit: Sequence[Audit]) -> Job[int]:
    yield from _note(events, audit)
    done = yield _HEAD, ()
    head: int = done.rows[0][0]
    return head


def _begun(epoch: str, events: Sequence[Event], audit: Sequence[Audit]) -> Job[None]:
    yield _EPOCH, (epoch,)
    yield from _note(events, audit)


def _take(kind: str, key: str, now: int, audit: Sequence[Audit]) -> Job[Record | None]:
    done = yield _TAKE, (kind, key, now)
    if not done.rows:
        return None
    yield from _note((), audit)
    return record(done.rows[0])


def _swap(
    r: Record,
    version: int,
    puts: Sequence[Record],
    events: Sequence[Event],
    audit: Sequence[Audit],
    effect: Effect | None,
) -> Job[bool]:
    done = yield _SWAP, (r.subject, r.group, r.expires_at, _encode(r.data), r.kind, r.key, version)
    if not done.touched:
        return False
    yield from _put(puts)
    yield from _note(events, audit)
    if effect is not None:
        yield effect
    return True


def _drop(kind: str, key: str, events: Sequence[Event], audit: Sequence[Audit]) -> Job[bool]:
    done = yield _DROP, (kind, key)
    if not done.touched:
        return False
    yield from _note(events, audit)
    return True


def _purge(now: int, audit_before: int | None, locking: str) -> Job[int]:
    done = [
        (yield _PURGE_RECORDS.format(locking), (now, _PURGE_STEP)),
        (yield _PURGE_EVENTS.format(locking), (now, _PURGE_STEP)),
        (yield _PURGE_COVERED.format(locking), (_PURGE_STEP,)),
    ]
    if audit_before is not None:
        done.append((yield _PURGE_AUDIT.format(locking), (audit_before, _PURGE_STEP)))
    return sum(one.touched for one in done)


class SQLVerbs:
    """The asynchronous verbs of a Store over two words of its own: ``_write`` a job, ``_read`` one statement."""

    migrates = True
    purge_locking = ""
    """What makes the choice of rows to purge lock them, where a transaction can overtake another."""

    tally: Tally

    async def _write(self, begin: Callable[[], Job[T]], *, again: bool = True) -> T:
        """Run a job in a transaction of its own, and return when that is committed.

        ``again``: it may be begun anew where the database took it back for the sake of another transaction.
        """
        raise NotImplementedError

    async def _read(self, sql: str, parameters: Row) -> list[Row]:
        """Run one statement that writes nothing, over the newest commit."""
        raise NotImplementedError

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        await self._write(lambda: _put_audited(records, audit))

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        rows = await self._read(GET, (kind, key, now))
        return record(rows[0]) if rows else None

    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        return await self._write(lambda: _take(kind, key, now, audit))

    async def swap(
        self,
        record: Record,
        *,
        version: int,
        puts: Sequence[Record] = (),
        events: Sequence[Event] = (),
        audit: Sequence[Audit] = (),
        effect: Effect | None = None,
    ) -> bool:
        done = await self._write(lambda: _swap(record, version, puts, events, audit, effect), again=effect is None)
        self.tally.published += len(events) if done else 0
        return done

    async def drop(self, kind: str, key: str, *, events: Sequence[Event] = (), audit: Sequence[Audit] = ()) -> bool:
        done = await self._write(lambda: _drop(kind, key, events, audit))
        self.tally.published += len(events) if done else 0
        return done

    async def find(
        self, kind: str, *, now: int, subject: str | None = None, group: str | None = None, limit: int = 1000
    ) -> list[Record]:
        sql, parameters = _FIND, [kind, now]
        if subject is not None:
            sql, parameters = sql + " AND subject = ?", [*parameters, subject]
        if group is not None:
            sql, parameters = sql + " AND grp = ?", [*parameters, group]
        rows = await self._read(sql + " ORDER BY id LIMIT ?", (*parameters, max(limit, 0)))
        return [record(row) for row in rows]

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        head: int
        if events or audit:
            head = await self._write(lambda: _append(events, audit))
            self.tally.published += len(events)
            return head
        head = (await self._read(_HEAD, ()))[0][0]
        return head

    async def new_epoch(self, *events: Event, audit: Sequence[Audit] = ()) -> str:
        """Begin a new life of the feed, with these events in it: every verifier reads all again.

        For a database that went back in time, where numbers may be given out twice. Returns the epoch.
        """
        epoch = token_hex(4)
        await self._write(lambda: _begun(epoch, events, audit))
        return epoch

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        limit = max(limit, 1)
        return feed(await self._read(TAIL, (after, now, limit + 1)), limit)

    def _standing(self, names: Sequence[Name]) -> tuple[str, Row]:
        """STANDING in this dialect, and what stands for the names."""
        raise NotImplementedError

    async def standing(self, names: Sequence[Name], *, now: int) -> Feed:
        sql, parameters = self._standing(names)
        return feed(await self._read(sql, (*parameters, now)), len(names))

    async def audited(self, *, after: int = 0, subject: str | None = None, limit: int = 1000) -> list[Audit]:
        sql, parameters = (_AUDITED, [after]) if subject is None else (_AUDITED + " AND subject = ?", [after, subject])
        rows = await self._read(sql + " ORDER BY seq LIMIT ?", (*parameters, max(limit, 0)))
        return [
            Audit(seq=seq, name=name, at=at, subject=whose, detail=_decode(detail))
            for seq, name, at, whose, detail in rows
        ]

    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        removed, step = 0, _PURGE_STEP
        while step >= _PURGE_STEP:
            step = await self._write(lambda: _purge(now, audit_before, self.purge_locking))
            self.tally.removed += step
            removed += step
        return removed


class Migration(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    checksum: str
    statements: list[str]


def migrations(dialect: str) -> list[Migration]:
    """The files of ``migrations/<dialect>``, in order."""
    found = []
    for file in (files(__package__) / "migrations" / dialect).iterdir():
        if file.name.endswith(".sql"):
            text = file.read_text("utf-8")
            lines = [line for line in text.splitlines() if not line.startswith("--")]
            statements = [part.strip() for part in "\n".join([*lines, ""]).split(";\n")[:-1]]
            found.append(Migration(int(file.name[:4]), file.name, sha256(text.encode()).hexdigest(), statements))
    return sorted(found)


def pending(known: Sequence[Migration], applied: Sequence[Row]) -> list[Migration]:
    """What is still to be applied, given the rows of the migrations table. Raises: ConfigurationError."""
    newest = known[-1].number if known else 0
    checksums = {number: checksum for number, _, checksum in applied}
    for number, name, _ in applied:
        if number > newest:
            raise ConfigurationError(
                f"the database is newer than this watchword: it has migration {name}, and the newest known here is"
                f" {newest:04}; install the watchword release that made it, or a later one"
            )
    for migration in known:
        if checksums.get(migration.number, migration.checksum) != migration.checksum:
            raise ConfigurationError(
                f"migration {migration.name} is not the file that was applied to this database; reinstall watchword"
                " so that it has the released file, or restore the database that belongs to it"
            )
    return [migration for migration in known if migration.number not in checksums]


def unheard(name: str) -> None:
    """Where nobody wants to hear how far a migration is."""


def migrate(known: Sequence[Migration], told: Callable[[str], object] = unheard) -> Job[list[str]]:
    """Bring the database up to ``known``. Run it in one transaction that excludes every other writer.

    ``told`` hears the name of each migration as it begins. Returns the names.
    """
    yield (
        "CREATE TABLE IF NOT EXISTS watchword_migrations"
        " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
        (),
    )
    done = yield APPLIED, ()
    wanting = pending(known, done.rows)
    for migration in wanting:
        told(migration.name)
        for statement in migration.statements:
            yield statement, ()
        yield "INSERT INTO watchword_migrations (number, name, checksum) VALUES (?, ?, ?)", migration[:3]
    return [migration.name for migration in wanting]
