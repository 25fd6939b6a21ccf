"""The fixed map of a proxy: which paths lead to which upstream, and nothing else leads anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urljoin

from ..errors import ConfigurationError
from ..web.targets import target_of
from .base import Want
from .headers import down, up
from .wire import Outside

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
MAX_URL = 8192
_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_PATH = frozenset(_ALNUM + b"-._~!$&'()*+,=:@/%")
"""What RFC 3986 §3.3 has, without ``;``: what stands behind one is a parameter to some servers and a name to others."""
_QUERY = frozenset(range(0x21, 0x7F)) - frozenset(b'"<>#')
_HEX = frozenset(b"0123456789ABCDEFabcdef")


@dataclass(frozen=True, kw_only=True)
class Route:
    """Everything below ``prefix`` goes to ``upstream``, with a token for ``audience`` and ``scopes``.

    ``prefix``: a path such as ``/api/orders``; it ends at a slash, so ``/api/orders2`` is not below it. ``upstream``:
    an origin, with a path or without: ``https://orders.internal/v1``. What follows the prefix follows that path.
    ``methods``: those that may be used. ``pass_up``, ``pass_down``: names of headers that go to the upstream, and come
    back, beside the usual ones. ``allow_loopback``: http to this very machine, too.
    Raises: ConfigurationError for what is no such route.
    """

    prefix: str
    upstream: str
    audience: str | None = None
    scopes: tuple[str, ...] = ()
    methods: frozenset[str] = METHODS
    pass_up: tuple[str, ...] = ()
    pass_down: tuple[str, ...] = ()
    allow_loopback: bool = False
    outside: Outside = field(init=False, repr=False)
    want: Want = field(init=False, repr=False)
    up: frozenset[bytes] = field(init=False, repr=False)
    down: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        prefix = self.prefix
        if not is_plain(prefix.encode()) or prefix == "/" or prefix.endswith("/") or "%" in prefix:
            raise ConfigurationError(f"prefix {prefix!a} is not a path such as '/api/orders'")
        if not self.methods <= METHODS:
            raise ConfigurationError(f"methods are some of {', '.join(sorted(METHODS))}")
        outside = Outside.of(self.upstream, allow_loopback=self.allow_loopback)
        object.__setattr__(self, "outside", outside)
        object.__setattr__(self, "want", Want(audience=self.audience, scopes=self.scopes))
        object.__setattr__(self, "up", up(self.pass_up))
        object.__setattr__(self, "down", down(self.pass_down))

    def back(self, location: str, asked: str) -> str | None:
        """Where a browser finds what an upstream calls ``location``, in its answer to ``asked``; None for elsewhere."""
        if not location.isascii() or not location.isprintable():
            return None
        found = target_of(urljoin(asked, location))
        below = self.outside.path
        own = target_of(self.outside.origin + "/")
        if found is None or own is None or found[0] != own[0]:
            return None
        rest = found[1].removeprefix(below)
        if (below and not found[1].startswith(below)) or (rest and not rest.startswith("/")):
            return None
        query = location.partition("#")[0].partition("?")
        there = self.prefix + rest + query[1] + query[2]
        return there if is_plain((self.prefix + rest).encode()) else None


class Found(NamedTuple):
    """A route, and the URL at its upstream."""

    route: Route
    url: str


class RouteMap:
    """Routes by their prefixes; of two that fit, the longer. Raises: ConfigurationError for a prefix given twice."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: len(route.prefix), reverse=True)
        if not self._routes or len({route.prefix for route in self._routes}) != len(self._routes):
            raise ConfigurationError("a proxy has one or more routes, and each prefix once")

    def find(self, raw_path: bytes, query: bytes) -> Found | None:
        """Where a request goes; None for everything that is not surely below a prefix."""
        if len(raw_path) + len(query) > MAX_URL or not is_plain(raw_path) or not _QUERY.issuperset(query):
            return None
        path = raw_path.decode("ascii")
        for route in self._routes:
            if path == route.prefix or path.startswith(route.prefix + "/"):
                rest = path[len(route.prefix) :]
                there = f"{route.outside.origin}{route.outside.path}{rest}" if route.outside.path or rest else None
                url = there or f"{route.outside.origin}/"
                return Found(route, f"{url}?{query.decode('ascii')}" if query else url)
        return None


def is_plain(path: bytes) -> bool:
    """Whether every server reads this path alike.

    It begins with one slash, and has no empty segment but the last, no dot segment, parameter, backslash, and no
    percent-encoding of a slash, a dot, a percent sign, a control character, or of what is not UTF-8.
    """
    if not path.startswith(b"/") or b"//" in path or not _PATH.issuperset(path):
        return False
    for piece in path.split(b"%")[1:]:
        if len(piece) < 2 or not _HEX.issuperset(piece[:2]):
            return False
        byte = int(piece[:2], 16)
        if byte < 0x20 or byte == 0x7F or byte in b"/\\.%;":
            return False
    if any(segment in (b".", b"..") for segment in path.split(b"/")):
        return False
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
