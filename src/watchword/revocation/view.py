"""The View: all live revocations in process memory, and the lease that says how old its word may be.

A pure state machine: it is told the answers of the feed, and reads no store.

A question to the feed is timed when it is *sent*; its answer is good until ``sent + max_staleness`` on the boot-time
clock. An answer that lacks a revocation was taken before that revocation returned, so its question was sent before,
so the lease ends within ``max_staleness`` of it: whatever the network, a paused process or two disagreeing clocks do.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Literal, Protocol, get_args

from ..clock import AHEAD, Clock, SystemClock
from ..errors import ConfigurationError, StaleRevocationError, TokenRevokedError
from ..principal import Principal
from ..stores.base import Event, Feed, Name
from .event import BY_NAME, is_notice, reaches

log = logging.getLogger("watchword.revocation")

OnStale = Literal["closed", "open", "ask"]
"""Past the lease: refuse; take what may be taken for ``open_for``; ask the store."""
LONGEST_OPEN = 900
"""Seconds that a window may stay open: as long as an access token lives, unless somebody says otherwise."""
SWEEP_EVERY = 60
_UNTIL, _LANE = (1 << 48) - 1, (1 << 64) - 1
_LANES = {
    "subject": (("subject", 48), ("signed_in", 112), ("roles", 176)),
    "client": (("client", 48),),
    "everything": (("everything", 48),),
}
"""Table -> the sorts of cut-off in it, each with the bit where its lane begins.

The three of a subject share an entry, so that a check looks once. An entry is one number, ``until`` and above it a
``seq`` for each lane: a tuple would take 80 bytes more.
"""
_CUTS = {what: (table, shift) for table, lanes in _LANES.items() for what, shift in lanes}
_ROLES = _CUTS["roles"][1]

_WHY = {
    "roles": "the roles of the subject have changed since; get a new token",
    "signed_in": "all that the subject was signed in with was revoked; sign in again",
    "everything": "all that had been issued was revoked; sign in again",
}


class Ask(Protocol):
    """``standing`` of a store."""

    def __call__(self, names: Sequence[Name], *, now: int) -> Awaitable[Feed]: ...


class AskNow(Protocol):
    """The same, of a store that answers without suspending."""

    def __call__(self, names: Sequence[Name], *, now: int) -> Feed: ...


Listener = Callable[[Sequence[Event], bool], None]
"""A plain function that returns at once: the events that were heard, in any thread, and whether all that was known
before was let go of, so that notices may have been missed. It is called before the lease that this answer gives."""


class Signal(Protocol):
    """An ``asyncio.Event``, or what stands for one between threads."""

    def set(self) -> None: ...

    async def wait(self) -> object: ...


class View:
    """What is revoked, as far as this process has heard.

    ``check(principal, kid)`` is a handful of dictionary look-ups. ``pull``, where a store can answer at once, is called
    when the lease has run out; without it a stale view refuses to answer (StaleRevocationError, 503). Where several
    threads may bring answers, ``lock`` keeps them apart; checks never wait for it.

    ``on_stale``, ``open_for``: what ``revocation.stale`` makes of a lease that has run out; ``ask`` and ``ask_now`` are
    how it reaches the store. Without a lease at all (``max_staleness`` 0, for ``ask`` alone) nothing is kept here.
    ``taken_stale`` counts what was taken in open windows.
    """

    def __init__(
        self,
        *,
        max_staleness: timedelta = timedelta(seconds=5),
        clock: Clock | None = None,
        lock: AbstractContextManager[object] | None = None,
        on_stale: OnStale = "closed",
        open_for: timedelta = timedelta(0),
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._lock = lock or nullcontext()
        self.max_staleness = _seconds(max_staleness, "max_staleness")
        self.on_stale: OnStale = on_stale
        self.open_for = _seconds(open_for, "open_for")
        self._check_policy()
        self.pull: Callable[[], None] | None = None
        self.ask: Ask | None = None
        self.ask_now: AskNow | None = None
        self.signal: Callable[[], Signal] | None = None
        """How those who ask the feed past the lease wait for the one of them that does; None: each asks."""
        self.taken_stale = 0
        self.window = float("-inf")
        """The end of the lease behind which the last open window began."""
        self.listeners: tuple[Listener, ...] = ()
        self.forget()

    def _check_policy(self) -> None:
        if self.on_stale not in get_args(OnStale):
            raise ConfigurationError(f"on_stale is 'closed', 'open' or 'ask', not {self.on_stale!r}")
        if self.max_staleness < 0 or (self.max_staleness == 0 and self.on_stale != "ask"):
            raise ConfigurationError(
                "max_staleness is more than 0 s: an answer is never newer than its question; to ask the store at each "
                "request: max_staleness=timedelta(0), on_stale='ask'"
            )
        if not 0 <= self.open_for <= LONGEST_OPEN:
            raise ConfigurationError(f"open_for is 0 s (never open) to {LONGEST_OPEN} s")
        if self.open_for and not self.max_staleness:
            raise ConfigurationError(
                "without a lease nothing is known here, so nothing may be open: leave open_for out"
            )
        if self.on_stale == "open" and not self.open_for:
            raise ConfigurationError("on_stale='open' is for a declared time: open_for=timedelta(seconds=30)")

    def forget(self) -> None:
        """As if nothing had ever been heard: no lease, no epoch."""
        self.epoch = ""
        self.seq = 0
        self.renewing: Signal | None = None
        self.lease_until = float("-inf")
        self._hold({what: {} for what in BY_NAME}, {table: {} for table in _LANES})
        self._swept_at = 0
        self._heard_at = float("-inf")
        self._told_to_restart = True
        self._tell((), True)

    def listen(self, listener: Listener) -> None:
        """From now on it is told of all that is heard."""
        with self._lock:
            self.listeners = (*self.listeners, listener)

    def mute(self, listener: Listener) -> None:
        """It is told of nothing any more."""
        with self._lock:
            self.listeners = tuple(one for one in self.listeners if one != listener)

    @property
    def rev(self) -> str:
        """The feed position that a token issued now carries: ``<epoch>.<seq>``."""
        if not self.epoch:
            raise ConfigurationError(
                "open it first: 'async with ww:' or 'await ww.open()' (for threads: 'with ww:'); "
                "nothing is known of revocations before that, nor after it was closed"
            )
        return f"{self.epoch}.{self.seq}"

    @property
    def forgets(self) -> int:
        """What ended before this second is forgotten: an hour ago, so that a clock that was wrong revives nothing."""
        return self.clock.now() - AHEAD

    def __len__(self) -> int:
        return sum(map(len, self._named.values())) + sum(map(len, self._cut.values()))

    def hear(self, feed: Feed, *, asked_after: int, sent_at: float, complete: bool = True) -> bool:
        """Take in an answer to "everything after ``asked_after``?", sent at ``sent_at`` (boot-time seconds).

        False: the feed began a new life or went back, or this answer begins behind what was heard, and it is no
        snapshot; ask again from 0. ``complete`` is False while more is to come; the lease is renewed only by the last
        part.
        """
        with self._lock:
            if sent_at < self._heard_at:
                return True  # the answer to a later question, which knew all of this, was quicker
            if feed.epoch != self.epoch or feed.head < asked_after:
                self._told_to_restart = True
            if asked_after != 0 and (self._told_to_restart or asked_after > self.seq):
                return False  # the second: another asker has begun anew meanwhile, and there would be a gap
            self._take_in(feed)
            self._heard_at = sent_at
            if complete:
                self.lease_until = max(self.lease_until, sent_at + self.max_staleness)
            return True

    def _take_in(self, feed: Feed) -> None:
        if anew := self._told_to_restart:
            self.lease_until = float(
                "-inf"
            )  # it vouched for what is let go of here; only the whole snapshot gives a new one
            # A name is never used again, so what was revoked by name stays so, whatever the new life knows of it.
            named = {what: dict(held) for what, held in self._named.items()}
            cut: dict[str, dict[str, int]] = {table: {} for table in _LANES}
            _apply(feed.events, named, cut)
            self._hold(named, cut)
            self.epoch, self.seq = feed.epoch, feed.head
            self._told_to_restart = False
        else:
            _apply(feed.events, self._named, self._cut)
            self.seq = max(self.seq, feed.head)
        self._sweep(self.forgets)
        self._any = len(self) > 0
        self._tell(feed.events, anew)

    def _tell(self, events: Sequence[Event], anew: bool) -> None:
        if events or anew:
            for listener in self.listeners:
                listener(events, anew)

    def _hold(self, named: dict[str, dict[str, int]], cut: dict[str, dict[str, int]]) -> None:
        self._named, self._cut = named, cut
        self._rows = (*(named[what] for what in BY_NAME), *(cut[table] for table in _LANES))
        self._any = len(self) > 0

    def fresh(self) -> bool:
        """Whether the lease holds: the last word is not older than ``max_staleness``."""
        return self.clock.monotonic() < self.lease_until

    def ensure_fresh(self) -> None:
        """Return with a lease in hand, pulling inline where that is possible. Raises: StaleRevocationError."""
        if self.fresh():
            return
        if self.pull is not None:
            self.pull()
        if self.fresh():
            return
        if not self.max_staleness:
            raise ConfigurationError(
                "with max_staleness=0 the store is asked at each request, and a plain function cannot wait for this "
                "one: use 'await …authenticate' (or a watchword.blocking.Watchword)"
            )
        hint = "; 'await …authenticate' would ask it" if self.on_stale == "ask" else ""
        raise StaleRevocationError(
            f"no word about revocations for {self.max_staleness:g} s; is the store reachable?{hint}"
        )

    def asks(self, on_stale: OnStale | None = None) -> bool:
        """Whether a check is for the store: there is no lease, nor a way to renew it on the spot.

        Where there never is one, every check is, whatever it says: nothing else could answer it.
        """
        word = (on_stale or self.on_stale) if self.max_staleness else "ask"
        return word == "ask" and self.pull is None and not self.fresh()

    def check(self, who: Principal, kid: str | None = None) -> None:
        """Raise TokenRevokedError if the credential, or anything it belongs to, is revoked."""
        if self.clock.monotonic() >= self.lease_until:
            self.ensure_fresh()
        if self._any:
            self.hold_to_known(who, kid)

    def hold_to_known(self, who: Principal, kid: str | None) -> None:
        """Raise TokenRevokedError for what was heard of, however long ago."""
        tokens, sessions, families, keys, subjects, clients, everything = self._rows
        if who.token_id in tokens or who.session_id in sessions or who.family_id in families:
            raise TokenRevokedError
        if kid in keys:
            raise TokenRevokedError("the key of this token was revoked")
        if who.subject in subjects or who.client_id in clients or everything:
            self._hold_to_cutoffs(who)

    def roles_changed(self, who: Principal) -> str | None:
        """The feed position of a change of the subject's roles that this credential is older than; None: it has none.

        Raises: StaleRevocationError.
        """
        if self.clock.monotonic() >= self.lease_until:
            self.ensure_fresh()
        if not self._any:
            return None
        epoch = self.epoch  # read first: beside a later cut-off, an earlier epoch is a position before everything
        entry = self._cut["subject"].get(who.subject)
        if entry is None:
            return None
        seq = entry >> _ROLES & _LANE
        return f"{epoch}.{seq}" if self._position(who.rev) < seq else None

    def key_is_revoked(self, kid: str) -> bool:
        """For tokens of ours that name no key, such as the MAC of a refresh token."""
        self.ensure_fresh()
        return kid in self._named["key"]

    def named(self, names: Iterable[Name]) -> list[Event]:
        """What was heard of these by name, however long ago: it stays so, whatever a store says that lost it."""
        return [
            Event(what=what, value=value, at=0, until=self._named[what][value])
            for what, value in names
            if value in self._named.get(what, ())
        ]

    def has_lost(self, kid: str) -> bool:
        """Whether the revocation of this key was heard, lease or no lease: for what brings the next answer."""
        return kid in self._named["key"]

    def _hold_to_cutoffs(self, who: Principal) -> None:
        position = self._position(who.rev)
        for table, value in (("subject", who.subject), ("client", who.client_id), ("everything", "")):
            entry = None if value is None else self._cut[table].get(value)
            if entry is None:
                continue
            for what, shift in _LANES[table]:
                if position < (entry >> shift & _LANE) and reaches(what, who.kind, roles=bool(who.roles)):
                    raise TokenRevokedError(_WHY.get(what, f"all that {what} held at the time was revoked"))

    def _position(self, rev: str | None) -> int:
        """The feed number in a ``rev``; 0, which is before everything, for one of another life of the feed or none."""
        epoch, _, seq = (rev or "").rpartition(".")
        return int(seq[:20]) if epoch == self.epoch and seq.isascii() and seq.isdigit() else 0

    def _sweep(self, now: int) -> None:
        if now < self._swept_at + SWEEP_EVERY:
            return
        self._swept_at = now
        named = {
            what: {value: until for value, until in held.items() if until > now} for what, held in self._named.items()
        }
        cut = {
            what: {value: entry for value, entry in held.items() if entry & _UNTIL > now}
            for what, held in self._cut.items()
        }
        self._hold(named, cut)

    def __repr__(self) -> str:
        rev = f"{self.epoch}.{self.seq}"
        return f"View({rev=}, entries={len(self)}, {'fresh' if self.fresh() else 'stale'})"


def _seconds(span: object, what: str) -> float:
    if not isinstance(span, timedelta):
        raise ConfigurationError(f"{what} is a timedelta, not {type(span).__name__}: timedelta(seconds=5)")
    return span.total_seconds()


def _apply(events: Iterable[Event], named: dict[str, dict[str, int]], cut: dict[str, dict[str, int]]) -> None:
    for one in events:
        if one.what in named:
            named[one.what][one.value] = max(one.until, named[one.what].get(one.value, 0))
        elif not is_notice(one.what):
            if one.what not in _CUTS:
                log.error(
                    "the feed has an event of the sort %a, which this version does not know: all that was issued before"
                    " it is refused here; upgrade this process",
                    one.what,
                )
            table, shift = _CUTS.get(one.what, _CUTS["everything"])
            value = "" if table == "everything" else one.value
            cut[table][value] = _later(cut[table].get(value, 0), shift, one)


def _later(entry: int, shift: int, one: Event) -> int:
    """The entry with this cut-off in its lane: the latest number counts, and the longest memory."""
    newer = max(one.seq - (entry >> shift & _LANE), 0)
    longer = max(one.until - (entry & _UNTIL), 0)
    return entry + (newer << shift) + longer
