"""Asking the feed: one question ("everything after S?"), in the two ways a store can answer it."""

from __future__ import annotations

from ..stores.base import Feed, Store
from ..stores.whole import whole_feed
from .view import View

PAGE = 2_000
"""Events in one answer: reading them keeps an event loop for some milliseconds."""


async def catch_up(store: Store, view: View) -> None:
    """Bring the view to the head of the feed. Where the store answers inline nothing is awaited.

    A view without a lease keeps no list: it hears the head alone, for the ``rev`` of new tokens.
    """
    if store.pulls_inline and view.max_staleness:
        catch_up_now(store, view)
        return
    after: int | None = view.seq
    while after is not None:
        sent_at, now = view.clock.monotonic(), view.forgets
        asking = store.tail(after, now=now, limit=PAGE) if view.max_staleness else store.standing((), now=now)
        after = _heard(view, await asking, after, sent_at)


def catch_up_now(store: Store, view: View) -> None:
    """The same in one step, for stores that pull inline."""
    after: int | None = view.seq
    while after is not None:
        sent_at = view.clock.monotonic()
        after = _heard(view, store.tail_now(after, now=view.forgets), after, sent_at)


def _heard(view: View, answer: Feed, asked_after: int, sent_at: float) -> int | None:
    """What to ask after next; None when the view is at the head."""
    complete = len(whole_feed(answer).events) < PAGE
    if not view.hear(answer, asked_after=asked_after, sent_at=sent_at, complete=complete):
        return 0
    return None if complete else answer.head
