"""The address a request was sent to, in one spelling (RFC 3986 §6.2.2, §6.2.3), so that two can be compared."""

from __future__ import annotations

from watchword.errors import ConfigurationError
from watchword.web.csrf import origin

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SOCKETS = {"ws://": "http://", "wss://": "https://"}


def target_of(url: str) -> tuple[str, str] | None:
    """(origin, path) of an http(s) or ws(s) URL without its query and fragment; None for what is no such URL.

    Scheme and host in lower case, no default port, no dot segments, an empty path is ``/``, percent-encodings in upper
    case and only where they are needed. A user name in it makes it no such URL.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    bare = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = bare.partition("://")
    start = (scheme + mark).lower()
    authority, slash, path = rest.partition("/")
    try:
        return origin(_SOCKETS.get(start, start) + authority), normal_path(slash + path)
    except ConfigurationError:
        return None


def normal_path(path: str) -> str:
    """One spelling of a path that has its percent signs still."""
    return _without_dots(_decoded(path))


def _decoded(path: str) -> str:
    """What needs no percent-encoding without it, the rest in upper case. A broken one stays as it is."""
    first, *pieces = path.split("%")
    out = [first]
    for piece in pieces:
        code = piece[:2]
        if len(code) < 2 or not set(code) <= set("0123456789abcdefABCDEF"):
            out.append("%" + piece)
            continue
        byte = int(code, 16)
        out.append((chr(byte) if byte in _UNRESERVED else f"%{code.upper()}") + piece[2:])
    return "".join(out)


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4."""
    segments = path.split("/")[1:] or [""]
    kept: list[str] = []
    for number, segment in enumerate(segments):
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
