"""Everything else: how long it is, and how much could be guessed of it at most. What it is stays unsaid."""

from __future__ import annotations

import re
from math import log2

from ...encoding import gate
from ...errors import MalformedTokenError, TokenError
from ..walk import Trust, Walk
from .base import NEITHER, Look

ENOUGH = 128
"""Bits of a reference token that nobody guesses (OWASP ASVS 5.0, 7.2.3)."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-([0-9a-fA-F])[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_ALPHABETS = (
    ("digits", re.compile(r"[0-9]+"), 10),
    ("hexadecimal digits", re.compile(r"[0-9a-f]+|[0-9A-F]+"), 16),
    ("letters and digits", re.compile(r"[0-9A-Za-z]+"), 62),
    ("base64url", re.compile(r"[0-9A-Za-z_-]+={0,2}"), 64),
    ("base64", re.compile(r"[0-9A-Za-z+/]+={0,2}"), 64),
)


def fits(text: str) -> bool:
    return True


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    try:
        gate(untrusted)
        walk.stop(MalformedTokenError(NEITHER if text else "there was no text"))
    except TokenError as error:
        walk.stop(error)
    facts = _guess(text)
    weak = any(name == "bits at most" and int(value) < ENOUGH for name, value in facts)
    what = "nothing that is known here" if text else "nothing: the text is empty"
    return Look(form="unknown", what=what, facts=facts, flags=frozenset({"guessable"} if weak else ()))


def _guess(text: str) -> tuple[tuple[str, str], ...]:
    uuid = _UUID.fullmatch(text)
    if uuid is not None:
        bits = {"4": "122", "7": "74"}.get(uuid[1], "0")
        return (("looks like", f"a UUID of version {int(uuid[1], 16)}"), ("bits at most", bits))
    for name, alphabet, size in _ALPHABETS:
        if len(text) >= 8 and alphabet.fullmatch(text):
            return (("written in", name), ("bits at most", str(int(len(text.rstrip("=")) * log2(size)))))
    return ()
