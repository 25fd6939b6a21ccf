"""PASERK: keys of PASETO as text, locked or not, and their ids."""

from __future__ import annotations

import re

from ...errors import WatchwordError
from ...insecure import LEGACY_PASETO
from ...keys import paserk
from ...keys.key import Key
from ..walk import Trust, Walk
from .base import Look

_START = re.compile(r"k[1-4]\.(?:local|secret|public|lid|sid|pid|seal|local-wrap|secret-wrap|local-pw|secret-pw)\.")
_PARTS = {
    "local": "a symmetric key",
    "secret": "a private key",
    "public": "a public key",
    "lid": "the id of a symmetric key",
    "sid": "the id of a private key",
    "pid": "the id of a public key",
}
_LOCKS = {
    "wrapping_key": "wrapped under another key",
    "password": "under a password",
    "sealing_key": "sealed for a key pair",
}


def fits(text: str) -> bool:
    return _START.match(text.strip()) is not None


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    text = text.strip()
    try:
        header, _ = paserk.split(text)
    except WatchwordError as error:
        return Look(form="paserk", what="a PASERK that is not well-formed", facts=(("amiss", str(error)),))
    form = paserk.FORMS[header]
    bare = form.part in ("local", "secret") and not form.lock
    facts = [("for", f"{form.algorithm} of PASETO")]
    facts += [("locked", _LOCKS[form.lock])] if form.lock else []
    try:
        if form.part in ("lid", "sid", "pid"):
            facts.append(("id", text))
        elif not form.lock:
            facts.append(("id", Key.from_paserk(text, allow=[LEGACY_PASETO]).kid))
    except WatchwordError as error:
        facts.append(("amiss", str(error)))
    old = header[1] in "12"
    return Look(
        form="paserk",
        what=f"a PASERK: {_PARTS[form.part]}{' in the open' * bare}",
        facts=tuple(facts),
        flags=frozenset({"bare-key"} if bare else ()) | frozenset({"paseto-old"} if old else ()),
    )
