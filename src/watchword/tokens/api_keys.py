"""api_key: opaque, for programs of customers; shown once, scoped, stopped at any moment, rotated with an overlap.

Wire form: ``sk_live_`` or ``sk_test_``, 43 base62 digits and a checksum of 6. A key with a typo, and one of the other
environment, is refused before the store is asked.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..crypto.digest import digest, new_id, same
from ..errors import (
    ConfigurationError,
    PrefixClashError,
    StoreConflictError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WrongAudienceError,
)
from ..formats import checked
from ..principal import Principal
from ..revocation.event import KEY_LIFE, event, notice
from ..revocation.feed import catch_up
from ..revocation.near import Near, as_read
from ..revocation.stale import asked, renew
from ..revocation.view import OnStale, View
from ..stores.base import Audit, Event, Record, Store
from ..stores.whole import found, read
from .base import KINDS, Issued, life_of, named, rev_of, shown, whole_seconds, words
from .rows import API_KEY

RECORD = "api_key"
ENVIRONMENTS = ("live", "test")
NEVER = 253_402_300_799
"""The ``expires_at`` of a key that does not expire: the last second of the year 9999, which RFC 3339 can write."""
EXPLAINED_FOR = 86_400
ATTEMPTS = 10
ALL = 1_000_000
MAX_USED = 100_000
"""Keys whose last use is remembered between two batches; beyond that a use is not noted."""
_PREFIX = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class ApiKeyInfo(Struct, frozen=True, kw_only=True):
    """One key, for lists that people see. ``key_id`` names it and opens nothing."""

    key_id: str
    subject: str
    environment: str
    label: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    created_at: int
    expires_at: int | None
    """None: never."""
    last_used_at: int | None
    """Written in batches, so it may be half a minute late."""
    rotated_to: str | None
    """The ``key_id`` of its successor, beside which it lives until ``expires_at``."""


class ApiKeys:
    """API keys over a store; stands alone: ``ApiKeys(store)``.

    Parameters: environment: ``live`` or ``test``; keys of the other one are refused. prefix: what stands before it in
    a key (``sk``). Every verb that awaits raises UnavailableError when the store does not answer.
    """

    def __init__(
        self,
        store: Store,
        *,
        view: View | None = None,
        clock: Clock | None = None,
        environment: str = "live",
        prefix: str = "sk",
    ) -> None:
        self._store = store
        self._view = view
        self.near = Near(RECORD, store, view, as_read, API_KEY)
        self._clock = clock or (view.clock if view is not None else SystemClock())
        self.environment = _environment(environment)
        self._prefixes = {f"{_prefix(prefix)}_{name}_": name for name in ENVIRONMENTS}
        self.kind = replace(KINDS["api_key"], starts=tuple(self._prefixes))
        self._used: dict[str, int] = {}

    async def issue(
        self,
        subject: str,
        *,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        environment: str | None = None,
        label: str | None = None,
        lifetime: timedelta | None = KINDS["api_key"].life,
        format: str | None = None,
    ) -> Issued:
        """A new key of ``subject``; its ``token`` cannot be read again. ``lifetime``: up to 365 d; None is for ever."""
        self.kind.check_format(format)
        now = self._clock.now()
        life = None if lifetime is None else life_of(self.kind, lifetime, self.kind.life)
        content = {
            "state": "live",
            "environment": self.environment if environment is None else _environment(environment),
            "label": shown(label),
            "scopes": words(scopes, "scopes"),
            "roles": words(roles, "roles"),
            "created_at": now,
            "life": life,
            "ends_at": NEVER if life is None else now + life,
            "last_used_at": None,
            "rotated_to": None,
        }
        for _ in range(ATTEMPTS):
            fresh = {"key_id": new_id(), "rev": rev_of(self._view, None)}
            token, record = self._make(named(subject, "a subject"), content | fresh)
            await self._store.put(record, audit=[_audit("api_key_issued", record, now)])
            if await self._outlived(record):
                return Issued.of(token, _principal(record))
            await self._end(record)  # nobody holds it
        raise StoreConflictError("all of this subject is being revoked again and again; try later")

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal behind a key; ``claims`` has its label and environment. Nothing is written.

        Raises: MalformedTokenError (reason ``checksum`` for a typo) and WrongAudienceError (the other environment)
        before the store is asked; TokenNotFoundError, TokenExpiredError, TokenRevokedError, StaleRevocationError.
        """
        record = await self._live(untrusted, on_stale)
        if len(self._used) < MAX_USED or record.key in self._used:
            self._used[record.key] = self._clock.now()
        return _principal(record)

    async def rotate(self, key: str, *, overlap: timedelta = timedelta(hours=24)) -> Issued:
        """A successor with the same rights and a life of the same length; the old key lives on for ``overlap``.

        ``key``: its ``key_id``, or the key itself. With an overlap of 0 the old key is dead at once.
        Raises: TokenRevokedError for a key that is dead, or was rotated already.
        """
        wait = whole_seconds(overlap, "an overlap")
        if not 0 <= wait <= self.kind.life.total_seconds():
            raise ConfigurationError(f"an overlap lasts from 0 s to {self.kind.life}")
        for _ in range(ATTEMPTS):
            record, now = await self._find(key), self._clock.now()
            if record is None:
                raise TokenNotFoundError("no such API key")
            await self._check(record)
            token, successor, changed = self._successor(record, now, now + wait)
            fact = notice("changed", record.key, now=now) if wait else _end_of(record, now)
            if await self._write(changed, fact, [successor], _audit("api_key_rotated", successor, now)):
                if await self._outlived(successor):
                    return Issued.of(token, _principal(successor))
                await self._end(successor)
                raise TokenRevokedError("all of this subject was revoked while its key was rotated; issue a new one")
        raise StoreConflictError

    async def list(self, subject: str) -> list[ApiKeyInfo]:
        """The live keys of a subject, oldest first."""
        now = self._clock.now()
        rows = await found(self._store, RECORD, API_KEY, now=now, subject=subject, limit=ALL)
        return [_info(record) for record in rows if await self._stands(record)]

    async def revoke(self, key: str) -> bool:
        """End a key, named by its ``key_id`` or by itself. False if there was none alive."""
        for _ in range(ATTEMPTS):
            record = await self._find(key)
            if record is None or record.data["state"] != "live" or self._clock.now() >= record.data["ends_at"]:
                return False
            if await self._end(record):
                await self._hear()
                return True
        raise StoreConflictError

    async def settle(self, subject: str) -> int:
        """End the keys of a subject that a cut-off has reached, for good; returns how many. Call it after a cut-off.

        It looks again until there is none: a key may be rotated while the others are ended.
        """
        ended = 0
        while dead := [one for one in await self._alive(subject) if not await self._stands(one)]:
            ended += sum([await self._end(record) for record in dead])
        return ended

    async def flush(self) -> int:
        """Write the last uses noted since the last time; returns how many. ``runtime`` calls it."""
        used, self._used = self._used, {}
        return sum([await self._note(key, at) for key, at in tuple(used.items())])  # a thread may still be writing

    async def remembered_for(self, subject: str) -> int:
        """Seconds until the last key of a subject ends: so long must a cut-off of the subject be remembered."""
        now = self._clock.now()
        return max((_left(record, now) for record in await self._alive(subject)), default=0)

    async def revocation_of(self, untrusted: object) -> Event | None:
        try:
            record = await self._live(untrusted)
        except (TokenExpiredError, TokenRevokedError):
            return None
        return _end_of(record, self._clock.now())

    async def _live(self, untrusted: object, on_stale: OnStale | None = None) -> Record:
        """The one place where a presented key is looked up."""
        prefix, secret = checked.parse(untrusted, self.kind.starts)
        if self._prefixes[prefix] != self.environment:
            raise WrongAudienceError(
                f"a {self._prefixes[prefix]} key, and this is the {self.environment} environment",
                claim="environment",
                reason="environment",
            )
        key = digest(RECORD, prefix.encode() + secret)
        record = await self.near.get(key, now=self._clock.now())
        if record is None or not same(record.key, key):
            raise TokenNotFoundError("no such API key")
        await renew(self._store, self._view, on_stale)
        await self._check(record, on_stale)
        return record

    async def _check(self, record: Record, on_stale: OnStale | None = None) -> None:
        if record.data["state"] != "live":
            raise TokenRevokedError(f"this API key was {record.data['state']}")
        if self._clock.now() >= record.data["ends_at"]:
            raise TokenExpiredError("the API key has expired; make a new one", claim="exp")
        who = _principal(record)
        view = await asked(self._view, who, on_stale=on_stale)
        if view is not None:
            view.check(who)

    async def _alive(self, subject: str) -> builtins.list[Record]:
        """The rows of a subject that have not ended by themselves, whatever the view says of them."""
        now = self._clock.now()
        rows = await found(self._store, RECORD, API_KEY, now=now, subject=subject, limit=ALL)
        return [one for one in rows if one.data["state"] == "live" and now < one.data["ends_at"]]

    async def _find(self, key: str) -> Record | None:
        """A key by its id or by itself, dead or alive, of either environment."""
        now = self._clock.now()
        if key.startswith(self.kind.starts):
            prefix, secret = checked.parse(key, self.kind.starts)
            return await read(self._store, RECORD, digest(RECORD, prefix.encode() + secret), API_KEY, now=now)
        if not 0 < len(key) <= 255 or not key.isprintable():
            return None
        return next(iter(await found(self._store, RECORD, API_KEY, now=now, group=key)), None)

    async def _end(self, record: Record) -> bool:
        now = self._clock.now()
        dead = _dead(record, "revoked", now)
        return await self._write(dead, _end_of(record, now), [], _audit("api_key_revoked", record, now))

    async def _write(self, record: Record, fact: Event, puts: builtins.list[Record], audit: Audit) -> bool:
        """Over the version that was read. False when the row changed meanwhile."""
        try:
            return await self._store.swap(record, version=record.version, puts=puts, events=[fact], audit=[audit])
        finally:  # also when nobody knows what became of it
            self.near.forget(record.key)

    async def _hear(self) -> None:
        if self._view is not None:
            await catch_up(self._store, self._view)

    def _successor(self, record: Record, now: int, old_ends: int) -> tuple[str, Record, Record]:
        if record.data["rotated_to"] is not None:
            raise TokenRevokedError(f"this API key was rotated already; rotate {record.data['rotated_to']}")
        held, life = dict(record.data), record.data["life"]
        fresh = {"key_id": new_id(), "created_at": now, "last_used_at": None}
        ends = {"ends_at": NEVER if life is None else now + life}
        token, successor = self._make(str(record.subject), held | fresh | ends)
        if old_ends == now:
            return token, successor, _dead(record, "rotated", now)
        shorter = {"ends_at": min(old_ends, held["ends_at"]), "rotated_to": fresh["key_id"]}
        return token, successor, _written(record, held | shorter)

    def _make(self, subject: str, content: dict[str, Any]) -> tuple[str, Record]:
        prefix = next(prefix for prefix, name in self._prefixes.items() if name == content["environment"])
        token = checked.issue(prefix)
        key = digest(RECORD, prefix.encode() + checked.parse(token, (prefix,))[1])
        empty = Record(kind=RECORD, key=key, data={}, subject=subject, group=content["key_id"])
        return token, _written(empty, content)

    async def _outlived(self, record: Record) -> bool:
        """False when a cut-off came while this key was made: that one did not count it."""
        await self._hear()
        return await self._stands(record)

    async def _stands(self, record: Record) -> bool:
        try:
            await self._check(record)
        except (TokenExpiredError, TokenRevokedError):
            return False
        return True

    async def _note(self, key: str, at: int) -> bool:
        """False when the key is gone, or somebody wrote it meanwhile who matters more."""
        record = await read(self._store, RECORD, key, API_KEY, now=self._clock.now())
        if record is None or (record.data["last_used_at"] or 0) >= at:
            return False
        noted = _written(record, dict(record.data) | {"last_used_at": at})
        return await self._store.swap(noted, version=record.version)


def _environment(name: str) -> str:
    if name not in ENVIRONMENTS:
        raise ConfigurationError(f"an environment is {' or '.join(ENVIRONMENTS)}, not {name!r}")
    return name


def _prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix) or len(prefix) > 20:
        raise ConfigurationError("a prefix is up to 20 of a-z, 0-9 and single _ inside, and begins with a letter")
    for kind in KINDS.values():
        if kind.name != "api_key" and any(f"{prefix}_live_".startswith(start) for start in kind.starts):
            raise PrefixClashError(f"keys that begin with {prefix}_ would look like {kind.name} tokens")
    return prefix


def _left(record: Record, now: int) -> int:
    return min(max(int(record.data["ends_at"]) - now, 0), KEY_LIFE)


def _end_of(record: Record, now: int) -> Event:
    return event("token", record.data["key_id"], now=now, life=_left(record, now))


def _written(record: Record, content: dict[str, Any]) -> Record:
    """The record with this content; it stays for a day after its end, so that the refusal can say why."""
    until = None if content["ends_at"] == NEVER else content["ends_at"] + EXPLAINED_FOR
    return replace(record, data=content, expires_at=until)


def _dead(record: Record, state: str, now: int) -> Record:
    held = dict(record.data) | {"state": state, "label": None}
    return _written(record, held | {"ends_at": min(now, held["ends_at"])})


def _principal(record: Record) -> Principal:
    held = record.data
    return Principal(
        subject=str(record.subject),
        kind="api_key",
        token_id=held["key_id"],
        issued_at=held["created_at"],
        expires_at=held["ends_at"],
        scopes=frozenset(held["scopes"]),
        roles=frozenset(held["roles"]),
        rev=held["rev"],
        raw_claims={"label": held["label"], "environment": held["environment"]},
    )


def _info(record: Record) -> ApiKeyInfo:
    held = record.data
    return ApiKeyInfo(
        key_id=held["key_id"],
        subject=str(record.subject),
        environment=held["environment"],
        label=held["label"],
        scopes=frozenset(held["scopes"]),
        roles=frozenset(held["roles"]),
        created_at=held["created_at"],
        expires_at=None if held["ends_at"] == NEVER else held["ends_at"],
        last_used_at=held["last_used_at"],
        rotated_to=held["rotated_to"],
    )


def _audit(name: str, record: Record, now: int) -> Audit:
    return Audit(name=name, at=now, subject=record.subject, detail={"key_id": record.data["key_id"]})
