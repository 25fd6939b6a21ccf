"""What can be revoked, and for how long the fact must be remembered."""

from __future__ import annotations

from msgspec import Struct

from ..errors import ConfigurationError
from ..stores.base import Event

BY_NAME = ("token", "session", "family", "key")
"""Dead from now on, whatever its age: the value names one thing that is never issued again."""
BY_CUTOFF = ("subject", "client", "everything", "roles")
"""A cut-off: what was issued before this event is dead, what comes after lives.

Decided by ``rev``, never by a clock. ``roles`` ends only what carries a copy of the subject's roles.
"""
READS_ROLES = ("session", "refresh")
"""Kinds that read their subject's roles anew after a change, and so outlive it."""
BORN_WITH_ROLES = ("access", "opaque_access")
"""Kinds that a change of roles ends even if they carry none: a new one, with the roles of now, is soon made.

Of every other kind it ends what carries roles.
"""

NOTICES = ("acknowledge", "changed")
"""What the feed carries that ends nothing. ``changed``: the record with this key is to be read anew by who keeps it."""

LONGEST_LIFE = 30 * 86_400
"""Seconds that any token but an API key can live; after that an event has nothing else left to stop."""
KEY_LIFE = 10 * 365 * 86_400
"""Seconds for which a revoked key stays revoked: whoever stole it can sign new tokens with it for ever.

So long is everything remembered, too, and the revocation of an API key without an end.
"""
KEPT_AT_MOST = 60
"""Seconds that a record is kept near a process, at most: so long is a notice of its change of use."""
MARGIN = 120
"""Seconds added to each event's life: the largest leeway twice."""


class Revocation(Struct, frozen=True):
    """What ``revoke`` returns: the feed number that carries it, who has applied it, and who is not known to have."""

    seq: int
    acknowledged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def event(what: str, value: str, *, now: int, life: int | None = None) -> Event:
    """An event that dies with the last token it could stop: ``life`` seconds from now, and a margin."""
    if life is None:
        life = KEY_LIFE if what in ("key", "everything") else LONGEST_LIFE
    if what not in BY_NAME and what not in BY_CUTOFF:
        raise ConfigurationError(
            f"nothing called {what!r} can be revoked; use one of: {', '.join(BY_NAME + BY_CUTOFF)}"
        )
    return Event(what=what, value=value, at=now, until=now + life + MARGIN)


def notice(key: str, *, now: int) -> Event:
    """Tells whoever keeps a copy of the record with this key to read it anew. It ends nothing."""
    return Event(what="changed", value=key, at=now, until=now + KEPT_AT_MOST + MARGIN)
