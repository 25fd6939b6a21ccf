"""JWT in JWS compact (RFC 7519, RFC 8725): claims as one JSON object, explicitly typed."""

from __future__ import annotations

from typing import Any

from ..encoding import b64url, dump_json, json_object, malformed
from ..errors import WrongTypeError
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Verified, Vouched
from .compact import envelope, key_for


def media_type(typ: str) -> str:
    """``typ`` as it is compared: lower case, ``application/`` taken as read (RFC 7515 §4.1.9)."""
    return typ.lower().removeprefix("application/")


class Jwt:
    """JWTs of one ``typ``, for example ``at+jwt``. A header that a good signature vouched for is not parsed again."""

    name = "jwt"
    starts = "eyJ"

    def __init__(self, ring: KeyRing, typ: str) -> None:
        self._ring = ring
        self._typ = typ
        self._vouched = Vouched(ring)
        self._written: dict[str, str] = {}

    def issue(self, claims: dict[str, Any]) -> str:
        key = self._ring.active("sign", format="jwt")
        head = self._written.get(key.kid)
        if head is None:
            header = {"alg": key.algorithm.name, "kid": key.kid, "typ": self._typ}
            head = self._written[key.kid] = b64url(dump_json(header))
        message = f"{head}.{b64url(dump_json(claims))}"
        return f"{message}.{b64url(key.sign(message.encode()))}"

    def parse(self, untrusted: object) -> Envelope:
        found = envelope(untrusted, self._vouched)
        if not found.body:
            malformed("the payload of a JWT is not empty")
        return found

    def key(self, envelope: Envelope) -> Slot:
        slot = self._vouched.slot(envelope.head_segment)
        if slot is not None:
            return slot
        if media_type(envelope.head.get("typ", "")) != self._typ:
            raise WrongTypeError(f"this verifier takes {self._typ!r} alone", claim="typ")
        return key_for(envelope.head, self._ring)

    def verify(self, envelope: Envelope, slot: Slot) -> Verified:
        slot.key.verify(envelope.signature, envelope.message)
        self._vouched.add(envelope, slot)
        return Verified(json_object(envelope.body), slot, self._typ)
