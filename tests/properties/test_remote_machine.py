"""The states of remote keys under any order of answers, failures, tokens and time (F-31, F-34, F-35)."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, KeysUnavailableError
from watchword.keys.discovery import read_jwks
from watchword.keys.key import Key
from watchword.keys.remote import RemoteKeys, RemotePolicy

KEYS = [Key.generate("Ed25519", kid=f"k{number}").public() for number in range(4)]
POLICY = RemotePolicy()
COOLDOWN, LOST = POLICY.cooldown.total_seconds(), POLICY.longest_fetch.total_seconds()
LEAST, MOST, STALE = (part.total_seconds() for part in (POLICY.least_fresh, POLICY.most_fresh, POLICY.max_stale))
some_keys = st.sets(st.integers(0, 3), min_size=1)


class Remote(RuleBasedStateMachine):
    """Beside the machine stands what it must remember: the last good set, when it came, and when we last asked."""

    @initialize(jitter=st.floats(0, 1))
    def begin_empty(self, jitter: float) -> None:
        self.clock = FrozenClock()
        self.remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=self.clock, jitter=jitter)
        self.good: set[str] = set()
        self.usable_until = float("-inf")
        self.least_until = float("-inf")
        self.asked_at: float | None = None
        self.flying_since: float | None = None

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def flying(self) -> bool:
        return self.flying_since is not None and self.now < self.flying_since + LOST

    @rule(seconds=st.sampled_from([0.01, 1, 10, 30, 48, 60, 300, 3600, 86_400]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def somebody_fetches_if_wanted(self) -> None:
        if self.remote.wants():
            assert not self.flying()
            self.remote.begin()
            self.flying_since = self.now

    @precondition(lambda self: self.flying())
    @rule(keys=some_keys, max_age=st.none() | st.integers(0, 10**9))
    def it_succeeds(self, keys: set[int], max_age: int | None) -> None:
        before = {slot.key.kid: slot for slot in self.remote.ring}
        self.remote.succeeded(json.dumps({"keys": [KEYS[n].to_jwk() for n in keys]}).encode(), max_age)
        life = min(max(300 if max_age is None else max_age, LEAST), MOST)
        self.good, self.flying_since = {f"k{n}" for n in keys}, None
        self.usable_until = self.now + life + STALE
        self.least_until = self.now + 0.7 * LEAST
        assert all(before.get(slot.key.kid, slot) is slot for slot in self.remote.ring)
        assert self.remote.state == "fresh"

    @precondition(lambda self: self.flying())
    @rule(how=st.sampled_from(["failed", "abandoned", "empty", "broken"]))
    def it_fails(self, how: str) -> None:
        failures = self.remote.metrics.failures
        if how in ("empty", "broken"):
            with pytest.raises(ConfigurationError):
                self.remote.succeeded(b'{"keys": []}' if how == "empty" else b"{", 10**6)
        else:
            getattr(self.remote, how)()
        self.flying_since = None
        assert self.remote.metrics.failures == failures + (how != "abandoned")
        assert not self.remote.in_flight
        if how != "abandoned":
            assert not self.remote.wants()

    @rule(kid=st.sampled_from(["k0", "k3", "x1", "x2"]))
    def a_token_names_an_unknown_key(self, kid: str) -> None:
        if kid in self.good:
            return
        if self.remote.missed(kid):
            assert not self.flying()
            assert self.asked_at is None or self.now >= self.asked_at + COOLDOWN
            assert self.remote.wants()
            self.asked_at = self.now

    @invariant()
    def the_last_good_set_stands(self) -> None:
        if not hasattr(self, "remote"):
            return
        assert {slot.key.kid for slot in self.remote.ring} == self.good
        assert all(slot.verifies(self.clock.now()) for slot in self.remote.ring)

    @invariant()
    def it_is_usable_just_as_long_as_it_may_be(self) -> None:
        if not hasattr(self, "remote"):
            return
        try:
            self.remote.ensure_usable()
            usable = True
        except KeysUnavailableError:
            usable = False
        assert usable == (self.now < self.usable_until)
        assert usable == (self.remote.state in ("fresh", "stale"))

    @invariant()
    def nobody_is_asked_twice_at_once_nor_too_soon(self) -> None:
        if not hasattr(self, "remote"):
            return
        assert self.remote.in_flight == self.flying()
        if self.remote.wants():
            assert not self.flying()
            assert self.now >= self.least_until or self.asked_at is not None

    @invariant()
    def it_never_stops_asking(self) -> None:
        """Whatever happened, after the freshness that may be at most it wants to be fetched again."""
        if not hasattr(self, "remote"):
            return
        later = FrozenClock(monotonic=self.now + MOST + LOST)
        self.remote.clock = later
        assert self.remote.wants()
        self.remote.clock = self.clock


TestRemote = Remote.TestCase
TestRemote.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
