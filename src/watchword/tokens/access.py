"""access: short-lived, self-contained, verified without I/O: JWT ``at+jwt`` (RFC 9068), PASETO v4 or v3 public."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar, overload

import msgspec

from ..claims import ClaimsPolicy
from ..clock import Clock
from ..crypto.digest import new_id
from ..encoding import MAX_TOKEN, dump_json, gate, json_object
from ..errors import BindingError, ClaimError, ConfigurationError, MalformedTokenError, TokenError, TokenExpiredError
from ..formats.base import Format, Verified, make_format
from ..keys.ring import KeyRing, Slot
from ..principal import Principal
from ..revocation.event import event
from ..revocation.view import View
from ..stores.base import Event
from .base import KINDS, Issued, first, life_of, named, plain_json, rev_of, words
from .seen import Seen, digest_of

T = TypeVar("T")
log = logging.getLogger("watchword.access")

_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
_TEXT = ("iss", "sub", "jti", "client_id", "sid", "fam", "rev")
_OURS = frozenset((*_REQUIRED, "nbf", "sid", "fam", "scope", "roles", "rev", "cnf", "fpt", "typ"))
_NOTHING: frozenset[str] = frozenset()


class AccessTokens:
    """Issues and verifies access tokens with one ring; stands alone: ``AccessTokens(ring, issuer=…, audience=…)``.

    Parameters: ring: its first signing key decides the format unless ``format=`` says otherwise. audience: one or
    several; a token is ours if it names any of them, and new ones are for the first. view: where revocations are heard;
    without one there is no revocation stage, as the repr says. lifetime: 15 min, at most 60. leeway: for ``nbf`` and
    ``iat``, at most 60 s.
    """

    kind = KINDS["access"]

    def __init__(
        self,
        ring: KeyRing,
        *,
        issuer: str,
        audience: str | Sequence[str],
        view: View | None = None,
        clock: Clock | None = None,
        lifetime: timedelta | None = None,
        leeway: timedelta = timedelta(seconds=10),
        exp_leeway: timedelta = timedelta(0),
    ) -> None:
        self._ring = ring
        self._view = view
        self._clock = clock or ring.clock
        self._audiences = first(audience)
        self._life = timedelta(seconds=life_of(self.kind, lifetime, self.kind.life))
        self._policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset(self._audiences),
            required=_REQUIRED,
            text=_TEXT,
            words=("roles",),
            leeway=int(leeway.total_seconds()),
            exp_leeway=int(exp_leeway.total_seconds()),
            max_life=int(self.kind.cap.total_seconds()),
        )
        self._formats: tuple[Format, ...] = tuple(
            make_format(name, ring, typ=str(self.kind.typ)) for name in self.kind.formats
        )
        self._seen = Seen()

    def issue(
        self,
        subject: str,
        *,
        scopes: Iterable[str] = (),
        client_id: str = "first-party",
        session_id: str | None = None,
        family_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        lifetime: timedelta | None = None,
        format: str | None = None,
        roles: Iterable[str] = (),
        claims: Mapping[str, Any] | None = None,
        rev: str | None = None,
    ) -> Issued:
        """A signed access token for ``subject``; no I/O.

        Parameters: lifetime: up to 60 min. format: ``jwt`` or ``paseto``. claims: your own, under names that are not
        ours. rev: ``who.rev`` of the credential this one is derived from, so that revoking that one reaches this one
        too.
        Raises: ConfigurationError for what cannot stand in a token, or when the ring has no key for the format.
        """
        now, life = self._clock.now(), life_of(self.kind, lifetime, self._life)
        if life > self.kind.life.total_seconds():
            log.warning(
                "access token for client %s lives %d s, longer than the default of %s", client_id, life, self.kind.life
            )
        chosen = self._format(format or self._ring.active("sign").algorithm.format)
        scope, role = words(scopes, "scopes"), words(roles, "roles")
        body = self._claims(subject, client_id, audience, now, life) | _own(claims)
        more = {
            "scope": " ".join(scope),
            "roles": role,
            "sid": session_id,
            "fam": family_id,
            "rev": rev_of(self._view, rev),
        }
        body |= {name: value for name, value in more.items() if value}
        self._check_issued(body)
        token = chosen.issue(body)
        if len(token) > (limit := self._ring.max_token):
            raise ConfigurationError(f"the token would have {len(token)} bytes; at most {limit} are ever read")
        return Issued(
            token=token,
            token_id=body["jti"],
            subject=subject,
            expires_at=now + life,
            scopes=frozenset(scope),
            roles=frozenset(role),
            client_id=client_id,
            session_id=session_id,
            family_id=family_id,
            rev=body.get("rev"),
        )

    @overload
    def verify(self, untrusted: str) -> Principal: ...
    @overload
    def verify(self, untrusted: str, *, as_: type[T]) -> T: ...
    def verify(self, untrusted: str, *, as_: type[T] | None = None) -> Principal | T:
        """The Principal behind a token (with ``as_``: its claims as that dataclass or msgspec Struct). No I/O.

        Raises: TokenError of the stage that refuses it; StaleRevocationError when the view is stale.
        """
        who = self._verify(untrusted)
        if as_ is None:
            return who
        try:
            return msgspec.json.decode(dump_json(dict(who.raw_claims)), type=as_)
        except msgspec.ValidationError as error:
            raise ClaimError(f"the claims do not fit {as_.__name__}: {error}", claim="*") from None

    async def authenticate(self, untrusted: object) -> Principal:
        return self._verify(untrusted)

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Stops this one token by its ``jti``, never by its text: ES256 signatures have two spellings."""
        verified, now = self._signed(untrusted), self._clock.now()
        try:
            self._policy.check(verified.claims, now)
        except TokenExpiredError:
            return None
        jti, life = verified.claims["jti"], verified.claims["exp"] - now + self._policy.exp_leeway
        return event("token", jti, now=now, life=life)

    def _verify(self, untrusted: object) -> Principal:
        digest = None
        if type(untrusted) is str and len(untrusted) <= self._ring.max_token and untrusted.isascii():
            digest = digest_of(untrusted)
            hit = self._seen.get(digest)
            if hit is not None and self._still_good(*hit):
                return hit[0]
        verified = self._signed(untrusted)
        self._policy.check(verified.claims, self._clock.now())
        who = _principal(verified.claims)
        if self._view is not None:
            self._view.check(who, verified.slot.key.kid)
        if digest is not None:
            self._seen.add(digest, who, verified.slot)
        return who

    def _still_good(self, who: Principal, slot: Slot) -> bool:
        """What a token that verified before must pass again: its end, its key's state, and the view (which raises)."""
        now, kid = self._clock.now(), slot.key.kid
        if (
            now >= who.expires_at + self._policy.exp_leeway
            or self._ring.find(kid) is not slot
            or not slot.verifies(now)
        ):
            return False
        if self._view is not None:
            self._view.check(who, kid)
        return True

    def _signed(self, untrusted: object) -> Verified:
        self._ring.ensure_open()
        token = untrusted if type(untrusted) is str else gate(untrusted, self._ring.max_token).decode("ascii")
        for form in self._formats:
            if token.startswith(form.starts):
                envelope = form.parse(token)
                return form.verify(envelope, form.key(envelope))
        raise MalformedTokenError("an access token is a JWT or a v4.public or v3.public PASETO")

    def _format(self, name: str) -> Format:
        for form in self._formats:
            if form.name == name:
                return form
        raise ConfigurationError(f"access tokens are written as {' or '.join(self.kind.formats)}, not as {name!r}")

    def _check_issued(self, body: dict[str, Any]) -> None:
        """Raise ConfigurationError for claims that our own verifiers would refuse: better here than everywhere else."""
        try:
            self._policy.check_shape(body)
            _principal(body)
            json_object(dump_json(body))
        except TokenError as error:
            raise ConfigurationError(f"no verifier would take this token: {error}") from error

    def _claims(
        self, subject: str, client_id: str, audience: str | Sequence[str] | None, now: int, life: int
    ) -> dict[str, Any]:
        wanted = first(audience) if audience is not None else self._audiences[:1]
        aud = [named(one, "an audience") for one in wanted]
        return {
            "iss": self._policy.issuer,
            "sub": named(subject, "a subject"),
            "aud": aud[0] if len(aud) == 1 else aud,
            "exp": now + life,
            "iat": now,
            "nbf": now,
            "jti": new_id(),
            "client_id": named(client_id, "a client_id"),
        }

    def __repr__(self) -> str:
        heard = "with a view" if self._view is not None else "no view: revocations are not seen"
        return f"AccessTokens(issuer={self._policy.issuer!r}, audience={list(self._audiences)}, {heard})"


def _own(claims: Mapping[str, Any] | None) -> dict[str, Any]:
    own = plain_json(claims, "claims", MAX_TOKEN // 2)
    clash = sorted(_OURS & own.keys())
    if clash:
        raise ConfigurationError(f"these claims are set by watchword: {', '.join(clash)}")
    return own


def _principal(claims: dict[str, Any]) -> Principal:
    if "cnf" in claims or "fpt" in claims:
        raise BindingError("the token is bound to its sender, and no proof of that came with it")
    scope, roles, auth_time = claims.get("scope"), claims.get("roles"), claims.get("auth_time")
    if scope is not None and (type(scope) is not str or not scope.isascii() or not scope.isprintable()):
        raise ClaimError(claim="scope")
    if auth_time is not None and type(auth_time) is not int:
        raise ClaimError(claim="auth_time")
    return Principal(
        subject=claims["sub"],
        kind="access",
        token_id=claims["jti"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        scopes=frozenset(scope.split(" ")) if scope else _NOTHING,
        roles=frozenset(roles) if roles else _NOTHING,
        session_id=claims.get("sid"),
        family_id=claims.get("fam"),
        client_id=claims["client_id"],
        auth_time=auth_time,
        rev=claims.get("rev"),
        raw_claims=MappingProxyType(claims),
    )
