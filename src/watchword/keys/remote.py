"""Keys of somebody else, behind a URL: when to ask again, what to keep when asking fails. A pure state machine.

It never fetches: ``wants()`` says that somebody should, ``begin`` that somebody does, ``succeeded``, ``failed`` and
``abandoned`` how it ended. The last good set is never overwritten by a failure (stale-if-error), unknown key ids cannot
cause more than one fetch per cooldown, and a failure counts as much as a success.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct

from ..clock import Clock, SystemClock
from ..errors import ConfigurationError, KeysUnavailableError
from .discovery import KeyDocument
from .ring import KeyRing, Slot

Read = Callable[[bytes], KeyDocument]
"""A document's bytes -> its usable keys. Raises: WatchwordError for a document that is none."""

NEVER = float("-inf")


class RemotePolicy(Struct, frozen=True, kw_only=True):
    """Bounds on the sender's Cache-Control, and on our own patience (D-27)."""

    least_fresh: timedelta = timedelta(seconds=60)
    fresh: timedelta = timedelta(minutes=5)
    """Where the sender does not say."""
    most_fresh: timedelta = timedelta(hours=24)
    max_stale: timedelta = timedelta(hours=24)
    """How long the last good set is used after its freshness, while asking fails."""
    cooldown: timedelta = timedelta(seconds=30)
    """Least time between two fetches that unknown key ids cause, whether they succeed or fail."""
    absent: timedelta = timedelta(minutes=5)
    """How long a key id that a fetch did not bring causes no other fetch."""
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(seconds=60)
    longest_fetch: timedelta = timedelta(seconds=30)
    """A fetch that has not ended by then is taken for lost."""

    def __post_init__(self) -> None:
        least, most = self.least_fresh, self.most_fresh
        if not timedelta(0) < least <= most or min(self.first_pause, self.cooldown, self.longest_fetch) <= timedelta(0):
            raise ConfigurationError(
                "freshness, cooldown and pauses are longer than nothing, the least before the most"
            )


class RemoteMetrics(Struct):
    """Counters and times for operators; times are boot-time seconds."""

    fetches: int = 0
    failures: int = 0
    unknown_kids: int = 0
    fetched_at: float | None = None
    failing_since: float | None = None
    skipped: tuple[str, ...] = ()
    """Keys of the last good document that were left out, with the reasons."""


class RemoteKeys:
    """The keys behind one URL, as a ring; empty until the first answer, of which ``ensure_usable`` tells with 503.

    Parameters: read: what makes keys of a document. jitter: 0 to 1, different in every process, so that a fleet does
    not ask in step.
    """

    def __init__(
        self,
        url: str,
        read: Read,
        *,
        policy: RemotePolicy | None = None,
        clock: Clock | None = None,
        jitter: float = 0.0,
    ) -> None:
        self.url = url
        self.clock: Clock = clock or SystemClock()
        self.ring = KeyRing((), clock=self.clock)
        self.metrics = RemoteMetrics()
        self._read = read
        self._policy = policy or RemotePolicy()
        self._jitter = jitter
        self._fresh_until = self._stale_until = self._ahead_at = self._next_try = NEVER
        self._lost_at = NEVER
        self._pause = self._policy.first_pause.total_seconds()
        self._asked_for: str | None = None
        self._asked_at = NEVER
        self._absent: dict[str, float] = {}

    @property
    def in_flight(self) -> bool:
        """Whether somebody fetches. One whose end was never heard of does not count for ever."""
        return self.clock.monotonic() < self._lost_at

    @property
    def state(self) -> str:
        """``empty`` before the first answer, then ``fresh``, ``stale`` while asking fails, and ``expired``."""
        now = self.clock.monotonic()
        if self._stale_until == NEVER:
            return "empty"
        return "fresh" if now < self._fresh_until else "stale" if now < self._stale_until else "expired"

    def wants(self) -> bool:
        """Whether a fetch should begin.

        Nobody is at it, and either a token named a key that is not here, or four fifths of the freshness are gone and
        no pause after a failure is due.
        """
        now = self.clock.monotonic()
        return not self.in_flight and (self._asked_for is not None or now >= max(self._ahead_at, self._next_try))

    def missed(self, kid: str) -> bool:
        """A token names a key that is not here: whether that is worth a fetch, which ``wants`` then asks for.

        Once in a cooldown for all of them together, and not again for one that the last fetch did not bring.
        """
        now = self.clock.monotonic()
        self.metrics.unknown_kids += 1
        patience = self._asked_at + self._policy.cooldown.total_seconds()
        if self.in_flight or now < patience or now < self._absent.get(kid, NEVER):
            return False
        self._asked_for, self._asked_at = kid, now
        return True

    def begin(self) -> None:
        """Somebody fetches; until it ends, nobody else needs to."""
        self._lost_at = self.clock.monotonic() + self._policy.longest_fetch.total_seconds()
        self.metrics.fetches += 1

    def succeeded(self, body: bytes, max_age: int | None = None) -> None:
        """Take in a document. A bad one is a failure, and raises what ``read`` raised; the last good set stays."""
        try:
            document = self._read(body)
            slots = [self._kept(slot) for slot in document.slots]
            self.ring.adopt(slots)
        except Exception:
            self.failed()
            raise
        now, policy = self.clock.monotonic(), self._policy
        said = max_age if max_age is not None else document.max_age
        wanted = policy.fresh.total_seconds() if said is None else float(said)
        life = min(max(wanted, policy.least_fresh.total_seconds()), policy.most_fresh.total_seconds())
        self._fresh_until = now + life
        self._stale_until = self._fresh_until + policy.max_stale.total_seconds()
        self._ahead_at, self._next_try = now + life * (0.8 - 0.1 * self._jitter), NEVER
        self._pause = policy.first_pause.total_seconds()
        self._note_absent(now)
        self.metrics.fetched_at, self.metrics.failing_since = now, None
        self.metrics.skipped = document.skipped
        self.abandoned()

    def failed(self) -> None:
        """Keep what there is, and pause twice as long as the last time."""
        now = self.clock.monotonic()
        self._next_try = now + self._pause * (1 + self._jitter)
        self._pause = min(self._pause * 2, self._policy.longest_pause.total_seconds())
        self.metrics.failures += 1
        if self.metrics.failing_since is None:
            self.metrics.failing_since = now
        self.abandoned()

    def abandoned(self) -> None:
        """The fetch is over; without a word about how it ended, another may begin."""
        self._lost_at, self._asked_for = NEVER, None

    @property
    def usable(self) -> bool:
        """Whether there was a good answer that is not older than may be."""
        return self.clock.monotonic() < self._stale_until

    def ensure_usable(self) -> None:
        """Raise KeysUnavailableError while there has been no good answer, or the last one is older than may be."""
        if not self.usable:
            raise KeysUnavailableError(f"no usable answer from {self.url}")

    def _note_absent(self, now: float) -> None:
        self._absent = {kid: until for kid, until in self._absent.items() if now < until}
        if self._asked_for is not None and self.ring.find(self._asked_for) is None:
            self._absent[self._asked_for] = now + self._policy.absent.total_seconds()

    def _kept(self, slot: Slot) -> Slot:
        """The slot that this very key has already, with its new times, so that what it vouched for stays; or this."""
        known = self.ring.find(slot.key.kid)
        if known is None or known.key != slot.key:
            return slot
        known.activates_at, known.retires_at = slot.activates_at, slot.retires_at
        return known

    def __repr__(self) -> str:
        return f"RemoteKeys({self.url!r}, {self.state}, {len(self.ring)} keys)"
