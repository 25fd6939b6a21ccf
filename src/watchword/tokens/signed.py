"""What the self-contained kinds share: a token is verified where it is shown, without I/O, and remembered by digest.

A subclass says what it issues. Everything that a presented token goes through stands here, top to bottom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar, overload

from msgspec.structs import replace

from ..claims import ClaimsPolicy
from ..clock import Clock
from ..encoding import MAX_TOKEN, dump_json, gate, json_object
from ..errors import (
    BindingError,
    ClaimError,
    ConfigurationError,
    MalformedTokenError,
    TokenError,
    TokenExpiredError,
    UnavailableError,
    WatchwordError,
)
from ..formats.base import Format, Verified, make_format
from ..keys.ring import KeyRing, Slot, checked
from ..principal import Principal, typed
from ..revocation.event import event
from ..revocation.stale import asked, asked_now, opened
from ..revocation.view import OnStale, View
from ..stores.base import Event
from .base import NO_PROOF, Kind, first, jkt_of, plain_json
from .personal import check_personal
from .seen import Seen

T = TypeVar("T")

_Known = tuple[Principal, Slot, bytes | None]
"""Of a token whose signature and claims are good: whom it vouches for, by which key; its digest, if it is new here."""
_NOTHING: frozenset[str] = frozenset()
_START = 3
"""Characters of a token's beginning that tell its format: ``eyJ``, ``v4.``."""


class SignedTokens:
    """The verifying half of a self-contained kind, over one ring, one policy and, where there is one, one view."""

    kind: Kind

    def __init__(
        self,
        ring: KeyRing,
        policy: ClaimsPolicy,
        *,
        view: View | None,
        clock: Clock | None,
        formats: tuple[Format, ...] | None = None,
        format: str | None = None,
        strict: bool = False,
        bound: bool = False,
    ) -> None:
        self.kind.check_format(format)
        self._preferred = format
        self._strict = strict
        self._ring = checked(ring)
        self._bound = bound
        self._view = view
        self._clock = clock or ring.clock
        self._policy = policy
        self._formats: tuple[Format, ...] = formats or tuple(
            make_format(name, ring, typ=str(self.kind.typ)) for name in self.kind.formats
        )
        self._readers = {start[:_START].encode(): form for form in self._formats for start in form.starts}
        self._seen = Seen()
        self.hits = self.misses = 0
        """Tokens that had verified before and were still good, and all others."""
        self.refused: Counter[str] = Counter()
        """Code -> times that ``verify`` has raised it."""

    @overload
    def verify(self, untrusted: str) -> Principal: ...
    @overload
    def verify(self, untrusted: str, *, as_: type[T]) -> T: ...
    def verify(self, untrusted: str, *, as_: type[T] | None = None) -> Principal | T:
        """The Principal behind a token (with ``as_``: its claims as that dataclass or msgspec Struct). No I/O.

        Raises: TokenError of the stage that refuses it, BindingError for one that is bound to a key (a proof of that
        comes with a request: the corridor looks at it); StaleRevocationError when the view is stale.
        """
        try:
            known, view = self._known(untrusted), self._view
            if view is not None and view.on_stale == "ask":
                view = asked_now(view, known[0], known[1].key.kid)
            who = self._judged(known, view, None)
            if who.jkt is not None:
                raise BindingError(NO_PROOF)
        except WatchwordError as error:
            self.refused[error.code] += 1
            raise
        return who if as_ is None else typed(who.raw_claims, as_)

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """As ``verify``; where the view has no lease and ``on_stale`` is ``ask``, after one read of the store.

        ``on_stale``: for this one token; None is what the view says.
        """
        who = await self.unproven(untrusted, on_stale=on_stale)
        if who.jkt is not None:
            raise BindingError(NO_PROOF)
        return who

    async def unproven(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """All but the binding: the token is good, and with ``jkt`` nobody has shown yet that its sender may use it.

        For the corridor, which looks at the proof next, and for introspection; never for access.
        """
        known, view = self._known(untrusted), self._view
        if view is not None and "ask" in (on_stale, view.on_stale):
            view = await asked(view, known[0], known[1].key.kid, on_stale=on_stale)
        return self._judged(known, view, on_stale)

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Stops this one token by its ``jti``, never by its text: ES256 signatures have two spellings."""
        verified, now = self._signed(gate(untrusted, self._ring.max_token)), self._clock.now()
        try:
            self._policy.check(verified.claims, now)
        except TokenExpiredError:
            return None
        jti, life = verified.claims["jti"], verified.claims["exp"] - now + self._policy.exp_leeway
        return event("token", jti, now=now, life=life)

    def _known(self, untrusted: object) -> _Known:
        """All but the revocation."""
        token = gate(untrusted, self._ring.max_token)
        digest = sha256(token).digest()
        hit = self._seen.get(digest)
        if hit is not None:  # it verified before, and has to pass again: its end, and its key's state
            (who, slot), now = hit, self._clock.now()
            if now < who.expires_at + self._policy.exp_leeway and self._ring.holds(slot, now):
                self.hits += 1
                return who, slot, None
        self.misses += 1
        verified = self._signed(token)
        self._policy.check(verified.claims, self._clock.now())
        who = self._principal(verified.claims)
        return who, verified.slot, digest

    def _judged(self, known: _Known, view: View | None, on_stale: OnStale | None) -> Principal:
        """Stage *revocation*, by this view. Past its lease: as it says, for kinds that may be open."""
        who, slot, fresh = known
        try:
            if view is not None:
                view.check(who, slot.key.kid)
        except UnavailableError:
            if view is None or not self.kind.opens or not opened(view, who, slot.key.kid, on_stale):
                raise
            return replace(who, stale=True)
        if fresh is not None:
            self._seen.add(fresh, who, slot)
        return who

    def _signed(self, token: bytes) -> Verified:
        if not self._ring.opened:
            self._ring.ensure_open()
        form = self._readers.get(token[:_START])
        if form is None:
            raise MalformedTokenError(
                f"{self.kind.name} tokens are written as {' or '.join(self.kind.formats)}, and begin like one: "
                "give the token alone, without 'Bearer ', and tokens of other kinds to their own verbs"
            )
        envelope = form.parse(token)
        return form.verify(envelope, form.key(envelope))

    def _principal(self, claims: dict[str, Any]) -> Principal:
        jkt = jkt_of(claims["cnf"]) if "cnf" in claims else None
        if self._bound and jkt is None and "fpt" not in claims:
            raise BindingError("only tokens that are bound to a key or a device are taken here")
        scope, roles, auth_time = claims.get("scope"), claims.get("roles"), claims.get("auth_time")
        if scope is not None and type(scope) is not str:
            raise ClaimError(claim="scope")
        if auth_time is not None and type(auth_time) is not int:
            raise ClaimError(claim="auth_time")
        return Principal(
            subject=claims["sub"],
            kind=self.kind.name,
            token_id=claims["jti"],
            issued_at=claims["iat"],
            expires_at=claims["exp"],
            scopes=_scopes(scope) if scope else _NOTHING,
            roles=frozenset(roles) if roles else _NOTHING,
            session_id=claims.get("sid"),
            family_id=claims.get("fam"),
            client_id=claims.get("client_id"),
            auth_time=auth_time,
            rev=claims.get("rev"),
            jkt=jkt,
            fpt=claims.get("fpt"),
            raw_claims=MappingProxyType(claims),
        )

    def _write(self, body: dict[str, Any], format: str | None) -> str:
        """The token of these claims. Raises: ConfigurationError for what our own verifiers would refuse.

        Better here than everywhere else.
        """
        if self.kind.use == "sign":
            check_personal(body, strict=self._strict)
        chosen = self._format(format or self._preferred or self._ring.active(str(self.kind.use)).algorithm.format)
        key = self._ring.active(str(self.kind.use), format=chosen.name)
        self.kind.check_key(key.algorithm, first(body["aud"]), self._policy.audiences)
        try:
            self._policy.check_shape(body)
            self._principal(body)
            json_object(dump_json(body))
        except TokenError as error:
            raise ConfigurationError(f"no verifier would take this token: {error}") from error
        token = chosen.issue(body)
        if len(token) > (limit := self._ring.max_token):
            raise ConfigurationError(f"the token would have {len(token)} bytes; at most {limit} are ever read")
        return token

    def _format(self, name: str) -> Format:
        self.kind.check_format(name)
        return next(form for form in self._formats if form.name == name)

    def __repr__(self) -> str:
        heard = "with a view" if self._view is not None else "no view: revocations are not seen"
        audiences = sorted(self._policy.audiences)
        return f"{type(self).__name__}(issuer={self._policy.issuer!r}, audience={audiences}, {heard})"


def own_claims(claims: Mapping[str, Any] | None, ours: frozenset[str]) -> dict[str, Any]:
    """The caller's own claims. Raises: ConfigurationError for a name of ours, or what is no plain JSON."""
    if not claims:
        return {}
    own = plain_json(claims, "claims", MAX_TOKEN // 2)
    clash = sorted(ours & own.keys())
    if clash:
        raise ConfigurationError(f"these claims are set by watchword: {', '.join(clash)}")
    return own


@lru_cache(maxsize=256)
def _scopes(scope: str) -> frozenset[str]:
    """The words of a ``scope`` claim; tokens of one scope share one set."""
    if not scope.isascii() or not scope.isprintable():
        raise ClaimError(claim="scope")
    return frozenset(scope.split(" "))
