"""Findings in keys: where they stand in the open, and what they lack."""

from __future__ import annotations

from .base import flag

ROWS = (
    flag(
        "bare-key",
        "danger",
        "a secret key in the open: whoever has seen it can sign for you; rotate it",
        "RFC 7517 §9.2",
    ),
    flag("weak-key", "danger", "too small, off its curve, or of small order", "RFC 8725 §3.5; RFC 7518 §3.2, §3.3"),
    flag(
        "key-without-alg",
        "warning",
        "it names no algorithm, so a verifier has to guess one",
        "RFC 7517 §4.4; RFC 8725 §3.1",
    ),
    flag("key-without-kid", "note", "it has no id: tokens cannot name it", "RFC 7517 §4.5"),
    flag("kid-twice", "danger", "two keys with one id: neither is taken", "RFC 7517 §4.5"),
    flag(
        "mixed-set", "danger", "secret and public keys in one set: a public key may pass for a secret", "RFC 8725 §3.2"
    ),
    flag(
        "paseto-old",
        "warning",
        "PASETO v1 and v2 are deprecated: move to v4",
        "release 2.3.0 of PASETO's reference implementation",
    ),
)
