"""JWT (RFC 7519) as a compact JWS: claims with a ``typ`` that says what they are for (RFC 8725 §3.11)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..claims import ClaimsPolicy, Profile
from ..encoding import b64url, dump_json, json_object, malformed
from ..errors import BindingError, WrongTypeError
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Verified, Vouched
from .compact import envelope, key_for, media_type


class Jwt:
    """JWTs of one ``typ``, for example ``at+jwt``, or of a Profile.

    A header that a good signature vouched for is not parsed again.
    """

    name = "jwt"
    starts: tuple[str, ...] = ("eyJ",)

    def __init__(self, ring: KeyRing, typ: str | Profile) -> None:
        self._ring = ring
        self._types = frozenset({media_type(typ)}) if isinstance(typ, str) else typ.types
        self._typ = typ if isinstance(typ, str) else typ.typ
        self._vouched = Vouched(ring)
        self._written: dict[tuple[str, str], str] = {}

    def issue(self, claims: dict[str, Any]) -> str:
        key = self._ring.active("sign", format="jwt")
        name = key.algorithm.name, key.kid
        head = self._written.get(name)
        if head is None:
            header = {"alg": name[0], "kid": name[1], "typ": self._typ}
            head = self._written[name] = b64url(dump_json(header))
        message = f"{head}.{b64url(dump_json(claims))}"
        return f"{message}.{b64url(key.sign(message.encode()))}"

    def parse(self, untrusted: object) -> Envelope:
        found = envelope(untrusted, self._vouched, limit=self._ring.max_token, header_limit=self._ring.max_header)
        if not found.body:
            malformed("the payload of a JWT is not empty")
        return found

    def key(self, envelope: Envelope) -> Slot:
        slot = self._vouched.slot(envelope)
        if slot is not None:
            return slot
        if media_type(envelope.head.get("typ", "")) not in self._types:
            raise WrongTypeError(f"this verifier takes {self._typ!r} alone", claim="typ")
        return key_for(envelope.head, self._ring)

    def verify(self, envelope: Envelope, slot: Slot) -> Verified:
        slot.key.verify(envelope.signature, envelope.message)
        self._vouched.add(envelope, slot)
        return Verified(json_object(envelope.body), slot, self._typ)


class JwtVerifier:
    """JWTs of one profile, from one issuer with its own keys, for us.

        verifier = JwtVerifier(ring, ID_TOKEN, issuer="https://id.example", audience="client-1")
        claims = verifier.verify(token).claims

    For several issuers make several, each with the ring of its issuer: a key of one never vouches for another.
    Parameters: audience: one or several that are ours. leeway: seconds that ``nbf`` and ``iat`` may lie in the future.
    """

    def __init__(
        self, ring: KeyRing, profile: Profile, *, issuer: str, audience: str | Collection[str], leeway: int = 10
    ) -> None:
        self._clock = ring.clock
        self._profile = profile
        self._policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset({audience} if isinstance(audience, str) else audience),
            leeway=leeway,
            max_life=profile.max_life,
            authorized_party=profile.authorized_party,
        )
        self._format = Jwt(ring, profile)

    def verify(self, untrusted: object) -> Verified:
        """What the token says, after its signature, type, issuer, audience and times were found right.

        Raises: a TokenError; BindingError for a token that is bound to a key (``cnf``, RFC 7800): nothing here sees a
        request that could prove it.
        """
        envelope = self._format.parse(untrusted)
        verified = self._format.verify(envelope, self._format.key(envelope))
        if "cnf" in verified.claims:
            raise BindingError("the token is bound to its sender, and no proof of that is looked at here")
        self._profile.check(verified.claims)
        self._policy.check(verified.claims, self._clock.now())
        return verified
