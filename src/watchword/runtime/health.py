"""Health that tells the truth: whether this process can judge a credential now, and if not, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from ..errors import UnavailableError
from ..revocation.view import View
from ..stores.base import Store

OK = "ok"


class Health(Struct, frozen=True, kw_only=True):
    """``checks``: what was looked at -> ``ok``, or one word for what is wrong. Nothing in it is secret."""

    checks: Mapping[str, str]
    head: int | None = None
    """The newest number of the feed; None when the store did not say."""
    position: int = 0
    """The number up to which this process has heard."""

    @property
    def ready(self) -> bool:
        return all(word == OK for word in self.checks.values())

    @property
    def lag(self) -> int | None:
        """How many numbers of the feed this process has not heard."""
        return None if self.head is None else max(self.head - self.position, 0)


def not_open(reason: str = "") -> Health:
    """Of a process that has not opened, with the reason why that failed, where it was tried."""
    return Health(checks={"open": reason or "not_open"})


async def look(store: Store, view: View, *, dead: Iterable[str], keys: bool) -> Health:
    """Ask the store, the view, the chores (``dead``: those that have stopped) and the key file (``keys``: readable).

    Takes as long as the store takes to answer or to give up. A pool whose connections are all busy is no illness: the
    feed is asked on a connection of its own.
    """
    checks, head = {"store": OK, "revocations": OK, "follower": OK, "keys": OK if keys else "unreadable"}, None
    try:
        head = (await store.tail(view.seq, now=view.clock.now(), limit=1)).head
    except UnavailableError as error:
        checks["store"] = error.reason
    try:
        if view.on_stale != "ask":  # then each check asks the store, which has just been asked
            view.ensure_fresh()
    except UnavailableError as error:
        checks["revocations"] = error.reason
    stopped = set(dead)
    if stopped:
        checks["follower" if "follower" in stopped else "chores"] = "dead"
    return Health(checks=checks, head=head, position=view.seq)
