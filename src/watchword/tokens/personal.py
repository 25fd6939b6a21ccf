"""Finding what looks personal in a token that anybody can read: claims by their name, card numbers by their digits.

A signed token is no secret: it stands in logs, in browsers and at every service that it passes. A guard against
accidents; what a claim means, only its author knows.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ConfigurationError
from .cards import card_in, has_card

log = logging.getLogger("watchword.access")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES = _words(
    "email mail emailaddress phone phonenumber mobile telephone address streetaddress postaladdress postalcode "
    "birthdate birthday dateofbirth dob gender ssn socialsecuritynumber nationalid passport passportnumber iban "
    "name fullname givenname familyname middlename firstname lastname surname nickname card cardnumber creditcard pan "
    "cvc cvv"
)
"""In lower case and without separators: ``phone_number``, ``phoneNumber`` and ``Phone-Number`` are one."""
OURS = _words("iss sub aud exp nbf iat jti client_id sid fam scope roles rev cnf fpt auth_time act")
"""Names that watchword sets. Of identifiers with 16 digits one in ten passes for a card number."""
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_told: set[str] = set()
MOST_TOLD = 1000
MOST_SHOWN = 64


def check_personal(claims: Mapping[str, Any], *, strict: bool) -> None:
    """Warn of each claim that looks personal, once per name and process, by name and never by value.

    Raises: ConfigurationError for the first one where ``strict``.
    """
    for name, what in looks_personal(claims):
        if strict:
            raise ConfigurationError(f"{name!r} {what}, and anybody can read this token; {_INSTEAD}")
        if name not in _told and len(_told) < MOST_TOLD:
            _told.add(name)
            log.warning("claim %r %s, and anybody can read the tokens it stands in; %s", name, what, _INSTEAD)


_INSTEAD = "keep it on the server (session data, a lookup by subject), or seal it"


def looks_personal(claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path of a claim, what it looks like): ``looks personal`` or ``looks like a card number``."""
    for name, value in claims.items():
        if name not in OURS:
            yield from ((path, "looks personal") for path in _personal(name, value, _shown(name)))
            card = card_in({name: value}, "claims")
            if card is not None:
                yield card.removeprefix("claims.")[:MOST_SHOWN], "looks like a card number"


def _personal(name: str, value: Any, path: str) -> Iterator[str]:
    if _SEPARATORS.sub("", name.lower()) in NAMES:
        yield path
    if isinstance(value, dict):
        for inner, more in value.items():
            yield from _personal(inner, more, f"{path}.{_shown(inner)}")
    elif isinstance(value, list):
        for more in value:
            yield from _personal("", more, path)


def _shown(name: str) -> str:
    """A name as it may stand in a log."""
    return "…" if has_card(name) or len(name) > MOST_SHOWN else name
