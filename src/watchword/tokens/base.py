"""What all kinds share: the table of kinds, what issuing returns, and the small rules of lifetimes and scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from msgspec import Struct

from ..encoding import MAX_DEPTH, dump_json, json_object
from ..errors import ConfigurationError, MalformedTokenError
from ..principal import Principal
from ..stores.base import Event


class Kind(Struct, frozen=True, kw_only=True):
    """One row of the taxonomy: what a token is for decides how it is written, how long it lives, who may carry it."""

    name: str
    formats: tuple[str, ...]
    starts: tuple[str, ...]
    """How its tokens begin; routing looks at this and at the carrier, never at a claim."""
    typ: str | None = None
    life: timedelta
    cap: timedelta
    carriers: tuple[str, ...]
    stored: str


KINDS: dict[str, Kind] = {
    row.name: row
    for row in (
        Kind(
            name="session",
            formats=("opaque",),
            starts=("ww_ss_",),
            life=timedelta(hours=12),
            cap=timedelta(days=30),
            carriers=("cookie",),
            stored="SHA-256 of the secret, data, version",
        ),
        Kind(
            name="access",
            formats=("jwt", "paseto"),
            starts=("eyJ", "v4.public.", "v3.public."),
            typ="at+jwt",
            life=timedelta(minutes=15),
            cap=timedelta(minutes=60),
            carriers=("bearer",),
            stored="nothing",
        ),
        Kind(
            name="refresh",
            formats=("opaque",),
            starts=("ww_rt_",),
            life=timedelta(days=14),
            cap=timedelta(days=30),
            carriers=("body",),
            stored="family row: generation and SHA-256 of the secret",
        ),
        Kind(
            name="opaque_access",
            formats=("opaque",),
            starts=("ww_at_",),
            life=timedelta(minutes=15),
            cap=timedelta(minutes=60),
            carriers=("bearer",),
            stored="SHA-256 of the secret, what it stands for, version",
        ),
        Kind(
            name="service",
            formats=("jwt", "paseto"),
            starts=("eyJ", "v4.public.", "v3.public."),
            typ="service+jwt",
            life=timedelta(minutes=5),
            cap=timedelta(minutes=15),
            carriers=("bearer",),
            stored="nothing",
        ),
        Kind(
            name="sealed",
            formats=("paseto", "jwe"),
            starts=("v4.local.", "v3.local.", "eyJ"),
            typ="sealed+jwt",
            life=timedelta(minutes=5),
            cap=timedelta(minutes=10),
            carriers=("body", "url"),
            stored="nothing; once redeemed, the digest of its id",
        ),
        Kind(
            name="api_key",
            formats=("opaque",),
            starts=("sk_live_", "sk_test_"),
            life=timedelta(days=90),
            cap=timedelta(days=365),
            carriers=("key", "bearer"),
            stored="SHA-256 of the secret, scopes, roles, label, last use",
        ),
        Kind(
            name="one_time",
            formats=("opaque",),
            starts=("ww_ot_",),
            life=timedelta(minutes=30),
            cap=timedelta(days=7),
            carriers=("body",),
            stored="SHA-256 of purpose and secret, data; a tombstone once it is used",
        ),
    )
}


class Issued(Struct, frozen=True, kw_only=True):
    """A fresh token and what is known of it. ``token`` is the secret: hand it over once, and log the ``token_id``."""

    token: str
    token_id: str
    subject: str
    expires_at: int
    """Seconds since 1970."""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    client_id: str | None = None
    session_id: str | None = None
    family_id: str | None = None
    rev: str | None = None
    auth_time: int | None = None

    def __repr__(self) -> str:
        return f"Issued(token_id={self.token_id!r}, subject={self.subject!r}, expires_at={self.expires_at})"


class Authenticates(Protocol):
    """What the corridor asks of a kind."""

    kind: Kind

    async def authenticate(self, untrusted: object) -> Principal:
        """Stages *parse* to *revocation*. Raises: TokenError, UnavailableError."""
        ...

    async def revocation_of(self, untrusted: object) -> Event | None:
        """The event that stops this token of ours; None when it has ended by itself.

        Raises: TokenError for any other.
        """
        ...


def life_of(kind: Kind, wanted: timedelta | None, default: timedelta) -> int:
    """Seconds that a new token lives. Raises: ConfigurationError beyond the kind's cap."""
    life = int((default if wanted is None else wanted).total_seconds())
    if not 0 < life <= kind.cap.total_seconds():
        raise ConfigurationError(f"a {kind.name} token lives up to {kind.cap}; {life} s is not within that")
    return life


def words(values: Iterable[str], what: str) -> list[str]:
    """Scopes or roles as a sorted list: each is visible ASCII without a space, quote or backslash (RFC 6749 §3.3)."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"{what} is a list of words, not one text")
    found = list(values)
    for word in found:
        if (
            not isinstance(word, str)
            or not word.isascii()
            or not word.isprintable()
            or not word
            or set(word) & set(' "\\')
        ):
            raise ConfigurationError(
                f"{word!r} cannot stand in {what}: use visible ASCII without space, quote or backslash"
            )
    return sorted(set(found))


def named(value: object, what: str) -> str:
    """A subject, client or other name: 1 to 255 printable characters."""
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise ConfigurationError(f"{what} is text of 1 to 255 printable characters")
    return value


def shown(value: str | None) -> str | None:
    """Free text that people will see in a list: at most 255 characters, what cannot be printed as ``?``."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"a device or an address is text, not {type(value).__name__}")
    return "".join(char if char.isprintable() else "?" for char in value[:255])


def plain_json(value: Mapping[str, Any] | None, what: str, limit: int) -> dict[str, Any]:
    """A copy of a JSON object.

    Raises: ConfigurationError for what JSON cannot hold as it is, for more than ``limit`` bytes, or more than 8 levels
    (the object itself is the first).
    """
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be plain JSON: an object, not {type(value).__name__}")
    given = dict(value or {})
    try:
        raw = dump_json(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{what} must be plain JSON") from error
    if len(raw) > limit:
        raise ConfigurationError(f"{what} takes {len(raw)} bytes; at most {limit} are kept")
    try:
        copy = json_object(raw)
    except MalformedTokenError as error:
        raise ConfigurationError(f"{what} must be plain JSON, at most {MAX_DEPTH} levels deep") from error
    if copy != given:
        raise ConfigurationError(
            f"{what} must be plain JSON: text, numbers, booleans, null, lists, and objects with text names"
        )
    return copy


def rev_of(view: Any, rev: str | None) -> str | None:
    """The feed position to write into a new token: the parent's where there is one, else ours."""
    return rev if rev is not None or view is None else view.rev


def first(values: Sequence[str] | str) -> tuple[str, ...]:
    """One audience or several, as a tuple."""
    return (values,) if isinstance(values, str) else tuple(values)
