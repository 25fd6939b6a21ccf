"""What has been used once and is not to be used again: a memory with a bound, for proofs of possession.

A full one refuses what is new rather than forget what could still be replayed (RFC 9449 §11.1).
"""

from __future__ import annotations

from ..clock import Clock
from ..errors import UnavailableError

CAPACITY = 1_000_000
"""About 150 bytes each at the worst. Only what was found good in every other way gets here."""


class Replays:
    """Two generations of names, the older one dropped every ``window`` seconds: a name is known for at least that long.

    One insertion into a dictionary decides between threads, so that of two that come at once at most one is new.
    """

    __slots__ = ("_capacity", "_clock", "_old", "_until", "_window", "_young")

    def __init__(self, clock: Clock, *, window: int, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._window = window
        self._capacity = capacity
        self._young: dict[bytes, object] = {}
        self._old: dict[bytes, object] = {}
        self._until = clock.monotonic() + window

    def is_new(self, name: bytes) -> bool:
        """Whether this name was not seen within the window; from now on it was.

        Raises: UnavailableError when there is no room.
        """
        self._turn()
        young, mine = self._young, object()
        if name not in young and len(self) >= self._capacity:
            raise UnavailableError("too many proofs are remembered to take another; try again", reason="replays_full")
        if young.setdefault(name, mine) is not mine:
            return False
        return all(known.get(name, mine) is mine for known in (self._young, self._old))

    def _turn(self) -> None:
        now = self._clock.monotonic()
        if now >= self._until:
            self._old, self._young = ({} if now >= self._until + self._window else self._young), {}
            self._until = now + self._window

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
