"""Tokens that must not get in, of each format: what anybody could write, and what only the server's own key could."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from ...encoding import seconds_of
from ...keys.key import Key
from ...testing.flaws import JWT_FLAWS, PASETO_FLAWS, TIMES, UNSIGNED, Forge, Signed, written_jwt, written_paseto
from ..tokens import Said, said_by, said_by_paseto
from .base import CannotRunError, Case
from .documents import published

FORGED: Mapping[str, str] = {
    **dict.fromkeys(UNSIGNED, "token.unsigned"),
    "no_signature": "token.unsigned",
    "key_confusion": "token.confused-key",
    "embedded_key": "token.embedded-key",
    "foreign_key": "token.unverified",
    "unknown_key": "token.unverified",
    "tampered_payload": "token.unverified",
    "tampered_signature": "token.unverified",
    "wrong_purpose": "token.unverified",
    "wrong_version": "token.unverified",
    "no_footer": "token.unverified",
}
"""A flaw that anybody can write who has seen a token -> the ailment of who lets it in."""
SIGNED: Mapping[str, str] = {
    "wrong_audience": "token.audience",
    "wrong_issuer": "token.issuer",
    "wrong_type": "token.type",
    "no_type": "token.type",
    "expired": "token.late",
    "just_expired": "token.late",
    "not_yet_valid": "token.early",
    "soon_valid": "token.early",
    "no_expiry": "token.endless",
}
"""The same for what the server's own key has signed: another service of the house could hold it."""
SKEW = 90
"""Seconds. No clock that is kept is off by so much, and 60 s of leeway are the most."""


class Format(Struct, frozen=True):
    """How tokens of one format are read and forged."""

    name: str
    """As the path of tokens is asked for it."""
    shown: str
    read: Callable[[str], Said]
    flaws: Mapping[str, Forge]
    key: Callable[[Case, Said], Key]
    """What whoever forges knows: the published key, or one of the same kind."""


def _near(written: Forge) -> Mapping[str, Forge]:
    """Flaws of the clock that are smaller than those of tests."""
    return {
        "just_expired": lambda one: written(one.saying(iat=one.now - 990, nbf=one.now - 990, exp=one.now - SKEW)),
        "soon_valid": lambda one: written(one.saying(nbf=one.now + SKEW)),
    }


JWT = Format(
    "jwt",
    "JWT",
    said_by,
    {**JWT_FLAWS, **_near(written_jwt)},
    lambda case, said: published(case, said.head.text("kid")),
)
PASETO = Format(
    "paseto",
    "PASETO",
    said_by_paseto,
    {**PASETO_FLAWS, **_near(written_paseto)},
    lambda case, said: Key.generate("v4.public"),
)


def taken_apart(case: Case, format: Format, token: str, key: Key) -> Signed:
    """Raises: CannotRunError for times that are none."""
    said = format.read(token)
    claims = dict(said.claims.members)
    for name in TIMES:
        if name in claims and (at := _seconds(said, name)) is not None:
            claims[name] = at
        elif name in claims:
            raise CannotRunError(f"the {name} of its tokens is no time")
    return Signed(token, said.head.members, claims, key, case.clock.now())


def _seconds(said: Said, name: str) -> int | None:
    if (text := said.claims.text(name)) and said.claims.number(name) is None:
        try:
            return seconds_of(text)
        except (ValueError, OverflowError):
            return None
    return said.claims.number(name)
