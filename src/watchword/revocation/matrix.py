"""The event matrix: what happened, what dies of it, and by which events of the feed; for code, tests and docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from ..errors import ConfigurationError

Word = Literal["password", "disabled", "roles", "suspicious", "device_lost"]
"""What can have changed about a subject, for ``subject_changed``."""
ENDS, READS, COPY = "ends", "reads anew", "ends if it carries roles"
LIVES = "lives"
COLUMNS = ("session", "refresh", "access", "opaque_access", "one_time", "sealed", "api_key", "service")
"""The kinds, in the order of the printed table."""


class Situation(Struct, frozen=True, kw_only=True):
    """One row. Kinds that ``dies`` does not name live on."""

    event: str
    call: str
    """What says so; for people."""
    of: str
    """Whose credentials are meant; nobody else's are touched."""
    by: tuple[str, ...]
    """The sorts of event that carry it; of several, each as far as there is something that it can name."""
    dies: Mapping[str, str]
    takes: tuple[str, ...] = ()
    """The keywords of ``subject_changed`` that go with it."""


def _all(*kinds: str) -> dict[str, str]:
    return dict.fromkeys(kinds, ENDS)


_SIGNED_IN = _all("session", "refresh", "access", "opaque_access")
_PERSONAL = _SIGNED_IN | _all("one_time", "sealed")
_EVERYTHING = _all(*COLUMNS)
_SUBJECT, _SESSION = "the subject", "the session"

MATRIX: dict[str, Situation] = {
    "sign-out": Situation(
        event="sign-out",
        call="`sessions.end(session)`, `end(who)`",
        of=_SESSION,
        by=("session",),
        dies=_SIGNED_IN,
    ),
    "password": Situation(
        event="password change",
        call='`subject_changed(s, "password")`',
        of=_SUBJECT,
        by=("signed_in",),
        dies=_PERSONAL,
        takes=("keep", "api_keys"),
    ),
    "disabled": Situation(
        event="user disabled",
        call='`subject_changed(s, "disabled")`',
        of=_SUBJECT,
        by=("subject",),
        dies=_EVERYTHING,
    ),
    "roles": Situation(
        event="roles changed",
        call='`roles.set(s, roles)`, `subject_changed(s, "roles", roles=…)`',
        of=_SUBJECT,
        by=("roles",),
        dies=_all("access", "opaque_access") | {"session": READS, "refresh": READS, "api_key": COPY},
        takes=("roles",),
    ),
    "roles_unsaid": Situation(
        event="roles changed, and not said to what",
        call='`subject_changed(s, "roles")`',
        of=_SUBJECT,
        by=("roles",),
        dies=_all("access", "opaque_access") | dict.fromkeys(("session", "refresh", "api_key"), COPY),
    ),
    "suspicious": Situation(
        event="suspicious activity",
        call='`subject_changed(s, "suspicious")`',
        of=_SUBJECT,
        by=("subject",),
        dies=_EVERYTHING,
    ),
    "device_lost": Situation(
        event="device lost",
        call='`subject_changed(s, "device_lost")`',
        of=_SUBJECT,
        by=("signed_in",),
        dies=_PERSONAL,
    ),
    "device_lost_known": Situation(
        event="device lost, and it is known which",
        call="`devices.end(s, handle)`",
        of="the device",
        by=("session", "family"),
        dies=_SIGNED_IN,
    ),
    "refresh_reuse": Situation(
        event="refresh token reused",
        call="`refresh.rotate` sees it",
        of="the family and its session",
        by=("family", "session"),
        dies=_SIGNED_IN,
    ),
    "client_disabled": Situation(
        event="client disabled",
        call="`revoke(client=…)`",
        of="the client",
        by=("client",),
        dies=_all("refresh", "access", "opaque_access", "service"),
    ),
    "key_compromised": Situation(
        event="key compromised",
        call="`revoke(key=…)`",
        of="the key",
        by=("key",),
        dies=_all("refresh", "access", "sealed", "service"),
    ),
    "everything": Situation(
        event="all of it",
        call="`revoke(everything=True)`",
        of="everybody",
        by=("everything",),
        dies=_EVERYTHING,
    ),
}
"""Situation -> its row; those of a ``Word`` are what ``subject_changed`` does."""
WORDS: tuple[Word, ...] = ("password", "disabled", "roles", "suspicious", "device_lost")


def situation(word: str, given: Mapping[str, object]) -> Situation:
    """The row of a word. Raises: ConfigurationError for another word, or a keyword (not None) that it does not take."""
    if word not in WORDS:
        raise ConfigurationError(f"nothing called {word!a:.80} happens to a subject; say one of: {', '.join(WORDS)}")
    row = MATRIX[word]
    strange = sorted(name for name, value in given.items() if value not in (None, False) and name not in row.takes)
    if strange:
        fits = ", ".join(f"{name}=" for name in row.takes) or "no other keyword"
        raise ConfigurationError(f"what={word!r} takes {fits}, and not {strange[0]}=")
    return row
