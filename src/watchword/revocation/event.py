"""What can be revoked, and for how long the fact must be remembered."""

from __future__ import annotations

from msgspec import Struct

from ..errors import ConfigurationError
from ..stores.base import Event

BY_NAME = ("token", "session", "family", "key")
"""Dead from now on, whatever its age: the value names one thing that is never issued again."""
BY_CUTOFF = ("subject", "signed_in", "roles", "client", "everything")
"""A cut-off: what was issued before this event is dead, what comes after lives.

Decided by ``rev``, never by a clock. ``signed_in`` ends what the subject is signed in with, ``roles`` only what carries
a copy of the subject's roles: see ``reaches``.
"""
SUBJECT_CUTS = ("subject", "signed_in", "roles")
"""Those of one subject."""
NOTICES = ("acknowledge", "changed")
"""Events that revoke nothing; a view passes them on to whoever waits for them. ``acknowledge``: say how far you have
heard. ``changed``: a record was written, look at it again."""
NOTICE = "notice."
"""How any later sort of notice begins, so that a process of this version passes it over.

An event of a sort that is neither known here nor so marked is a revocation of a later version: a view takes it for a
cut-off of everything, rather than let pass what it cannot judge.
"""
OUTLIVES_SIGN_INS = ("api_key", "service")
"""Kinds with which no person is signed in: a new password does not end them."""
READS_ROLES = ("session", "refresh")
"""Kinds that read their subject's roles anew after a change, and so outlive it."""
BORN_WITH_ROLES = ("access", "opaque_access")
"""Kinds that a change of roles ends even if they carry none: a new one, with the roles of now, is soon made.

Of every other kind it ends what carries roles.
"""

LONGEST_LIFE = 30 * 86_400
"""Seconds that any token but an API key can live; after that an event has nothing else left to stop."""
KEY_LIFE = 10 * 365 * 86_400
"""Seconds for which a revoked key stays revoked: whoever stole it can sign new tokens with it for ever.

So long is everything remembered, too, and the revocation of an API key without an end.
"""
NOTICE_LIFE = 60
"""Seconds that a notice is there to be heard."""
KEPT_AT_MOST = NOTICE_LIFE
"""Seconds that a record is kept near a process, at most: so long there is a notice of its change."""
MARGIN = 120
"""Seconds added to each event's life: the largest leeway twice."""


class Revocation(Struct, frozen=True):
    """What ``revoke`` returns: the feed number that carries it, who has applied it, and who is not known to have."""

    seq: int
    acknowledged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def reaches(what: str, kind: str, *, roles: bool) -> bool:
    """Whether a cut-off of this sort counts for a credential of this kind; ``roles``: whether it carries any."""
    if what == "roles":
        return kind not in READS_ROLES and (roles or kind in BORN_WITH_ROLES)
    return what != "signed_in" or kind not in OUTLIVES_SIGN_INS


def is_notice(what: str) -> bool:
    return what in NOTICES or what.startswith(NOTICE)


def notice(what: str, value: str, *, now: int) -> Event:
    """An event that revokes nothing, for those who follow now. Raises: ConfigurationError for a sort that does."""
    if not is_notice(what):
        raise ConfigurationError(
            f"{what!r} is no notice; there are: {', '.join(NOTICES)}, and what begins with {NOTICE!r}"
        )
    return Event(what=what, value=value, at=now, until=now + NOTICE_LIFE + MARGIN)


def event(what: str, value: str, *, now: int, life: int | None = None) -> Event:
    """An event that dies with the last token it could stop: ``life`` seconds from now, and a margin."""
    if life is None:
        life = KEY_LIFE if what in ("key", "everything") else LONGEST_LIFE
    if what not in BY_NAME and what not in BY_CUTOFF:
        raise ConfigurationError(
            f"nothing called {what!r} can be revoked; use one of: {', '.join(BY_NAME + BY_CUTOFF)}"
        )
    return Event(what=what, value=value, at=now, until=now + life + MARGIN)
