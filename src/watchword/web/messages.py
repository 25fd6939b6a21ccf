"""What watchword needs of one HTTP request or websocket handshake, and the refusal it answers with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from watchword.errors import MalformedHeaderError
from watchword.principal import Proof

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_HOST_CHARACTERS = b"abcdefghijklmnopqrstuvwxyz0123456789-._:[]"


class Connection:
    """One request, as the server saw it; nothing in it is verified, and ``X-Forwarded-*`` is never read.

    Header names are lower-case bytes, values are raw bytes. ``method`` is upper-case, ``scheme`` lower-case (``ws`` and
    ``wss`` for websockets). ``ip`` is the peer's address: behind a proxy, let the server be told which peers to trust.
    """

    __slots__ = ("_host", "_raw_path", "headers", "ip", "is_websocket", "method", "path", "proof", "query", "scheme")

    method: str
    scheme: str
    path: str
    headers: list[tuple[bytes, bytes]]
    ip: str | None
    is_websocket: bool
    query: bytes
    """As it was written, without the question mark; read for nothing but the way back after a refresh."""
    proof: Proof | None
    """What its DPoP proof vouches for, once that was found good: a proof counts once, and a request may ask again."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        scheme: str = "https",
        headers: Iterable[tuple[bytes, bytes]] = (),
        ip: str | None = None,
        is_websocket: bool = False,
        query: bytes = b"",
    ) -> None:
        self.method = _upper(method)
        self.path = path
        self.query = query
        self.scheme = scheme.lower()
        self.headers = [(name.lower(), value) for name, value in headers]
        self.ip = ip
        self.is_websocket = is_websocket
        self.proof = None
        self._host: str | None = None
        self._raw_path: bytes | None = None

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Connection:
        """From an ASGI ``http`` or ``websocket`` scope, whose header names are lower-case by the ASGI specification."""
        self = cls.__new__(cls)
        self.is_websocket = is_websocket = scope["type"] == "websocket"
        method = "GET" if is_websocket else scope["method"]
        self.method = method if method in _METHODS else _upper(method)
        scheme = scope.get("scheme") or ("ws" if is_websocket else "http")
        self.scheme = scheme if scheme in _SCHEMES else scheme.lower()
        self.path = scope["path"]
        self.query = scope.get("query_string", b"")
        self.headers = list(scope["headers"])
        client = scope.get("client")
        self.ip = (client[0] or None) if client else None
        self.proof = self._host = None
        self._raw_path = scope.get("raw_path")
        return self

    @classmethod
    def from_environ(cls, environ: Mapping[str, Any]) -> Connection:
        """From a WSGI ``environ`` (PEP 3333), in which a header that came twice is one, with a comma between."""
        path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
        headers = [
            (name[5:].lower().replace("_", "-").encode("ascii"), value.encode("latin-1"))
            for name, value in environ.items()
            if name.startswith("HTTP_")
        ]
        method, scheme = environ["REQUEST_METHOD"], environ["wsgi.url_scheme"]
        peer = environ.get("REMOTE_ADDR") or None
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        self = cls(method, path.decode("utf-8", "replace"), scheme=scheme, headers=headers, ip=peer, query=query)
        written = environ.get("RAW_URI") or environ.get("REQUEST_URI")
        self._raw_path = written.encode("latin-1") if written and written.startswith("/") else None
        return self

    def __repr__(self) -> str:
        """Without path and headers: both may hold secrets."""
        return f"<Connection {self.method} {self.scheme} {'websocket' if self.is_websocket else 'request'}>"

    @property
    def host(self) -> str:
        """``host`` or ``host:port`` as the client named it, lower-case; empty when it named none.

        Two different names, or one that cannot be a host, raise MalformedHeaderError.
        """
        if self._host is None:
            self._host = self._read_host()
        return self._host

    @property
    def is_local(self) -> bool:
        """Did the client name a host that is its own machine? Raises: MalformedHeaderError."""
        return is_loopback(host_of(f"//{self.host}"))

    @property
    def encoded_path(self) -> str:
        """The path as it was written, with its percent signs; as it would be written, where the server does not say."""
        raw = self._raw_path
        return quote(self.path, safe="/~!$&'()*+,;=:@") if raw is None else raw.partition(b"?")[0].decode("latin-1")

    def _read_host(self) -> str:
        authority, host = self.header(b":authority"), self.header(b"host")
        if authority is not None and host is not None and authority.lower() != host.lower():
            raise MalformedHeaderError("the Host header and :authority name different hosts", reason="host_mismatch")
        named = (host if authority is None else authority) or b""
        named = named.lower()
        if named.translate(None, _HOST_CHARACTERS) or len(named) > 262:
            raise MalformedHeaderError("the Host header is not a host name with an optional port", reason="bad_host")
        return named.decode("ascii")

    def headers_of(self, name: bytes) -> list[bytes]:
        """All values of a header, in the order they came."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: bytes) -> bytes | None:
        """The one value of a header, or None; a header that came twice raises MalformedHeaderError."""
        values = self.headers_of(name)
        if len(values) > 1:
            raise MalformedHeaderError(
                f"the header {name.decode('latin-1')!a} came more than once", reason="duplicate_header"
            )
        return values[0] if values else None


class Reply(Struct, frozen=True):
    """A whole HTTP answer. ``headers`` is a list of its own, so an integration may add to it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def host_of(url: str) -> str:
    """The host that a URL names, without a port; empty where none can be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets around what is no address
        return ""


def is_loopback(host: str) -> bool:
    """Is this name or address, without a port, the machine's own? A name is not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _upper(method: str) -> str:
    return method.upper() if method.isascii() else method  # beyond ASCII, upper() can make another method of it
