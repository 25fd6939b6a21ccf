"""The strict front door: one way to write each value, and only that way is read. Every failure is MalformedTokenError.

base64url without padding and with zero spare bits (RFC 4648 §3.5, §5), JSON objects without duplicate names, NaN or
deep nesting (RFC 8259, RFC 8725 §2.4), RFC 3339 times, base62 of a fixed width, and PASETO's
pre-authentication encoding (PAE). And the one form of a person's name, and of an address, in which they are compared.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from math import isinf
from typing import Any, NoReturn
from unicodedata import normalize

import msgspec

from .errors import MalformedTokenError

MAX_TOKEN = 8192
"""Bytes of a whole token, D-28."""
MAX_HEADER = 1024
"""Bytes of a decoded header or footer."""
LARGE_TOKEN, LARGE_HEADER = 16_384, 4_096
"""The same, where a ring holds a key whose signatures are large (ML-DSA)."""
MAX_DEPTH = 8
"""Levels of nesting in JSON; the object itself is level 1."""

_TO_STANDARD = bytes.maketrans(b'-_+/="\\', b"+/!!!!!")
"""To the alphabet of RFC 4648 §4. What base64url has not becomes ``!``, and so does what could end or escape a text."""
_TO_URL = bytes.maketrans(b"+/", b"-_")
_ENDS = (b'"', b'!"', b'=="', b'="')
_LAST_OF_2 = frozenset(b"AQgw")  # one byte in two characters: four spare bits
_LAST_OF_3 = frozenset(b"AEIMQUYcgkosw048")  # two bytes in three: two spare bits

_TEXT = re.compile(rb'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)  # it never fails, so nothing is looked at twice
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _float(text: str) -> float:
    """msgspec's own reading of hard floats takes 6 µs each, and a token has room for hundreds."""
    value = float(text)
    if isinf(value):
        raise ValueError("out of range")
    return value


_decode_json = msgspec.json.Decoder(float_hook=_float).decode
_decode_base64 = msgspec.json.Decoder(bytes).decode
"""A JSON text of base64 (RFC 4648 §4) as bytes: as strict as ``binascii`` in strict mode, and a third faster."""
_encode_json = msgspec.json.Encoder().encode


def malformed(message: str, reason: str = "malformed") -> NoReturn:
    raise MalformedTokenError(message, reason=reason)


def gate(untrusted: object, limit: int = MAX_TOKEN) -> bytes:
    """Text or bytes of at most ``limit`` ASCII bytes, as bytes; looked at by length before anything is copied."""
    if not isinstance(untrusted, (str, bytes)):
        malformed(f"a token is str or bytes, not {type(untrusted).__name__}")
    if len(untrusted) > limit:
        malformed(f"longer than the {limit} bytes that a token may have here", "too_large")
    if not untrusted.isascii():
        malformed("holds a character outside ASCII")
    return untrusted.encode("ascii") if isinstance(untrusted, str) else untrusted


def b64url(raw: bytes) -> str:
    """base64url without padding, RFC 7515 §2."""
    return b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def unb64url(text: bytes) -> bytes:
    """The bytes behind base64url; padding, foreign characters, white space and non-zero spare bits are refused."""
    tail = len(text) & 3
    if tail == 1 or (tail == 2 and text[-1] not in _LAST_OF_2) or (tail == 3 and text[-1] not in _LAST_OF_3):
        malformed("base64url is not canonical")
    try:
        return _decode_base64(b'"' + text.translate(_TO_STANDARD) + _ENDS[tail])
    except (msgspec.DecodeError, UnicodeDecodeError):
        malformed("holds a character outside base64url")


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS62 = {digit: value for value, digit in enumerate(_BASE62)}


def base62(raw: bytes, width: int) -> str:
    """The number in ``raw`` (big-endian) as ``width`` digits 0-9A-Za-z, with zeros in front."""
    number, digits = int.from_bytes(raw, "big"), ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def unbase62(text: str, size: int) -> bytes:
    """The ``size`` bytes behind base62; a foreign character, or a number that does not fit in them, is refused."""
    number = 0
    for char in text:
        digit = _DIGITS62.get(char)
        if digit is None:
            malformed("holds a character outside base62")
        number = number * 62 + digit
    if number >> 8 * size:
        malformed("base62 is not canonical")
    return number.to_bytes(size, "big")


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in ``raw`` (UTF-8): no duplicate names at any depth, no NaN, at most MAX_DEPTH levels.

    A text that encodes back to itself holds no name twice, so only unusual spellings take the slow road.
    """
    if (b"[" in raw or raw.find(b"{", 1) > 0) and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _refuse_depth(raw)
    try:
        value = _decode_json(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        malformed("not JSON in UTF-8")
    if type(value) is not dict:
        malformed("not a JSON object")
    if _encode_json(value) != raw:
        _refuse_duplicates(raw)
    return value


def dump_json(value: object) -> bytes:
    """Compact JSON in UTF-8; a value that JSON cannot hold is a TypeError of the caller."""
    return _encode_json(value)


def _refuse_depth(raw: bytes) -> None:
    """Outside of texts, brackets alone count; each round takes the innermost pairs away."""
    left = _TEXT.sub(b"", raw).translate(_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        left = left.replace(b"[]", b"")
    if left:
        malformed(f"JSON nests deeper than {MAX_DEPTH}, or its brackets do not match")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        malformed("a JSON name occurs twice")
    return seen


def _refuse_duplicates(raw: bytes) -> None:
    try:
        json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        malformed("not JSON in UTF-8")


def pae(*pieces: bytes) -> bytes:
    """PASETO's pre-authentication encoding: the count, then each piece behind its length, as 64-bit little-endian."""
    parts = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        parts.append(len(piece).to_bytes(8, "little"))
        parts.append(piece)
    return b"".join(parts)


def rfc3339(seconds: int) -> str:
    """Seconds since 1970 as ``2027-01-15T08:00:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


def seconds_of(text: str) -> int:
    """Whole seconds since 1970 of an RFC 3339 time with an upper-case T and a zone; a fraction is cut off.

    Raises: ValueError for anything else: a space or lower-case t, no zone, hour 24, second 60.
    """
    if len(text) == 20 and text[19] == "Z":
        return _plain_seconds(text)
    return _zoned_seconds(text)


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a number")
    return int(text)


def _plain_seconds(text: str) -> int:
    if not (text[10] == "T" and text[4] == text[7] == "-" and text[13] == text[16] == ":") or text[11:13] == "24":
        raise ValueError("not an RFC 3339 time")
    return int(datetime.fromisoformat(text).timestamp())


def _zoned_seconds(text: str) -> int:
    head, rest = text[:19], text[19:]
    if len(head) != 19 or not text.isascii():
        raise ValueError("not an RFC 3339 time")
    if rest.startswith("."):
        fraction = rest[1:].rstrip("Z") if rest.endswith("Z") else rest[1:-6]
        _digits(fraction)
        rest = rest[1 + len(fraction) :]
    base = _plain_seconds(head + "Z")
    if rest == "Z":
        return base
    if len(rest) != 6 or rest[0] not in "+-" or rest[3] != ":":
        raise ValueError("an RFC 3339 time needs a zone")
    hours, minutes = _digits(rest[1:3]), _digits(rest[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("no such zone")
    offset = hours * 3600 + minutes * 60
    return base - offset if rest[0] == "+" else base + offset


def folded(name: str) -> str:
    """The one form of a name for all its spellings in either case (Unicode §3.13, canonical caseless matching)."""
    return normalize("NFC", normalize("NFC", name).casefold())


def neighbourhood(address: str | None) -> str | None:
    """The network that an address is in, ``203.0.113.0/24``: /24 of IPv4, /56 of IPv6; None for what is no address."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    plain = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{plain}/{24 if plain.version == 4 else 56}", strict=False))
