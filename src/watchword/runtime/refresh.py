"""Keeping a ring in step with its key file: who rotates keys in one process rotates them in all."""

from __future__ import annotations

import os
from pathlib import Path

from ..keys.ring import KeyRing
from ..keys.sources import read_file


class KeyFileRefresh:
    """Reads the key file again when it was replaced. A file that cannot be read leaves the keys as they are."""

    name = "key file"
    seconds = 1.0

    def __init__(self, ring: KeyRing, path: Path) -> None:
        self._ring, self._path = ring, path
        self._stamp: tuple[int, int] | None = None  # so that the first tick reads once more

    async def tick(self) -> None:
        stamp = self._look()
        if stamp is not None and stamp != self._stamp:
            self._ring.adopt(read_file(self._path))
            self._stamp = stamp

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
