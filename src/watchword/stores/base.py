"""What a store promises, in words, and the table of stores.

A store keeps three things: *records* (one row per session, refresh family, user …), *events* (the revocation feed, in
commit order) and *audit* rows (the trail for people). A store never sees a token: keys are digests or public ids.

The rules every store keeps, and that ``tests/contracts`` holds it to:

- Missing and expired are the same: ``None``. A record is expired when ``now >= expires_at``.
- Every time comes from the caller (``now``); a store reads no clock.
- Each write verb is one transaction: all of it happens, or none. When it returns, it is durable.
- ``version`` counts the writes to a record, from 1. ``swap`` writes only over the version it names; of any number of
  parallel swaps over one version exactly one returns True.
- ``take`` removes and returns: of any number of parallel takes exactly one gets the record.
- Events get the next number when they are committed, never before: who has read up to N will never see a number
  below N appear. Numbers start at 1. ``epoch`` names the life of the feed; a new epoch means: forget, read all again.
- The feed is compact: an event takes the place of an earlier one about the same name, with the later ``until`` of both.
  So one who reads on from any position misses no fact, and the feed is as long as there are names in it.
- Before ``open`` and after ``close`` every verb is ConfigurationError; to open an open store again changes nothing.
- An *effect* is a plain function that a caller joins to a ``swap``: it runs in the swap's own transaction, on the
  store's connection, at most once. What it raises comes out of the verb, and then nothing is written.
- Errors speak of the machine (StoreUnavailableError), never of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from ..errors import ConfigurationError
from .breaker import Breaker

Effect = Callable[[Any], object]
"""What a caller does in the transaction of a ``swap``. It is given the store's connection (SQLite: a
``sqlite3.Connection``; PostgreSQL: a ``psycopg.Connection``), or None by a store that has none (memory). It must not
commit, roll back, or call the store."""


class Record(Struct, frozen=True, kw_only=True):
    """One row. ``data`` is plain JSON (bytes travel as base64url text); ``subject`` and ``group`` can be searched."""

    kind: str
    key: str
    data: Mapping[str, Any]
    version: int = 1
    subject: str | None = None
    group: str | None = None
    expires_at: int | None = None

    def live(self, now: int) -> bool:
        return self.expires_at is None or now < self.expires_at


class Event(Struct, frozen=True, kw_only=True):
    """One fact of the revocation feed: from ``seq`` on, ``value`` of sort ``what`` is dead until second ``until``."""

    what: str
    value: str
    at: int
    until: int
    seq: int = 0


Name = tuple[str, str]
"""What an event is about: its ``what`` and its ``value``."""


class Audit(Struct, frozen=True, kw_only=True):
    """One row of the audit trail. ``detail`` never holds a token."""

    name: str
    at: int
    subject: str | None = None
    detail: Mapping[str, Any] = {}
    seq: int = 0


class Survey(Struct, frozen=True, kw_only=True):
    """What is there, without opening it and without changing it. Nothing in it is secret."""

    scheme: str
    present: int | None = None
    """The newest migration of the database; 0 for none, None for a store that needs none."""
    wanted: int | None = None
    pending: tuple[str, ...] = ()
    amiss: str = ""
    """Why this watchword cannot work with it, in a sentence: another checksum, a newer database, an evicting server."""
    epoch: str = ""
    head: int = 0
    records: Mapping[str, int] = {}
    """Kind -> live records."""
    events: int = 0
    """Live ones."""
    audit: int = 0
    oldest_audit: int | None = None
    """Second."""
    size: int | None = None
    """Bytes."""
    about: Mapping[str, str | int] = {}
    """What else this store has to say of its server or file."""
    cautions: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """This watchword can work with it as it is."""
        return not self.pending and not self.amiss


class Feed(Struct, frozen=True):
    """An answer of ``tail``: all live events after the asked number, in order, and ``head``, the newest number ever
    committed, whether or not its event still lives."""

    epoch: str
    head: int
    events: Sequence[Event] = ()


def behind(pending: Sequence[str]) -> ConfigurationError:
    """What opening says of a database that must be upgraded first, where it may not do that by itself."""
    return ConfigurationError(
        f"the database lacks {', '.join(pending)}, and migrate is 'never'; run: watchword db upgrade",
        reason="migrations_pending",
    )


class Tally:
    """What one store has counted since it was made; for metrics. Threads that count at once may lose one."""

    __slots__ = ("errors", "published", "removed")

    def __init__(self) -> None:
        self.errors = 0
        """Verbs that were StoreUnavailableError."""
        self.published = 0
        """Events written to the feed."""
        self.removed = 0
        """Rows purged."""


EVERYTHING: Name = ("everything", "")
COVERED = ("token", "session", "family", "subject", "signed_in", "roles", "client")
"""What a later ``everything`` stands for, if it is remembered as long: each of these stops only what was issued before
it, and so before ``everything``. A key is not among them: whoever stole it can sign what says it was issued later."""

CALLED_BACK = "an effect runs inside a write of its store, so it cannot call that store; use the connection it is given"

NO_NEWS = "this store tells nobody of news: ask it for changes"


def affect(effect: Effect, connection: Any) -> None:
    """Call an effect, as every store does.

    Raises: what it raises, a StopIteration as RuntimeError (PEP 479); ConfigurationError for a coroutine function.
    """
    try:
        answer = effect(connection)
    except StopIteration as error:
        raise RuntimeError("the effect raised StopIteration: next() found nothing") from error
    if isinstance(answer, Coroutine):
        answer.close()
        raise ConfigurationError("an effect is a plain function: a coroutine would run after the commit")


class Store(Protocol):
    """The verbs. Written as coroutines; a store whose ``suspends`` is False finishes each in one step."""

    suspends: bool
    """True when a verb may wait for the network or another thread."""
    pulls_inline: bool
    """True when ``tail_now`` answers at once from this very thread (memory, SQLite)."""
    pushes: bool
    """True when ``news`` is told of commits, so that nobody has to ask again and again (PostgreSQL)."""
    lasts: bool
    """True when what is written outlives the process: then the keys must outlive it too."""

    tally: Tally

    migrates: bool
    """False: to open a database that lacks a migration is a ConfigurationError that names the command to run."""

    keys_beside: Path | None
    """Where the key file goes when nobody says: ``app.db`` has ``app.db.keys``.

    None: they have to be named, or, where the store does not last, are made at each opening.
    """

    @property
    def breaker(self) -> Breaker | None:
        """What keeps a server that fails from being asked again and again; None for a store that has no server."""
        ...

    async def open(self) -> None:
        """Connect and migrate, for use under an event loop. ConfigurationError if that cannot be."""
        ...

    def open_blocking(self) -> None:
        """The same for threads: afterwards no verb suspends. ConfigurationError where a store cannot do that."""
        ...

    def survey(self, *, now: int) -> Sequence[Survey]:
        """What is there, in each database behind this store; over connections of its own, opened or not. Blocks.

        Raises: StoreUnavailableError, ConfigurationError.
        """
        ...

    def upgrade(self, told: Callable[[str], object]) -> list[str]:
        """Apply what migrations are pending, all or none; ``told`` hears each name as it begins. Blocks.

        Whoever else is upgrading is waited for. Returns the names. Raises: as ``survey``.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of files and connections; closing twice is no error."""
        ...

    def close_blocking(self) -> None: ...

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        """Write new records, at version 1 whatever theirs says.

        A record with the same kind and key, expired or not, is StoreConflictError, and then nothing is written.
        """
        ...

    async def get(self, kind: str, key: str, *, now: int) -> Record | None: ...

    async def take(self, kind: str, key: str, *, now: int, audit: Sequence[Audit] = ()) -> Record | None:
        """Remove and return; exactly one caller gets it. ``audit`` is written only by that caller."""
        ...

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
        """Replace the record with the same kind and key if it still has ``version``; it then has ``version + 1``.

        ``puts``, ``events`` and ``audit`` are written in the same transaction, and only if the swap happens; then, and
        in it, ``effect`` is called. What it raises undoes all of that; what it returns is dropped.
        False, and nothing written, when the version is another or the record is gone. StoreConflictError, and nothing
        written, when one of ``puts`` is already there. An expired record can be swapped and dropped like any other.
        """
        ...

    async def drop(self, kind: str, key: str, *, events: Sequence[Event] = (), audit: Sequence[Audit] = ()) -> bool:
        """Remove if there; True if it was. ``events`` and ``audit`` are written only then."""
        ...

    async def find(
        self, kind: str, *, now: int, subject: str | None = None, group: str | None = None, limit: int = 1000
    ) -> list[Record]:
        """The live records of a kind with this subject and/or group, oldest first."""
        ...

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        """Write events to the feed and return the number of the last; with no events, the head."""
        ...

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        """The live events (``until > now``) with a number above ``after``, at most ``limit``.

        When more are left, ``head`` is the number of the last one given: ask again from there.
        """
        ...

    def tail_now(self, after: int, *, now: int) -> Feed:
        """``tail`` in one step, for stores that pull inline; others raise ConfigurationError."""
        ...

    async def standing(self, names: Sequence[Name], *, now: int) -> Feed:
        """What the feed says of these names alone: one event for each that is revoked (``until > now``). One read.

        It has the latest end of all events of that name, and at least the number of the newest live one; ``at`` is 0.
        ``epoch`` and ``head`` are those of ``tail``, of the same moment; without names they are all there is.
        A store that pulls inline answers without suspending.
        """
        ...

    def changed(self) -> bool:
        """A cheap hint, for stores that pull inline: False only when surely nothing was committed since the last call.

        True at the first call after opening. The store remembers one last call, so it serves one asker.
        """
        ...

    async def news(self, *, timeout: float) -> None:
        """For stores that push: return when something may have been committed to the feed since the last call.

        After ``timeout`` seconds at the latest; the first call returns at once, and to return for nothing is fine. It
        does not fail because of the machine: who cannot listen now waits the time out, which makes its caller poll.
        One asker at a time. Other stores raise ConfigurationError.
        """
        ...

    async def audited(self, *, after: int = 0, subject: str | None = None, limit: int = 1000) -> list[Audit]:
        """The audit trail above a row number, oldest first."""
        ...

    async def purge(self, *, now: int, audit_before: int | None = None) -> int:
        """Remove expired records and events, and events that a later ``everything`` stands for; returns how many.

        With ``audit_before``, audit rows from before that second as well; without it none. In small transactions, so
        that other writers never wait long; any number of processes may do it at once.
        """
        ...


SCHEMES: dict[str, str] = {
    "memory": "watchword.stores.memory:MemoryStore",
    "postgres": "watchword.stores.postgres:PostgresStore",
    "postgresql": "watchword.stores.postgres:PostgresStore",
    "sqlite": "watchword.stores.sqlite:SQLiteStore",
    "redis": "watchword.stores.redis:RedisStore",
    "rediss": "watchword.stores.redis:RedisStore",
    "redis+sentinel": "watchword.stores.redis:RedisStore",
    "rediss+sentinel": "watchword.stores.redis:RedisStore",
    "redis+cluster": "watchword.stores.redis:RedisStore",
    "rediss+cluster": "watchword.stores.redis:RedisStore",
}
"""URL scheme -> dotted name of the store class; a new store is a new file and a row."""


CARRIERS: dict[str, str] = {
    scheme: "watchword.stores.composite:CompositeStore" for scheme in SCHEMES if scheme.startswith("redis")
}
"""URL scheme of a carrier -> dotted name of the store that puts it beside an SQL store."""


def open_store(url: str, *, migrate: str = "auto", carrier: str | None = None, **options: Any) -> Store:
    """Make the store that a URL names; no I/O happens until its ``open``.

    A scheme that is none of ours is looked for among the entry points ``watchword.stores`` of installed packages.

    Parameters: url: ``memory:``, ``sqlite:///path.db`` (four slashes for an absolute path),
    ``postgresql://user:password@host/database``, ``redis://user:password@host``. migrate: ``never`` refuses to open a
    database that lacks a migration, ``auto`` applies it. carrier: the URL of a Redis beside an SQL store, with
    ``max_staleness`` and ``clock`` as ``options``.
    Raises: ConfigurationError for an unknown scheme, and for a carrier beside what is no SQL store.
    """
    if migrate not in ("auto", "never"):
        raise ConfigurationError(f"migrate is 'auto' or 'never', not {migrate!r}")
    scheme = _scheme(url)
    record: Store = _case(scheme, SCHEMES, "memory: or sqlite:///path.db")(url)
    record.migrates = migrate == "auto"
    if carrier is None:
        return record
    if not record.lasts or scheme in CARRIERS:
        raise ConfigurationError(f"a carrier goes beside an SQL store, sqlite or postgresql, and not beside {scheme}:")
    store: Store = _case(_scheme(carrier), CARRIERS, "redis://host")(record, carrier, **options)
    return store


def _scheme(url: str) -> str:
    return urlsplit(url.partition("//")[0]).scheme if ":" in url else ""


def _case(scheme: str, table: Mapping[str, str], example: str) -> Any:
    target = table.get(scheme) or (_published(scheme) if table is SCHEMES else None)
    if target is None:
        known = ", ".join(sorted(table))
        raise ConfigurationError(f"no store for the URL scheme {scheme!r}; use one of: {known}, as in {example}")
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        if scheme not in table:
            raise ConfigurationError(f"{scheme}: its package is not whole: {target} ({error})") from error
        extra = "redis" if table is CARRIERS else module.rpartition(".")[2]
        raise ConfigurationError(f"{scheme}: needs a driver: pip install 'watchword[{extra}]' ({error})") from error


def _published(scheme: str) -> str | None:
    """The dotted name that an installed package gives for a scheme."""
    from importlib.metadata import entry_points  # here: it reads every package's metadata

    return (
        next((point.value for point in entry_points(group="watchword.stores", name=scheme)), None) if scheme else None
    )
