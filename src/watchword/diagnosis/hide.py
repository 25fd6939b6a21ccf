"""What of a header or of claims may be shown: no tokens, keys, passwords or cards, and nothing a terminal obeys."""

from __future__ import annotations

import json
import re
from typing import Any

from ..tokens.cards import card_in, has_card
from ..web.logging import Redactor
from .reading import json_of
from .shapes.foreign import STARTS

HIDDEN = "<hidden>"
LONGEST = 300
"""Characters of one text."""
MOST = 100
"""Members of one object or list."""
SECRET_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
"""What is secret in a JWK (RFC 7518 §6, RFC 7517 §9.2)."""
_SECRET_WORDS = re.compile(r"passw(?:or)?d|passphrase|pwd|secret|privatekey")
"""In the name of a member, in small letters and without signs between them."""
_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/_-]{16,}=*")
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*", re.DOTALL)
_API_KEY = re.compile(r"(?<![A-Za-z0-9])[a-z][a-z0-9_]{0,19}_(?:live|test)_[A-Za-z0-9_-]{8,}")
_FOREIGN = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, STARTS))})[A-Za-z0-9_.=/+-]{{8,}}")
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
    text = _API_KEY.sub("<an API key>", _FOREIGN.sub(r"<a secret: \1…>", text))
    cut = text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
    return visible(cut)


def visible(text: str) -> str:
    """The same text, in which a terminal obeys nothing: controls, ends of lines and turns of direction are spelled."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        inner = json_of(value) if value.lstrip()[:1] in ("{", "[") else None
        return plain(value if inner is None else json.dumps(shown(inner), ensure_ascii=False))
    if isinstance(value, dict):
        return {plain(str(name), 64): _member(value, name) for name in list(value)[:MOST]}
    if isinstance(value, list):
        return [_clean(inner) for inner in value[:MOST]]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if card_in(value, "x") is not None:
            return "<a card number>"
        return value if abs(value) < 2**63 else plain(f"{str(value)[:20]}… ({len(str(value))} digits)")
    return value if value == value and abs(value) != float("inf") else str(value)  # NaN and the infinite are no JSON


def _member(value: dict[Any, Any], name: Any) -> Any:
    """Hidden where its name says so; of a key, and of what may be one, where it is long enough to be secret as well."""
    inner = value[name]
    long = isinstance(inner, str) and _KEY_MATERIAL.fullmatch(inner) is not None
    secret = _SECRET_WORDS.search(re.sub(r"[^a-z]", "", str(name).lower())) is not None
    if (secret and inner) or (name in SECRET_MEMBERS and ("kty" in value or long)) or (name == "key" and long):
        return HIDDEN
    return _clean(inner)
