"""opaque_access: a bearer token that means nothing outside the store, so that it can end at any moment.

For those who want the store's word, or that of an introspecting server, rather than a signature that verifies offline.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..crypto.digest import digest, new_id, same
from ..errors import BindingError, TokenExpiredError, TokenNotFoundError, TokenRevokedError, WrongAudienceError
from ..formats import opaque
from ..keys.key import Key
from ..principal import Principal
from ..revocation.event import event
from ..revocation.feed import catch_up
from ..revocation.near import Near, as_read
from ..revocation.stale import asked, renew
from ..revocation.view import OnStale, View
from ..stores.base import Audit, Event, Record, Store
from ..stores.whole import found
from .base import KINDS, NO_PROOF, Issued, life_of, named, one_id, plain_json, rev_of, thumbprint_of, words
from .rows import OPAQUE

RECORD = "opaque_access"
MAX_CLAIMS = 4096
EXPLAINED_FOR = 3600
"""Seconds that a dead row is kept, so that the refusal can say why."""
ALL = 1_000_000
"""Rows of one subject that are looked through."""


class OpaqueAccessInfo(Struct, frozen=True, kw_only=True):
    """One live token of a subject. ``token_id`` names it and opens nothing."""

    token_id: str
    client_id: str
    issued_at: int
    expires_at: int
    scopes: frozenset[str]
    session_id: str | None = None


class OpaqueAccessTokens:
    """Opaque access tokens over a store; stands alone: ``OpaqueAccessTokens(store, audience="https://api.example")``.

    Parameters: audience: one or several; a token is ours if it is for any of them, and new ones are for the first.
    issuer: what introspection says of them. lifetime: 15 min, at most 60, or ``cap``. view: where revocations are
    heard.
    Every verb raises UnavailableError when the store does not answer.
    """

    kind = KINDS["opaque_access"]
    prefix = KINDS["opaque_access"].starts[0]

    def __init__(
        self,
        store: Store,
        *,
        audience: str | Sequence[str],
        issuer: str | None = None,
        view: View | None = None,
        clock: Clock | None = None,
        lifetime: timedelta | None = None,
        cap: timedelta | None = None,
    ) -> None:
        if cap is not None:
            life_of(self.kind, cap, self.kind.cap)
            self.kind = replace(self.kind, cap=cap, life=min(self.kind.life, cap))
        self._store = store
        self._audiences = tuple(self.kind.whom(audience, ()))
        self._issuer = issuer
        self._view = view
        self.near = Near(RECORD, store, view, as_read, OPAQUE)
        self._clock = clock or (view.clock if view is not None else SystemClock())
        self._life = timedelta(seconds=life_of(self.kind, lifetime, self.kind.life))

    async def issue(
        self,
        subject: str,
        *,
        scopes: Iterable[str] = (),
        client_id: str = "first-party",
        session_id: str | None = None,
        family_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        lifetime: timedelta | None = None,
        roles: Iterable[str] = (),
        claims: Mapping[str, Any] | None = None,
        auth_time: int | None = None,
        rev: str | None = None,
        format: str | None = None,
        bind: Key | str | None = None,
        fpt: str | None = None,
    ) -> Issued:
        """A token for ``subject``; what it stands for is kept in the store. Parameters: as for ``access.issue``.

        ``claims``: your own, plain JSON of up to 4 KiB; they stay on the server.
        """
        self.kind.check_format(format)
        now, life, token = self._clock.now(), life_of(self.kind, lifetime, self._life), opaque.issue(self.prefix)
        held = {
            "state": "live",
            "token_id": new_id(),
            "issued_at": now,
            "expires_at": now + life,
            "audience": self.kind.whom(audience, self._audiences),
            "client_id": named(client_id, "a client_id"),
            "session_id": one_id(session_id, "a session_id"),
            "family_id": one_id(family_id, "a family_id"),
            "scopes": words(scopes, "scopes"),
            "roles": words(roles, "roles"),
            "claims": plain_json(claims, "claims", MAX_CLAIMS),
            "auth_time": auth_time,
            "rev": rev_of(self._view, rev),
            "jkt": thumbprint_of(bind),
            "fpt": fpt,
        }
        record = Record(
            kind=RECORD,
            key=digest(RECORD, opaque.parse(token, self.prefix)),
            data=held,
            subject=named(subject, "a subject"),
            group=str(held["token_id"]),
            expires_at=now + life + EXPLAINED_FOR,
        )
        await self._store.put(record, audit=[_audit("opaque_access_issued", record, now)])
        return Issued.of(token, _principal(record))

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal behind a token that is for us.

        Raises: MalformedTokenError, TokenNotFoundError, TokenExpiredError, TokenRevokedError, WrongAudienceError,
        StaleRevocationError; BindingError for one that is bound to a key, whose proof comes with a request.
        """
        who = await self.unproven(untrusted, on_stale=on_stale)
        if who.jkt is not None:
            raise BindingError(NO_PROOF)
        return who

    async def unproven(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """All but the binding: for the corridor, which looks at the proof next, and never for access."""
        record, who = await self._live(untrusted, on_stale)
        if not set(self._audiences) & set(record.data["audience"]):
            raise WrongAudienceError(claim="aud")
        return who

    async def introspect(self, untrusted: object, *, audience: str | None = None) -> dict[str, Any]:
        """What a live token says (RFC 7662 §2.2), whoever it is for; with ``audience``, for that one alone.

        Raises: as ``authenticate``.
        """
        record, who = await self._live(untrusted)
        aud = record.data["audience"]
        if audience is not None and audience not in aud:
            raise WrongAudienceError(claim="aud")
        more = {"iss": self._issuer, "sid": who.session_id, "roles": record.data["roles"], "auth_time": who.auth_time}
        more["cnf"] = None if who.jkt is None else {"jkt": who.jkt}
        return {
            "scope": " ".join(sorted(who.scopes)),
            "client_id": who.client_id,
            "sub": who.subject,
            "aud": aud[0] if len(aud) == 1 else aud,
            "exp": who.expires_at,
            "iat": who.issued_at,
            "nbf": who.issued_at,
            "jti": who.token_id,
        } | {name: value for name, value in more.items() if value}

    async def list(self, subject: str) -> list[OpaqueAccessInfo]:
        """The live tokens of a subject, oldest first."""
        rows = await found(self._store, RECORD, OPAQUE, now=self._clock.now(), subject=subject, limit=ALL)
        return [_info(record) for record in rows if await self._why_dead(record) is None]

    async def revoke(self, token_id: str) -> bool:
        """End one token by its public id. False if there was none."""
        ended = False
        for record in await found(self._store, RECORD, OPAQUE, now=self._clock.now(), group=token_id, limit=ALL):
            ended = await self._end(record) or ended
        if ended and self._view is not None:
            await catch_up(self._store, self._view)
        return ended

    async def revocation_of(self, untrusted: object) -> Event | None:
        try:
            record, _ = await self._live(untrusted)
        except (TokenExpiredError, TokenRevokedError):
            return None
        return _end_of(record, self._clock.now())

    async def _live(self, untrusted: object, on_stale: OnStale | None = None) -> tuple[Record, Principal]:
        key = digest(RECORD, opaque.parse(untrusted, self.prefix))
        record = await self.near.get(key, now=self._clock.now())
        if record is None or not same(record.key, key):
            raise TokenNotFoundError("no such access token")
        await renew(self._store, self._view, on_stale)
        why = await self._why_dead(record, on_stale)
        if why is not None:
            raise why
        return record, _principal(record)

    async def _why_dead(
        self, record: Record, on_stale: OnStale | None = None
    ) -> TokenExpiredError | TokenRevokedError | None:
        """The refusal that fits; None for a token that lives. Raises: StaleRevocationError."""
        if record.data["state"] != "live":
            return TokenRevokedError("this access token was revoked")
        now = self._clock.now()
        if now >= record.data["expires_at"]:
            return TokenExpiredError(f"expired {now - record.data['expires_at']} s ago; get a new one", claim="exp")
        who = _principal(record)
        view = await asked(self._view, who, on_stale=on_stale)
        try:
            if view is not None:
                view.check(who)
        except TokenRevokedError as error:
            return error
        return None

    async def _end(self, record: Record) -> bool:
        """False when it was dead already."""
        now = self._clock.now()
        if await self._why_dead(record) is not None:
            return False
        kept: builtins.list[str] = ["token_id", "client_id", "issued_at", "expires_at"]
        dead = replace(record, data={name: record.data[name] for name in kept} | {"state": "revoked"})
        audit = [_audit("opaque_access_revoked", record, now)]
        try:
            return await self._store.swap(dead, version=record.version, events=[_end_of(record, now)], audit=audit)
        finally:
            self.near.forget(record.key)


def _end_of(record: Record, now: int) -> Event:
    return event("token", record.data["token_id"], now=now, life=max(record.data["expires_at"] - now, 0))


def _principal(record: Record) -> Principal:
    held = record.data
    return Principal(
        subject=str(record.subject),
        kind="opaque_access",
        token_id=held["token_id"],
        issued_at=held["issued_at"],
        expires_at=held["expires_at"],
        scopes=frozenset(held["scopes"]),
        roles=frozenset(held["roles"]),
        session_id=held["session_id"],
        family_id=held["family_id"],
        client_id=held["client_id"],
        auth_time=held["auth_time"],
        rev=held["rev"],
        jkt=held.get("jkt"),
        fpt=held.get("fpt"),
        raw_claims=held["claims"],
    )


def _info(record: Record) -> OpaqueAccessInfo:
    held = record.data
    return OpaqueAccessInfo(
        token_id=held["token_id"],
        client_id=held["client_id"],
        issued_at=held["issued_at"],
        expires_at=held["expires_at"],
        scopes=frozenset(held["scopes"]),
        session_id=held["session_id"],
    )


def _audit(name: str, record: Record, now: int) -> Audit:
    detail = {"token_id": record.data["token_id"], "client_id": record.data["client_id"]}
    return Audit(name=name, at=now, subject=record.subject, detail=detail)
