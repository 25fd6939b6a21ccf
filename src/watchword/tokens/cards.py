"""Finding what looks like a card number: 13 to 19 digits that pass the check of ISO/IEC 7812-1 (Luhn).

A guard against accidents, not against somebody who means to hide one.
"""

from __future__ import annotations

import re
from typing import Any

_SEPARATED = re.compile(r"(?<![^\W_])\d+(?:[\s\-\u2010-\u2015\u2212]+\d+)*(?![^\W_])")
"""Digits with spaces and dashes between them; a letter beside them makes them part of another word."""
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
LEAST, MOST = 13, 19


def card_in(value: Any, path: str) -> str | None:
    """Where in a JSON value the first such number stands, as ``path.name[3]``; None when there is none.

    Texts and the names of members are searched; of whole numbers those that begin like a card of a payment network (2
    to 6), so that a time in milliseconds is not taken for one.
    """
    if isinstance(value, dict):
        return _first(_member(name, inner, path) for name, inner in value.items())
    if isinstance(value, list):
        return _first(card_in(inner, f"{path}[{number}]") for number, inner in enumerate(value))
    if isinstance(value, str) and has_card(value):
        return path
    if type(value) is int and str(value)[0] in "23456" and has_card(str(value)):
        return path
    return None


def has_card(text: str) -> bool:
    """Whether some groups of digits in the text, taken together, look like a card number. A UUID never does."""
    for run in _SEPARATED.findall(_UUID.sub("x", text[:8192])):
        groups = re.findall(r"\d+", run)
        for start in range(len(groups)):
            digits = ""
            for group in groups[start : start + MOST]:
                digits += group
                if LEAST <= len(digits) <= MOST and _luhn(digits):
                    return True
    return False


def _member(name: str, inner: Any, path: str) -> str | None:
    return f"a name in {path}" if has_card(name) else card_in(inner, f"{path}.{name}")


def _first(found: Any) -> str | None:
    return next((one for one in found if one is not None), None)


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
