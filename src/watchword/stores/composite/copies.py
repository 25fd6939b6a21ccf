"""Copies of hot rows as they lie in Redis: sealed for one place, one version and one window.

``VERSION:`` in front of a copy is for the server, which keeps the newer of two; with nothing behind it, it says that
the row was written, and keeps whoever read it before from putting an older copy there. What opens, the seal decides.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.json import Decoder, Encoder

from ...encoding import pae
from ...errors import SealError
from ..base import Record
from ..redis.wire import Command
from .windows import NAMED, Window, Windows

KINDS = frozenset({"session", "opaque_access", "api_key"})
"""What is looked up again and again, and is worth a copy. No other kind's row leaves the record."""
GONE = 2**53 - 1
"""The version of a row that was removed: above all others, and exact in Lua."""
KEEP = b"""
local old = redis.call('GET', KEYS[1])
if old and (tonumber(string.match(old, '^%d+')) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1
"""
_LAID = re.compile(rb"([1-9][0-9]{0,15}):([A-Za-z0-9_-]{%d})(.+)" % NAMED, re.DOTALL)

_encode = Encoder().encode
_decode = Decoder(tuple[str | None, str | None, int | None, dict[str, Any]]).decode


class Copies:
    """The layout. ``at`` is how all our keys begin."""

    def __init__(self, at: str, windows: Windows) -> None:
        self._at, self._windows = at, windows
        self._life = int(windows.bound * 1000)
        """Milliseconds; whoever is told of a write is told for a second longer than any older copy is believed."""

    def look(self, kind: str, key: str) -> Command:
        return "GET", self._key(kind, key)

    def keep(self, record: Record, window: Window | None) -> Command:
        """Lay a copy of what was read, or written, after ``window`` was known; without one, only say its version."""
        if window is None:
            return self._lay(record.kind, record.key, record.version, b"")
        content = _encode((record.subject, record.group, record.expires_at, record.data))
        sealed = window.box.seal(content, _covered(record.kind, record.key, record.version))
        return self._lay(record.kind, record.key, record.version, window.name.encode() + sealed)

    def gone(self, kind: str, key: str) -> Command:
        return self._lay(kind, key, GONE, b"")

    def read(self, kind: str, key: str, untrusted: object) -> Record | None:
        """The record in a reply to ``look``; None for all that is not a copy of ours, of this row, and young enough."""
        laid = _LAID.fullmatch(untrusted) if isinstance(untrusted, bytes) else None
        box = self._windows.good(laid[2].decode()) if laid is not None else None
        if laid is None or box is None:
            return None
        version = int(laid[1])
        try:
            subject, group, expires_at, data = _decode(box.open(laid[3], _covered(kind, key, version)))
        except SealError:
            return None
        return Record(
            kind=kind, key=key, data=data, version=version, subject=subject, group=group, expires_at=expires_at
        )

    def _lay(self, kind: str, key: str, version: int, content: bytes) -> Command:
        life = self._life if content else self._life + 1000
        return "EVAL", KEEP, 1, self._key(kind, key), version, content, life

    def _key(self, kind: str, key: str) -> str:
        return f"{self._at}c:{kind}:{key}"


def _covered(kind: str, key: str, version: int) -> bytes:
    return pae(kind.encode(), key.encode(), str(version).encode())
