"""A2: the order of the feed. Who has read up to N never sees a number below N appear.

Several revocations are being written while a reader asks "everything after S?", page by page, with up to two questions
under way, and begins anew now and then. A number belongs to the transaction that took it: the next one waits for its
end, and a transaction that fails gives it back.

Models: src/watchword/stores/sql.py _NUMBERS, TAIL
Models: src/watchword/revocation/feed.py catch_up, _heard
Models: src/watchword/revocation/view.py View.hear, View._take_in
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

PAGE = 1
"""Events in an answer."""


class Answer(NamedTuple):
    after: int
    events: tuple[int, ...]
    head: int | None
    """None: not read yet, where it is read apart."""


class State(NamedTuple):
    to_come: int
    """Revocations that have not begun."""
    taken: int = 0
    """The last number that was taken."""
    open: tuple[int, ...] = ()
    """Numbers of transactions that have not ended."""
    committed: frozenset[int] = frozenset()
    cursor: int = 0
    known: frozenset[int] = frozenset()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Feed:
    """``number``: when it is taken. ``head``: which number an answer names beside its events."""

    revocations: int = 3
    most: int = 2
    number: Literal["with the commit", "before the commit"] = "with the commit"
    head: Literal["same moment", "read after", "never the page's"] = "same moment"

    def start(self) -> State:
        return State(self.revocations)

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        yield from self._writers(state)
        if state.cursor or state.known:
            yield "restart", state._replace(cursor=0, known=frozenset(), answers=())
        if len(state.answers) < self.most:
            yield f"ask after {state.cursor}", state._replace(answers=(*state.answers, self._asked(state)))
        for place, answer in enumerate(state.answers):
            others = state._replace(answers=state.answers[:place] + state.answers[place + 1 :])
            if answer.head is None:
                whole = answer._replace(head=max(state.committed, default=0))
                yield "read the head", others._replace(answers=(*others.answers, whole))
            else:
                heard = state.known | set(answer.events)
                yield "hear", others._replace(known=heard, cursor=max(state.cursor, answer.head))

    def _writers(self, state: State) -> Iterator[tuple[str, State]]:
        if state.to_come and (self.number == "before the commit" or not state.open):
            number = state.taken + 1
            begun = state._replace(to_come=state.to_come - 1, taken=number, open=(*state.open, number))
            yield f"begin {number}", begun
        for number in state.open:
            ended = state._replace(open=tuple(one for one in state.open if one != number))
            yield f"commit {number}", ended._replace(committed=state.committed | {number})
            back = state.taken if self.number == "before the commit" else state.taken - 1
            yield f"fail {number}", ended._replace(taken=back)

    def _asked(self, state: State) -> Answer:
        events = sorted(one for one in state.committed if one > state.cursor)
        page = tuple(events[:PAGE])
        if self.head == "read after":
            return Answer(state.cursor, page, page[-1] if len(events) > PAGE else None)
        if len(events) > PAGE and self.head == "same moment":
            return Answer(state.cursor, page, page[-1])
        return Answer(state.cursor, page, max(state.committed, default=0))

    def broken(self, state: State) -> str | None:
        skipped = any(one <= state.cursor and one not in state.known for one in state.committed)
        return "I4: the reader is past a revocation that it never saw" if skipped else None


DESIGN = Feed()
DEEP = Feed(revocations=5, most=3)
MUTANTS = {
    "M13 the number is taken before the commit": Feed(number="before the commit"),
    "M13a the head is read after the events": Feed(head="read after"),
    "M13b a page names the head": Feed(head="never the page's"),
}
