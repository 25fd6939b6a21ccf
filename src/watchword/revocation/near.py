"""Records kept near the process under the view's lease, so that a token shown again is not looked up again.

A record answers until ``max_staleness`` after its question was sent, and only while the view has a lease of its own and
is in the same life of the feed. It says what was read, never that it still counts: whoever asks judges the record, the
clock and the view anew each time, so that a revocation takes hold as soon as the view has heard of it, and a revoked
record that is read once more opens nothing. What changes without a revocation is seen within ``max_staleness``.
"""

from __future__ import annotations

from typing import NamedTuple

from ..stores.base import Record, Store
from ..stores.whole import ANY, Shape, read
from .view import View

CAPACITY = 8192


class _Kept(NamedTuple):
    record: Record
    until: float
    """Boot-time seconds."""
    epoch: str


class Near:
    """Records of one kind. Without a view nothing is kept: nobody would hear of a revocation.

    Two plain dictionaries, swapped when the young one is full. Only what was found is kept, so strangers who guess
    fill nothing. ``hits`` and ``misses`` count.
    """

    def __init__(
        self, kind: str, store: Store, view: View | None, shape: Shape = ANY, *, capacity: int = CAPACITY
    ) -> None:
        self._kind, self._store, self._view, self._shape = kind, store, view, shape
        self._capacity = capacity // 2
        self._young: dict[str, _Kept] = {}
        self._old: dict[str, _Kept] = {}
        self.hits = self.misses = 0

    async def get(self, key: str, *, now: int) -> Record | None:
        """As ``store.get``, from memory where that is good enough. Raises: UnavailableError."""
        view = self._view
        if view is None:
            return await read(self._store, self._kind, key, self._shape, now=now)
        kept = self._young.get(key) or self._old.get(key)
        if kept is not None and self._good(kept, view) and kept.record.live(now):
            self.hits += 1
            return kept.record
        self.misses += 1
        epoch, sent_at = view.epoch, view.clock.monotonic()
        record = await read(self._store, self._kind, key, self._shape, now=now)
        if record is not None:
            self._keep(key, _Kept(record, sent_at + view.max_staleness, epoch))
        return record

    def forget(self, key: str) -> None:
        """After a write to this record in this process."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def _good(self, kept: _Kept, view: View) -> bool:
        return view.clock.monotonic() < min(kept.until, view.lease_until) and kept.epoch == view.epoch

    def _keep(self, key: str, kept: _Kept) -> None:
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[key] = kept

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
