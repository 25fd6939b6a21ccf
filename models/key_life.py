"""C: the life of a signing key (I11). A token that is good where it is made verifies wherever the keys are fresh.

Two processes sign and publish with one key file, which the second reads up to ``lag`` late. A verifier keeps a fetched
document for up to ``cache``, counted from its arrival; a fetch takes up to ``fetch``, and either process may answer it.
One rotation: the new key is announced, later it signs, and the old one goes when its last token must have expired.

Models: src/watchword/keys/ring.py RotationPolicy.lead, RotationPolicy.keep, KeyRing.announce, KeyRing.activate, Slot
Models: src/watchword/keys/discovery.py _published
Models: src/watchword/runtime/refresh.py KeyFileRefresh
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

NEVER = -1
OLD, NEW = "old", "new"


class Fetch(NamedTuple):
    sent: int
    keys: frozenset[str] | None = None


class State(NamedTuple):
    now: int = 0
    announced: int = NEVER
    activated: int = NEVER
    read: int = 0
    """What the second process has read of the file: 0 neither, 1 the announcement, 2 the activation."""
    ends: tuple[int, int] = (NEVER, NEVER)
    """When the last token of the old key, and of the new one, is good no more."""
    fetched: int = 0
    keys: frozenset[str] = frozenset({OLD})
    fetch: Fetch | None = None


@dataclass(frozen=True)
class Keys:
    """All in ticks. ``lead``: from announcing to signing. ``keep``: from the last signature to the end."""

    cache: int = 2
    fetch: int = 1
    lag: int = 1
    life: int = 2
    lead: int = 4
    keep: int = 3
    ticks: int = 12

    def start(self) -> State:
        return State()

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        written = (state.announced != NEVER) + (state.activated != NEVER)
        since = (0, state.announced, state.activated)[written]
        in_time = state.read == written or state.now < since + self.lag
        if state.now < self.ticks and in_time:
            yield "tick", self._later(state, state.now + 1)
        if state.announced == NEVER and state.now <= 1:
            yield "announce", state._replace(announced=state.now)
        if state.announced != NEVER == state.activated and state.now >= state.announced + self.lead and state.read:
            yield "activate", state._replace(activated=state.now)
        if state.read < written:
            yield "second reads", state._replace(read=state.read + 1)
        for who, step in (("first", written), ("second", state.read)):
            yield f"{who} signs", self._signed(state, step)
            if state.fetch is not None and state.fetch.keys is None:
                answered = state.fetch._replace(keys=self._published(state, step))
                yield f"{who} answers", state._replace(fetch=answered)
        yield from self._verifier(state)

    def _later(self, state: State, now: int) -> State:
        """What is over is forgotten, so that states that are alike are one."""
        old, new = (end if now < end else NEVER for end in state.ends)
        state = state._replace(now=now, ends=(old, new))
        if state.fetch is not None and now > state.fetch.sent + self.fetch:
            state = state._replace(fetch=None)
        return state if self._fresh(state) else state._replace(fetched=NEVER, keys=frozenset())

    def _fresh(self, state: State) -> bool:
        return state.fetched != NEVER and state.now < state.fetched + self.cache

    def _verifier(self, state: State) -> Iterator[tuple[str, State]]:
        if state.fetch is None:
            yield "fetch", state._replace(fetch=Fetch(state.now))
        elif state.fetch.keys is not None:
            yield "arrive", state._replace(fetched=state.now, keys=state.fetch.keys, fetch=None)

    def _signed(self, state: State, step: int) -> State:
        old, new = state.ends
        end = state.now + self.life
        return state._replace(ends=(old, end) if step == 2 else (end, new))

    def _published(self, state: State, step: int) -> frozenset[str]:
        gone = step == 2 and state.now >= state.activated + self.keep
        return frozenset(({OLD} if not gone else set()) | ({NEW} if step else set()))

    def broken(self, state: State) -> str | None:
        if not self._fresh(state):
            return None  # it fetches before it refuses
        for key, end in zip((OLD, NEW), state.ends, strict=True):
            if state.now < end and key not in state.keys:
                return f"I11: a good token of the {key} key is refused"
        return None


DESIGN = Keys()
DEEP = Keys(cache=4, fetch=2, lag=2, life=4, lead=8, keep=6, ticks=20)
MUTANTS = {
    "M9 it signs as soon as it is announced": Keys(lead=0),
    "M9a the lead is the cache's time alone": Keys(lead=2),
    "M10 the old key goes at the rotation": Keys(keep=0),
    "M10a it is kept for a token's life alone": Keys(keep=2),
}
