"""Names, ids and words that callers give: what may stand in a token or a record, and what is shown to people."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import ConfigurationError

_A_TOKEN = re.compile(
    r"(?:ww_[a-z]{2}_[\w.-]{40,}|\w+_(?:live|test)_[0-9A-Za-z]{49}"
    r"|eyJ[\w-]+\.[\w-]*\.[\w.-]+|v[1-4]\.(?:local|public)\..+)\Z"
)
"""How tokens of ours begin and look: none of them is ever a name."""


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
    """A subject, client, id or other name: 1 to 255 printable characters. No token: it would be kept as it is."""
    if isinstance(value, str) and _A_TOKEN.match(value):
        raise ConfigurationError(f"{what} is a name or an id, and this is a token; its ids are in Issued and Principal")
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise ConfigurationError(f"{what} is text of 1 to 255 printable characters")
    return value


def one_id(value: str | None, what: str) -> str | None:
    """The id of something that may be missing. Raises: as ``named``."""
    return None if value is None else named(value, what)


def shown(value: str | None) -> str | None:
    """Free text that people will see in a list: at most 255 characters, what cannot be printed as ``?``."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"a device or an address is text, not {type(value).__name__}")
    return "".join(char if char.isprintable() else "?" for char in value[:255])
