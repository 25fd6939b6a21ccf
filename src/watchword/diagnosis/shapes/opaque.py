"""Our own opaque tokens: sessions, refresh, opaque access, one-time tokens and API keys. Only a store knows more."""

from __future__ import annotations

import re

from ...errors import Stage, TokenError
from ...formats import checked, opaque
from ...runtime.ticker import drive
from ...tokens import refresh_wire
from ...tokens.base import KINDS
from ...web.logging import Redactor
from ..walk import Trust, Walk
from .base import Look

NO_RECORD = "only the store knows whether there is such a token: ask its application, or revoke it"
_STARTS = {start: name for name, kind in KINDS.items() for start in kind.starts if start.startswith("ww_")}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,19}_(?:live|test)_")
_REDACTED = re.compile(r"<[a-z_]+ [a-z0-9_]+… #[0-9a-f]{6}>")
_WORDS = {
    "session": "a session token: it belongs in a cookie",
    "refresh": "a refresh token: it is worth a whole sign-in, and works once",
    "opaque_access": "an opaque access token",
    "one_time": "a one-time token, as in a link that was mailed",
    "api_key": "an API key",
}


def fits(text: str) -> bool:
    return text.lstrip().startswith(tuple(_STARTS)) or _KEY.match(text.lstrip()) is not None


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    kind = _kind(text.lstrip())
    start = _start(text.lstrip())
    shown = Redactor(start[: -len("_live_")] if kind == "api_key" else "sk").text(text.strip())
    facts: list[tuple[str, str]] = [("in logs", shown[:80])] if _REDACTED.fullmatch(shown) else []
    flags: frozenset[str] = frozenset()
    try:
        if kind == "api_key":
            checked.parse(untrusted, (start,))
            facts += [("environment", start.split("_")[-2]), ("checksum", "fits")]
        elif kind == "refresh":
            facts += _refresh(untrusted, trust, walk)
        else:
            opaque.parse(untrusted, start)
        walk.passed(Stage.PARSE)
        walk.unchecked(Stage.KEY, NO_RECORD)
    except TokenError as error:
        walk.judged(error)
        flags = frozenset({"checksum"} if kind == "api_key" else ())
    return Look(
        form="opaque",
        what=_WORDS[kind],
        kind=kind,
        facts=tuple(facts),
        flags=flags,
        unverified=("it says nothing by itself: owner, rights and end stand in the store",),
    )


def _start(text: str) -> str:
    key = _KEY.match(text)
    return key[0] if key else text[:6]


def _kind(text: str) -> str:
    return next((name for start, name in _STARTS.items() if text.startswith(start)), "api_key")


def _refresh(untrusted: str | bytes, trust: Trust, walk: Walk) -> list[tuple[str, str]]:
    """The family's id and the generation stand in the open. With our own keys its MAC is looked at as well."""
    text = untrusted.decode("utf-8", "replace") if isinstance(untrusted, bytes) else untrusted
    family, _, rest = text.removeprefix(refresh_wire.PREFIX).partition(".")
    generation = rest.partition(".")[0]
    if trust.ring is None or not trust.ring.verifying("mac"):
        parts = text.split(".")
        opaque.parse(f"ww_ss_{parts[2]}" if len(parts) == 4 else "", "ww_ss_")
        walk.unchecked(Stage.VERIFY, "its MAC is under a key of ours: --config names it")
    else:
        drive(refresh_wire.read(untrusted, trust.ring, None))
        walk.passed(Stage.VERIFY, says="its MAC is ours")
    if len(family) == 22 and generation.isascii() and generation.isdigit() and len(generation) < 10:
        return [("family", family), ("generation", generation)]
    return []
