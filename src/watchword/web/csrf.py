"""Cross-site request forgery: whether a browser sent a request from one of the application's own pages.

The browser's word first (Sec-Fetch-Site), then the Origin header; a token in X-CSRF-Token only where both are missing.
"""

from __future__ import annotations

from collections.abc import Set
from ipaddress import AddressValueError, IPv6Address

from watchword.errors import ConfigurationError, CsrfError
from watchword.web.messages import Connection

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({b"same-origin", b"none"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}  # a page is named by http(s), whatever it opens
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_"
_SHOWN = 80
_NO_ORIGINS: Set[str] = frozenset()


def origin(text: str) -> str:
    """One entry of ``origins=``, normalised: ``https://App.Example:443`` is ``https://app.example``."""
    normal = _normal(text) if isinstance(text, str) else None
    if normal is None:
        raise ConfigurationError(
            f"origins= has {text!a:.200}, which is not an origin; write 'https://app.example' or "
            "'https://app.example:8443': http or https and one host in ASCII, without path, trailing slash, query, "
            "user name or wildcard"
        )
    return normal


def check_origin(connection: Connection, *, origins: Set[str] = _NO_ORIGINS) -> None:
    """Raise CsrfError unless this request may act with the cookie it carries.

    Safe methods (GET, HEAD, OPTIONS) pass; every other one and every websocket handshake must come from a page of the
    request's own scheme and host, or of an origin in ``origins`` (as ``origin()`` writes them). The browser's own word,
    Sec-Fetch-Site, decides; where it is silent, the Origin header must name the same scheme and host.
    """
    if connection.method in _SAFE_METHODS and not connection.is_websocket:
        return
    site = _single(connection, b"sec-fetch-site", "Sec-Fetch-Site")
    sender = _single(connection, b"origin", "Origin")
    if site in _OWN_SITES:
        return
    sent_from = None if sender is None else _normal(sender.decode("latin-1"))
    if sent_from is not None and sent_from in origins:
        return
    if site is not None:
        raise CsrfError(
            f"CSRF: the Sec-Fetch-Site header says {_shown(site)} and the Origin header {_said(sender)}; only "
            "'same-origin' and 'none' pass by themselves. If pages of another origin may call this application, "
            "list it: origins={'https://app.example'}",
            reason="sec_fetch_site",
        )
    if sender is None:
        raise CsrfError(
            "CSRF: a request with a cookie of ours needs a Sec-Fetch-Site or an Origin header, and this one has "
            "neither. Every current browser sends one; where something strips both, send auth.csrf_token(who) as "
            "X-CSRF-Token. Other clients send a bearer token or an API key instead of the cookie, or an "
            "Origin that is the application's own or in origins=",
            reason="origin_missing",
        )
    if sender == b"null":
        raise CsrfError(
            "CSRF: the Origin header is 'null', which any sandboxed page can send, so it is never accepted and "
            "origins= cannot list it. A page of this application must not be sandboxed or sent with no-referrer",
            reason="origin_null",
        )
    own = _normal(f"{_PAGE_SCHEMES.get(connection.scheme, connection.scheme)}://{connection.host}")
    if own is None or sent_from != own:
        meant = "no readable host" if own is None else _shown(own.encode())
        raise CsrfError(
            f"CSRF: the Origin header says {_shown(sender)}, and this request was received for {meant}. If the "
            "Origin is this application as browsers see it (behind a proxy that ends TLS or changes the host), or a "
            "page that may call it, list it: origins={'https://app.example'}",
            reason="origin_mismatch",
        )


def check_page(connection: Connection, *, origins: Set[str] = _NO_ORIGINS) -> bytes | None:
    """``check_origin``, but for an unsafe request that says nothing of its page and has an X-CSRF-Token.

    Returns that token: whether it is one of this sign-in, the caller can tell once it is known who signed in.
    """
    if connection.method in _SAFE_METHODS and not connection.is_websocket:
        return None
    told = connection.is_websocket or _says_its_page(connection)
    token = None if told else _single(connection, b"x-csrf-token", "X-CSRF-Token")
    if token is None:
        check_origin(connection, origins=origins)
    return token


def check_sender(connection: Connection, *, origins: Set[str] = _NO_ORIGINS) -> None:
    """``check_origin`` for a sign-in, whose cookie is yet to come: a request that says nothing of its page may pass.

    Every browser sends Sec-Fetch-Site or Origin with a POST, so one with neither comes from no page, and can sign
    nobody in but its own sender.
    """
    if _says_its_page(connection):
        check_origin(connection, origins=origins)


def _says_its_page(connection: Connection) -> bool:
    return bool(connection.headers_of(b"sec-fetch-site") or connection.headers_of(b"origin"))


def _single(connection: Connection, name: bytes, shown: str) -> bytes | None:
    values = connection.headers_of(name)
    if len(values) > 1:
        raise CsrfError(
            f"CSRF: the {shown} header came more than once, which no browser does; look at the proxies in between. "
            "origins= cannot help here",
            reason="duplicate_header",
        )
    return values[0] if values else None


def _normal(text: str) -> str | None:
    """``scheme://host[:port]`` in lower case without the scheme's default port; None for anything else."""
    if not text.isascii():
        return None
    scheme, _, authority = text.lower().partition("://")
    default_port = _DEFAULT_PORTS.get(scheme)
    if default_port is None:
        return None
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        try:
            host = f"[{IPv6Address(host[1:]).compressed}]"
        except AddressValueError:
            return None
        if not bracket or "%" in host or rest[:1] not in ("", ":"):
            return None
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = authority.partition(":")
        if len(host) > 253 or not all(label and not label.strip(_NAME_CHARACTERS) for label in host.split(".")):
            return None
    if not colon:
        return f"{scheme}://{host}"
    if not port.isdecimal() or len(port) > 5 or not 0 < int(port) < 65536:
        return None
    port = str(int(port))
    return f"{scheme}://{host}" if port == default_port else f"{scheme}://{host}:{port}"


def _shown(raw: bytes) -> str:
    """What the client wrote, short and escaped, for a log."""
    shown = ascii(raw[:_SHOWN].decode("latin-1"))
    return shown if len(raw) <= _SHOWN else f"{shown}..."


def _said(raw: bytes | None) -> str:
    return "is missing" if raw is None else f"says {_shown(raw)}"
