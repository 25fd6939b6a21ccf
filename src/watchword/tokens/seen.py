"""Tokens that verified before: a bounded map from SHA-256(token) to what the token vouched for."""

from __future__ import annotations

from ..keys.ring import Slot
from ..principal import Principal

CAPACITY = 8192


class Seen:
    """Two plain dictionaries, swapped when the young one is full: no locks, no order to keep, no token text.

    An entry says only that the signature was good and the claims were ours. Expiry, the key's state and revocations
    are for the caller to check on every hit.
    """

    __slots__ = ("_capacity", "_old", "_young")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity // 2
        self._young: dict[bytes, tuple[Principal, Slot]] = {}
        self._old: dict[bytes, tuple[Principal, Slot]] = {}

    def get(self, digest: bytes) -> tuple[Principal, Slot] | None:
        found = self._young.get(digest)
        return found if found is not None else self._old.get(digest)

    def add(self, digest: bytes, who: Principal, slot: Slot) -> None:
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[digest] = (who, slot)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
