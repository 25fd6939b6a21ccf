"""What a row of the table of defaults is, and how values are read from the code."""

from __future__ import annotations

from inspect import signature
from typing import Any

import msgspec

from watchword.config import Settings


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One default. ``settings`` and ``keywords`` change it, and each of them has this very value."""

    what: str
    value: Any
    source: str
    unit: str = ""
    settings: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    how: str = ""
    none: str = "none"
    same: tuple[object, ...] = ()
    """The same default, where it is named again."""


def of(made: Any, name: str) -> Any:
    """The default of one parameter."""
    return signature(made).parameters[name].default


def setting(name: str) -> Any:
    """The default of one setting, or of a table of them."""
    return next(field.default for field in msgspec.structs.fields(Settings) if field.name == name)


CAP = "`watchword.insecure`, by name"
