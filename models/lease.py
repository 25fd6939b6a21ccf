"""A: the lease of a view (I4). A revocation that returned at R is obeyed by every node from R + T on.

One node asks the feed again and again, with up to two questions under way; the store answers each at some moment, and
the answer arrives at any later one or never, in any order: so slow networks, half-open connections and paused
processes are all here. The node may restart. Somewhere else, once, something is revoked.

Models: src/watchword/revocation/view.py View.hear, View.check, View.forget
Models: src/watchword/revocation/feed.py catch_up
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

NEVER = UNANSWERED = -1


class Question(NamedTuple):
    sent: int
    answer: int = UNANSWERED
    """Whether it holds the revocation."""


class State(NamedTuple):
    now: int = 0
    revoked_at: int = NEVER
    knows: bool = False
    lease_until: int = NEVER
    heard_at: int = NEVER
    under_way: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Lease:
    """``lease_from``: the moment that the lease counts from. ``asks``: False where the store sends its word unasked."""

    staleness: int = 3
    ticks: int = 9
    most: int = 2
    lease_from: Literal["sent", "received"] = "sent"
    asks: bool = True

    def start(self) -> State:
        return State()

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        if state.now < self.ticks:
            yield "tick", state._replace(now=state.now + 1)
        if state.revoked_at == NEVER:
            yield "revoke", state._replace(revoked_at=state.now)
        if state.lease_until != NEVER:
            yield "restart", state._replace(knows=False, lease_until=NEVER, heard_at=NEVER, under_way=())
        if len(state.under_way) < self.most:
            answer = UNANSWERED if self.asks else int(state.revoked_at != NEVER)
            asked = (*state.under_way, Question(state.now, answer))
            yield "ask" if self.asks else "beat", state._replace(under_way=tuple(sorted(asked)))
        for place, question in enumerate(state.under_way):
            others = state.under_way[:place] + state.under_way[place + 1 :]
            if question.answer == UNANSWERED:
                answered = (*others, question._replace(answer=int(state.revoked_at != NEVER)))
                yield f"answer {question.sent}", state._replace(under_way=tuple(sorted(answered)))
            else:
                yield f"hear {question.sent}", self._hear(state._replace(under_way=others), question)
                yield f"lose {question.sent}", state._replace(under_way=others)

    def _hear(self, state: State, answer: Question) -> State:
        if answer.sent < state.heard_at:
            return state
        begins = answer.sent if self.lease_from == "sent" else state.now
        return state._replace(
            knows=state.knows or answer.answer == 1,
            lease_until=max(state.lease_until, begins + self.staleness),
            heard_at=answer.sent,
        )

    def broken(self, state: State) -> str | None:
        late = state.revoked_at != NEVER and state.now >= state.revoked_at + self.staleness
        accepts = state.now < state.lease_until and not state.knows
        return "I4: accepted what was revoked T ago" if late and accepts else None


DESIGN = Lease()
DEEP = Lease(ticks=14)
MUTANTS = {
    "M1 the lease counts from the answer's arrival": Lease(lease_from="received"),
    "M2 heartbeats that nobody asked for": Lease(lease_from="received", asks=False),
}
