"""Cookies: how the session cookie is written, and a strict parser that sees duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from watchword.errors import ConfigurationError, MalformedTokenError

SESSION_COOKIE = "__Host-Http-ww_sid"

_PREFIX = "__Host-"
_LONGEST_AGE = 400 * 86_400  # RFC 6265bis 5.5: browsers cut longer ones
_LARGEST_COOKIE = 4096  # RFC 6265bis 5.6: name and value together
_LARGEST_HEADERS = 16 * 1024
_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NAME_OCTETS = _ALPHANUMERIC + b"!#$%&'*+-.^_`|~"  # RFC 9110: token
_VALUE_OCTETS = _ALPHANUMERIC + b"!#$%&'()*+-./:<=>?@[]^_`{|}~"  # RFC 6265: cookie-octet
_SAME_SITE = {"lax": "Lax", "strict": "Strict"}


@dataclass(frozen=True, slots=True)
class CookiePolicy:
    """How one cookie is set: always ``Secure; HttpOnly; Path=/``, never a ``Domain``.

    ``max_age`` None makes a cookie that ends with the browser session; otherwise whole seconds, at most 400 days.
    ``same_site="strict"`` suits cookies that no link from another site needs to carry (a BFF), ``"lax"`` the others.
    """

    name: str = SESSION_COOKIE
    same_site: Literal["lax", "strict"] = "lax"
    max_age: int | None = None

    def __post_init__(self) -> None:
        name, age = self.name, self.max_age
        if not isinstance(name, str) or not name.startswith(_PREFIX):
            raise ConfigurationError(
                f"cookie name {name!a} must begin with '__Host-': browsers then hold it to this host and to https"
            )
        if (
            not name.isascii()
            or name.encode().translate(None, _NAME_OCTETS)
            or name.lower() in ("__host-", "__host-http-")
        ):
            raise ConfigurationError(f"cookie name {name!a} needs letters, digits, '-' or '_' after its prefix")
        if self.same_site not in _SAME_SITE:
            raise ConfigurationError(f"same_site must be 'lax' or 'strict', not {self.same_site!a}")
        if age is not None and (type(age) is not int or not 0 < age <= _LONGEST_AGE):
            raise ConfigurationError(
                f"max_age must be None or 1 to {_LONGEST_AGE} seconds (400 days), not {age!a}; clear() deletes a cookie"
            )
        if len(name) >= _LARGEST_COOKIE:
            raise ConfigurationError("the cookie name leaves no room for a value", reason="cookie_too_large")

    def set_cookie(self, value: str) -> bytes:
        """The ``Set-Cookie`` header value that stores ``value``."""
        if not value or not value.isascii() or value.encode().translate(None, _VALUE_OCTETS):
            raise ConfigurationError(
                "a cookie value is ASCII without spaces, quotes, commas, semicolons or backslashes"
            )
        size = len(self.name) + len(value)
        if size > _LARGEST_COOKIE:
            raise ConfigurationError(
                f"the cookie {self.name} would have {size} bytes, and browsers drop what has more than "
                f"{_LARGEST_COOKIE}; keep the data on the server",
                reason="cookie_too_large",
            )
        return self._line(value, self.max_age)

    def clear(self) -> bytes:
        """The ``Set-Cookie`` header value that deletes the cookie."""
        return self._line("", 0)

    def _line(self, value: str, max_age: int | None) -> bytes:
        line = f"{self.name}={value}; Path=/; Secure; HttpOnly; SameSite={_SAME_SITE[self.same_site]}"
        return (line if max_age is None else f"{line}; Max-Age={max_age}").encode("ascii")


@lru_cache(maxsize=64)
def _spellings(name: str) -> tuple[bytes, bytes]:
    exact = name.encode()
    return exact, exact.lower()


def read_cookies(headers: list[bytes], name: str) -> str | None:
    """The value of the cookie ``name`` in the ``Cookie`` headers of one request; None when it is absent or empty.

    A second cookie of that name, in whatever case, raises: a sibling domain or a plain-http page may have planted it,
    and the order says nothing about which is ours. What is wrong with other cookies is not our business.
    """
    if sum(map(len, headers)) > _LARGEST_HEADERS:
        raise MalformedTokenError(f"the Cookie headers have more than {_LARGEST_HEADERS} bytes", reason="too_large")
    exact, folded = _spellings(name)
    shortest = len(folded)
    found: bytes | None = None
    seen = False
    for header in headers:
        if folded not in header.lower():
            continue
        for pair in header.split(b";"):
            if len(pair) < shortest:
                continue
            key, _, value = pair.strip(b" \t").partition(b"=")
            if key.strip().lower() != folded:
                continue
            if seen:
                raise MalformedTokenError(f"the cookie {name} came more than once", reason="duplicate_cookie")
            seen = True
            if key == exact:
                found = value
    if not found:
        return None
    if found.translate(None, _VALUE_OCTETS):
        raise MalformedTokenError(f"the value of the cookie {name} has characters that no cookie of ours has")
    return found.decode("ascii")
