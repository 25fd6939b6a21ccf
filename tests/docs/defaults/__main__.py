"""Writes docs/reference/defaults.md: each default with its value, what changes it, and whose advice it is.

Values are read from the code, so they stand nowhere twice. ``make defaults`` calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import msgspec

from tests.docs.defaults.base import Row
from tests.docs.defaults.lives import LIVES, REVOCATION, TIMES
from tests.docs.defaults.places import BROWSER, FACTS, PLACES, SENDERS, SERVER
from tests.docs.defaults.tokens import KEYS, PASSWORDS, TOKENS
from watchword import Watchword
from watchword.config import Settings

PAGE = Path(__file__).parents[3] / "docs/reference/defaults.md"
SECTIONS: dict[str, tuple[Row, ...]] = {
    "How long things live": LIVES,
    "Times and clocks": TIMES,
    "Revocation": REVOCATION,
    "Keys and secrets": KEYS,
    "How tokens are written": TOKENS,
    "Cookies and pages": BROWSER,
    "Senders, roles, profiles": SENDERS,
    "Passwords": PASSWORDS,
    "Stores and places": PLACES,
    "The server": SERVER,
    "Facts about a deployment": FACTS,
}
REQUIRED = {"url", "issuer", "audience"}
"""What has no default."""
SPANS = {"d": 86_400, "h": 3600, "min": 60}


def settings() -> dict[str, object]:
    """Setting -> default: ``session.idle`` -> 1800."""
    return dict(_leaves(Settings, ""))


def keywords() -> dict[str, object]:
    """Keyword of ``Watchword`` -> default."""
    return {
        name: one.default for name, one in signature(Watchword).parameters.items() if one.default is not Parameter.empty
    }


def _leaves(shape: type[msgspec.Struct], where: str) -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _leaves(field.type, f"{where}{field.name}.")
        elif field.name not in REQUIRED:
            made: Any = field.default_factory
            yield f"{where}{field.name}", made() if field.default is msgspec.NODEFAULT else field.default


def write() -> str:
    """The page."""
    parts = [f"## {title}\n\n{HEAD}\n" + "\n".join(map(_row, rows)) for title, rows in SECTIONS.items()]
    return TEXT.format(tables="\n\n".join(parts))


def _row(row: Row) -> str:
    change = [*(f"`{name}`" for name in row.settings), *(f"`{name}=`" for name in row.keywords)]
    if row.how:
        change.append(row.how)
    return f"| {row.what} | {said(row)} | {', '.join(change) or 'fixed'} | {row.source} |"


def said(row: Row) -> str:
    """The value in words: spans in their largest whole unit."""
    value = row.value
    if isinstance(value, timedelta) or row.unit == "s":
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(str(value))
        return span(seconds)
    if value is None or value in ((), {}, ""):
        return row.none
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,} {row.unit}" if row.unit or value >= 100_000 else f"{value}"


def span(seconds: float) -> str:
    """``1800`` -> ``30 min``; below a second in milliseconds."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g} ms"
    for unit, length in SPANS.items():
        if seconds and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


HEAD = "| what | default | what changes it | source |\n|---|---|---|---|"

TEXT = """\
# Defaults

What holds unless you say otherwise, what says otherwise, and whose advice it is. `name.of` is a
[setting](configuration.md), `name=` a keyword of `Watchword` or of what the row names; *fixed* means that nothing
changes it. Where we knowingly differ from a source, [the deviations](deviations.md) say so.

{tables}

## No default

`url`, `issuer` and `audience` have to be named, and so have the purposes of sealed and one-time tokens, the audience
of a service token, and the client of a refresh token. There is no default secret, key or password: a key file is made
with fresh random keys, readable by its owner alone.

## Sources

RFC and draft numbers are the IETF's. *ASVS* is OWASP ASVS 5.0, *63B* is NIST SP 800-63B-4, *SP 800-57* is its Part 1
Rev. 5, *OWASP Session Management* and *OWASP Password Storage* are cheat sheets of that name, *FAPI 2.0* is its
Security Profile. *Ours*: no source names a figure; the reason stands with it.

*`make defaults` writes this page with the values read from the code; a test holds it to that, wants a row for each
setting and each keyword of `Watchword`, and wants the same value wherever one default is named twice.*
"""

if __name__ == "__main__":
    PAGE.write_text(write())
