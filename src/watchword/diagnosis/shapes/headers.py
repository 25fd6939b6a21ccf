"""Lines of a request or an answer: Authorization, X-API-Key, DPoP, Cookie, Set-Cookie."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from ...authn.credentials import extract
from ...errors import MalformedTokenError, Stage, WatchwordError
from ...web.cookies import SESSION_COOKIE, read_cookies
from ...web.messages import Connection
from ..hide import plain
from ..walk import Trust, Walk
from .base import Look, Piece

_LINE = re.compile(r"(authorization|x-api-key|dpop|cookie|set-cookie)[ \t]*:[ \t]*", re.IGNORECASE)
_SCHEME = re.compile(r"(bearer|dpop|basic)(?: |$)", re.IGNORECASE)
_COOKIE = re.compile(r"__(?:Host|Secure)-[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}=")
_ATTRIBUTE = re.compile(r";[ \t]*(?:httponly|secure|samesite=|path=|max-age=|domain=|expires=)", re.IGNORECASE)
MOST_COOKIES = 50
LARGEST = 4096
"""Bytes of a cookie's name and value (RFC 6265bis §5.6): browsers drop what is larger."""
MONTH = 30 * 86_400


def fits(text: str) -> bool:
    return any(one.match(text) for one in (_LINE, _SCHEME, _COOKIE)) or _is_set(text)


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    line = _LINE.match(text)
    name, value = (line[1].lower(), text[line.end() :]) if line else _bare(text)
    if name == "set-cookie":
        return _set_cookie(value, trust.clock.now())
    if name == "cookie":
        return _cookies(value, walk)
    if name == "dpop":
        return Look(form="header", what="a DPoP header: a proof of possession", pieces=(Piece("DPoP", value, "proof"),))
    return _credential(name, value, walk)


def _bare(text: str) -> tuple[str, str]:
    if _SCHEME.match(text):
        return "authorization", text
    return ("set-cookie" if _is_set(text) else "cookie"), text


def _is_set(text: str) -> bool:
    head = text.partition(";")[0]
    return "=" in head and " " not in head and _ATTRIBUTE.search(text) is not None


def _credential(name: str, value: str, walk: Walk) -> Look:
    """As the corridor extracts it."""
    scheme, _, rest = value.partition(" ")
    basic = name == "authorization" and scheme.lower() == "basic"
    found = None
    try:
        raw = value.encode("latin-1", "replace")
        found = extract(Connection(headers=[(name.encode(), raw)]), SESSION_COOKIE)
        if found is None:
            walk.stop(
                MalformedTokenError("an Authorization of another scheme counts as not presented"), at=Stage.EXTRACT
            )
    except WatchwordError as error:
        walk.stop(error)
    carrier = "key" if name == "x-api-key" else "dpop" if scheme.lower() == "dpop" else "bearer"
    token = found.token if found is not None else rest if name == "authorization" else value
    pieces = () if basic or not token else (Piece(f"header {name}", token, carrier),)
    what = "a user name and a password (Basic, RFC 7617)" if basic else f"an {name} header"
    return Look(form="header", what=what, pieces=pieces, flags=frozenset({"basic"} if basic else ()))


def _cookies(value: str, walk: Walk) -> Look:
    pieces: list[Piece] = []
    raw = [value.encode("latin-1", "replace")]
    for pair in value.split(";")[:MOST_COOKIES]:
        name, mark, content = pair.strip(" \t").partition("=")
        if not mark or not content:
            continue
        pieces.append(Piece(f"cookie {plain(name, 64)}", content, "cookie"))
        try:
            read_cookies(raw, name)
        except WatchwordError as error:
            walk.stop(error, at=Stage.EXTRACT)
    what = f"a Cookie header with {len(pieces)} cookie{'s' * (len(pieces) != 1)}"
    return Look(form="cookies", what=what, pieces=tuple(pieces))


def _set_cookie(value: str, now: int) -> Look:
    pair, *rest = value.split(";")
    name, _, content = pair.strip().partition("=")
    given: dict[str, str] = {}
    for part in rest[:20]:
        key, _, said = part.strip().partition("=")
        given[key.strip().lower()] = said.strip()
    return Look(
        form="set-cookie",
        what="a Set-Cookie header",
        facts=(("cookie", plain(name, 64)), ("attributes", plain(", ".join(sorted(given)) or "none"))),
        flags=frozenset(_amiss(name, content, given, now)),
        pieces=(Piece(f"cookie {plain(name, 64)}", content, "cookie"),) if content else (),
    )


def _until(date: str, now: int) -> int | None:
    """Seconds until an ``Expires``; what is no date counts as none."""
    try:
        return int(parsedate_to_datetime(date).timestamp()) - now
    except (ValueError, OverflowError):
        return None


def _amiss(name: str, content: str, given: dict[str, str], now: int) -> set[str]:
    """The rows of the table that fit. A cookie that only deletes one has nothing to protect."""
    age = given.get("max-age", "")
    seconds = int(age) if age.isascii() and age.isdigit() and len(age) < 12 else _until(given.get("expires", ""), now)
    if not content or (seconds is not None and seconds <= 0):
        return set()
    site = given.get("samesite", "").lower()
    tests = {
        "cookie-secure": "secure" not in given,
        "cookie-httponly": "httponly" not in given,
        "cookie-samesite": site not in ("lax", "strict"),
        "cookie-prefix": not name.lower().startswith("__host-"),
        "cookie-path": name.lower().startswith("__host-") and given.get("path") != "/",
        "cookie-domain": "domain" in given,
        "cookie-long": seconds is not None and seconds > MONTH,
        "cookie-large": len(name) + len(content) > LARGEST,
    }
    return {row for row, amiss in tests.items() if amiss}
