"""Values that itsdangerous signed, such as the session cookie of Flask: ``payload.timestamp.signature``, readable."""

from __future__ import annotations

import re

from ...errors import MalformedTokenError
from ..reading import object_of
from ..walk import Trust, Walk
from .base import Look

_FORM = re.compile(r"\.?[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{4,8}\.[A-Za-z0-9_-]{26,90}")
_JOSE = frozenset({"alg", "enc", "typ", "kid"})


def fits(text: str) -> bool:
    if _FORM.fullmatch(text) is None:
        return False
    payload = object_of(text.partition(".")[0])
    return text.startswith(".") or (payload is not None and _JOSE.isdisjoint(payload))


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    walk.stop(MalformedTokenError("no token here is written so; watchword.compat.itsdangerous reads such values"))
    packed = text.startswith(".")
    return Look(
        form="itsdangerous",
        what="a value signed by itsdangerous, such as Flask's session cookie" + ", compressed" * packed,
        kind="signed value",
        claims=None if packed else object_of(text.partition(".")[0]),
        flags=frozenset({"signed-value"}),
    )
