"""PASETO: ``public`` (signed, readable) and ``local`` (encrypted) of versions 3 and 4; footers, implicit assertions.

The key decides version and purpose, and the token's header must agree. A key of version 1 or 2 (see
``watchword.insecure.LEGACY_PASETO``) verifies and decrypts, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, TypeVar

from ..crypto.algorithms import ALGORITHMS, OLD_ALGORITHMS
from ..encoding import (
    MAX_HEADER,
    MAX_TOKEN,
    b64url,
    dump_json,
    gate,
    json_object,
    malformed,
    pae,
    rfc3339,
    seconds_of,
    unb64url,
)
from ..errors import (
    AlgorithmError,
    ClaimError,
    ConfigurationError,
    SealError,
    SignatureError,
    UnknownKeyError,
    WrongTypeError,
)
from ..keys.footer import read_footer, write_footer
from ..keys.key import Key, no_key
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Verified, Vouched, usable

T = TypeVar("T")

TIMES = ("exp", "nbf", "iat")
Footer = bytes | Mapping[str, str]
"""Bytes as they are, or a flat object of text, which is guarded and written as JSON."""

_ROWS = [row for row in (*ALGORITHMS.values(), *OLD_ALGORITHMS.values()) if row.format == "paseto"]
_PUBLIC = {row.name: f"{row.name}.".encode() for row in _ROWS if not row.symmetric}
_LOCAL = {row.name: (f"{row.name}.".encode(), row.seal, row.open) for row in _ROWS if row.seal and row.open}
_CLAIMS = {
    header: (name, ALGORITHMS[name].signature, pae(header, b"", b"", b"")[: 16 + len(header)])
    for name, header in _PUBLIC.items()
    if name in ALGORITHMS
}
"""Header of a token with claims -> algorithm, bytes of its signature, and how its PAE begins."""
_HEADER_SIZE = 10
_NOTHING = bytes(8)


def sign(payload: bytes, key: Key, *, footer: Footer = b"", assertion: bytes = b"") -> str:
    """The v3.public or v4.public token of ``payload``. ``assertion`` is authenticated and does not travel.

    Raises: AlgorithmError for a key of another purpose; KeyUseError for one that only reads.
    """
    header = _known(_PUBLIC, key, "public")
    _only_bytes(payload, assertion)
    written = write_footer(footer)
    return _joined(header, payload + key.sign(_covered(key, header, payload, written, assertion)), written)


def verify(
    untrusted: object, key: Key, *, footer: bytes | None = None, assertion: bytes = b"", limit: int = MAX_TOKEN
) -> tuple[bytes, bytes]:
    """(payload, footer) of a public token.

    Parameters: footer: the one you expect; None takes any, ``b""`` none. limit: bytes of the longest token you take.
    Raises: AlgorithmError, MalformedTokenError, SignatureError.
    """
    header = _known(_PUBLIC, key, "public")
    body, found, _ = _split(untrusted, header, limit)
    size = key.algorithm.signature
    if len(body) < size:
        malformed("too short to hold a signature")
    if footer is not None and not compare_digest(found, footer):
        raise SignatureError("the footer is another than expected", reason="footer_mismatch")
    payload = body[:-size]
    key.verify(body[-size:], _covered(key, header, payload, found, assertion))
    return payload, found


def encrypt(payload: bytes, key: Key, *, footer: Footer = b"", assertion: bytes = b"") -> str:
    """The v3.local or v4.local token of ``payload``, with a fresh nonce. Raises: as ``sign``."""
    return _encrypt(payload, key, footer, assertion, b"")


def _encrypt(payload: bytes, key: Key, footer: Footer, assertion: bytes, nonce: bytes) -> str:
    """``nonce`` is for the test vectors: one that is used twice gives both messages away."""
    header, seal, _ = _known(_LOCAL, key, "local")
    _only_bytes(payload, assertion)
    written = write_footer(footer)
    return _joined(header, seal(key.secret_bytes(), payload, written, assertion, nonce), written)


def decrypt(
    untrusted: object, key: Key, *, footer: bytes | None = None, assertion: bytes = b"", limit: int = MAX_TOKEN
) -> tuple[bytes, bytes]:
    """(payload, footer) of a local token; parameters as for ``verify``.

    Raises: AlgorithmError, MalformedTokenError, SealError.
    """
    header, _, opened = _known(_LOCAL, key, "local")
    _no_assertion(key, assertion)
    body, found, _ = _split(untrusted, header, limit)
    if footer is not None and not compare_digest(found, footer):
        raise SealError("the footer is another than expected", reason="footer_mismatch")
    return opened(key.secret_bytes(), body, found, assertion), found


def _only_bytes(payload: object, assertion: object) -> None:
    for what, value in (("a payload", payload), ("an assertion", assertion)):
        if not isinstance(value, bytes):
            raise ConfigurationError(
                f"{what} is bytes, not {type(value).__name__}: text.encode(), json.dumps(claims).encode()"
            )


def claims_of(payload: bytes) -> dict[str, Any]:
    """The claims in a payload that was authenticated, with times as whole seconds.

    Raises: MalformedTokenError unless it is a JSON object without duplicate names; ClaimError for a time that is none.
    """
    claims = json_object(payload)
    last, seconds = object(), 0  # nbf and iat are mostly the same words
    for name in TIMES:
        if name in claims:
            if claims[name] != last:
                last = claims[name]
                seconds = _instant(last, name)
            claims[name] = seconds
    if isinstance(claims.get("aud"), list):
        raise ClaimError("a PASETO has one audience", claim="aud")
    return claims


def _instant(written: object, name: str) -> int:
    try:
        return seconds_of(written if isinstance(written, str) else "")
    except (ValueError, OverflowError):
        raise ClaimError(f"{name!r} is not an RFC 3339 time", claim=name) from None


class PasetoLocal:
    """v3.local and v4.local tokens of one ``typ``: nobody without the ring's key reads or writes them.

    The footer ``{"kid", "typ"}`` is authenticated and readable. ``assertion`` is authenticated and does not travel: a
    token that was issued with one opens with that very one.
    """

    name = "paseto"
    starts = tuple(f"{name}." for name in _LOCAL if name in ALGORITHMS)

    def __init__(self, ring: KeyRing, typ: str) -> None:
        self._ring = ring
        self._typ = typ.removesuffix("+jwt")

    def issue(self, claims: dict[str, Any], *, assertion: bytes = b"") -> str:
        key = self._ring.active("seal", format="paseto")
        if isinstance(claims.get("aud"), list):
            raise ConfigurationError("a PASETO has one audience; issue one token for each, or JWTs")
        written = claims | {name: rfc3339(claims[name]) for name in TIMES if name in claims}
        return encrypt(dump_json(written), key, footer={"kid": key.kid, "typ": self._typ}, assertion=assertion)

    def parse(self, untrusted: object) -> Envelope:
        token = gate(untrusted, self._ring.max_token)
        start = token[: len(self.starts[0])]
        if not token.startswith(tuple(one.encode() for one in self.starts)):
            malformed("not a v3.local or v4.local token")
        body, footer, segment = _segments(token, len(start), MAX_HEADER)
        return Envelope(read_footer(footer, limit=MAX_HEADER), segment, footer, b"", body, start[:-1].decode())

    def key(self, envelope: Envelope) -> Slot:
        if envelope.head.get("typ") != self._typ:
            raise WrongTypeError(f"this takes {self._typ!r} alone", claim="typ")
        kid = envelope.head.get("kid")
        if kid is None:
            raise UnknownKeyError("the footer names no key")
        return usable(self._ring, kid, envelope.algorithm, "seal")

    def verify(self, envelope: Envelope, slot: Slot, *, assertion: bytes = b"") -> Verified:
        """Raises: SealError for another key, another assertion, or one changed bit."""
        _, _, opened = _LOCAL[envelope.algorithm]
        payload = opened(slot.key.secret_bytes(), envelope.body, envelope.message, assertion)
        return Verified(claims_of(payload), slot, self._typ)


def _known(ways: dict[str, T], key: Key, purpose: str) -> T:
    if not isinstance(key, Key):
        raise no_key(key)
    way = ways.get(key.algorithm.name)
    if way is None:
        raise AlgorithmError(f"this wants a PASETO {purpose} key", reason="key_alg_mismatch")
    return way


def _no_assertion(key: Key, assertion: bytes) -> None:
    if assertion and key.algorithm.read_only:
        raise ConfigurationError("versions 1 and 2 have no implicit assertions: nothing would check this one")


def _covered(key: Key, header: bytes, payload: bytes, footer: bytes, assertion: bytes) -> bytes:
    """What a signature covers; a v3.public key puts itself in front."""
    if not key.algorithm.read_only:
        return pae(header, payload, footer, assertion)
    _no_assertion(key, assertion)
    return pae(header, payload, footer)


def _joined(header: bytes, body: bytes, footer: bytes) -> str:
    return header.decode() + b64url(body) + (f".{b64url(footer)}" if footer else "")


def _split(untrusted: object, header: bytes, limit: int) -> tuple[bytes, bytes, bytes]:
    """(body, footer, footer segment)."""
    token = gate(untrusted, limit)
    if not token.startswith(header):
        malformed(f"not a {header.decode()[:-1]} token")
    return _segments(token, len(header))


def _segments(token: bytes, start: int, longest: int = MAX_TOKEN) -> tuple[bytes, bytes, bytes]:
    body, dot, footer = token[start:].partition(b".")
    if not body or bool(dot) != bool(footer) or b"." in footer:
        malformed("a PASETO has a body and at most one footer that is not empty")
    if len(footer) > (longest * 4 + 2) // 3:
        malformed(f"the footer is longer than {longest} bytes", "too_large")
    return unb64url(body), unb64url(footer), footer


class PasetoPublic:
    """v3.public and v4.public tokens of one ``typ``; the ring's key decides which.

    The footer ``{"kid", "typ"}`` is authenticated, so any PASETO library can verify them.
    """

    name = "paseto"
    starts = tuple(header.decode() for header in _CLAIMS)

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
        token = gate(untrusted)
        way = _CLAIMS.get(token[:_HEADER_SIZE])
        if way is None:
            malformed("not a v3.public or v4.public token")
        algorithm, size, front = way
        body, footer, segment = _segments(token, _HEADER_SIZE, MAX_HEADER)
        if len(body) < size:
            malformed("too short to hold a signature")
        known = self._vouched.find(segment)
        head, slot = known if known is not None else (read_footer(footer, limit=MAX_HEADER), None)
        payload = body[:-size]
        lengths = len(payload).to_bytes(8, "little"), len(footer).to_bytes(8, "little")
        covered = b"".join((front, lengths[0], payload, lengths[1], footer, _NOTHING))
        return Envelope(head, segment, covered, body[-size:], payload, algorithm, slot)

    def key(self, envelope: Envelope) -> Slot:
        slot = self._vouched.slot(envelope)
        if slot is not None and slot.key.algorithm.name == envelope.algorithm:
            return slot
        if envelope.head.get("typ") != self._typ:
            raise WrongTypeError(f"this verifier takes {self._typ!r} alone", claim="typ")
        kid = envelope.head.get("kid")
        if kid is None:
            raise UnknownKeyError("the footer names no key")
        return usable(self._ring, kid, envelope.algorithm)

    def verify(self, envelope: Envelope, slot: Slot) -> Verified:
        slot.key.verify(envelope.signature, envelope.message)
        self._vouched.add(envelope, slot)
        return Verified(claims_of(envelope.body), slot, self._typ)
