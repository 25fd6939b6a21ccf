"""KeyRing: announced, active, retiring, retired; published before use, kept after it; one signer for each purpose."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, KeyUseError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, RotationPolicy, Slot, State
from watchword.runtime.ticker import drive
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import KINDS
from watchword.tokens.refresh import RefreshTokens

NOW = 1_800_000_000
POLICY = RotationPolicy()
LEAD, KEEP = 360, 3600 + 60 + 300


def ring_of(*keys: Key) -> tuple[KeyRing, FrozenClock]:
    clock = FrozenClock(NOW)
    return KeyRing.of(*keys, clock=clock), clock


def states(ring: KeyRing) -> dict[str, State]:
    return {slot.key.kid: slot.state(ring.clock.now()) for slot in ring}


def ed(kid: str) -> Key:
    return Key.generate("Ed25519", kid=kid)


def test_the_policy() -> None:
    assert (POLICY.lead, POLICY.keep) == (LEAD, KEEP)
    short = RotationPolicy(discovery_cache=timedelta(0), token_life=timedelta(minutes=15), leeway=timedelta(0))
    assert (short.lead, short.keep) == (60, 900 + 300)


def test_a_key_verifies_longer_than_anything_that_a_kind_makes_with_it() -> None:
    for kind in KINDS.values():
        if kind.use is not None:
            assert POLICY.keep_of(kind.use) > kind.cap.total_seconds(), kind.name
    assert POLICY.keep_of("mac") > KINDS["session"].cap.total_seconds()  # its CSRF tokens and its device
    assert POLICY.keep_of("seal") == POLICY.keep_of("sign") == POLICY.keep


def test_a_refresh_token_outlives_the_key_that_it_was_made_with() -> None:
    clock = FrozenClock(NOW)
    ring = KeyRing.of(Key.generate("HS256", use="mac"), clock=clock)
    store = MemoryStore()
    store.open_blocking()
    refresh = RefreshTokens(store, ring, clock=clock)
    token = drive(refresh.issue("user-7", client_id="app")).token
    ring.announce(fresh := Key.generate("HS256", use="mac"))
    clock.advance(POLICY.lead)
    ring.activate(fresh.kid)
    clock.advance(13 * 86_400)
    assert drive(refresh.rotate(token)).subject == "user-7"


@pytest.mark.parametrize(
    ("at", "state", "verifies"),
    [
        (99, State.ANNOUNCED, False),
        (100, State.ACTIVE, True),
        (199, State.ACTIVE, True),
        (200, State.RETIRING, True),
        (299, State.RETIRING, True),
        (300, State.RETIRED, False),
        (10**9, State.RETIRED, False),
    ],
)
def test_states_follow_from_the_clock(at: int, state: State, verifies: bool) -> None:
    slot = Slot(ed("k"), announced_at=50, activates_at=100, signs_until=200, retires_at=300)
    assert (slot.state(at), slot.verifies(at)) == (state, verifies)


def test_a_slot_without_an_end_goes_on() -> None:
    slot = Slot(ed("k"), announced_at=0, activates_at=0)
    assert (slot.state(2**40), slot.verifies(2**40)) == (State.ACTIVE, True)


@pytest.mark.parametrize("wrong", ["secret", b"secret", None, 1, object(), {"kty": "oct"}])
def test_only_a_key_is_a_key(wrong: Any) -> None:
    with pytest.raises(KeyUseError, match="never keys"):
        Slot(wrong, announced_at=0, activates_at=0)
    with pytest.raises(KeyUseError, match="never keys"):
        KeyRing.of(wrong)


def test_generate() -> None:
    ring = KeyRing.generate("v4.public", "ES256")
    assert [slot.key.algorithm.name for slot in ring] == ["v4.public", "ES256"]
    assert ring.active().algorithm.name == "v4.public"
    assert ring.active(format="jwt").algorithm.name == ring.active(algorithm="ES256").algorithm.name == "ES256"
    assert [slot.key.algorithm.name for slot in KeyRing.generate()] == ["ES256"]
    assert len(ring) == 2
    with pytest.raises(ConfigurationError):
        KeyRing.generate("none")


def test_one_signer_for_each_algorithm_and_use() -> None:
    with pytest.raises(KeyUseError):
        KeyRing.of(ed("a"), ed("b"))
    both = KeyRing.of(Key.generate("HS256", kid="s"), Key.generate("HS256", kid="m", use="mac"))
    assert (both.active("sign").kid, both.active("mac").kid) == ("s", "m")
    assert KeyRing.of(ed("a"), ed("b").public()).active().kid == "a"


def test_two_keys_never_share_a_kid() -> None:
    for other in (ed("a"), ed("a").public(), Key.generate("ES256", kid="a")):
        with pytest.raises(ConfigurationError, match="two keys"):
            KeyRing.of(ed("a"), other.public())
        ring, _ = ring_of(ed("a"))
        for place in (ring.announce, ring.add):
            with pytest.raises(ConfigurationError, match="two keys"):
                place(other)


def test_what_is_not_there_is_said() -> None:
    ring = KeyRing.of(ed("a").public())
    for wanted in ({}, {"use": "mac"}, {"algorithm": "ES256"}, {"format": "paseto"}):
        with pytest.raises(ConfigurationError, match="no active key"):
            ring.active(**wanted)
    assert ring.find("b") is None
    for verb in (ring.activate, ring.retire):
        with pytest.raises(ConfigurationError, match="no key 'b'"):
            verb("b")


def test_a_rotation() -> None:
    ring, clock = ring_of(ed("old"))
    ring.announce(ed("new"))
    assert states(ring) == {"old": State.ACTIVE, "new": State.ANNOUNCED}
    clock.advance(LEAD - 1)
    with pytest.raises(ConfigurationError, match="less than 360 s ago"):
        ring.activate("new")
    assert ring.active().kid == "old"
    clock.advance(1)
    ring.activate("new")
    assert states(ring) == {"old": State.RETIRING, "new": State.ACTIVE}
    assert ring.active().kid == "new"
    clock.advance(KEEP - 1)
    assert states(ring) == {"old": State.RETIRING, "new": State.ACTIVE}
    clock.advance(1)
    assert states(ring) == {"old": State.RETIRED, "new": State.ACTIVE}


def test_a_rotation_leaves_other_keys_alone() -> None:
    """Other algorithms, other uses, public keys of somebody else, and what is only announced."""
    ring, clock = ring_of(ed("old"), Key.generate("ES256", kid="es"), ed("theirs").public())
    ring.announce(ed("new"))
    clock.advance(LEAD)
    ring.announce(ed("next"))
    ring.activate("new")
    clock.advance(LEAD - 1)
    assert states(ring) == {
        "old": State.RETIRING,
        "es": State.ACTIVE,
        "theirs": State.ACTIVE,
        "new": State.ACTIVE,
        "next": State.ANNOUNCED,
    }
    clock.advance(1)
    ring.activate("next")
    assert states(ring)["new"] is State.RETIRING
    assert ring.active().kid == "next"


@pytest.mark.parametrize("names", [("ES256", "v4.public"), ("v4.public", "ES256"), ("ES256", "Ed25519", "v4.public")])
def test_a_rotation_keeps_the_default(names: tuple[str, ...]) -> None:
    """The first algorithm is the default for good: a new key of it signs next, and not the second algorithm's."""
    clock = FrozenClock(NOW)
    ring = KeyRing.generate(*names, clock=clock)
    for name in (*names, names[0]):
        new = Key.generate(name)
        ring.announce(new)
        clock.advance(LEAD)
        ring.activate(new.kid)
        assert ring.active().algorithm.name == names[0]
        assert ring.active(algorithm=name) is new
        assert ring.active(format="jwt").algorithm.name == next(one for one in names if one != "v4.public")
    assert [slot.key.algorithm.name for slot in ring if slot.state(clock.now()) is State.ACTIVE] == list(names)
    for name in names:
        fresh = ring.replace(ring.active(algorithm=name).kid)
        assert (ring.active().algorithm.name, ring.active(algorithm=name)) == (names[0], fresh)


def test_an_emergency() -> None:
    ring, _ = ring_of(ed("old"))
    fresh = ring.replace("old")
    assert states(ring) == {"old": State.RETIRED, fresh.kid: State.ACTIVE}
    assert (fresh.algorithm.name, fresh.use, fresh.can_sign) == ("Ed25519", "sign", True)
    with pytest.raises(ConfigurationError):
        ring.replace("unknown")


def test_a_revoked_signer_has_a_successor_and_verifies_nothing_whatever_the_clock_says() -> None:
    ring, clock = ring_of(ed("old"), Key.generate("v4.public", kid="k4.pid.other"))
    ring.announce(ed("next"))
    ring.revoke("old")
    fresh = ring.active()
    assert fresh.algorithm.name == "Ed25519"
    assert states(ring)["next"] is State.ANNOUNCED
    assert {key["kid"] for key in ring.jwks()["keys"]} == {fresh.kid, "next"}
    for by in (0, -10_000, 20_000):
        clock.advance(by)
        slot = ring.find("old")
        assert slot is not None
        assert (slot.state(clock.now()), slot.verifies(clock.now())) == (State.RETIRED, False)
    ring.revoke("old")
    assert len(ring) == 4, "once is enough"


def test_a_revoked_key_that_did_not_sign_has_none() -> None:
    ring, _ = ring_of(ed("old"), Key.generate("ES256", kid="other").public())
    ring.announce(ed("next"))
    for kid in ("next", "other"):
        ring.revoke(kid)
    assert states(ring) == {"old": State.ACTIVE, "next": State.RETIRED, "other": State.RETIRED}
    with pytest.raises(ConfigurationError, match="no key"):
        ring.revoke("unknown")


def test_a_key_that_had_its_turn_does_not_come_again() -> None:
    ring, clock = ring_of(ed("old"))
    ring.announce(ed("new"))
    clock.advance(LEAD)
    ring.activate("new")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="had its turn"):
            ring.activate("old")
        assert ring.active().kid == "new"
        clock.advance(KEEP)
    ring.retire("new")
    with pytest.raises(ConfigurationError, match="had its turn"):
        ring.activate("new")


def test_activating_the_active_key_changes_nothing() -> None:
    ring, clock = ring_of(ed("old"))
    ring.announce(ed("new"))
    ring.activate("old")
    assert states(ring) == {"old": State.ACTIVE, "new": State.ANNOUNCED}
    clock.advance(LEAD)
    ring.activate("new")
    ring.activate("new")
    assert states(ring) == {"old": State.RETIRING, "new": State.ACTIVE}


def test_retire_is_at_once() -> None:
    ring, clock = ring_of(ed("a"))
    ring.retire("a")
    assert states(ring) == {"a": State.RETIRED}
    with pytest.raises(ConfigurationError):
        ring.active()
    clock.advance(-1)
    assert states(ring) == {"a": State.ACTIVE}


def test_a_ring_that_is_not_open() -> None:
    ring = KeyRing(None)
    for use in (ring.active, ring.ensure_open, lambda: ring.find("a"), lambda: list(ring), ring.jwks, ring.paseto_keys):
        with pytest.raises(ConfigurationError, match="open it first"):
            use()
    assert repr(ring) == "KeyRing(not open)"
    ring.adopt([Slot(ed("a"), announced_at=0, activates_at=0)])
    assert (ring.active().kid, len(ring)) == ("a", 1)
    ring.adopt(None)
    with pytest.raises(ConfigurationError, match="open it first"):
        ring.active()
    assert len(ring) == 0


def test_repr_names_no_secret() -> None:
    key = Key.generate("HS256", kid="a")
    assert repr(KeyRing.of(key)) == "KeyRing(HS256:a)"


STEPS = st.lists(st.sampled_from(["announce", "activate", "retire", 1, 59, LEAD, KEEP]), max_size=12)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_any_rotation_keeps_its_promises(steps: list[Any]) -> None:
    """Never two signers by decree, and a key that signed verifies for as long as its tokens live."""
    ring, clock = ring_of(ed("k0"))
    names, signed_until = ["k0"], dict[str, int]()
    for number, step in enumerate(steps, 1):
        now = clock.now()
        if step == "announce":
            names.append(f"k{number}")
            ring.announce(ed(names[-1]))
        elif step == "activate":
            try:
                ring.activate(names[-1])
            except ConfigurationError:
                continue
            assert [name for name, state in states(ring).items() if state is State.ACTIVE] == [names[-1]]
            assert ring.active().kid == names[-1]
        elif step == "retire":
            ring.retire(names[0])
            signed_until.pop(names[0], None)
            names = names[1:] or names
        else:
            if State.ACTIVE in states(ring).values():
                signed_until[ring.active().kid] = now
            clock.advance(step)
        for name, last in signed_until.items():
            slot = ring.find(name)
            assert slot is not None
            assert slot.retires_at is not None or slot.verifies(clock.now())
            assert slot.verifies(min(clock.now(), last + KEEP - 1))
