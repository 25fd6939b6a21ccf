"""PEM: keys and certificates between dashes (RFC 7468)."""

from __future__ import annotations

import re

from ..walk import Trust, Walk
from .base import Look

_LABEL = re.compile(r"\s*-----BEGIN ([A-Z0-9 ]{1,40})-----")


def fits(text: str) -> bool:
    return _LABEL.match(text) is not None


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    found = _LABEL.match(text)
    label = found[1].lower() if found else ""
    bare = "private" in label and "encrypted" not in label and "ENCRYPTED" not in text[:200]
    return Look(form="pem", what=f"a PEM file: {label}", flags=frozenset({"bare-key"} if bare else ()))
