"""JWS compact (RFC 7515): signed bytes, whatever they mean. For claims use ``jwt``."""

from __future__ import annotations

from ..encoding import b64url, dump_json
from ..keys.key import Key
from ..keys.ring import KeyRing
from .compact import envelope, key_for


def sign(payload: bytes, key: Key, *, typ: str | None = None) -> str:
    """The compact JWS of ``payload``; the header holds the key's algorithm and id, and ``typ`` where given."""
    header = {"alg": key.algorithm.name, "kid": key.kid} | ({"typ": typ} if typ else {})
    message = f"{b64url(dump_json(header))}.{b64url(payload)}"
    return f"{message}.{b64url(key.sign(message.encode()))}"


def verify(untrusted: object, ring: KeyRing) -> bytes:
    """The payload, after its signature was found right.

    Raises: MalformedTokenError, AlgorithmError, UnknownKeyError, SignatureError.
    """
    found = envelope(untrusted)
    slot = key_for(found.head, ring)
    slot.key.verify(found.signature, found.message)
    return found.body
