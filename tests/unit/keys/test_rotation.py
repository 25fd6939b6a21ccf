"""The turns of keys: announced, then after the lead activated; what was signed meanwhile goes on verifying."""

from __future__ import annotations

import pytest

from watchword import AccessTokens, FrozenClock, Key, KeyRing
from watchword.errors import ConfigurationError, TokenError
from watchword.keys.ring import State
from watchword.keys.rotation import advance, signers


@pytest.mark.parametrize("algorithm", ["ES256", "v4.public"])
def test_two_steps_with_a_lead_between_them_and_nobody_is_signed_out(algorithm: str) -> None:
    clock = FrozenClock()
    ring = KeyRing.generate(algorithm, clock=clock)
    access = AccessTokens(ring, issuer="https://i", audience="https://a")
    old = ring.active()
    first = advance(ring, old.kid)
    assert (first.done, first.old, first.at) == ("announced", old.kid, clock.now() + ring.policy.lead)
    assert advance(ring, old.kid).done == "waiting"
    assert len(ring) == 2
    clock.advance(ring.policy.lead - 1)
    again = advance(ring, old.kid)
    assert (again.done, again.new, again.at) == ("waiting", first.new, first.at)
    clock.advance(1)
    assert [slot.key for slot in signers(ring)] == [old], "a successor signs only once it is told to"
    token = access.issue("u").token
    done = advance(ring, old.kid)
    assert (done.done, done.new, done.at) == ("activated", first.new, clock.now() + ring.policy.keep)
    assert [slot.key.kid for slot in signers(ring)] == [first.new]
    clock.advance(899)
    assert access.verify(token).subject == "u"
    clock.advance(ring.policy.keep)
    slot = ring.find(old.kid)
    assert slot is not None
    assert slot.state(clock.now()) is State.RETIRED


def test_each_algorithm_and_use_takes_turns_by_itself() -> None:
    clock = FrozenClock()
    keys = (Key.generate("ES256"), Key.generate("HS256"), Key.generate("HS256", use="mac"), Key.generate("v4.local"))
    ring = KeyRing.of(*keys, clock=clock)
    assert [slot.key for slot in signers(ring)] == list(keys)
    turns = [advance(ring, key.kid) for key in keys]
    assert [turn.done for turn in turns] == ["announced"] * 4
    assert {(slot.key.algorithm.name, slot.key.use) for slot in ring} == {(key.algorithm.name, key.use) for key in keys}


def test_a_revoked_successor_is_no_successor() -> None:
    clock = FrozenClock()
    ring = KeyRing.generate("ES256", clock=clock)
    old = ring.active()
    first = advance(ring, old.kid)
    ring.revoke(first.new)
    again = advance(ring, old.kid)
    assert (again.done, again.new == first.new) == ("announced", False)


def test_public_keys_have_no_turn() -> None:
    assert signers(KeyRing.of(Key.generate("ES256").public())) == []


def test_before_the_lead_not_even_the_ring_lets_it() -> None:
    clock = FrozenClock()
    ring = KeyRing.generate("ES256", clock=clock)
    turn = advance(ring, ring.active().kid)
    with pytest.raises(ConfigurationError):
        ring.activate(turn.new)
    with pytest.raises(TokenError):
        AccessTokens(ring, issuer="https://i", audience="https://a").verify("eyJ.eyJ.AA")
