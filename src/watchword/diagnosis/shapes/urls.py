"""A URL with a token in it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from ...tokens.base import KINDS
from ..hide import plain
from ..walk import Trust, Walk
from .base import Look, Piece

_NAMES = frozenset(
    {"access_token", "refresh_token", "id_token", "token", "jwt", "api_key", "apikey", "key", "session", "sid", "auth"}
    | {"code", "t", "reset_token"}
)
_STARTS = tuple({start for kind in KINDS.values() for start in kind.starts})
LEAST = 16
"""Characters from which on a value may be a secret."""


def fits(text: str) -> bool:
    return text.startswith(("https://", "http://", "wss://", "ws://"))


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    pieces: list[Piece] = []
    host, user = "", False
    try:
        parts = urlsplit(text)
        host, user = parts.hostname or "", parts.password is not None
        for place, part in (("query", parts.query), ("fragment", parts.fragment)):
            for name, value in parse_qsl(part, max_num_fields=100):
                if name.lower() in _NAMES and len(value) >= LEAST:
                    pieces.append(Piece(f"{name} in the {place}", value, "url"))
        for place, bare in (("fragment", parts.fragment), *(("path", one) for one in parts.path.split("/")[:100])):
            if bare.startswith(_STARTS) and len(bare) >= LEAST:
                pieces.append(Piece(f"the {place}", bare, "url"))
    except ValueError:
        pass
    flags = frozenset({"password-in-url"} if user else ())
    return Look(form="url", what=f"a URL of {plain(host, 100)!r}", pieces=tuple(pieces), flags=flags)
