"""service: one service calls another. JWT ``service+jwt`` or PASETO v4.public, for one named audience, for minutes.

Only key pairs: who can verify with a symmetric key can also issue, and a ledger could then call as billing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ..claims import ClaimsPolicy
from ..clock import Clock
from ..crypto.digest import new_id
from ..encoding import gate
from ..errors import AlgorithmError, KeyUseError, TokenExpiredError, WrongAudienceError
from ..formats.base import Verified
from ..keys.ring import KeyRing
from ..principal import Principal
from ..revocation.event import event
from ..revocation.view import View
from ..stores.base import Event
from .base import KINDS, Issued, life_of, named, rev_of, whole_seconds, words
from .signed import SignedTokens, own_claims

_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
_TEXT = ("iss", "sub", "jti", "client_id", "sid", "fam", "rev", "fpt")
_OURS = frozenset((*_REQUIRED, "nbf", "scope", "rev", "cnf", "fpt", "typ", "sid", "fam", "roles"))
_NO_SECRETS = "a symmetric key cannot"
_INSTEAD = ", for whoever verifies with it can issue as well; use ES256 or v4.public"


class ServiceTokens(SignedTokens):
    """Issues and verifies service tokens with one ring; stands alone: ``ServiceTokens(ring, issuer=…, audience=…)``.

    Parameters: ring: key pairs; a verifier needs their public halves alone. audience: this very service, one; a token
    that names any other, or several, is refused. lifetime: 5 min, at most 15. view, leeway, format, strict: as for
    access tokens. lazy: the ring is judged when a token is issued, not before.
    Raises: KeyUseError for a ring whose signing keys are all symmetric.
    """

    kind = KINDS["service"]

    def __init__(
        self,
        ring: KeyRing,
        *,
        issuer: str,
        audience: str,
        view: View | None = None,
        clock: Clock | None = None,
        lifetime: timedelta | None = None,
        leeway: timedelta = timedelta(seconds=10),
        format: str | None = None,
        strict: bool = False,
        lazy: bool = False,
    ) -> None:
        self._life = timedelta(seconds=life_of(self.kind, lifetime, self.kind.life))
        policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset({named(audience, "an audience")}),
            required=_REQUIRED,
            text=_TEXT,
            words=("roles",),
            leeway=whole_seconds(leeway, "leeway"),
            max_life=int(self.kind.cap.total_seconds()),
        )
        super().__init__(ring, policy, view=view, clock=clock, format=format, strict=strict)
        if not lazy and ring.opened and len(ring):
            self._check_ring()

    def issue(
        self,
        service: str,
        *,
        audience: str,
        scopes: Iterable[str] = (),
        lifetime: timedelta | None = None,
        format: str | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> Issued:
        """A token with which ``service`` calls the one service that ``audience`` names; no I/O.

        Parameters: lifetime: up to 15 min. format: ``jwt`` or ``paseto``. claims: your own, under names not ours.
        Raises: KeyUseError where the key that would sign is symmetric; ConfigurationError as ``access.issue``.
        """
        now, life, scope = self._clock.now(), life_of(self.kind, lifetime, self._life), words(scopes, "scopes")
        body: dict[str, Any] = {
            "iss": self._policy.issuer,
            "sub": named(service, "a service"),
            "aud": self.kind.whom(audience, ())[0],
            "exp": now + life,
            "iat": now,
            "nbf": now,
            "jti": new_id(),
            "client_id": service,
        } | own_claims(claims, _OURS)
        more = {"scope": " ".join(scope), "rev": rev_of(self._view, None)}
        body |= {name: value for name, value in more.items() if value}
        self._check_ring(format or self._preferred)
        return Issued(
            token=self._write(body, format),
            token_id=body["jti"],
            subject=service,
            expires_at=now + life,
            scopes=frozenset(scope),
            client_id=service,
            rev=body.get("rev"),
        )

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Stops this one token of our issuer, whichever service it is for."""
        verified, now = self._signed(gate(untrusted, self._ring.max_token)), self._clock.now()
        try:
            theirs = frozenset({str(verified.claims.get("aud"))})
            replace(self._policy, audiences=theirs).check(verified.claims, now)
        except TokenExpiredError:
            return None
        return event("token", verified.claims["jti"], now=now, life=verified.claims["exp"] - now)

    def _signed(self, token: bytes) -> Verified:
        verified = super()._signed(token)
        if verified.slot.key.algorithm.symmetric:
            raise AlgorithmError(f"{_NO_SECRETS} vouch for service tokens{_INSTEAD}", reason="key_alg_mismatch")
        return verified

    def _principal(self, claims: dict[str, Any]) -> Principal:
        if type(claims["aud"]) is not str:
            raise WrongAudienceError("a service token is for one service", claim="aud")
        return super()._principal(claims)

    def _check_ring(self, format: str | None = None) -> None:
        """Raise KeyUseError if a symmetric key would sign, or there is none that signs at all."""
        signing = [slot.key for slot in self._ring if slot.key.use == "sign"]
        fitting = [key for key in signing if format in (None, key.algorithm.format)]
        if not signing or (fitting and fitting[0].algorithm.symmetric):
            raise KeyUseError(f"{_NO_SECRETS} back service tokens{_INSTEAD}")
