"""I11, F-29: keys are rotated again and again, and no verifier, whatever its cache, ever refuses a token of ours.

The model has no cryptography: a signature is its key id, and a verifier is the set of key ids it fetched, with the
clock's word on when it fetches again. Three kinds of cache watch: one that asks when its copy is as old as the document
allows (TTL), one that asks on a timer of just that length and at no other time (static), one that asks only when it
meets a key id it lacks (refetch on miss, which must never happen to it). `WATCHWORD_ROUNDS` sets the verifications.
"""

import os
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, RotationPolicy, State
from watchword.tokens.access import AccessTokens

ROUNDS = int(os.environ.get("WATCHWORD_ROUNDS", "20000"))
CACHE, LIFE = 300, 900
POLICY = RotationPolicy(
    discovery_cache=timedelta(seconds=CACHE), token_life=timedelta(seconds=LIFE), leeway=timedelta(seconds=60)
)
POOL = [Key.generate("HS256", kid=f"model-{number}") for number in range(64)]
"""The model looks at ids and times alone; a key that was retired long ago may come back under its name."""


@dataclass
class Verifier:
    """A copy of the published key ids, and when to fetch it again."""

    kind: str
    fetch_at: int
    known: frozenset[str] = frozenset()
    forced: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def look(self, now: int, published: frozenset[str]) -> None:
        if self.kind == "miss":
            self.known = self.known or published
        elif now >= self.fetch_at:
            self.known, self.fetch_at = published, now + CACHE

    def verify(self, now: int, kid: str, published: frozenset[str], good: bool) -> None:
        if kid not in self.known and self.kind != "static":
            self.forced += self.kind == "ttl"
            self.known = published
        if kid not in self.known or not good:
            self.refused.append((now, kid))


def published(ring: KeyRing) -> frozenset[str]:
    now = ring.clock.now()
    return frozenset(slot.key.kid for slot in ring if slot.state(now) is not State.RETIRED)


class House:
    """One issuer that rotates as soon as its policy lets it, and verifiers that look at random moments."""

    def __init__(self, seed: int, policy: RotationPolicy = POLICY) -> None:
        self.random = Random(seed)
        self.clock = FrozenClock()
        self.ring = KeyRing.of(POOL[0], policy=policy, clock=self.clock)
        start = self.clock.now()
        self.verifiers = [
            Verifier(kind, start + self.random.randrange(CACHE), published(self.ring))
            for kind in ("static", "ttl", "miss")
            for _ in range(3)
        ]
        self.tokens: deque[tuple[int, str]] = deque()
        self.next_key: tuple[int, str] | None = None
        self.turns = 1
        self.rotations = 0

    def step(self) -> int:
        self.clock.advance(self.random.randrange(1, 40))
        now = self.clock.now()
        self.rotate(now)
        out, ring = published(self.ring), self.ring
        self.tokens.append((now + LIFE, ring.active().kid))
        while self.tokens[0][0] <= now:
            self.tokens.popleft()
        presented = [self.tokens[-1], self.tokens[0], self.random.choice(self.tokens)]
        for verifier in self.verifiers:
            verifier.look(now, out)
            for _, kid in presented:
                slot = ring.find(kid)
                verifier.verify(now, kid, out, slot is not None and slot.verifies(now))
        return len(presented) * len(self.verifiers)

    def rotate(self, now: int) -> None:
        if self.next_key is None:
            self.ring.adopt([slot for slot in self.ring if slot.state(now) is not State.RETIRED])
            key = POOL[self.turns % len(POOL)]
            self.ring.announce(key)
            self.turns, self.next_key = self.turns + 1, (now + self.ring.policy.lead, key.kid)
        elif now >= self.next_key[0] + self.random.randrange(0, 600):
            self.ring.activate(self.next_key[1])
            self.next_key, self.rotations = None, self.rotations + 1


@pytest.mark.parametrize("seed", range(4))
def test_no_rotation_is_ever_noticed(seed: int) -> None:
    house, done = House(seed), 0
    while done < ROUNDS // 4:
        done += house.step()
    refused = [(one.kind, what) for one in house.verifiers if one.kind != "miss" for what in one.refused]
    assert refused == []
    assert [one.forced for one in house.verifiers if one.kind == "ttl"] == [0, 0, 0]
    assert [one.refused for one in house.verifiers if one.kind == "miss"] == [[], [], []]
    assert house.rotations >= min(5, ROUNDS // 2000)


def test_the_model_notices_a_key_that_signs_at_once() -> None:
    """Were a key used when it is announced, some verifier would not have heard of it."""
    house = House(1, RotationPolicy(discovery_cache=timedelta(seconds=-60), token_life=timedelta(seconds=LIFE)))
    for _ in range(400):
        house.step()
    assert any(one.forced for one in house.verifiers)
    assert any(one.refused for one in house.verifiers)


def test_the_model_notices_a_key_that_retires_with_its_last_signature() -> None:
    house = House(1, RotationPolicy(token_life=timedelta(seconds=-300), leeway=timedelta(0)))
    for _ in range(400):
        house.step()
    assert any(one.refused for one in house.verifiers)


def test_before_its_lead_a_key_is_not_activated_and_its_tokens_are_not_taken() -> None:
    clock = FrozenClock()
    ring = KeyRing.generate("ES256", policy=POLICY, clock=clock)
    fresh = Key.generate("ES256")
    ring.announce(fresh)
    assert {key["kid"] for key in ring.jwks()["keys"]} == {ring.active().kid, fresh.kid}
    slot = ring.find(fresh.kid)
    assert slot is not None
    clock.advance(CACHE + 59)
    assert (slot.state(clock.now()), slot.verifies(clock.now())) == (State.ANNOUNCED, False)
    with pytest.raises(ConfigurationError):
        ring.activate(fresh.kid)
    clock.advance(1)
    ring.activate(fresh.kid)
    assert ring.active().kid == fresh.kid


@pytest.mark.parametrize("algorithm", ["ES256", "v4.public"])
def test_with_real_keys_a_token_outlives_the_rotation(algorithm: str) -> None:
    clock = FrozenClock()
    ring = KeyRing.generate(algorithm, policy=POLICY, clock=clock)
    names: dict[str, Any] = {"issuer": "https://id.example", "audience": "https://api.example"}
    ours = AccessTokens(ring, lifetime=timedelta(seconds=LIFE), **names)
    cached = list(ring)
    for _ in range(5):
        old, fresh = ring.active(), Key.generate(algorithm)
        ring.announce(fresh)
        clock.advance(ring.policy.lead)
        cached = [*ring]
        theirs = AccessTokens(KeyRing.of(*(slot.key.public() for slot in cached), clock=clock), **names)
        last = ours.issue("user-7").token
        ring.activate(fresh.kid)
        first = ours.issue("user-7").token
        clock.advance(LIFE - 1)
        for verifier in (ours, theirs):
            assert {verifier.verify(token).subject for token in (last, first)} == {"user-7"}
        slot = ring.find(old.kid)
        assert slot is not None
        assert slot.verifies(clock.now())
        clock.advance(ring.policy.keep - LIFE + 1)
        assert not slot.verifies(clock.now())
