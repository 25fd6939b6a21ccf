"""Verifying access tokens of one other issuer with that issuer's keys and nobody else's. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from ...claims import ClaimsPolicy
from ...clock import Clock
from ...crypto.digest import thumbprint
from ...encoding import gate, json_object, unb64url
from ...errors import (
    BindingError,
    ConfigurationError,
    SignatureError,
    TokenError,
    UnavailableError,
    UnknownKeyError,
    WatchwordError,
    WrongIssuerError,
    WrongTypeError,
)
from ...formats.base import Envelope, Vouched
from ...formats.compact import key_for, media_type, read_header, split
from ...keys.discovery import alias, is_text
from ...keys.remote import RemoteKeys
from ...keys.ring import KeyRing, Slot
from ...principal import Principal
from ...revocation.view import OnStale, View
from ...stores.base import Event
from ..base import Kind, first, whole_seconds
from ..seen import Seen
from .profiles import STANDARD, ClaimProfile

FOREIGN = Kind(
    name="access",
    formats=("jwt",),
    use="sign",
    starts=("eyJ",),
    audience="any",
    life=timedelta(hours=1),
    cap=timedelta(hours=24),
    carriers=("bearer",),
    stored="nothing",
)


class ForeignTokens:
    """Verifies what one issuer signed for us: ``ForeignTokens(keys, issuer=…, audience=…, profile=AUTH0)``.

    Parameters: keys: that issuer's, a ring or RemoteKeys, and for that issuer alone. issuer: exactly as it writes
    ``iss``. audience: one or several that are ours. max_life: longer tokens are refused. leeway: for ``nbf`` and
    ``iat``; exp_leeway: for ``exp``; at most 60 s each. view: where that issuer's revocations are heard, if it is a
    watchword; without one there is no revocation stage: its issuer may know more.
    """

    kind = FOREIGN

    def __init__(
        self,
        keys: KeyRing | RemoteKeys,
        *,
        issuer: str,
        audience: str | Sequence[str],
        profile: ClaimProfile = STANDARD,
        clock: Clock | None = None,
        max_life: timedelta = FOREIGN.cap,
        leeway: timedelta = timedelta(seconds=10),
        exp_leeway: timedelta = timedelta(0),
        view: View | None = None,
    ) -> None:
        self.issuer = issuer
        self._view = view
        self.profile = profile
        self._remote = keys if isinstance(keys, RemoteKeys) else None
        self._ring = keys.ring if isinstance(keys, RemoteKeys) else keys
        self._clock = clock or self._ring.clock
        self._audiences = first(audience)
        self._policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset(self._audiences),
            leeway=whole_seconds(leeway, "leeway"),
            exp_leeway=whole_seconds(exp_leeway, "exp_leeway"),
            max_life=whole_seconds(max_life, "max_life"),
        )
        self._vouched = Vouched(self._ring)
        self._seen = Seen()

    def verify(self, untrusted: object) -> Principal:
        """The Principal behind a token; ``issuer`` and ``subject`` together say who it is. No I/O.

        Raises: TokenError of the stage that refuses it; KeysUnavailableError while there are no keys to trust. An
        unknown key id wakes the refresher.
        """
        try:
            return self.check(untrusted)
        except UnknownKeyError:
            self.missed(self.kid(untrusted))
            raise

    def check(self, untrusted: object) -> Principal:
        """``verify``, which leaves it to the caller what to do about an unknown key id."""
        self.ensure_usable()
        token = gate(untrusted, self._ring.max_token)
        digest = sha256(token).digest()
        hit = self._seen.get(digest)
        if hit is not None and self._still_good(*hit):
            return hit[0]
        envelope = self.parse(token)
        slot = self.key(envelope)
        slot.key.verify(envelope.signature, envelope.message)
        self._vouched.add(envelope, slot)
        who = self._principal(json_object(envelope.body), envelope)
        self._check_revocations(who, slot)
        self._seen.add(digest, who, slot)
        return who

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        return self.verify(untrusted)

    async def revocation_of(self, untrusted: object) -> Event | None:
        raise ConfigurationError(f"a token of {self.issuer} is revoked there; here it can only end")

    def parse(self, untrusted: object) -> Envelope:
        """Stage *parse*: a compact JWS whose key id is known here by its alias. Raises: MalformedTokenError."""
        head, payload, signature, message = split(untrusted, self._ring.max_token)
        known = self._vouched.find(head)
        header, slot = known if known is not None else (self._header(head), None)
        return Envelope(header, head, message, unb64url(signature), unb64url(payload), vouched=slot)

    def key(self, envelope: Envelope) -> Slot:
        """Stage *key*. Raises: WrongTypeError, AlgorithmError, UnknownKeyError."""
        slot = self._vouched.slot(envelope)
        if slot is not None:
            return slot
        if media_type(envelope.head.get("typ", "")) not in self.profile.types:
            raise WrongTypeError(f"no access token of {self.profile.name} has this type", claim="typ")
        return key_for(envelope.head, self._ring)

    def ensure_usable(self) -> None:
        """Raise KeysUnavailableError while there are no keys to trust."""
        if self._remote is not None:
            self._remote.ensure_usable()

    def kid(self, untrusted: object) -> str | None:
        """The key id that a token names, as rings here know it; it may choose a key, and no more."""
        kid: str | None = self.parse(untrusted).head.get("kid")
        return kid

    @property
    def longest(self) -> int:
        """Bytes of the longest token that is read."""
        return self._ring.max_token

    def knows(self, kid: str | None) -> bool:
        return kid is not None and self._ring.find(kid) is not None

    def missed(self, kid: str | None) -> None:
        """Tell the remote keys of a key id that is not among them."""
        if self._remote is not None and kid is not None and not self.knows(kid):
            self._remote.missed(kid)

    def _still_good(self, who: Principal, slot: Slot) -> bool:
        now = self._clock.now()
        if now >= who.expires_at + self._policy.exp_leeway or not self._ring.holds(slot, now):
            return False
        self._check_revocations(who, slot)
        return True

    def _check_revocations(self, who: Principal, slot: Slot) -> None:
        if self._view is not None:
            self._view.check(who, slot.key.kid)

    def _header(self, segment: bytes) -> dict[str, Any]:
        header = read_header(segment, limit=self._ring.max_header, sound=is_text)
        if "kid" in header:
            header["kid"] = alias(header["kid"])
        return header

    def _principal(self, claims: dict[str, Any], envelope: Envelope) -> Principal:
        profile = self.profile
        if claims.get("iss") != self.issuer:
            raise WrongIssuerError(claim="iss")
        profile.check(claims)
        self._policy.check(_judged(claims, profile), self._clock.now())
        if "cnf" in claims:
            raise BindingError("the token is bound to its sender, and no proof of that came with it")
        subject = profile.text(claims, profile.subject)
        if subject is None:
            raise WrongTypeError("the token says nothing of whom it is about", claim=profile.subject[0])
        client, auth_time = profile.text(claims, profile.client), claims.get("auth_time")
        theirs = first(claims[profile.audience])
        names = {"audience": next(one for one in self._audiences if one in theirs), "client": client}
        return Principal(
            subject=subject,
            kind="access",
            token_id=profile.text(claims, profile.token_id) or thumbprint(envelope.message),
            issued_at=claims["iat"],
            expires_at=claims["exp"],
            scopes=profile.words(claims, profile.scopes, **names),
            roles=profile.words(claims, profile.roles, **names),
            session_id=profile.text(claims, profile.session),
            client_id=client,
            auth_time=auth_time if type(auth_time) is int and auth_time > 0 else None,
            issuer=self.issuer,
            family_id=self._ours(claims, "fam"),
            rev=self._ours(claims, "rev"),
            raw_claims=MappingProxyType(claims),
        )

    def _ours(self, claims: Mapping[str, Any], name: str) -> str | None:
        """A claim that families or cut-offs go by, where a view is asked; others mean other things by its name."""
        return None if self._view is None else self.profile.text(claims, (name,))

    def __repr__(self) -> str:
        return f"ForeignTokens(issuer={self.issuer!r}, audience={list(self._audiences)}, profile={self.profile.name!r})"


def _judged(claims: Mapping[str, Any], profile: ClaimProfile) -> Mapping[str, Any]:
    """The claims with the audience where the policy looks for it."""
    return claims if profile.audience == "aud" else {**claims, "aud": claims[profile.audience]}


def kid_among(several: Sequence[ForeignTokens], untrusted: object) -> str | None:
    """The key id that a token names, read by the one that takes the longest tokens."""
    return max(several, key=lambda one: one.longest).kid(untrusted)


def check_among(several: Sequence[ForeignTokens], untrusted: object) -> Principal:
    """The Principal behind a token of one of several issuers.

    Its key id chooses among their keys, and only the issuer whose key it is may then be named in it: a key of one
    vouches for nothing of another. Where there are several a token has to have a key id.
    Raises: UnknownKeyError when none of them has the key; KeysUnavailableError when one that may have it has no keys to
    trust, and no other takes the token; else as ``verify``.
    """
    kid = kid_among(several, untrusted)
    having = [one for one in several if one.knows(kid)]
    if kid is None and len(several) == 1:
        having = list(several)
    refused: WatchwordError | None = None
    for one in having:
        try:
            return one.check(untrusted)
        except (SignatureError, WrongIssuerError) as error:
            refused = refused or error
        except (TokenError, UnavailableError) as error:
            refused = refused if isinstance(refused, UnavailableError) else error
    if refused is not None:
        raise refused
    for one in several:
        one.ensure_usable()
    raise UnknownKeyError
