"""What of a header or of claims may be shown: no tokens, keys, passwords or cards, and nothing a terminal obeys."""

from __future__ import annotations

import re
from typing import Any

from ..tokens.cards import card_in, has_card
from ..web.logging import Redactor

HIDDEN = "<hidden>"
LONGEST = 300
"""Characters of one text."""
MOST = 100
"""Members of one object or list."""
SECRET_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
"""What is secret in a JWK (RFC 7518 §6, RFC 7517 §9.2)."""
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*", re.DOTALL)
_redactor = Redactor()


def shown(value: Any) -> Any:
    """A copy of a JSON value that may be printed. The value is at most ``reading.DEEPEST`` levels deep."""
    return _clean(_redactor.value(value))


def plain(text: str, longest: int = LONGEST) -> str:
    """One text that may be printed, in one line."""
    text = _redactor.text(text[: 4 * longest])
    if has_card(text):
        return "<a card number>"
    text = _PEM.sub("<private key>", text)
    cut = text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        key = "kty" in value
        return {
            plain(str(name), 64): HIDDEN if key and name in SECRET_MEMBERS else _clean(inner)
            for name, inner in list(value.items())[:MOST]
        }
    if isinstance(value, list):
        return [_clean(inner) for inner in value[:MOST]]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if card_in(value, "x") is not None:
            return "<a card number>"
        return value if abs(value) < 2**63 else plain(f"{str(value)[:20]}… ({len(str(value))} digits)")
    return value if value == value and abs(value) != float("inf") else str(value)  # NaN and the infinite are no JSON
