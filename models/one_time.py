"""D: one-time tokens and crashes (I8, I9). One use, one effect; both or neither, and no other kind's row is touched.

Two requests at once may present the token, at its own verb or at another kind's, while processes crash between any two
steps and clients try again.

Models: src/watchword/tokens/one_time.py redeem, _good, _place
Models: src/watchword/stores/base.py swap
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

MINE, OTHER = "mine", "other"


class Request(NamedTuple):
    at: str
    """The verb that it is presented to: of its own purpose, or of another."""
    step: Literal["found", "half"]


class State(NamedTuple):
    used: bool = False
    effects: int = 0
    told: int = 0
    """Requests that were told of success."""
    trespassed: bool = False
    requests: tuple[Request, ...] = ()
    crashes: int = 0


@dataclass(frozen=True)
class OneTime:
    order: Literal["together", "effect first", "use first"] = "together"
    apart: bool = True
    """Each purpose has a namespace of its own."""
    at_once: int = 3
    crashes: int = 2

    def start(self) -> State:
        return State()

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        if state.requests and state.crashes < self.crashes:
            for place, request in enumerate(state.requests):
                yield f"crash at {request.step}", self._without(state, place)._replace(crashes=state.crashes + 1)
        if len(state.requests) < self.at_once and not state.used:
            for at in (MINE, OTHER) if not self.apart else (MINE,):
                yield f"present at {at}", self._with(state, Request(at, "found"))
        for place, request in enumerate(state.requests):
            yield f"go on from {request.step}", self._step(self._without(state, place), request)

    def _step(self, state: State, request: Request) -> State:
        if request.at == OTHER:
            return state._replace(used=True, trespassed=not state.used)
        half = request.step == "half"
        uses = self.order == "together" or (self.order == "use first") is not half
        acts = self.order == "together" or (self.order == "effect first") is not half
        if uses and state.used:
            return state  # the version is another: it is refused
        state = state._replace(used=state.used or uses, effects=state.effects + acts)
        if self.order == "together" or half:
            return state._replace(told=state.told + 1)
        return self._with(state, request._replace(step="half"))

    def _with(self, state: State, request: Request) -> State:
        return state._replace(requests=tuple(sorted((*state.requests, request))))

    def _without(self, state: State, place: int) -> State:
        return state._replace(requests=state.requests[:place] + state.requests[place + 1 :])

    def broken(self, state: State) -> str | None:
        if state.effects > 1 or state.told > 1:
            return "I8: two effects of one token"
        if state.trespassed:
            return "I9: another kind's verb used it up"
        if not state.requests and state.used != (state.effects == 1):
            return "I8: used without an effect, or the other way round"
        return None


DESIGN = OneTime()
DEEP = OneTime(at_once=6, crashes=6)
MUTANTS = {
    "M11 the use is written after the effect": OneTime(order="effect first"),
    "M11a the effect is done after the use": OneTime(order="use first"),
    "M12 one namespace for all purposes": OneTime(apart=False),
}
