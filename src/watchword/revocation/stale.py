"""What becomes of a check when the view has no lease: it is refused, taken in an open window, or the store is asked.

Asking is one keyed read: the names that a credential goes by, and which of them are revoked. The answer is judged by
the same rules as the feed, in a view that knows nothing else but what was heard before of the same names; its question
was sent after the check began.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..principal import Principal
from ..stores.base import Feed, Name, Store
from .event import SUBJECT_CUTS
from .feed import catch_up
from .view import OnStale, View

log = logging.getLogger("watchword.revocation")


async def asked(view: View | None, who: Principal | None, *kids: str, on_stale: OnStale | None = None) -> View | None:
    """The view to judge ``who`` and the keys by: ``view`` itself, or what the store says of them, where it is asked.

    None: nothing of them is revoked, or there was no view. Raises: UnavailableError.
    """
    if view is None or view.ask is None or not view.asks(on_stale):
        return view
    names = _about(who, kids)
    return _judge(view, names, await view.ask(names, now=view.forgets))


async def renew(store: Store, view: View | None, on_stale: OnStale | None = None) -> None:
    """Past the lease, ask the feed before a look-up refuses; but not where the store is asked about the credential.

    Of those who come at once one asks, and the others wait for it: a feed with much to tell is told once. Where that
    failed they find no lease, and refuse. Raises: UnavailableError.
    """
    if view is None or not view.max_staleness or view.fresh() or view.asks(on_stale):
        return
    if view.signal is None:
        await catch_up(store, view)
    elif view.renewing is not None:
        await view.renewing.wait()
    else:
        over = view.renewing = view.signal()
        try:
            await catch_up(store, view)
        finally:
            view.renewing = None
            over.set()


def asked_now(view: View | None, who: Principal, kid: str, *, on_stale: OnStale | None = None) -> View | None:
    """The same where nothing can be awaited. A store that suspends cannot be asked then: the view itself refuses."""
    if view is None or view.ask_now is None or not view.asks(on_stale):
        return view
    names = _about(who, (kid,))
    return _judge(view, names, view.ask_now(names, now=view.forgets))


def opened(view: View, who: Principal, kid: str | None, on_stale: OnStale | None) -> bool:
    """Whether this may be taken although the lease is out; it is counted, and the first of a window is in the log.

    Raises: TokenRevokedError for what has been heard of. For kinds that may ever be open, and no others.
    """
    if (on_stale or view.on_stale) != "open" or view.clock.monotonic() >= view.lease_until + view.open_for:
        return False
    view.hold_to_known(who, kid)
    if view.window != view.lease_until:
        view.window = view.lease_until
        log.warning("no word about revocations: low-risk requests are let through for %g s at most", view.open_for)
    view.taken_stale += 1
    log.debug("%s token %s was taken on a stale word", who.kind, who.token_id)
    return True


def _about(who: Principal | None, kids: tuple[str, ...]) -> list[Name]:
    names: list[Name] = [("key", kid) for kid in kids]
    if who is None:
        return names
    held = (("session", who.session_id), ("family", who.family_id), ("client", who.client_id))
    names += [(what, value) for what, value in held if value is not None]
    return [*names, ("token", who.token_id), *((cut, who.subject) for cut in SUBJECT_CUTS), ("everything", "")]


def _judge(view: View, names: Sequence[Name], answer: Feed) -> View | None:
    events = [*answer.events, *view.named(names)]
    if not events:
        return None
    judge = View(clock=view.clock)
    judge.hear(Feed(answer.epoch, answer.head, events), asked_after=0, sent_at=view.clock.monotonic())
    return judge
