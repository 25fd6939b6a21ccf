"""Rows whose copies are not believed for a while, because they may be older than a write that this process knows of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ...clock import Clock

MOST = 10_000
"""Rows in doubt; with more, all are."""


class Doubt:
    """Of one write. ``settled``: Redis knows of it, so that no older copy is there."""

    def __init__(self) -> None:
        self.settled = False


class Doubts:
    """``bound``: seconds that a copy may be old. ``late``: seconds after which a write whose caller has left, or could
    not be told, has come to its end.
    """

    def __init__(self, clock: Clock, bound: float, late: float) -> None:
        self._clock, self._bound, self._late = clock, bound, late
        self._until: dict[str, tuple[float, Doubt | None]] = {}
        self._all_until = float("-inf")

    def __contains__(self, key: str) -> bool:
        now = self._clock.monotonic()
        found = self._until.get(key)
        return now < self._all_until or (found is not None and now < found[0])

    @contextmanager
    def over(self, key: str) -> Iterator[Doubt]:
        """Around a write: in doubt from before it is sent until it is settled, or until all older copies are dead."""
        doubt = Doubt()
        self._add(key, (float("inf"), doubt))
        try:
            yield doubt
        finally:
            if not doubt.settled:
                self._add(key, (self._clock.monotonic() + self._bound + self._late, None))
            elif self._until.get(key, (0.0, None))[1] is doubt:  # else another write of this row is in doubt still
                self._until.pop(key, None)

    def add(self, keys: Iterable[str]) -> None:
        """The feed has named them, so what was written has been committed."""
        until = self._clock.monotonic() + self._bound
        for key in keys:
            if self._until.get(key, (0.0, None))[0] < until:
                self._add(key, (until, None))

    def _add(self, key: str, entry: tuple[float, Doubt | None]) -> None:
        if len(self._until) >= MOST:
            self._tidy()
        self._until[key] = entry

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        self._until = {key: entry for key, entry in self._until.copy().items() if now < entry[0]}
        if len(self._until) >= MOST:
            self._until, self._all_until = {}, now + self._bound + self._late
