"""The compact serialization that JWS and JWT share (RFC 7515 §7.1): three segments, and what a header may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..crypto.algorithms import JOSE_NAMES
from ..encoding import MAX_HEADER, gate, json_object, malformed, unb64url
from ..errors import AlgorithmError, UnknownKeyError
from ..keys.key import kid_is_sound
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Vouched, usable

_FORBIDDEN = ("jwk", "jku", "x5u", "x5c", "zip", "cty", "enc", "epk")
"""A header never brings its own key or address (RFC 8725 §3.10); a plain JWS neither zips, nests nor encrypts."""


def split(untrusted: object) -> tuple[bytes, bytes, bytes, bytes]:
    """(header, payload, signature segments, signing input) of a compact JWS."""
    token = gate(untrusted)
    message, dot, signature = token.rpartition(b".")
    head, inner, payload = message.partition(b".")
    if not (dot and inner and head and signature) or b"." in payload:
        malformed("a compact JWS has three segments, and neither header nor signature is empty")
    return head, payload, signature, message


def envelope(untrusted: object, vouched: Vouched | None = None) -> Envelope:
    """Take a compact JWS apart; a header that was vouched for is not read again."""
    head, payload, signature, message = split(untrusted)
    header = vouched.head(head) if vouched is not None else None
    if header is None:
        header = read_header(head)
    return Envelope(header, head, message, unb64url(signature), unb64url(payload))


def read_header(segment: bytes) -> dict[str, Any]:
    """The header, if it is safe for every JWS: no ``crit`` (none is understood), no keys, text where text belongs."""
    if len(segment) > (MAX_HEADER * 4 + 2) // 3:
        malformed(f"the header is longer than {MAX_HEADER} bytes", "too_large")
    header = json_object(unb64url(segment))
    if "crit" in header or "b64" in header:
        malformed("the header has critical extensions, and none is understood here", "crit_unsupported")
    for name in _FORBIDDEN:
        if name in header:
            malformed(f"the header holds {name!r}, which is not allowed here")
    for name in ("alg", "typ", "kid"):
        if not isinstance(header.get(name, ""), str):
            malformed(f"the header's {name!r} is not text")
    if "kid" in header and not kid_is_sound(header["kid"]):
        malformed("the header's 'kid' is not 1 to 128 plain characters")
    return header


def key_for(header: Mapping[str, Any], ring: KeyRing) -> Slot:
    """The key that the header names; the header's algorithm may only agree with it."""
    algorithm = JOSE_NAMES.get(header.get("alg", ""))
    if algorithm is None:
        raise AlgorithmError("the header's algorithm is none that is allowed here")
    if "kid" in header:
        return usable(ring, header["kid"], algorithm)
    fitting = [slot for slot in ring if slot.key.algorithm.name == algorithm and slot.key.use == "sign"]
    if len(fitting) != 1:
        raise UnknownKeyError("the header names no key, and not exactly one key here has its algorithm")
    return usable(ring, fitting[0].key.kid, algorithm)
