"""access: short-lived, self-contained, verified without I/O: JWT ``at+jwt`` (RFC 9068), PASETO v4 or v3 public.

Where one service both issues and verifies and the claims must be unreadable: PASETO local, or a JWE, of the same kind.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ..claims import ClaimsPolicy
from ..clock import Clock
from ..crypto.digest import new_id
from ..errors import ConfigurationError
from ..formats.base import Format, make_sealed_format
from ..keys.key import Key
from ..keys.ring import KeyRing
from ..revocation.view import View
from .base import KINDS, Issued, first, life_of, named, one_id, rev_of, thumbprint_of, whole_seconds, words
from .signed import SignedTokens, own_claims

log = logging.getLogger("watchword.access")

_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
_TEXT = ("iss", "sub", "jti", "client_id", "sid", "fam", "rev", "fpt")
_OURS = frozenset((*_REQUIRED, "nbf", "sid", "fam", "scope", "roles", "rev", "cnf", "fpt", "typ"))
ENCRYPTED = replace(KINDS["access"], formats=("paseto", "jwe"), use="seal", starts=("v4.local.", "v3.local.", "eyJ"))
"""The same kind, unreadable: only with ``single_service=True``."""


class AccessTokens(SignedTokens):
    """Issues and verifies access tokens with one ring; stands alone: ``AccessTokens(ring, issuer=…, audience=…)``.

    Parameters: ring: its first signing key decides the format, unless ``format`` does. audience: one or several; a
    token is ours if it names any of them, and new ones are for the first. view: where revocations are heard; without
    one there is no revocation stage, as the repr says. lifetime: 15 min, at most 60. leeway: for ``nbf`` and ``iat``,
    at most 60 s. single_service: encrypted (v4.local, or a JWE with ``dir``), where this very service issues and
    verifies; for one audience, with a ring whose keys sign nothing that others read. strict: claims that look personal
    are an error, not a warning. bound: neither issues nor takes a token that is bound to no key and no device. cap: the
    longest life that is issued and taken, where it is to be less than 60 min.
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
        single_service: bool = False,
        format: str | None = None,
        strict: bool = False,
        bound: bool = False,
        cap: timedelta | None = None,
    ) -> None:
        self.audiences = first(audience)
        """Ours; the first is that of a token which names none."""
        self.single_service = single_service
        if single_service:
            self.kind = ENCRYPTED
            if len(self.audiences) != 1:
                raise ConfigurationError("single_service=True is for one audience: several services need signed tokens")
        self._cap = life_of(self.kind, cap, self.kind.cap)
        self._life = timedelta(seconds=self._within(lifetime, min(self.kind.life, timedelta(seconds=self._cap))))
        policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset(self.audiences),
            required=_REQUIRED,
            text=_TEXT,
            words=("roles",),
            leeway=whole_seconds(leeway, "leeway"),
            exp_leeway=whole_seconds(exp_leeway, "exp_leeway"),
            max_life=self._cap,
        )
        super().__init__(
            ring,
            policy,
            view=view,
            clock=clock,
            formats=_hidden(ring) if single_service else None,
            format=format,
            strict=strict,
            bound=bound,
        )
        if single_service and ring.opened:
            self.check_ring()

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
        bind: Key | str | None = None,
        fpt: str | None = None,
        auth_time: int | None = None,
    ) -> Issued:
        """A signed access token for ``subject``; no I/O.

        Parameters: lifetime: up to 60 min. format: ``jwt`` or ``paseto``. claims: your own, under names that are not
        ours. rev: ``who.rev`` of the credential this one is derived from, so that revoking that one reaches this one
        too. bind: the public Key (or its thumbprint) whose holder alone can use the token, with DPoP. fpt: a device
        fingerprint, as ``who.fpt``. auth_time: when the user signed in, as ``who.auth_time``.
        Raises: ConfigurationError for what cannot stand in a token, or when the ring has no key for the format.
        """
        now, life, jkt = self._clock.now(), self._within(lifetime, self._life), thumbprint_of(bind)
        if life > self.kind.life.total_seconds():
            log.warning(
                "access token for client %s lives %d s, longer than the default of %s", client_id, life, self.kind.life
            )
        scope, role = words(scopes, "scopes"), words(roles, "roles")
        body = self._claims(subject, client_id, audience, now, life) | own_claims(claims, _OURS)
        more = {
            "scope": " ".join(scope),
            "roles": role,
            "sid": one_id(session_id, "a session_id"),
            "fam": one_id(family_id, "a family_id"),
            "rev": rev_of(self._view, rev),
            "cnf": {"jkt": jkt} if jkt else None,
            "fpt": fpt,
            "auth_time": auth_time,
        }
        body |= {name: value for name, value in more.items() if value}
        if self.single_service:
            format = self._for_us_alone(body["aud"], format)
        return Issued(
            token=self._write(body, format),
            token_id=body["jti"],
            subject=subject,
            expires_at=now + life,
            scopes=frozenset(scope),
            roles=frozenset(role),
            client_id=client_id,
            session_id=session_id,
            family_id=family_id,
            rev=body.get("rev"),
            auth_time=auth_time,
            jkt=jkt,
            fpt=fpt,
        )

    def check_ring(self) -> None:
        """Raise ConfigurationError for a ring whose keys a document publishes, where only this service is to verify."""
        if any(slot.key.use == "sign" and not slot.key.algorithm.symmetric for slot in self._ring):
            raise ConfigurationError(
                "this ring has signing keys, which a key document publishes for other services, and none of them could"
                " read an encrypted token: give it a ring of its own, KeyRing.generate('v4.local'), or a key file of"
                " its own, keys=…, or sign"
            )

    def _for_us_alone(self, audience: object, format: str | None) -> str:
        """The format of an encrypted token for this very service. Raises: ConfigurationError for any other audience."""
        self.check_ring()
        if audience != self.audiences[0]:
            raise ConfigurationError("a single-service token is for this service alone; sign one for another")
        return format or self._preferred or self._ring.active("seal").algorithm.format

    def _within(self, wanted: timedelta | None, default: timedelta) -> int:
        life = life_of(self.kind, wanted, default)
        if life > self._cap:
            raise ConfigurationError(f"access tokens live up to {self._cap} s here; {life} s is not within that")
        return life

    def _claims(
        self, subject: str, client_id: str, audience: str | Sequence[str] | None, now: int, life: int
    ) -> dict[str, Any]:
        aud = self.kind.whom(audience, self.audiences)
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


def _hidden(ring: KeyRing) -> tuple[Format, ...]:
    typ = str(ENCRYPTED.typ)
    return tuple(make_sealed_format(name, ring, typ=typ, secret=True) for name in ENCRYPTED.formats)
