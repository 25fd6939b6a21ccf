"""What a route declares about a stale word on revocations, judged when it is declared."""

from __future__ import annotations

from typing import get_args

from ..errors import ConfigurationError
from ..revocation.view import OnStale, View


def declared(on_stale: OnStale | None, view: View, *, privileged: bool) -> OnStale | None:
    """What the route does past the lease: what it says, or else the view; but what is privileged is never open.

    ``privileged``: it needs a role, a permission or a fresh sign-in, or calls itself so.
    Raises: ConfigurationError for a privileged route that is to be open, or an open one without a declared time.
    """
    if on_stale is not None and on_stale not in get_args(OnStale):
        raise ConfigurationError(f"on_stale is 'closed', 'open' or 'ask', not {on_stale!r}")
    if on_stale == "open" and privileged:
        raise ConfigurationError(
            "on_stale='open' is for reads of low risk: a route that needs a role, a permission or a fresh sign-in, or "
            "is privileged, always wants to know whether its caller was revoked; leave it out, or say 'ask'"
        )
    if on_stale == "open" and not view.open_for:
        raise ConfigurationError(
            "on_stale='open' is for a declared time: Watchword(…, open_for=timedelta(seconds=30)), which the profile "
            "high_risk does not allow"
        )
    return "closed" if on_stale is None and privileged and view.on_stale == "open" else on_stale
