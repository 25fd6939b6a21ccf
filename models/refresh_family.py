"""B: a refresh family (I5, I5g, I6, I7). Rotations of any token ever handed out, up to three at once.

A request reads the family's row, and then writes over that very version of it, or begins again. The owner, a thief who
has every token, a revocation, the passing of time and crashes of the process come in any order. Ghosts remember what
each request was entitled to when it began.

Models: src/watchword/tokens/refresh.py rotate, _rotate, _again, _kill, _why_dead, _is_current
Models: src/watchword/stores/base.py swap
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Mutant = Literal[
    "check-then-write", "forking grace", "grace for any ancestor", "order by second", "restart forgets", "no revocation"
]


class Token(NamedTuple):
    generation: int
    number: int = 0
    """Which of the tokens of this generation; in a sound design there is one."""
    born: int = 0


class Row(NamedTuple):
    current: Token = Token(1)
    previous: Token | None = None
    rotated_at: int = 0
    live: bool = True


class Request(NamedTuple):
    token: Token
    right: bool
    """Ghost: current, or the predecessor inside the grace, when the request began."""
    late: bool
    """Ghost: the family was dead when the request began."""
    read: Row | None = None


class State(NamedTuple):
    now: int = 0
    row: Row = Row()
    revoked: bool = False
    died: bool = False
    """Ghost: somebody was told that the family is dead."""
    requests: tuple[Request, ...] = ()
    given: frozenset[tuple[Token | None, Token]] = frozenset({(None, Token(1))})
    """(predecessor, successor) of every token that somebody holds."""
    fault: str | None = None


@dataclass(frozen=True)
class Family:
    grace: int = 1
    ticks: int = 3
    generations: int = 3
    at_once: int = 2
    mutant: Mutant | None = None

    def start(self) -> State:
        return State()

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        if state.now < self.ticks:
            yield "tick", state._replace(now=state.now + 1)
        if not state.revoked:
            yield "revoke", state._replace(revoked=True)
        revived = state.row._replace(live=True) if self.mutant == "restart forgets" else state.row
        if state.requests or revived != state.row:
            yield "crash", state._replace(requests=(), row=revived)
        if len(state.requests) < self.at_once:
            for token in sorted({held for _, held in state.given}):
                yield f"present {token.generation}", self._with(state, self._begun(state, token))
        for place, request in enumerate(state.requests):
            others = state._replace(requests=state.requests[:place] + state.requests[place + 1 :])
            name = request.token.generation
            if request.read is None:
                yield f"read {name}", self._look(others, request)
            else:
                yield f"write {name}", self._act(others, request, request.read)

    def _begun(self, state: State, token: Token) -> Request:
        row = state.row
        again = token == row.previous and state.now - row.rotated_at <= self.grace
        return Request(token, token == row.current or again, state.revoked or state.died)

    def _with(self, state: State, request: Request) -> State:
        order = sorted((*state.requests, request), key=repr)
        return state._replace(requests=tuple(order))

    def _look(self, state: State, request: Request) -> State:
        """The row as it is now; a dead family is refused here."""
        dead = state.revoked and self.mutant != "no revocation"
        return state if dead or not state.row.live else self._with(state, request._replace(read=state.row))

    def _act(self, state: State, request: Request, row: Row) -> State:
        token, unchanged = request.token, row == state.row or self.mutant == "check-then-write"
        if self._is_current(token, row):
            return self._rotate(state, request, row) if unchanged else self._look(state, request)
        if self._has_grace(token, row) and state.now - row.rotated_at <= self.grace:
            if self.mutant == "forking grace":
                return self._rotate(state, request, row)
            return self._hand_out(state, request, row.current)
        if not unchanged:
            return self._look(state, request)
        return state._replace(row=row._replace(live=False), died=True)

    def _is_current(self, token: Token, row: Row) -> bool:
        return token.born >= row.rotated_at if self.mutant == "order by second" else token == row.current

    def _has_grace(self, token: Token, row: Row) -> bool:
        return token == row.previous or (
            self.mutant == "grace for any ancestor" and token.generation < row.current.generation
        )

    def _rotate(self, state: State, request: Request, row: Row) -> State:
        generation = request.token.generation + 1
        if generation > self.generations:
            return state  # here the search ends
        number = sum(held.generation == generation for _, held in state.given)
        successor = Token(generation, number, state.now)
        fresh = Row(successor, request.token, state.now, row.live)
        return self._hand_out(state._replace(row=fresh), request, successor)

    def _hand_out(self, state: State, request: Request, successor: Token) -> State:
        given = state.given | {(request.token, successor)}
        fault = None
        if sum(before == request.token for before, _ in given) > 1:
            fault = "I5: two successors of one token"
        elif request.late:
            fault = "I6, I7: the family was dead, and gave a token"
        elif not request.right:
            fault = "I5g: a token for who had no right to one"
        return state._replace(given=given, fault=fault)

    def broken(self, state: State) -> str | None:
        if state.died and state.row.live:
            return "I6: the family came back to life"
        return state.fault


DESIGN = Family()
DEEP = Family(grace=2, ticks=5, generations=4, at_once=3)
MUTANTS = {
    "M3 it is checked, and then written": Family(mutant="check-then-write"),
    "M4 a new successor inside the grace": Family(mutant="forking grace"),
    "M5 grace for any ancestor": Family(mutant="grace for any ancestor"),
    "M6 ordered by the second of birth": Family(mutant="order by second"),
    "M7 a restart forgets": Family(mutant="restart forgets"),
    "M8 a rotation asks nobody of revocations": Family(mutant="no revocation"),
}
