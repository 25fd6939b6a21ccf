"""Breadth-first search over every interleaving of a model: all its states, or the shortest way to a broken promise."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

S = TypeVar("S", bound=Hashable)
MOST = 5_000_000
"""States; a model that has more is too large to be called searched."""


class Model(Protocol[S]):
    """A design in discrete steps. A state holds all there is to know, ghosts of what was promised included."""

    def start(self) -> S: ...

    def moves(self, state: S) -> Iterable[tuple[str, S]]:
        """What may happen next, each with its name. Where nothing may, the run is over."""
        ...

    def broken(self, state: S) -> str | None:
        """The invariant that does not hold in this state, and None when all do."""
        ...


@dataclass(frozen=True)
class Verdict:
    """``broken`` is None when every one of ``states`` is sound; otherwise ``trace`` is a shortest way to the fault."""

    states: int
    broken: str | None = None
    trace: tuple[str, ...] = ()


def search(model: Model[S]) -> Verdict:
    """Look at every state that can be reached. Raises: OverflowError above MOST of them."""
    first = model.start()
    came_from: dict[S, tuple[S, str] | None] = {first: None}
    level = [first]
    while level:
        following = []
        for state in level:
            broken = model.broken(state)
            if broken is not None:
                return Verdict(len(came_from), broken, _trace(came_from, state))
            for name, then in model.moves(state):
                if then not in came_from:
                    came_from[then] = state, name
                    following.append(then)
        if len(came_from) > MOST:
            raise OverflowError(f"more than {MOST} states: take smaller bounds")
        level = following
    return Verdict(len(came_from))


def _trace(came_from: dict[S, tuple[S, str] | None], state: S) -> tuple[str, ...]:
    names = []
    step = came_from[state]
    while step is not None:
        before, name = step
        names.append(name)
        step = came_from[before]
    return tuple(reversed(names))
