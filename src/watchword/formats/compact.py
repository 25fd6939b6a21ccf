"""The compact forms of JWS, JWT and JWE (RFC 7515 §7.1, RFC 7516 §7.1): segments, and what a header may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..crypto.algorithms import JOSE_NAMES
from ..encoding import MAX_HEADER, MAX_TOKEN, gate, json_object, malformed, unb64url
from ..errors import AlgorithmError, UnknownKeyError
from ..keys.key import kid_is_sound
from ..keys.ring import KeyRing, Slot
from .base import Envelope, Vouched, usable

BROUGHT_ALONG = ("jwk", "jku", "x5u", "x5c")
"""A header never brings its own key or address (RFC 8725 §3.10)."""
NOT_IN_JWS = (*BROUGHT_ALONG, "zip", "cty", "enc", "epk")
"""A plain JWS neither zips, nests nor encrypts."""


def media_type(typ: str) -> str:
    """``typ`` or ``cty`` as it is compared: lower case, ``application/`` taken as read (RFC 7515 §4.1.9)."""
    return typ.lower().removeprefix("application/")


def split(untrusted: object, limit: int = MAX_TOKEN) -> tuple[bytes, bytes, bytes, bytes]:
    """(header, payload, signature segments, signing input) of a compact JWS; the payload alone may be empty."""
    token = gate(untrusted, limit)
    message, _, signature = token.rpartition(b".")
    head, dot, payload = message.partition(b".")
    if not (dot and head and signature) or b"." in payload:
        malformed("a compact JWS has three segments, and neither header nor signature is empty")
    return head, payload, signature, message


def envelope(
    untrusted: object, vouched: Vouched | None = None, *, limit: int = MAX_TOKEN, header_limit: int = MAX_HEADER
) -> Envelope:
    """Take a compact JWT apart; a header that was vouched for is not read again."""
    head, payload, signature, message = split(untrusted, limit)
    if not payload:
        malformed("a JWT has claims")
    known = vouched.find(head) if vouched is not None else None
    header, slot = known if known is not None else (read_header(head, limit=header_limit), None)
    return Envelope(header, head, message, unb64url(signature), unb64url(payload), vouched=slot)


def read_header(
    segment: bytes,
    *,
    limit: int = MAX_HEADER,
    forbidden: tuple[str, ...] = NOT_IN_JWS,
    unencoded: bool = False,
    sound: Callable[[object], bool] = kid_is_sound,
) -> dict[str, Any]:
    """The header, if it is safe: no keys, text where text belongs, and no ``crit``, for none is understood.

    ``unencoded`` alone wants, and understands, ``"b64": false, "crit": ["b64"]`` (RFC 7797 §6).
    """
    if len(segment) > (limit * 4 + 2) // 3:
        malformed(f"the header is longer than {limit} bytes", "too_large")
    header = json_object(unb64url(segment))
    if unencoded:
        if header.get("b64") is not False or header.get("crit") != ["b64"]:
            malformed("the payload is to be unencoded, and the header does not say so", "crit_unsupported")
    elif "crit" in header or "b64" in header:
        malformed("the header has critical extensions, and none is understood here", "crit_unsupported")
    for name in forbidden:
        if name in header:
            malformed(f"the header holds {name!r}, which is not allowed here")
    for name in ("alg", "enc", "typ", "cty", "kid"):
        if not isinstance(header.get(name, ""), str):
            malformed(f"the header's {name!r} is not text")
    if "kid" in header and not sound(header["kid"]):
        malformed("the header's 'kid' is not 1 to 128 plain characters")
    return header


def key_for(header: Mapping[str, Any], ring: KeyRing) -> Slot:
    """The key that a JWS header names; the header's algorithm may only agree with it."""
    algorithm = JOSE_NAMES.get(header.get("alg", ""))
    if algorithm is None:
        raise AlgorithmError("the header's algorithm is none that is allowed here")
    return slot_for(header, ring, algorithm, "sign")


def slot_for(header: Mapping[str, Any], ring: KeyRing, algorithm: str, use: str) -> Slot:
    """The slot of the header's ``kid``; without one, that of the only key with this algorithm and use."""
    if "kid" in header:
        return usable(ring, header["kid"], algorithm, use)
    fitting = [slot for slot in ring if slot.key.algorithm.name == algorithm and slot.key.use == use]
    if len(fitting) != 1:
        raise UnknownKeyError("the header names no key, and not exactly one key here has its algorithm")
    return usable(ring, fitting[0].key.kid, algorithm, use)
