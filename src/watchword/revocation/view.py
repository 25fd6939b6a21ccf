"""The View: all live revocations in process memory, and the lease that says how old its word may be.

A pure state machine: it is told the answers of the feed, and reads no store.

A question to the feed is timed when it is *sent*; its answer is good until ``sent + max_staleness`` on the boot-time
clock. An answer that lacks a revocation was taken before that revocation returned, so its question was sent before,
so the lease ends within ``max_staleness`` of it: whatever the network, a paused process or two disagreeing clocks do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Protocol

from ..clock import Clock, SystemClock
from ..errors import ConfigurationError, StaleRevocationError, TokenRevokedError
from ..principal import Principal
from ..stores.base import Event, Feed
from .event import BORN_WITH_ROLES, BY_CUTOFF, BY_NAME, READS_ROLES

SWEEP_EVERY = 60
_UNTIL_BITS = 48
_UNTIL = (1 << _UNTIL_BITS) - 1
"""A cut-off is kept as one number, ``seq`` above ``until``: a tuple of two would take 80 bytes more."""


class Keeps(Protocol):
    """Somebody who keeps copies of records, and has to hear of what changes without a revocation."""

    def forget(self, key: str) -> None: ...

    def clear(self) -> None: ...


class View:
    """What is revoked, as far as this process has heard.

    ``check(principal, kid)`` is a handful of dictionary look-ups. ``pull``, where a store can answer at once, is called
    when the lease has run out; without it a stale view refuses to answer (StaleRevocationError, 503). Where several
    threads may bring answers, ``lock`` keeps them apart; checks never wait for it.
    """

    def __init__(
        self,
        *,
        max_staleness: timedelta = timedelta(seconds=5),
        clock: Clock | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._lock = lock or nullcontext()
        if not isinstance(max_staleness, timedelta):
            raise ConfigurationError(
                f"max_staleness is a timedelta, not {type(max_staleness).__name__}: timedelta(seconds=5)"
            )
        self.max_staleness = max_staleness.total_seconds()
        if self.max_staleness <= 0:
            raise ConfigurationError("max_staleness is more than 0 s: an answer is never newer than its question")
        self.pull: Callable[[], None] | None = None
        self.keepers: list[Keeps] = []
        """Told of every notice that a record has changed, before the lease that this answer gives."""
        self.forget()

    def forget(self) -> None:
        """As if nothing had ever been heard: no lease, no epoch."""
        self.epoch = ""
        self.seq = 0
        self.lease_until = float("-inf")
        self._hold({what: {} for what in BY_NAME}, {what: {} for what in BY_CUTOFF})
        self._swept_at = 0
        self._heard_at = float("-inf")
        self._told_to_restart = True
        for keeper in self.keepers:
            keeper.clear()

    @property
    def rev(self) -> str:
        """The feed position that a token issued now carries: ``<epoch>.<seq>``."""
        if not self.epoch:
            raise ConfigurationError(
                "open it first: 'async with ww:' or 'await ww.open()' (for threads: 'with ww:'); "
                "nothing is known of revocations before that, nor after it was closed"
            )
        return f"{self.epoch}.{self.seq}"

    def __len__(self) -> int:
        return sum(map(len, self._named.values())) + sum(map(len, self._cut.values()))

    def hear(self, feed: Feed, *, asked_after: int, sent_at: float, complete: bool = True) -> bool:
        """Take in an answer to "everything after ``asked_after``?", sent at ``sent_at`` (boot-time seconds).

        False: the feed began a new life or went back, and this answer is no snapshot; ask again from 0. ``complete`` is
        False while more is to come; the lease is renewed only by the last part.
        """
        with self._lock:
            if sent_at < self._heard_at:
                return True  # the answer to a later question, which knew all of this, was quicker
            if feed.epoch != self.epoch or feed.head < asked_after:
                self._told_to_restart = True
            if self._told_to_restart and asked_after != 0:
                return False
            self._take_in(feed)
            self._heard_at = sent_at
            if complete:
                self.lease_until = max(self.lease_until, sent_at + self.max_staleness)
            return True

    def _take_in(self, feed: Feed) -> None:
        if self._told_to_restart:
            self.lease_until = float(
                "-inf"
            )  # it vouched for what is let go of here; only the whole snapshot gives a new one
            named: dict[str, dict[str, int]] = {what: {} for what in BY_NAME}
            cut: dict[str, dict[str, int]] = {what: {} for what in BY_CUTOFF}
            _apply(feed.events, named, cut)
            self._hold(named, cut)
            self.epoch, self.seq = feed.epoch, feed.head
            self._told_to_restart = False
            for keeper in self.keepers:
                keeper.clear()  # notices may have been missed
        else:
            _apply(feed.events, self._named, self._cut)
            self.seq = max(self.seq, feed.head)
            self._pass_on(feed.events)
        self._sweep(self.clock.now())
        self._any = len(self) > 0

    def _pass_on(self, events: Iterable[Event]) -> None:
        for key in [one.value for one in events if one.what == "changed"]:
            for keeper in self.keepers:
                keeper.forget(key)

    def _hold(self, named: dict[str, dict[str, int]], cut: dict[str, dict[str, int]]) -> None:
        self._named, self._cut = named, cut
        self._rows = (*(named[what] for what in BY_NAME), *(cut[what] for what in BY_CUTOFF))
        self._any = len(self) > 0

    def fresh(self) -> bool:
        return self.clock.monotonic() < self.lease_until

    def ensure_fresh(self) -> None:
        """Return with a lease in hand, pulling inline where that is possible. Raises: StaleRevocationError."""
        if self.fresh():
            return
        if self.pull is not None:
            self.pull()
        if not self.fresh():
            raise StaleRevocationError(
                f"no word about revocations for {self.max_staleness:g} s; is the store reachable?"
            )

    def check(self, who: Principal, kid: str | None = None) -> None:
        """Raise TokenRevokedError if the credential, or anything it belongs to, is revoked."""
        if self.clock.monotonic() >= self.lease_until:
            self.ensure_fresh()
        if not self._any:
            return
        tokens, sessions, families, keys, subjects, clients, everything, roles = self._rows
        if who.token_id in tokens or who.session_id in sessions or who.family_id in families:
            raise TokenRevokedError
        if kid in keys:
            raise TokenRevokedError("the key of this token was revoked")
        subject = who.subject
        if subject in subjects or subject in roles or who.client_id in clients or everything:
            self._hold_to_cutoffs(who)

    def roles_changed(self, who: Principal) -> str | None:
        """The feed position of a change of the subject's roles that this credential is older than; None: it has none.

        Raises: StaleRevocationError.
        """
        self.ensure_fresh()
        epoch = self.epoch  # read first: beside a later cut-off, an earlier epoch is a position before everything
        entry = self._cut["roles"].get(who.subject)
        if entry is None or not self._issued_before(who.rev, entry >> _UNTIL_BITS):
            return None
        return f"{epoch}.{entry >> _UNTIL_BITS}"

    def key_is_revoked(self, kid: str) -> bool:
        """For tokens of ours that name no key, such as the MAC of a refresh token."""
        self.ensure_fresh()
        return kid in self._named["key"]

    def _hold_to_cutoffs(self, who: Principal) -> None:
        cut = self._cut
        copied = who.kind not in READS_ROLES and (bool(who.roles) or who.kind in BORN_WITH_ROLES)
        about = (
            ("subject", who.subject),
            ("client", who.client_id),
            ("everything", ""),
            ("roles", who.subject if copied else None),
        )
        for what, value in about:
            entry = cut[what].get(value) if value is not None else None
            if entry is not None and self._issued_before(who.rev, entry >> _UNTIL_BITS):
                raise TokenRevokedError(
                    "the roles of the subject have changed since; get a new token"
                    if what == "roles"
                    else f"all that {what} held at the time was revoked"
                )

    def _issued_before(self, rev: str | None, cutoff: int) -> bool:
        """A position in another life of the feed, or none at all, is before everything."""
        epoch, _, seq = (rev or "").rpartition(".")
        return epoch != self.epoch or not (seq.isascii() and seq.isdigit()) or int(seq[:20]) < cutoff

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


def _apply(events: Iterable[Event], named: dict[str, dict[str, int]], cut: dict[str, dict[str, int]]) -> None:
    for one in events:
        if one.what in named:
            named[one.what][one.value] = max(one.until, named[one.what].get(one.value, 0))
        elif one.what in cut:
            before = cut[one.what].get(one.value, 0)
            seq, until = max(one.seq, before >> _UNTIL_BITS), max(one.until, before & _UNTIL)
            cut[one.what][one.value] = seq << _UNTIL_BITS | until
