"""JWS compact (RFC 7515): signed bytes, also detached and unencoded (RFC 7797). For claims use ``jwt``."""

from __future__ import annotations

from typing import Any

from ..encoding import b64url, dump_json, malformed, unb64url
from ..errors import ConfigurationError, KeyUseError
from ..keys.key import Key
from ..keys.ring import KeyRing
from .compact import key_for, read_header, split

MAX_DETACHED = 1_048_576
"""Bytes of a payload that travels beside its JWS."""


def sign(payload: bytes, key: Key, *, typ: str | None = None, detached: bool = False, b64: bool = True) -> str:
    """The compact JWS of ``payload``; the header holds the key's algorithm and id, and ``typ`` where given.

    ``detached`` leaves the payload out (``header..signature``); ``b64=False`` signs it as it is, and then it can
    only travel inside when it is printable ASCII without a dot.
    """
    if key.algorithm.format != "jwt" or key.use != "sign":
        raise KeyUseError(f"a {key.algorithm.name} key for use to {key.use} does not sign a JWS")
    header: dict[str, Any] = {"alg": key.algorithm.name, "kid": key.kid} | ({"typ": typ} if typ else {})
    if not b64:
        header |= {"b64": False, "crit": ["b64"]}
        if not detached and (not _travels(payload) or b"." in payload):
            raise ConfigurationError("this payload cannot travel unencoded; say detached=True")
    head, body = b64url(dump_json(header)).encode(), b64url(payload).encode() if b64 else payload
    signature = b64url(key.sign(head + b"." + body))
    return f"{head.decode()}.{'' if detached else body.decode()}.{signature}"


def verify(untrusted: object, ring: KeyRing, *, detached: bytes | None = None, b64: bool = True) -> bytes:
    """The payload, after its signature was found right.

    ``detached`` is the payload that travelled beside the token; one that holds a payload as well is refused. With
    ``b64=False`` the payload was signed as it is, and the header must say so.
    Raises: MalformedTokenError, AlgorithmError, UnknownKeyError, SignatureError.
    """
    head, segment, signature, message = split(untrusted, ring.max_token)
    header = read_header(head, limit=ring.max_header, unencoded=not b64)
    if detached is not None:
        message = head + b"." + _beside(segment, detached, b64)
    payload = detached if detached is not None else unb64url(segment) if b64 else _inside(segment)
    proof = unb64url(signature)
    key_for(header, ring).key.verify(proof, message)
    return payload


def _beside(segment: bytes, detached: bytes, b64: bool) -> bytes:
    if not isinstance(detached, bytes):
        raise ConfigurationError("a detached payload is bytes")
    if segment:
        malformed("the payload is detached, and the token holds one as well")
    if len(detached) > MAX_DETACHED:
        malformed(f"the payload is longer than {MAX_DETACHED} bytes", "too_large")
    return b64url(detached).encode() if b64 else detached


def _travels(payload: bytes) -> bool:
    """RFC 7797 §5.2: printable ASCII. A dot would be a fourth segment."""
    return not payload or (payload.isascii() and payload.decode().isprintable())


def _inside(segment: bytes) -> bytes:
    if not _travels(segment):
        malformed("an unencoded payload in a compact JWS is printable ASCII")
    return segment
