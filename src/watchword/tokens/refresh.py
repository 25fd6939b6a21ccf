"""refresh: opaque, rotated at each use. One live successor per token; one that comes back too late ends its family.

Wire form: see ``formats.rotating``. The MAC is under the ring's ``mac`` key: without it nobody
can even name a family, and a right MAC with an old generation proves reuse although no old token was kept (RFC 9700
§4.14.2). For ``grace`` seconds the last predecessor gets the very same successor again, which is kept sealed under the
predecessor's own secret: a copy of the database opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..crypto.digest import new_id, new_secret, same
from ..errors import (
    BindingError,
    ConfigurationError,
    InsufficientScopeError,
    ProofError,
    StoreConflictError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
)
from ..keys.key import Key
from ..keys.ring import KeyRing, checked
from ..principal import Principal, Proof
from ..revocation.event import LONGEST_LIFE, event
from ..revocation.feed import catch_up
from ..revocation.stale import asked
from ..revocation.view import OnStale, View
from ..stores.base import Audit, Event, Record, Store
from ..stores.whole import found
from ..stores.whole import read as read_row
from .base import KINDS, Issued, life_of, named, one_id, rev_of, shown, thumbprint_of, whole_seconds, words
from .refresh_wire import FAMILY, PREFIX, SEALED, Presented, kept, place, read, sealed, unsealed, write
from .roles import with_roles
from .rows import FAMILY as FAMILY_ROW
from .rows import SUCCESSOR

EXPLAINED_FOR = 86_400
ATTEMPTS = 50
LONGEST_GRACE = 60
"""Seconds. A thief and the owner who take turns within the grace get the same successors, and look like one."""
ALL = 1_000_000
"""Rows of one subject that are looked through: dead families are kept for a while, and hide no live one."""


class FamilyInfo(Struct, frozen=True, kw_only=True):
    """One refresh family of a subject: a device or client that may ask for access tokens."""

    family_id: str
    client_id: str
    created_at: int
    rotated_at: int
    expires_at: int
    scopes: frozenset[str]
    session_id: str | None = None
    device: str | None = None
    ip: str | None = None


class RefreshTokens:
    """Rotating refresh tokens over a store; stands alone: ``RefreshTokens(store, ring)``. The ring has a ``mac`` key.

    Parameters: grace: how long the last predecessor may come again (10 s; 0 is strict,
    60 the most). idle: ends a family that is
    not used (14 d). life: ends it in any case, counted from sign-in and never extended (30 d).
    """

    kind = KINDS["refresh"]
    prefix = PREFIX

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        *,
        view: View | None = None,
        clock: Clock | None = None,
        grace: timedelta = timedelta(seconds=10),
        idle: timedelta | None = None,
        life: timedelta | None = None,
    ) -> None:
        self._store = store
        self._ring = checked(ring)
        self._view = view
        self._clock = clock or (view.clock if view is not None else SystemClock())
        self.grace = whole_seconds(grace, "the grace")
        if not 0 <= self.grace <= LONGEST_GRACE:
            raise ConfigurationError(
                f"the grace is 0 s (strict) to {LONGEST_GRACE} s; in a longer one reuse goes unseen"
            )
        self._idle = life_of(self.kind, idle, self.kind.life)
        self._life = life_of(self.kind, life, self.kind.cap)

    async def issue(
        self,
        subject: str,
        *,
        client_id: str,
        session_id: str | None = None,
        device: str | None = None,
        ip: str | None = None,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        auth_time: int | None = None,
        rev: str | None = None,
        ends_at: int | None = None,
        format: str | None = None,
        bind: Key | str | None = None,
        fpt: str | None = None,
    ) -> Issued:
        """The first token of a new family. It is revoked with ``session_id``, where one is given.

        ``rev``, ``bind``, ``fpt``: as for access tokens.
        ``ends_at``: where the family is to end before its life is over (seconds since 1970), as a session does.
        """
        self.kind.check_format(format)
        now, secret, family_id = self._clock.now(), new_secret(), new_id()
        held = {
            "state": "live",
            "generation": 1,
            "current": kept(secret),
            "previous": None,
            "created_at": now,
            "rotated_at": now,
            "ends_at": min(now + self._life, ends_at if ends_at is not None else now + self._life),
            "client_id": named(client_id, "a client_id"),
            "session_id": one_id(session_id, "a session_id"),
            "device": shown(device),
            "ip": shown(ip),
            "scopes": words(scopes, "scopes"),
            "roles": words(roles, "roles"),
            "auth_time": auth_time if auth_time is not None else now,
            "rev": rev_of(self._view, rev),
            "jkt": thumbprint_of(bind),
            "fpt": fpt,
        }
        until = now + self._life + EXPLAINED_FOR
        record = Record(
            kind=FAMILY,
            key=family_id,
            data=held,
            subject=named(subject, "a subject"),
            group=session_id,
            expires_at=until,
        )
        await self._store.put(record, audit=[_audit("refresh_issued", record, now)])
        return self._issued(write(self._ring, family_id, 1, secret), record, None)

    async def rotate(
        self,
        token: str,
        *,
        client_id: str | None = None,
        scopes: Iterable[str] | None = None,
        proof: Proof | None = None,
    ) -> Issued:
        """The successor of a refresh token; the token itself is spent.

        Again within the grace, by the same client: the same successor. Later: TokenReusedError, and the family, its
        session and their access tokens are dead. ``scopes`` may narrow what the Issued carries; the family keeps its
        grant (RFC 6749 §6). ``proof``: what ``ww.binding.proof_of`` found; a family that is bound to a key wants one.
        Raises: BindingError for another client or key, ProofError without a proof, InsufficientScopeError for a wider
        scope; all without any change.
        """
        presented = await self._read(token)
        wanted = None if scopes is None else frozenset(words(scopes, "scopes"))
        for _ in range(ATTEMPTS):
            record = await self._family(presented)
            _check_sender(record, client_id, proof)
            narrowed = _narrowed(record, wanted)
            if self._is_current(presented, record):
                issued = await self._rotate(presented, record, narrowed)
            else:
                issued = await self._again(presented, record, narrowed)
            if issued is not None:
                return issued
        raise StoreConflictError

    async def list(self, subject: str) -> list[FamilyInfo]:
        """The live families of a subject, oldest first."""
        rows = await found(self._store, FAMILY, FAMILY_ROW, now=self._clock.now(), subject=subject, limit=ALL)
        return [_info(record, self._idle) for record in rows if await self._why_dead(record) is None]

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Stops the whole family; any generation of it names the family."""
        try:
            record = await self._family(await self._read(untrusted))
        except (TokenExpiredError, TokenRevokedError):
            return None
        return _end_of(record, self._clock.now())

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal behind a live, current token, without using it up: for introspection, never for access."""
        presented = await self._read(untrusted)
        record = await self._family(presented)
        if not self._is_current(presented, record):
            raise TokenRevokedError("this refresh token was rotated")
        return _principal(record, self._ends(record))

    async def unproven(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal behind the live family that a token of ours names, whichever generation; never for access."""
        record = await self._family(await self._read(untrusted))
        return _principal(record, self._ends(record))

    async def family_of(self, untrusted: object) -> FamilyInfo:
        """The live family that a token of ours names, whichever generation it is of."""
        return _info(await self._family(await self._read(untrusted)), self._idle)

    async def _rotate(self, presented: Presented, record: Record, scopes: frozenset[str]) -> Issued | None:
        """Compare-and-swap to the next generation; None when somebody was quicker."""
        now, secret, generation = self._clock.now(), new_secret(), presented.generation + 1
        successor = write(self._ring, record.key, generation, secret)
        held = dict(record.data) | {
            "generation": generation,
            "current": kept(secret),
            "previous": record.data["current"],
            "rotated_at": now,
        }
        rotated = replace(record, data=held)
        won = await self._store.swap(
            rotated,
            version=record.version,
            puts=[sealed(presented, successor, now + self.grace + 1)] if self.grace else (),
            audit=[_audit("refresh_rotated", rotated, now)],
        )
        return self._issued(successor, rotated, scopes) if won else None

    async def _again(self, presented: Presented, record: Record, scopes: frozenset[str]) -> Issued | None:
        """The same successor inside the grace; otherwise this is reuse. None when the family moved meanwhile."""
        held, now = record.data, self._clock.now()
        predecessor = presented.generation == held["generation"] - 1 and same(
            held["previous"] or "", kept(presented.secret)
        )
        if predecessor and abs(now - held["rotated_at"]) <= self.grace:
            hidden = await read_row(self._store, SEALED, place(presented), SUCCESSOR, now=now)
            if hidden is not None:
                return self._issued(unsealed(presented, hidden), record, scopes)
        if await self._kill(record):
            raise TokenReusedError(family_id=record.key)
        return None

    async def _kill(self, record: Record) -> bool:
        """End the family, its session and their access tokens together; False when the family moved meanwhile."""
        now, session_id = self._clock.now(), record.data["session_id"]
        events = [_end_of(record, now)]
        if session_id is not None:
            events.append(event("session", session_id, now=now))
        dead = replace(record, data=dict(record.data) | {"state": "reused"})
        audit = [_audit("refresh_reused", record, now)]
        killed = await self._store.swap(dead, version=record.version, events=events, audit=audit)
        if killed and self._view is not None:
            await catch_up(self._store, self._view)
        return killed

    async def _family(self, presented: Presented) -> Record:
        record = await read_row(self._store, FAMILY, presented.family_id, FAMILY_ROW, now=self._clock.now())
        if record is None:
            raise TokenNotFoundError("no such refresh family; sign in again")
        who = _principal(record, self._ends(record))
        view = await asked(self._view, who)
        changed = None if view is None else view.roles_changed(who)
        why = self._why_dead_to(view, record)
        if why == "expired":
            raise TokenExpiredError("the refresh family has ended by time; sign in again", claim="exp")
        if why is not None:
            raise TokenRevokedError(f"this refresh family is {why}; sign in again")
        return (
            record
            if changed is None
            else await with_roles(self._store, record, changed, self._clock.now(), widen=False)
        )

    async def _why_dead(self, record: Record) -> str | None:
        return self._why_dead_to(await asked(self._view, _principal(record, self._ends(record))), record)

    def _why_dead_to(self, view: View | None, record: Record) -> str | None:
        if record.data["state"] != "live":
            return f"dead, because one of its tokens was {record.data['state']}"
        if self._clock.now() >= self._ends(record):
            return "expired"
        try:
            if view is not None:
                view.check(_principal(record, self._ends(record)))
        except TokenRevokedError:
            return "revoked"
        return None

    def _ends(self, record: Record) -> int:
        return int(min(record.data["ends_at"], record.data["rotated_at"] + self._idle))

    def _is_current(self, presented: Presented, record: Record) -> bool:
        return presented.generation == record.data["generation"] and same(
            record.data["current"], kept(presented.secret)
        )

    async def _read(self, untrusted: object) -> Presented:
        return await read(untrusted, self._ring, self._view)

    def _issued(self, token: str, record: Record, scopes: frozenset[str] | None) -> Issued:
        held = record.data
        return Issued(
            token=token,
            token_id=f"{record.key}.{held['generation']}",
            subject=str(record.subject),
            expires_at=self._ends(record),
            scopes=frozenset(held["scopes"]) if scopes is None else scopes,
            roles=frozenset(held["roles"]),
            client_id=held["client_id"],
            session_id=held["session_id"],
            family_id=record.key,
            rev=held["rev"],
            auth_time=held["auth_time"],
            jkt=held.get("jkt"),
            fpt=held.get("fpt"),
        )


def _end_of(record: Record, now: int) -> Event:
    """The end of a family; to be remembered until the last access token of it has ended as well."""
    left = max(record.data["ends_at"] - now, 0) + int(KINDS["access"].cap.total_seconds())
    return event("family", record.key, now=now, life=min(left, LONGEST_LIFE))


def _check_sender(record: Record, client_id: str | None, proof: Proof | None) -> None:
    if client_id is not None and client_id != record.data["client_id"]:
        raise BindingError("this refresh token belongs to another client")
    jkt = record.data.get("jkt")
    if jkt is not None and proof is None:
        raise ProofError("this refresh token is bound to a key: send a DPoP proof by that key")
    if jkt is not None and proof is not None and proof.jkt != jkt:
        raise BindingError("this refresh token is bound to another key than the one of the proof")


def _narrowed(record: Record, scopes: frozenset[str] | None) -> frozenset[str]:
    granted = frozenset(record.data["scopes"])
    wanted = granted if scopes is None else scopes
    if not wanted <= granted:
        raise InsufficientScopeError(
            "a refresh may narrow its scopes, never widen them", scope=" ".join(sorted(wanted - granted))
        )
    return wanted


def _principal(record: Record, ends_at: int) -> Principal:
    held = record.data
    return Principal(
        subject=str(record.subject),
        kind="refresh",
        token_id=f"{record.key}.{held['generation']}",
        issued_at=held["rotated_at"],
        expires_at=ends_at,
        scopes=frozenset(held["scopes"]),
        roles=frozenset(held["roles"]),
        session_id=held["session_id"],
        family_id=record.key,
        client_id=held["client_id"],
        auth_time=held["auth_time"],
        rev=held["rev"],
        jkt=held.get("jkt"),
        fpt=held.get("fpt"),
    )


def _info(record: Record, idle: int) -> FamilyInfo:
    held = record.data
    return FamilyInfo(
        family_id=record.key,
        client_id=held["client_id"],
        created_at=held["created_at"],
        rotated_at=held["rotated_at"],
        expires_at=min(held["ends_at"], held["rotated_at"] + idle),
        scopes=frozenset(held["scopes"]),
        session_id=held["session_id"],
        device=held["device"],
        ip=held.get("ip"),
    )


def _audit(name: str, record: Record, now: int) -> Audit:
    return Audit(
        name=name,
        at=now,
        subject=record.subject,
        detail={"family_id": record.key, "client_id": record.data["client_id"]},
    )
