"""one_time: opaque, for links in e-mails; redeemed exactly once, for one purpose, and void once there is a newer one.

A token is two rows: under ``SHA-256(purpose, secret)`` a pointer, and behind it the *slot* of its subject and purpose,
which holds the one token that is good. Issuing, redeeming and voiding are each one swap of the slot, so of any number
of them at once one wins. A use leaves a tombstone, so that a second one can be told from a link that never was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..crypto.digest import digest, new_id, same
from ..errors import (
    ConfigurationError,
    RateLimitedError,
    StoreConflictError,
    TokenConsumedError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
)
from ..formats import opaque
from ..principal import Principal
from ..revocation.event import event
from ..revocation.stale import asked
from ..revocation.view import OnStale, View
from ..stores.base import Audit, Effect, Event, Record, Store
from ..stores.whole import read
from .base import KINDS, Issued, life_of, named, plain_json, rev_of, whole_seconds
from .rows import POINTER as POINTER_ROW
from .rows import SLOT as SLOT_ROW
from .rows import USED as USED_ROW

POINTER, SLOT, USED = "one_time", "one_time_slot", "one_time_used"
PURPOSES: dict[str, timedelta] = {
    "email-verification": timedelta(hours=24),
    "password-reset": timedelta(minutes=30),
    "magic-link": timedelta(minutes=10),
}
"""Purpose -> how long its tokens live. Any other purpose names its ``lifetime`` at issue."""
MAX_DATA = 4_096
EXPLAINED_FOR = 86_400
ATTEMPTS = 200
"""Each lost race means that somebody else won; 100 at once is what a test of ours tries."""


class OneTimeInfo(Struct, frozen=True, kw_only=True):
    """What a live token stands for, before it is redeemed. It proves nothing: whoever sees the link can ask."""

    subject: str
    purpose: str
    expires_at: int
    data: Mapping[str, Any]


class OneTimeTokens:
    """Tokens that work once, over a store; stands alone: ``OneTimeTokens(store)``.

    Parameters: every: at most one token in this time for a subject and purpose (5 min), also after it was used.
    """

    kind = KINDS["one_time"]
    prefix = KINDS["one_time"].starts[0]

    def __init__(
        self,
        store: Store,
        *,
        view: View | None = None,
        clock: Clock | None = None,
        every: timedelta = timedelta(minutes=5),
    ) -> None:
        self._store = store
        self._view = view
        self._clock = clock or (view.clock if view is not None else SystemClock())
        self._every = whole_seconds(every, "the time between two tokens")
        if not 0 <= self._every <= EXPLAINED_FOR:
            raise ConfigurationError("the time between two tokens is 0 s to a day: so long is the last one remembered")

    async def issue(
        self,
        subject: str,
        *,
        purpose: str,
        lifetime: timedelta | None = None,
        data: Mapping[str, Any] | None = None,
        version: str | None = None,
        format: str | None = None,
    ) -> Issued:
        """A new token, which voids the one before it for the same subject and purpose.

        ``lifetime``: up to 7 d; a purpose outside PURPOSES must name it. ``data`` is plain JSON of up to 4 KiB that
        stays on the server. ``version``: what the account looked like (a hash of its password hash, a counter); if
        it is another at ``redeem``, the token is void.
        Raises: RateLimitedError with the seconds to wait.
        """
        self.kind.check_format(format)
        now, slot = self._clock.now(), _slot(named(subject, "a subject"), purpose)
        token = opaque.issue(self.prefix)
        held = {
            "state": "live",
            "key": self._place(token, purpose),
            "token_id": new_id(),
            "purpose": purpose,
            "issued_at": now,
            "ends_at": now + self._life(purpose, lifetime),
            "data": plain_json(data, "the data of a one-time token", MAX_DATA),
            "version": None if version is None else _version(version),
            "rev": rev_of(self._view, None),
        }
        fresh = _kept(Record(kind=SLOT, key=slot, data=held, subject=subject, group=purpose))
        await self._fill(fresh, now)
        return _issued(token, fresh)

    async def look(self, token: str, *, purpose: str) -> OneTimeInfo:
        """What a live token stands for, without using it up: for the page that a link leads to, before the button.

        Raises: as ``redeem``.
        """
        held = (record := await self._good(self._place(token, purpose))).data
        who = str(record.subject)
        return OneTimeInfo(subject=who, purpose=purpose, expires_at=held["ends_at"], data=held["data"])

    async def redeem(
        self, token: str, *, purpose: str, version: str | None = None, effect: Effect | None = None
    ) -> Principal:
        """Use a token up, exactly once; ``claims`` is its data. Its siblings are void with it.

        ``effect``: a plain function that is called with the store's connection, in the transaction that uses the token
        up: what it writes there is written with it or not at all, and if it raises, the token is as good as before.
        A store in memory has no connection to give (None); there the use is recorded if and only if ``effect`` returns.
        Raises: TokenNotFoundError (also for another purpose), TokenExpiredError, TokenConsumedError,
        TokenRevokedError (also for another ``version``), and what ``effect`` raises.
        """
        key = self._place(token, purpose)
        for _ in range(ATTEMPTS):
            record, now = await self._good(key), self._clock.now()
            _same_account(record, version)
            until = record.data["issued_at"] + int(self.kind.cap.total_seconds()) + EXPLAINED_FOR
            used = Record(kind=USED, key=key, data={"at": now}, expires_at=until)
            audit = [_audit("one_time_redeemed", record, now)]
            spent = _emptied(record, "used")
            if await self._store.swap(spent, version=record.version, puts=[used], audit=audit, effect=effect):
                return _principal(record)
        raise StoreConflictError

    async def void(self, subject: str, *, purpose: str) -> bool:
        """End the live token of a subject and purpose. False if there was none."""
        return await self._change(subject, purpose, "one_time_voided", lambda record: _emptied(record, "void"))

    async def set_lifetime(self, subject: str, *, purpose: str, lifetime: timedelta) -> bool:
        """Let the live token of a subject and purpose end ``lifetime`` from now; at most 7 d after it was issued.

        False if there is no live one.
        """
        ends_at = self._clock.now() + life_of(self.kind, lifetime, self.kind.life)

        def changed(record: Record) -> Record:
            latest = record.data["issued_at"] + int(self.kind.cap.total_seconds())
            return _kept(replace(record, data=dict(record.data) | {"ends_at": min(ends_at, latest)}))

        return await self._change(subject, purpose, "one_time_changed", changed)

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """Never: a one-time token says who somebody is only by being redeemed."""
        raise TokenNotFoundError("a one-time token is redeemed, with its purpose; it is no credential for requests")

    async def revocation_of(self, untrusted: object) -> Event | None:
        """For ``ww.revoke(token=…)``, which is told no purpose: those of PURPOSES are tried; ``void`` ends any."""
        opaque.parse(untrusted, self.prefix)
        for purpose in PURPOSES:
            try:
                record = await self._good(self._place(untrusted, purpose))
            except TokenNotFoundError:
                continue
            except (TokenExpiredError, TokenConsumedError, TokenRevokedError):
                return None
            return event("token", record.data["token_id"], now=self._clock.now())
        raise TokenNotFoundError("no one-time token of a known purpose; void(subject, purpose=…) ends those of others")

    def _place(self, untrusted: object, purpose: str) -> str:
        """Where the pointer of a token lies: another purpose is another place."""
        return digest(f"{POINTER}:{_purpose(purpose)}", opaque.parse(untrusted, self.prefix))

    def _life(self, purpose: str, lifetime: timedelta | None) -> int:
        default = PURPOSES.get(purpose)
        if lifetime is None and default is None:
            raise ConfigurationError(
                f"{purpose!r} is not one of {', '.join(PURPOSES)}: say how long its tokens live, with lifetime="
            )
        return life_of(self.kind, lifetime, default or self.kind.life)

    async def _fill(self, fresh: Record, now: int) -> None:
        """Make ``fresh`` the one token of its slot, unless the last one is too young."""
        until = now + int(self.kind.cap.total_seconds()) + EXPLAINED_FOR
        pointer = Record(kind=POINTER, key=fresh.data["key"], data={"slot": fresh.key}, expires_at=until)
        audit = [_audit("one_time_issued", fresh, now)]
        for _ in range(ATTEMPTS):
            before = await read(
                self._store, SLOT, fresh.key, SLOT_ROW, now=0
            )  # of any age: a dead row is still in the way
            if before is None:
                try:
                    return await self._store.put(fresh, pointer, audit=audit)
                except StoreConflictError:
                    continue
            wait = self._every - abs(now - before.data["issued_at"])
            if wait > 0:
                raise RateLimitedError("a token like this was issued a moment ago", retry_after=wait)
            if await self._store.swap(fresh, version=before.version, puts=[pointer], audit=audit):
                return None
        raise StoreConflictError

    async def _good(self, key: str) -> Record:
        """The slot in which the token of this place is the live one."""
        now = self._clock.now()
        pointer = await read(self._store, POINTER, key, POINTER_ROW, now=now)
        record = None if pointer is None else await read(self._store, SLOT, pointer.data["slot"], SLOT_ROW, now=now)
        if pointer is None or not same(pointer.key, key):
            raise TokenNotFoundError("no such link for this purpose")
        if await read(self._store, USED, key, USED_ROW, now=now) is not None:
            raise TokenConsumedError("this link was used already; ask for a new one")
        if record is None or record.data["key"] != key or record.data["state"] != "live":
            raise TokenRevokedError("this link is void: a newer one was asked for, or it was withdrawn")
        if now >= record.data["ends_at"]:
            raise TokenExpiredError("this link has expired; ask for a new one", claim="exp")
        who = _principal(record)
        view = await asked(self._view, who)
        if view is not None:
            view.check(who)
        return record

    async def _change(self, subject: str, purpose: str, name: str, change: Callable[[Record], Record]) -> bool:
        key = _slot(named(subject, "a subject"), purpose)
        for _ in range(ATTEMPTS):
            now = self._clock.now()
            record = await read(self._store, SLOT, key, SLOT_ROW, now=now)
            if record is None or record.data["state"] != "live" or now >= record.data["ends_at"]:
                return False
            audit = [_audit(name, record, now)]
            if await self._store.swap(change(record), version=record.version, audit=audit):
                return True
        raise StoreConflictError


def _purpose(purpose: str) -> str:
    if not purpose.isascii() or not purpose.isprintable() or not 0 < len(purpose) <= 64 or " " in purpose:
        raise ConfigurationError("a purpose is up to 64 visible ASCII characters, such as 'password-reset'")
    return purpose


def _slot(subject: str, purpose: str) -> str:
    return digest(f"{SLOT}:{_purpose(purpose)}", subject.encode())


def _version(version: str) -> str:
    """Kept as a digest, because it may be made of a password's hash."""
    return digest("one_time version", version.encode())


def _same_account(record: Record, version: str | None) -> None:
    wanted = record.data["version"]
    if wanted is not None and version is None:
        raise ConfigurationError("this token was issued with version=, so redeem it with the version of now")
    if version is not None and not same(wanted or "", _version(version)):
        raise TokenRevokedError("the account has changed since this link was sent; ask for a new one", reason="version")


def _kept(record: Record) -> Record:
    """For a day after its end, so that the refusal can say why; its data goes at once when it is used or void."""
    return replace(record, expires_at=record.data["ends_at"] + EXPLAINED_FOR)


def _emptied(record: Record, state: str) -> Record:
    return replace(record, data=dict(record.data) | {"state": state, "data": {}, "version": None})


def _principal(record: Record) -> Principal:
    held = record.data
    return Principal(
        subject=str(record.subject),
        kind="one_time",
        token_id=held["token_id"],
        issued_at=held["issued_at"],
        expires_at=held["ends_at"],
        rev=held["rev"],
        raw_claims=held["data"],
    )


def _issued(token: str, record: Record) -> Issued:
    who = _principal(record)
    return Issued(token=token, token_id=who.token_id, subject=who.subject, expires_at=who.expires_at, rev=who.rev)


def _audit(name: str, record: Record, now: int) -> Audit:
    detail = {"token_id": record.data["token_id"], "purpose": record.data["purpose"]}
    return Audit(name=name, at=now, subject=record.subject, detail=detail)
