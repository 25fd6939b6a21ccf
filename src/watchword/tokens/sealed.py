"""sealed: encrypted, for one purpose, user and audience: PASETO v4.local, or JWE for interop. Redeemed once.

Purpose, user and audience do not travel. They are the implicit assertion of the PASETO, and stand as a salted digest in
the protected header of the JWE: with another user, purpose or audience the token does not open (SealError).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, overload

from msgspec import Struct
from msgspec.structs import replace

from ..claims import printable, seconds
from ..clock import Clock
from ..crypto.digest import digest, new_id, same
from ..encoding import dump_json, gate, json_object, pae
from ..errors import (
    AlgorithmError,
    BadRequestError,
    ClaimError,
    ConfigurationError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    StoreConflictError,
    TokenConsumedError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    WrongIssuerError,
)
from ..formats.base import SealedFormat, Verified, make_sealed_format
from ..keys.ring import KeyRing, Slot, checked
from ..principal import Principal, typed
from ..revocation.event import event
from ..revocation.feed import catch_up
from ..revocation.stale import asked, asked_now
from ..revocation.view import View
from ..stores.base import Audit, Effect, Event, Record, Store
from ..stores.whole import read
from .base import KINDS, Issued, life_of, named, plain_json, rev_of
from .cards import card_in
from .rows import SEALED

T = TypeVar("T")

RECORD = "sealed"
CONTEXT = b"watchword.sealed.v1"
PAYMENT = "payment"
"""The purpose whose data is searched for card numbers before it is sealed."""
MAX_DATA = 4096
LEEWAY = 10
"""Seconds that ``iat`` may lie in the future."""
EXPLAINED_FOR = 86_400
"""Seconds that a redeemed id is kept behind the token's end, so that a retry is told what the first one was."""


class _Opened(Struct, frozen=True):
    """A token that opened, and for what. ``place``: where its one row is, apart from those of all other contexts.

    Its id alone would not do: what a public key sealed may have any id.
    """

    claims: dict[str, Any]
    kid: str
    place: str
    purpose: str
    bound_to: str

    def __repr__(self) -> str:
        return f"_Opened(kid={self.kid!r}, purpose={self.purpose!r})"


class SealedTokens:
    """Seals data for one purpose, user and audience; stands alone: ``SealedTokens(ring)``, with a ring of its own.

    Parameters: ring: a v4.local key, or for JWE an A256GCM (``dir``) or ECDH-ES+A256KW key; its first one decides the
    format unless ``format`` does. Who holds a symmetric one can both seal and open: keep it in one service. Whatever
    was sealed with a public one, anybody may have sealed: it opens only where the ring has no symmetric one. store:
    where redeemed ids are kept; without one nothing is redeemed. audience: whom tokens are for unless a call says
    otherwise. issuer: written into new tokens and wanted in those that are opened. lifetime: 5 min, at most 10. view:
    where revocations are heard.
    """

    kind = KINDS["sealed"]

    def __init__(
        self,
        ring: KeyRing,
        *,
        store: Store | None = None,
        audience: str = "",
        issuer: str | None = None,
        view: View | None = None,
        clock: Clock | None = None,
        lifetime: timedelta | None = None,
        format: str | None = None,
    ) -> None:
        self.kind.check_format(format)
        self._preferred = format
        self._ring = checked(ring)
        self._store = store
        self._audience = audience
        self._issuer = issuer
        self._view = view
        self._clock = clock or ring.clock
        self._life = timedelta(seconds=life_of(self.kind, lifetime, self.kind.life))
        self._formats: dict[str, SealedFormat] = {
            name: make_sealed_format(name, ring, typ=str(self.kind.typ)) for name in self.kind.formats
        }

    def seal(
        self,
        data: Mapping[str, Any],
        *,
        purpose: str,
        bound_to: str,
        audience: str | None = None,
        lifetime: timedelta | None = None,
        format: str | None = None,
    ) -> Issued:
        """A token that hides ``data`` (plain JSON, up to 4 KiB) and opens for ``bound_to``, for ``purpose``. No I/O.

        Raises: ConfigurationError for what cannot be sealed; for the purpose ``payment`` that is whatever looks like a
        card number.
        """
        now, life, jti = self._clock.now(), life_of(self.kind, lifetime, self._life), new_id()
        hidden = plain_json(data, "sealed data", MAX_DATA)
        _check_cards(purpose, hidden)
        rev = rev_of(self._view, None)
        body = {"iss": self._issuer, "jti": jti, "iat": now, "exp": now + life, "rev": rev, "data": hidden}
        claims = {name: value for name, value in body.items() if value is not None}
        token = self._format(format).issue(_readable(claims), assertion=self._assertion(purpose, bound_to, audience))
        if len(token) > (limit := self._ring.max_token):
            raise ConfigurationError(f"the token would have {len(token)} bytes; at most {limit} are ever read")
        return Issued(token=token, token_id=jti, subject=bound_to, expires_at=now + life, rev=rev)

    @overload
    def open(self, untrusted: str, *, purpose: str, bound_to: str, audience: str | None = None) -> dict[str, Any]: ...
    @overload
    def open(self, untrusted: str, *, purpose: str, bound_to: str, audience: str | None = None, as_: type[T]) -> T: ...
    def open(
        self,
        untrusted: str,
        *,
        purpose: str,
        bound_to: str,
        audience: str | None = None,
        as_: type[T] | None = None,
    ) -> dict[str, Any] | T:
        """What was sealed, as often as one asks; ``redeem`` spends it. No I/O. ``as_``: a dataclass or msgspec Struct.

        Raises: SealError for another user, purpose or audience; TokenExpiredError, TokenRevokedError.
        """
        found = self._opened(untrusted, purpose, bound_to, audience)
        self._check_times(found.claims)
        self._check_view(found, asked_now(self._view, _whose(found), found.kid))
        data: dict[str, Any] = found.claims["data"]
        return data if as_ is None else typed(data, as_)

    async def redeem(
        self,
        untrusted: str,
        *,
        purpose: str,
        bound_to: str,
        audience: str | None = None,
        idempotency_key: str | None = None,
        effect: Effect | None = None,
    ) -> dict[str, Any]:
        """What was sealed, to one caller only; everybody after that gets TokenConsumedError.

        Who comes again with the ``idempotency_key`` of the first caller gets what that one got, for a day: a lost
        answer can be asked for again. ``effect``: as for ``one_time.redeem``, run once, in the transaction that spends
        the token; if it raises, the token is as good as before. Raises: as ``open``, what ``effect`` raises, and
        BadRequestError for an idempotency key that is not 1 to 255 printable characters.
        """
        found = self._opened(untrusted, purpose, bound_to, audience)
        again = None if idempotency_key is None else _again(found.place, idempotency_key)
        try:
            self._check_times(found.claims)
            self._check_view(found, await asked(self._view, _whose(found), found.kid))
        except (TokenExpiredError, TokenRevokedError):
            if not await self._is_repeated(found, again):
                raise
        else:
            await self._spend(found, again, effect)
        data: dict[str, Any] = found.claims["data"]
        return data

    async def void(self, untrusted: str, *, purpose: str, bound_to: str, audience: str | None = None) -> bool:
        """Stop a token before it is redeemed: at once here and for every redeem, within ``max_staleness`` for ``open``.

        False when it was redeemed, or has ended. Raises: as ``open``.
        """
        found, now = self._opened(untrusted, purpose, bound_to, audience), self._clock.now()
        fact = event("token", found.claims["jti"], now=now, life=max(found.claims["exp"] - now, 0))
        if now >= found.claims["exp"] or not await self._take(found, "voided", events=[fact]):
            return False
        if self._view is not None:
            await catch_up(self._kept_in(), self._view)
        return True

    async def _spend(self, token: _Opened, again: str | None, effect: Effect | None) -> None:
        if not await self._take(token, "redeemed", again, effect) and not await self._is_repeated(token, again):
            raise TokenConsumedError("this sealed token was redeemed; issue another one")

    async def _take(
        self,
        token: _Opened,
        state: str,
        again: str | None = None,
        effect: Effect | None = None,
        events: Sequence[Event] = (),
    ) -> bool:
        """Write the one row that a token can have; False when somebody has.

        An effect and a fact join a swap, so the row is there before them, as ``offered``: that says nothing yet.
        """
        place, now, store = token.place, self._clock.now(), self._kept_in()
        until = token.claims["exp"] + EXPLAINED_FOR
        record = Record(
            kind=RECORD, key=place, data={"state": state, "again": again}, subject=token.bound_to, expires_at=until
        )
        detail = {"token_id": token.claims["jti"], "purpose": token.purpose}
        audit = [Audit(name=f"sealed_{state}", at=now, subject=token.bound_to, detail=detail)]
        try:
            if effect is None and not events:
                await store.put(record, audit=audit)
                return True
            await store.put(replace(record, data={"state": "offered", "again": None}))
        except StoreConflictError:
            pass  # somebody has spent it, or offered it and not got further
        found = await read(store, RECORD, place, SEALED, now=now)
        if found is None:
            raise StoreConflictError  # a row was in the way, and is gone
        if found.data["state"] != "offered":
            return False
        return await store.swap(record, version=found.version, events=events, audit=audit, effect=effect)

    async def _is_repeated(self, token: _Opened, again: str | None) -> bool:
        """Whether the first caller redeemed with this very idempotency key."""
        if again is None:
            return False
        record = await read(self._kept_in(), RECORD, token.place, SEALED, now=self._clock.now())
        return record is not None and same(record.data["again"] or "", again)

    def _opened(self, untrusted: object, purpose: str, bound_to: str, audience: str | None) -> _Opened:
        """Stages *parse*, *key*, *verify*, and what every token of ours says."""
        assertion = self._assertion(purpose, bound_to, audience)
        self._ring.ensure_open()
        token = gate(untrusted, self._ring.max_token).decode("ascii")
        for form in self._formats.values():
            if token.startswith(form.starts):
                envelope = form.parse(token)
                slot = form.key(envelope)
                self._check_sealer(slot)
                claims = self._checked(form.verify(envelope, slot, assertion=assertion))
                place = digest(RECORD, pae(assertion, claims["jti"].encode()))
                return _Opened(claims, slot.key.kid, place, purpose, bound_to)
        raise MalformedTokenError("a sealed token is a v4.local PASETO or a JWE")

    def _check_sealer(self, slot: Slot) -> None:
        """A public key seals for anybody: its tokens are taken where the ring has no secret key to seal with."""
        if slot.key.algorithm.symmetric:
            return
        if any(other.key.use == "seal" and other.key.algorithm.symmetric for other in self._ring):
            raise AlgorithmError("this was sealed with a public key, and the ring has a secret one to seal with")

    def _checked(self, verified: Verified) -> dict[str, Any]:
        claims, issued_at, ends_at = verified.claims, *(seconds(verified.claims, name) for name in ("iat", "exp"))
        for name in ("jti", "iat", "exp", "data"):
            if name not in claims:
                raise MissingClaimError(claim=name)
        if issued_at is None or ends_at is None or not 0 < ends_at - issued_at <= self.kind.cap.total_seconds():
            raise ClaimError("lives longer than tokens of this kind may, or ends before it begins", claim="exp")
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise WrongIssuerError(claim="iss")
        for name in ("jti", "rev"):
            if name in claims and not printable(claims[name]):
                raise ClaimError(claim=name)
        if type(claims["data"]) is not dict:
            raise ClaimError(claim="data")
        return claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        if now >= claims["exp"]:
            raise TokenExpiredError(f"expired {now - claims['exp']} s ago; get a new one", claim="exp")
        if now + LEEWAY < claims["iat"]:
            raise NotYetValidError("issued in the future; compare the clocks", claim="iat", reason="issued_in_future")

    def _check_view(self, token: _Opened, view: View | None) -> None:
        if view is not None:
            view.check(_whose(token), token.kid)

    def _format(self, name: str | None) -> SealedFormat:
        name = name or self._preferred
        if name is None:
            formats = {slot.key.algorithm.format for slot in self._ring if slot.key.use == self.kind.use}
            name = "jwe" if formats == {"jwe"} else "paseto"
        self.kind.check_format(name)
        return self._formats[name]

    def _assertion(self, purpose: str, bound_to: str, audience: str | None) -> bytes:
        whom = self._audience if audience is None else named(audience, "an audience")
        return assertion_of(purpose, bound_to, whom)

    def _kept_in(self) -> Store:
        if self._store is None:
            raise ConfigurationError("to redeem, SealedTokens needs a store: SealedTokens(ring, store=open_store(...))")
        return self._store

    def __repr__(self) -> str:
        heard = "with a view" if self._view is not None else "no view: revocations are not seen"
        return f"SealedTokens(audience={self._audience!r}, {heard})"


def assertion_of(purpose: str, bound_to: str, audience: str) -> bytes:
    """PAE of the context, purpose, subject and audience: what a token is bound to. Raises: ConfigurationError."""
    parts = named(purpose, "a purpose"), named(bound_to, "bound_to"), audience
    return pae(CONTEXT, *(part.encode() for part in parts))


def _whose(token: _Opened) -> Principal:
    claims = token.claims
    return Principal(
        subject=token.bound_to,
        kind="sealed",
        token_id=claims["jti"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        rev=claims.get("rev"),
    )


def _check_cards(purpose: str, data: dict[str, Any]) -> None:
    found = card_in(data, "data") if purpose == PAYMENT else None
    if found is not None:
        raise ConfigurationError(
            f"{found} looks like a card number; never seal one: put your payment provider's token for the card there"
        )


def _readable(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims, if what opens them will read them: depth, names."""
    try:
        return json_object(dump_json(claims))
    except TokenError as error:
        raise ConfigurationError(f"nobody could open this token: {error}") from error


def _again(place: str, key: str) -> str:
    """What is kept of an idempotency key. Raises: BadRequestError, for a caller chose it."""
    try:
        return digest(RECORD, f"{place}.{named(key, 'an idempotency key')}".encode())
    except ConfigurationError as error:
        raise BadRequestError(str(error)) from None
