"""Views that have heard of many revocations, and the callers who are looked up in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

from ...clock import SystemClock
from ...principal import Principal
from ...revocation.event import event
from ...revocation.view import View
from ...stores.base import Event, Feed

PAGE = 10_000
_WHAT = ("token", "token", "token", "session", "family", "subject")


def view_of(events: Iterable[Event] = ()) -> View:
    """A view that has heard these events page by page, and whose lease outlasts the run."""
    view, seq, done, left = View(max_staleness=timedelta(days=1)), 0, False, iter(events)
    while not done:
        page = list(islice(left, PAGE))
        done = len(page) < PAGE
        asked, seq = seq, seq + len(page)
        view.hear(Feed("benchmark", seq, page), asked_after=asked, sent_at=view.clock.monotonic(), complete=done)
    return view


def revoked(count: int) -> Iterator[Event]:
    """What a busy service has revoked: tokens, sessions, families, and the subjects of the principals below."""
    now = SystemClock().now()
    for number in range(count):
        what = _WHAT[number % 6]
        value = f"user-{number // 6}" if what == "subject" else f"{what}-{number:018d}"
        yield event(what, value, now=now)


def principals(view: View, cut: int, count: int = 4096) -> list[tuple[Principal, str]]:
    """Callers in good standing, each with ids of its own.

    Every fourth was cut off once, as one of ``cut`` subjects, and has signed in again since.
    """
    now, often = SystemClock().now(), 4 if cut else count
    return [
        (
            Principal(
                subject=f"caller-{number}" if number % often else f"user-{number * 7919 % max(cut, 1)}",
                kind="access",
                token_id=f"live-{number:018d}",
                issued_at=now,
                expires_at=now + 900,
                session_id=f"session-live-{number:012d}",
                family_id=f"family-live-{number:013d}",
                client_id="mobile",
                rev=view.rev,
            ),
            "key-1",
        )
        for number in range(count)
    ]
