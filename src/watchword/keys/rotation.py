"""The next step of a key's turn: announce a successor, wait for its lead, let it sign."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .key import Key
from .ring import KeyRing, Slot, State


class Turn(Struct, frozen=True):
    """What ``advance`` did for one key that signs."""

    done: Literal["announced", "waiting", "activated"]
    old: str
    new: str
    at: int
    """announced, waiting: when the new key may sign. activated: when the old one stops verifying."""


def advance(ring: KeyRing, kid: str) -> Turn:
    """Go one step with the key that signs now. ``ring.policy`` says how long its lead is, and how long it is kept."""
    slot, now = next(one for one in ring if one.key.kid == kid), ring.clock.now()
    successor = _successor(ring, slot.key)
    if successor is None:
        fresh = slot.key.successor()
        ring.announce(fresh)
        return Turn("announced", kid, fresh.kid, now + ring.policy.lead)
    ready = successor.announced_at + ring.policy.lead
    if now < ready:
        return Turn("waiting", kid, successor.key.kid, ready)
    ring.activate(successor.key.kid)
    return Turn("activated", kid, successor.key.kid, now + ring.policy.keep_of(slot.key.use))


def signers(ring: KeyRing) -> list[Slot]:
    """The key that signs, seals or MACs now, of each algorithm and use: the first of its like that is active."""
    now = ring.clock.now()
    first: dict[tuple[str, str], Slot] = {}
    for slot in ring:
        if slot.key.can_sign and slot.state(now) is State.ACTIVE:
            first.setdefault((slot.key.algorithm.name, slot.key.use), slot)
    return list(first.values())


def _successor(ring: KeyRing, key: Key) -> Slot | None:
    """The key of its like that waits for its turn."""
    now, alike = ring.clock.now(), (key.algorithm.name, key.use)
    for slot in ring:
        fits = slot.key.can_sign and (slot.key.algorithm.name, slot.key.use) == alike and slot.key.kid != key.kid
        if fits and slot.signs_until is None and slot.state(now) in (State.ANNOUNCED, State.ACTIVE):
            return slot
    return None
