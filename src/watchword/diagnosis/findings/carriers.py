"""Findings in how a token came: a kind where it should not be, cookies without their flags, tokens in URLs."""

from __future__ import annotations

from ...tokens.base import KINDS
from ..report import HEADER_BLOCK
from .base import Facts, Row, flag

LARGE = 4096
_OTHERS = {"DPoP proof": ("proof",), "ID token": ("body",), "logout token": ("body",)}
_ANYWHERE = ("", "body")
"""Alone, or in an answer: there every kind may stand."""


def _misplaced(facts: Facts) -> str | None:
    look = facts.look
    if look.kind is None or look.carrier in _ANYWHERE or look.carrier == "url":
        return None
    kind = KINDS.get(look.kind)
    carriers = kind.carriers if kind is not None else _OTHERS.get(look.kind)
    return look.carrier if carriers is not None and look.carrier not in carriers else None


def _in_url(facts: Facts) -> str | None:
    return "" if facts.look.carrier == "url" and facts.look.kind not in ("one_time", "sealed") else None


def _jwt_cookie(facts: Facts) -> str | None:
    return "" if facts.look.carrier == "cookie" and facts.look.form in ("jws", "paseto") else None


def _large(facts: Facts) -> str | None:
    token = facts.look.form in ("jws", "jwe", "paseto")
    return "" if token and LARGE < facts.size <= HEADER_BLOCK else None


def _too_large(facts: Facts) -> str | None:
    return (
        "" if facts.look.form in ("jws", "jwe", "paseto", "header", "cookies") and facts.size > HEADER_BLOCK else None
    )


_COOKIES = "RFC 6265bis §4.1.2; OWASP ASVS 5.0 "
ROWS = (
    Row(
        "misplaced",
        "warning",
        _misplaced,
        "a kind where it should not be: sessions travel in cookies, access tokens and API keys in headers, refresh "
        "tokens and ID tokens in bodies",
        "OWASP ASVS 5.0 9.2.2; RFC 8725 §3.12",
    ),
    Row(
        "in-url",
        "danger",
        _in_url,
        "a token in a URL: it stands in histories, logs and Referer headers; end it",
        "RFC 6750 §5.3; RFC 9700 §4.3.2; OWASP ASVS 5.0 14.2.1",
    ),
    Row(
        "signed-cookie",
        "note",
        _jwt_cookie,
        "a session that no record stands behind: sign-out does not end it by itself",
        "OWASP ASVS 5.0 7.4.1",
    ),
    Row(
        "large",
        "warning",
        _large,
        "more than 4 KiB: no cookie holds it, and half of a header block is gone",
        "RFC 6265bis §5.6",
    ),
    Row("too-large", "danger", _too_large, "more than 8 KiB: servers and proxies refuse or cut it", "RFC 9110 §5.4"),
    flag("cookie-secure", "danger", "without Secure it travels over plain http", _COOKIES + "3.3.1"),
    flag("cookie-httponly", "danger", "without HttpOnly any script on the page reads it", _COOKIES + "3.3.4"),
    flag("cookie-samesite", "warning", "SameSite is neither Lax nor Strict: other sites send it", _COOKIES + "3.3.2"),
    flag(
        "cookie-prefix", "warning", "its name has no __Host- prefix: a sibling domain may plant it", _COOKIES + "3.3.3"
    ),
    flag("cookie-path", "danger", "browsers drop a __Host- cookie whose Path is not /", _COOKIES + "3.3.3"),
    flag("cookie-domain", "warning", "Domain hands it to every subdomain", _COOKIES + "3.3.3"),
    flag("cookie-long", "warning", "it stays for more than 30 days", "OWASP ASVS 5.0 7.3.2"),
    flag("cookie-large", "danger", "more than 4096 bytes: browsers drop it", "RFC 6265bis §5.6; OWASP ASVS 5.0 3.3.5"),
    flag("basic", "warning", "a password with every request: end it with a sign-in and a session", "RFC 7617 §4"),
    flag("password-in-url", "danger", "a password in a URL: it stands in histories and logs", "RFC 3986 §3.2.1"),
    flag("guessable", "warning", "as a reference token too short: fewer than 128 bits", "OWASP ASVS 5.0 7.2.3"),
    flag(
        "signed-value",
        "note",
        "signed, and readable by its browser; nothing ends it before its time",
        "docs/how-to/move-from-itsdangerous.md",
    ),
    flag(
        "checksum",
        "warning",
        "mistyped, cut, or somebody else's that begins like ours (Stripe's do)",
        "the CRC32 at its end",
    ),
    flag(
        "foreign-secret",
        "danger",
        "a secret of another service: if it was seen where it should not be, end it there",
        "OWASP ASVS 5.0 13.3.1",
    ),
)
