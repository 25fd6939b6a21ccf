"""Records kept near the process under the view's lease, so that a token shown again is not looked up again.

A record answers until ``max_staleness`` after its question was sent, a minute at most, and only while the view has a
lease. It says what was read, never that it still counts: whoever asks judges the record, the clock and the view anew
each time, so that a revocation takes hold as soon as the view has heard of it. What changes without a revocation is
forgotten as soon as the view hears a notice of it, or this process writes it.

The place of a record is taken before its question is sent, and its answer goes to that place. Whoever forgets the key
meanwhile takes the place away, and the answer, which may be older than what made it forgotten, is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ..stores.base import Event, Record, Store
from ..stores.whole import ANY, Shape, read
from .event import KEPT_AT_MOST
from .view import Signal, View

T = TypeVar("T")
CAPACITY = 8192


class _Place(Generic[T]):
    """Of one key: empty while its question is on the way, then what the answer made."""

    __slots__ = ("expires_at", "until", "value")

    def __init__(self) -> None:
        self.value: T | None = None
        self.expires_at: int | None = None
        self.until = float("-inf")
        """Boot-time seconds."""


class _Question(Generic[T]):
    """One that is on the way, and what became of it."""

    __slots__ = ("answer", "answered", "error", "over")

    def __init__(self, over: Signal) -> None:
        self.over = over
        self.answered = False
        self.answer: T | None = None
        self.error: Exception | None = None


def as_read(record: Record) -> Record:
    return record


class Near(Generic[T]):
    """Records of one kind, as what ``make`` makes of each. Without a view nothing is kept, for nobody would hear;
    nor with one that has no lease, because there the store is asked each time.

    Two plain dictionaries, swapped when the young one is full. Only what was found is kept, so strangers who guess
    fill nothing. ``hits`` and ``misses`` count. With a ``signal`` all who ask for one record at once wait for one
    answer; without one each asks, which a store that answers inline has done before anybody else can ask.
    """

    def __init__(
        self,
        kind: str,
        store: Store,
        view: View | None,
        make: Callable[[Record], T],
        shape: Shape = ANY,
        *,
        capacity: int = CAPACITY,
    ) -> None:
        self._kind, self._store, self._make, self._shape = kind, store, make, shape
        self._view = view if view is not None and view.max_staleness else None  # who asks each time keeps nothing
        self._capacity = capacity // 2
        self._young: dict[str, _Place[T]] = {}
        self._old: dict[str, _Place[T]] = {}
        self._asked: dict[str, _Question[T]] = {}
        self.signal: Callable[[], Signal] | None = None
        self.hits = self.misses = 0
        if self._view is not None:
            self._view.listen(self._heard)

    @property
    def keeps(self) -> bool:
        return self._view is not None

    def kept(self, key: str, *, now: int) -> T | None:
        """What is in memory, where that is good enough."""
        place, view = self._place(key), self._view
        if place is None or view is None:
            return None
        at = view.clock.monotonic()
        if at >= place.until or at >= view.lease_until or not _live(place.expires_at, now):
            return None
        self.hits += 1
        return place.value

    async def get(self, key: str, *, now: int) -> T | None:
        """As ``store.get``, from memory where that is good enough. Raises: UnavailableError."""
        found = self.kept(key, now=now)
        if found is not None:
            return found
        self.misses += 1
        if self._view is None:
            return await self.read(key, now=now)
        if self.signal is None:
            return await self._ask(key, now, self._view)
        return await self._ask_together(key, now, self._view, self.signal)

    async def read(self, key: str, *, now: int) -> T | None:
        """What the store has now; nothing is kept."""
        record = await read(self._store, self._kind, key, self._shape, now=now)
        return None if record is None else self._make(record)

    def amend(self, key: str, old: T, new: T) -> None:
        """``new`` is what ``old`` is now: it was written, or read, after the question that brought ``old``."""
        place = self._place(key)
        if place is not None and place.value is old:
            place.value = new

    def forget(self, key: str) -> None:
        """After a write to this record: here, or elsewhere, as a notice said."""
        self._asked.pop(key, None)
        self._young.pop(key, None)
        self._old.pop(key, None)

    def _heard(self, events: Sequence[Event], anew: bool) -> None:
        if anew:
            self.clear()
            return
        for one in events:
            if one.what == "changed":
                self.forget(one.value)

    def clear(self) -> None:
        self._asked, self._young, self._old = {}, {}, {}

    def _place(self, key: str) -> _Place[T] | None:
        return self._young.get(key) or self._old.get(key)

    async def _ask_together(self, key: str, now: int, view: View, signal: Callable[[], Signal]) -> T | None:
        """Of those who ask at once one reads, and the others wait for it. They share its error, never its end."""
        asked, mine = self._asked, _Question[T](signal())
        while (question := asked.setdefault(key, mine)) is not mine:
            await question.over.wait()
            if question.error is not None:
                raise question.error
            if question.answered:
                return question.answer
        try:
            found = self.kept(key, now=now)  # of two threads, one may have read it since the other looked
            mine.answer = found if found is not None else await self._ask(key, now, view)
            mine.answered = True
        except Exception as error:
            mine.error = error
            raise
        finally:  # without an answer the one who reads was cancelled: another of those who wait asks anew
            if asked.get(key) is mine:
                del asked[key]
            mine.over.set()
        return mine.answer

    async def _ask(self, key: str, now: int, view: View) -> T | None:
        place, sent_at = self._take_place(key), view.clock.monotonic()
        try:
            record = await read(self._store, self._kind, key, self._shape, now=now)
        except BaseException:
            self._leave(key, place)
            raise
        if record is None:
            self._leave(key, place)
            return None
        value = place.value = self._make(record)
        place.expires_at, place.until = record.expires_at, sent_at + min(view.max_staleness, KEPT_AT_MOST)
        return value

    def _take_place(self, key: str) -> _Place[T]:
        place = _Place[T]()
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[key] = place
        return place

    def _leave(self, key: str, place: _Place[T]) -> None:
        if self._young.get(key) is place:
            self._young.pop(key, None)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def _live(expires_at: int | None, now: int) -> bool:
    return expires_at is None or now < expires_at
