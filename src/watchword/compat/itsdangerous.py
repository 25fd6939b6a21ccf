"""Reading what itsdangerous's ``URLSafeTimedSerializer`` wrote. Nothing is written.

Links and cookies that are out there stay good while new ones are one-time tokens and sessions. The MAC is HMAC with
SHA-1 unless told otherwise, which is still sound for HMAC; what it protects has no kind, no audience and works again
and again until it is old.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ..clock import Clock, SystemClock
from ..encoding import MAX_TOKEN, gate, json_object, malformed, unb64url
from ..errors import ConfigurationError, SignatureError, TokenExpiredError

MAX_UNPACKED = 32_768
"""Bytes of a payload after zlib: four times the longest text, and read in less than 5 ms."""
_DIGESTS = ("sha1", "sha256", "sha384", "sha512")
_DERIVATIONS = ("django-concat", "concat", "hmac", "none")


class TimedReader:
    """Reads what one ``URLSafeTimedSerializer(secret_key, salt=…)`` wrote.

    Parameters: secret_key: as it was given there; several for a rotation, in any order. salt: the same; its default
    there is ``itsdangerous``. digest, key_derivation: as there. max_age: of every text, unless ``loads`` says less.
    """

    def __init__(
        self,
        secret_key: str | bytes | Sequence[str | bytes],
        *,
        max_age: timedelta,
        salt: str | bytes = b"itsdangerous",
        digest: str = "sha1",
        key_derivation: str = "django-concat",
        clock: Clock | None = None,
    ) -> None:
        secrets = [secret_key] if isinstance(secret_key, str | bytes) else list(secret_key)
        if not secrets or not all(secrets):
            raise ConfigurationError("an empty secret signs nothing")
        if digest not in _DIGESTS or key_derivation not in _DERIVATIONS:
            raise ConfigurationError(f"digest is one of {_DIGESTS}, key_derivation one of {_DERIVATIONS}")
        self._max_age = _seconds(max_age)
        if self._max_age <= 0:
            raise ConfigurationError("max_age says how old a text may be, and is a second or longer")
        self._digest = digest
        self._clock = clock or SystemClock()
        self._keys = [_derived(_bytes(one), _bytes(salt), digest, key_derivation) for one in secrets]

    def loads(self, untrusted: object, *, max_age: timedelta | None = None) -> Any:
        """The value.

        Raises: MalformedTokenError, SignatureError; TokenExpiredError past ``max_age``, or when signed in the future.
        """
        signed, payload, stamp, signature = self._split(untrusted)
        matches = [hmac.compare_digest(signature, hmac.digest(key, signed, self._digest)) for key in self._keys]
        if not any(matches):
            raise SignatureError
        if not 0 < len(stamp) <= 8:
            malformed("the timestamp is no time")
        age = self._clock.now() - int.from_bytes(stamp, "big")
        limit = self._max_age if max_age is None else min(self._max_age, _seconds(max_age))
        if age > limit or age < 0:
            raise TokenExpiredError(f"signed {age} s ago; at most {limit} s are accepted", claim="timestamp")
        return _value(payload)

    def _split(self, untrusted: object) -> tuple[bytes, bytes, bytes, bytes]:
        text = gate(untrusted, MAX_TOKEN)
        signed, dot, signature = text.rpartition(b".")
        payload, inner, stamp = signed.rpartition(b".")
        if not (dot and inner):
            malformed("a timed text is a payload, a time and a signature")
        return signed, payload, unb64url(stamp), unb64url(signature)

    def __repr__(self) -> str:
        return f"TimedReader(digest={self._digest!r}, max_age={self._max_age} s, {len(self._keys)} secrets)"


def _seconds(max_age: object) -> int:
    if not isinstance(max_age, timedelta):
        raise ConfigurationError(f"max_age is a timedelta, not {type(max_age).__name__}: timedelta(seconds=…)")
    return int(max_age.total_seconds())


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _derived(secret: bytes, salt: bytes, digest: str, how: str) -> bytes:
    if how == "none":
        return secret
    if how == "hmac":
        return hmac.digest(secret, salt, digest)
    return hashlib.new(digest, salt + (b"signer" if how == "django-concat" else b"") + secret).digest()


def _value(payload: bytes) -> Any:
    raw = unb64url(payload.removeprefix(b"."))
    if payload.startswith(b"."):
        raw = _unpacked(raw)
    found = json_object(b'{"value":' + raw + b"}")  # any JSON value may have been written, read under the same rules
    if len(found) != 1:
        malformed("the payload is not one JSON value")
    return found["value"]


def _unpacked(raw: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(raw, MAX_UNPACKED + 1)
    except zlib.error:
        malformed("the payload does not unpack")
    if len(text) > MAX_UNPACKED:
        malformed(f"the payload unpacks to more than {MAX_UNPACKED} bytes", "too_large")
    if not inflater.eof or inflater.unused_data:
        malformed("the payload does not unpack to its end")
    return text
