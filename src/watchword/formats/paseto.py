"""PASETO version 4: ``v4.public`` (signed, readable), ``v4.local`` (encrypted); footers, implicit assertions."""

from __future__ import annotations

from typing import Any

from ..crypto.encryption import v4_local_open, v4_local_seal
from ..encoding import MAX_HEADER, b64url, dump_json, gate, json_object, malformed, pae, rfc3339, seconds_of, unb64url
from ..errors import AlgorithmError, ClaimError, ConfigurationError, KeyUseError, UnknownKeyError, WrongTypeError
from ..keys.key import Key, kid_is_sound
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Verified, Vouched, usable

PUBLIC, LOCAL = b"v4.public.", b"v4.local."
TIMES = ("exp", "nbf", "iat")


def sign(payload: bytes, key: Key, *, footer: bytes = b"", assertion: bytes = b"") -> str:
    """The v4.public token of ``payload`` (PASETO v4 §Sign)."""
    _want(key, "v4.public")
    signature = key.sign(pae(PUBLIC, payload, footer, assertion))
    return _joined(PUBLIC, payload + signature, footer)


def verify(untrusted: object, key: Key, *, assertion: bytes = b"") -> tuple[bytes, bytes]:
    """(payload, footer) of a v4.public token. Raises: MalformedTokenError, SignatureError."""
    _want(key, "v4.public")
    body, footer, _ = _split(untrusted, PUBLIC)
    if len(body) < 64:
        malformed("too short to hold a signature")
    key.verify(body[-64:], pae(PUBLIC, body[:-64], footer, assertion))
    return body[:-64], footer


def encrypt(payload: bytes, key: Key, *, footer: bytes = b"", assertion: bytes = b"", nonce: bytes = b"") -> str:
    """The v4.local token of ``payload`` (PASETO v4 §Encrypt). ``nonce`` is for test vectors alone."""
    _want(key, "v4.local")
    return _joined(LOCAL, v4_local_seal(key.secret_bytes(), LOCAL, payload, footer, assertion, nonce), footer)


def decrypt(untrusted: object, key: Key, *, assertion: bytes = b"") -> tuple[bytes, bytes]:
    """(payload, footer) of a v4.local token. Raises: MalformedTokenError, SealError."""
    _want(key, "v4.local")
    body, footer, _ = _split(untrusted, LOCAL)
    return v4_local_open(key.secret_bytes(), LOCAL, body, footer, assertion), footer


def _want(key: Key, algorithm: str) -> None:
    if not isinstance(key, Key):
        raise KeyUseError("bytes and text are never keys; make a Key of them, bound to one algorithm")
    if key.algorithm.name != algorithm:
        raise AlgorithmError(f"this wants a {algorithm} key", reason="key_alg_mismatch")


def _joined(header: bytes, body: bytes, footer: bytes) -> str:
    return header.decode() + b64url(body) + (f".{b64url(footer)}" if footer else "")


def _split(untrusted: object, header: bytes) -> tuple[bytes, bytes, bytes]:
    """(body, footer, footer segment)."""
    token = gate(untrusted)
    if not token.startswith(header):
        malformed(f"not a {header.decode()[:-1]} token")
    body, dot, footer = token[len(header) :].partition(b".")
    if not body or bool(dot) != bool(footer) or b"." in footer:
        malformed("a PASETO has a body and at most one footer that is not empty")
    if len(footer) > (MAX_HEADER * 4 + 2) // 3:
        malformed(f"the footer is longer than {MAX_HEADER} bytes", "too_large")
    return unb64url(body), unb64url(footer), footer


class PasetoPublic:
    """v4.public tokens of one ``typ``.

    The footer ``{"kid", "typ"}`` is authenticated, so any PASETO library can verify them.
    """

    name = "paseto"
    starts = "v4.public."

    def __init__(self, ring: KeyRing, typ: str) -> None:
        self._ring = ring
        self._typ = typ.removesuffix("+jwt")
        self._vouched = Vouched(ring)

    def issue(self, claims: dict[str, Any]) -> str:
        key = self._ring.active("sign", format="paseto")
        if isinstance(claims.get("aud"), list):
            raise ConfigurationError("a PASETO has one audience; issue one token for each, or JWTs")
        written = claims | {name: rfc3339(claims[name]) for name in TIMES if name in claims}
        return sign(dump_json(written), key, footer=dump_json({"kid": key.kid, "typ": self._typ}))

    def parse(self, untrusted: object) -> Envelope:
        body, footer, segment = _split(untrusted, PUBLIC)
        if len(body) < 64:
            malformed("too short to hold a signature")
        head = self._vouched.head(segment)
        if head is None:
            head = _read_footer(footer)
        payload = body[:-64]
        return Envelope(head, segment, pae(PUBLIC, payload, footer, b""), body[-64:], payload)

    def key(self, envelope: Envelope) -> Slot:
        slot = self._vouched.slot(envelope.head_segment)
        if slot is not None:
            return slot
        if envelope.head.get("typ") != self._typ:
            raise WrongTypeError(f"this verifier takes {self._typ!r} alone", claim="typ")
        kid = envelope.head.get("kid")
        if kid is None:
            raise UnknownKeyError("the footer names no key")
        return usable(self._ring, kid, "v4.public")

    def verify(self, envelope: Envelope, slot: Slot) -> Verified:
        slot.key.verify(envelope.signature, envelope.message)
        self._vouched.add(envelope, slot)
        return Verified(_with_seconds(json_object(envelope.body)), slot, self._typ)


def _read_footer(footer: bytes) -> dict[str, Any]:
    """The footer as a flat object with a sound ``kid``; untrusted until the signature says otherwise."""
    head = json_object(footer)
    if any(not isinstance(value, str) for value in head.values()) or "wpk" in head:
        malformed("the footer is not a flat object of text, or carries a wrapped key")
    if "kid" in head and not kid_is_sound(head["kid"]):
        malformed("the footer's 'kid' is not 1 to 128 plain characters")
    return head


def _with_seconds(claims: dict[str, Any]) -> dict[str, Any]:
    for name in TIMES:
        if name in claims:
            written = claims[name]
            try:
                claims[name] = seconds_of(written if isinstance(written, str) else "")
            except (ValueError, OverflowError):
                raise ClaimError(f"{name!r} is not an RFC 3339 time", claim=name) from None
    if isinstance(claims.get("aud"), list):
        raise ClaimError("a PASETO has one audience", claim="aud")
    return claims
