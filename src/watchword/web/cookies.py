"""Cookies: how one is written, and a strict parser that sees duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

from watchword.errors import ConfigurationError, CookiesTooLargeError, MalformedTokenError
from watchword.insecure import CROSS_SITE_COOKIE, INSECURE_COOKIE, Danger
from watchword.web.messages import Connection

SESSION_COOKIE = "__Host-Http-ww_sid"
INSECURE_SESSION_COOKIE = "ww_sid"
_PREFIXES = ("__host-", "__host-http-", "__secure-")

_LONGEST_AGE = 400 * 86_400  # RFC 6265bis 5.5: browsers cut longer ones
_LARGEST_COOKIE = 4096  # RFC 6265bis 5.6: name and value together
_LARGEST_HEADERS = 16 * 1024
_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NAME_OCTETS = _ALPHANUMERIC + b"!#$%&'*+-.^_`|~"  # RFC 9110: token
_VALUE_OCTETS = _ALPHANUMERIC + b"!#$%&'()*+-./:<=>?@[]^_`{|}~"  # RFC 6265: cookie-octet
_PATH_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}


@dataclass(frozen=True, slots=True)
class CookiePolicy:
    """How one cookie is set: ``Secure; HttpOnly``, never a ``Domain``. A contradiction is a ConfigurationError.

    ``same_site="strict"`` suits cookies that no link from another site needs to carry (a BFF), ``"lax"`` the others.
    ``max_age`` None makes a cookie that ends with the browser session; whole seconds (at most 400 days) one that ends
    so long after it was set; ``"idle"`` one that ends when the session would, and is set anew while that is used.
    ``path`` is ``/`` but for the cookie of refresh tokens; any other wants a name with ``__Secure-``.
    ``allow``: dangers of ``watchword.insecure``: INSECURE_COOKIE, for http on localhost and nowhere else (the default
    name is ``ww_sid`` then); CROSS_SITE_COOKIE for ``same_site="none"``.
    """

    kind: ClassVar[str] = "session"
    """Of what this cookie carries."""

    name: str = SESSION_COOKIE
    same_site: Literal["lax", "strict", "none"] = "lax"
    max_age: int | Literal["idle"] | None = None
    path: str = "/"
    allow: Iterable[Danger] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", allowed(self.allow))
        if self.insecure and self.name == SESSION_COOKIE:
            object.__setattr__(self, "name", INSECURE_SESSION_COOKIE)
        self._check_path()
        self._check_name()
        self._check_same_site()
        age = self.max_age
        if age not in (None, "idle") and (type(age) is not int or not 0 < age <= _LONGEST_AGE):
            raise ConfigurationError(
                f"max_age must be None, 'idle' or 1 to {_LONGEST_AGE} seconds (400 days), not {age!a}; clear() deletes"
                " a cookie"
            )

    @property
    def insecure(self) -> bool:
        """It travels over http, too."""
        return INSECURE_COOKIE in self.allow

    def check_host(self, connection: Connection) -> None:
        """Raises: ConfigurationError for a cookie with INSECURE_COOKIE anywhere but on the client's own machine."""
        if self.insecure and not connection.is_local:
            raise ConfigurationError(
                f"INSECURE_COOKIE is for localhost, and this request is for {connection.host!a:.100}: the cookie "
                f"{self.name} is neither set nor read there. Leave allow=[INSECURE_COOKIE] out and use https; for "
                "development, and in test clients, call the host localhost"
            )

    def set_cookie(self, value: str) -> bytes:
        """The ``Set-Cookie`` header value that stores ``value``. Raises: ConfigurationError."""
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
        if self.max_age == "idle":
            raise ConfigurationError("how long idle is, the sessions know: replace(policy, max_age=sessions.idle)")
        return self._line(value, self.max_age)

    def clear(self) -> bytes:
        """The ``Set-Cookie`` header value that deletes the cookie."""
        return self._line("", 0)

    def _line(self, value: str, max_age: int | None) -> bytes:
        secure = "" if self.insecure else " Secure;"
        line = f"{self.name}={value}; Path={self.path};{secure} HttpOnly; SameSite={_SAME_SITE[self.same_site]}"
        return (line if max_age is None else f"{line}; Max-Age={max_age}").encode("ascii")

    def _check_name(self) -> None:
        name, prefix = self.name, "" if self.insecure else "__Host-" if self.path == "/" else "__Secure-"
        if not isinstance(name, str) or not name.startswith(prefix):
            why = "to this host and to https" if prefix == "__Host-" else "to https"
            raise ConfigurationError(f"cookie name {name!a} must begin with {prefix!r}: browsers then hold it {why}")
        if self.insecure and name.lower().startswith(("__host-", "__secure-", "__http-")):
            raise ConfigurationError(f"browsers drop a cookie {name!a} without Secure: name it without its prefix")
        if not name or not name.isascii() or name.encode().translate(None, _NAME_OCTETS) or name.lower() in _PREFIXES:
            raise ConfigurationError(f"cookie name {name!a} needs letters, digits, '-' or '_' after its prefix")
        if len(name) >= _LARGEST_COOKIE:
            raise ConfigurationError("the cookie name leaves no room for a value", reason="cookie_too_large")

    def _check_same_site(self) -> None:
        wanted, crosses = self.same_site, CROSS_SITE_COOKIE in self.allow
        if wanted not in _SAME_SITE:
            raise ConfigurationError(f"same_site must be 'lax', 'strict' or 'none', not {wanted!a}")
        if (wanted == "none") != crosses:
            raise ConfigurationError(
                "same_site='none' and allow=[CROSS_SITE_COOKIE] (of watchword.insecure) go together: every site's "
                "requests carry such a cookie"
            )
        if crosses and self.insecure:
            raise ConfigurationError("browsers drop a cookie with SameSite=None that is not Secure")

    def _check_path(self) -> None:
        if not is_plain_path(self.path):
            raise ConfigurationError(f"a cookie's path is like '/' or '/auth/refresh', not {self.path!a}")


def allowed(dangers: Iterable[Danger]) -> tuple[Danger, ...]:
    """The dangers that a cookie may have. Raises: ConfigurationError for anything else."""
    found = tuple(dangers)
    for one in found:
        if one not in (INSECURE_COOKIE, CROSS_SITE_COOKIE):
            raise ConfigurationError(
                f"allow= takes INSECURE_COOKIE and CROSS_SITE_COOKIE of watchword.insecure, not {one!a}"
            )
    return found


def is_plain_path(path: object) -> bool:
    """Is it ``/``, or a path of letters, digits and ``-._~`` that ends in no slash?"""
    if not isinstance(path, str) or not path.startswith("/") or path.strip(_PATH_CHARACTERS) or "//" in path:
        return False
    return path == "/" or not path.endswith("/")


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
        raise CookiesTooLargeError(f"the Cookie headers have more than {_LARGEST_HEADERS} bytes")
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
