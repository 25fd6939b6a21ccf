"""The way to the path that refreshes and back: always a path of this host, never a token, never another site."""

from __future__ import annotations

from html import escape
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from ..errors import BadRequestError
from ..web.messages import Connection, Reply

LONGEST = 2048
"""Characters of a way back."""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>One moment</title>
<meta http-equiv="refresh" content="0;url={url}">
<p><a href="{url}">Continue</a></p>
"""
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Way(Struct, frozen=True):
    """Where a request wants to go after the refresh, and whether it has come by our own page already."""

    back: str | None
    again: bool

    def may_continue(self, connection: Connection) -> bool:
        """A page that another site led to has no Strict cookie yet; one that our own page leads to has."""
        site = connection.header(b"sec-fetch-site")
        ours = self.again or site in (b"same-origin", b"none")
        return not ours and connection.method in ("GET", "HEAD") and is_navigation(connection)


def way_of(connection: Connection, path: str) -> Way:
    """What the query of a request to ``path`` says. Raises: BadRequestError for anything but a path of this host."""
    found = [unquote_to_bytes(one[5:]) for one in connection.query.split(b"&") if one.startswith(b"next=")]
    if not found and connection.method == "POST":
        return Way(None, again=False)
    back = found[0].decode("latin-1") if len(found) == 1 else ""
    if not is_local(back) or back.partition("?")[0] == path:
        raise BadRequestError("next= has to name one path of this host, as '/orders?page=2'", reason="bad_next")
    return Way(back, again=b"again=1" in connection.query.split(b"&"))


def location_of(path: str, connection: Connection) -> bytes | None:
    """Where a request goes in order to come back; None for one that cannot."""
    query = connection.query.decode("latin-1")
    back = connection.encoded_path + (f"?{query}" if query else "")
    return f"{path}?next={quote(back, safe='/')}".encode("ascii") if is_local(back) else None


def is_local(path: str) -> bool:
    """Is it a path of this host, with its query? Not with ``//`` first, a backslash, or what browsers cut out."""
    plain = path.isascii() and path.isprintable() and not set(path) & set(' \\"<>')
    return plain and path.startswith("/") and not path.startswith("//") and len(path) <= LONGEST


def is_navigation(connection: Connection) -> bool:
    """Does a browser open a page? Where it does not say (Sec-Fetch-Mode), what it accepts tells."""
    mode = connection.header(b"sec-fetch-mode")
    return mode == b"navigate" if mode is not None else b"text/html" in (connection.header(b"accept") or b"")


def continue_page(path: str, back: str) -> Reply:
    """A page that goes on by itself, once: what our own page asks for carries the Strict cookie."""
    url = escape(f"{path}?again=1&next={quote(back, safe='/')}")
    body = _PAGE.format(url=url).encode("ascii")
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", _POLICY.encode("ascii")),
    ]
    return Reply(200, headers, body)
