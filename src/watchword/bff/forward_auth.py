"""Forward-auth: a gateway asks about each request before it passes it on (nginx, Traefik, Envoy)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, unquote

from msgspec import Struct

from ..app import Watchword
from ..authn.routes import declared
from ..errors import AccessDeniedError, BadRequestError, ConfigurationError, WatchwordError
from ..integrations.asgi import Receive, Scope, Send
from ..integrations.visit import NothingPresentedError, refusal
from ..integrations.words import is_open
from ..principal import Principal
from ..tokens.base import words
from ..web.cookies import CookiePolicy
from ..web.messages import Connection, Reply

LONGEST_URI = 8192
_SAFE = "!#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""What stands in a header as it is; ``%``, spaces and all else is percent-encoded, so that it can be read back."""
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_SCHEMES = frozenset({"http", "https", "ws", "wss"})
UNIX = "unix"
"""Among ``peers``: a gateway that asks over a unix socket, which has no address."""


class Gateway(Struct, frozen=True, kw_only=True):
    """In which headers a gateway says what it was asked. None: the request to us has it in its own place."""

    method: str | None
    uri: str | None
    host: str | None = None
    scheme: str | None = None
    ip: str | None = None


GATEWAYS: dict[str, Gateway] = {
    "nginx": Gateway(method="x-original-method", uri="x-original-uri", scheme="x-original-scheme", ip="x-original-ip"),
    "traefik": Gateway(
        method="x-forwarded-method",
        uri="x-forwarded-uri",
        host="x-forwarded-host",
        scheme="x-forwarded-proto",
        ip="x-forwarded-for",
    ),
    "envoy": Gateway(method=None, uri=None, scheme="x-forwarded-proto", ip="x-forwarded-for"),
}
"""A new gateway is a row. For nginx, which says nothing by itself, the names are those of our example."""

FIELDS: dict[str, Callable[[Principal], Iterable[str]]] = {
    "subject": lambda who: [who.subject],
    "scopes": lambda who: sorted(who.scopes),
    "roles": lambda who: sorted(who.roles),
    "kind": lambda who: [who.kind],
    "client": lambda who: [who.client_id or ""],
    "session": lambda who: [who.session_id or ""],
}
"""What can be told of the caller."""


class Mint(Struct, frozen=True, kw_only=True):
    """A token for what stands behind the gateway: an access token of the caller, for ``audience`` alone.

    ``header``: where it goes, as ``Bearer …``. ``scopes``: at most these; None: all that the caller has. ``lifetime``:
    short, for each request gets its own.
    """

    audience: str
    header: str = "X-Auth-Token"
    scopes: frozenset[str] | None = None
    lifetime: timedelta = timedelta(seconds=60)


class ForwardAuth:
    """An ASGI application that a gateway asks: 204 with who it is, or 401 or 403 (503 while nobody can know).

    The gateway has to take away what clients send under the names in ``headers``, and to say the method and the URI it
    was asked: these are judged, as if the request had come here. Nobody but the gateway is heard.
    Parameters: ww: opened and closed with the server's lifespan, unless it is open already. gateway: a row of
    ``GATEWAYS``, or your own ``Gateway``. peers: addresses and networks that it asks from, or ``unix``. headers: name
    -> field of ``FIELDS``; all of them are in each 204, so that each overwrites what a client sent. mint: a token, too.
    scopes, role: what every caller has to have. cookie, origins: as for ``Auth``.
    Raises: ConfigurationError for what cannot be a header, and for an unknown field or gateway.
    """

    def __init__(
        self,
        ww: Watchword,
        *,
        gateway: str | Gateway = "nginx",
        peers: Iterable[str] = ("127.0.0.1", "::1"),
        headers: Mapping[str, str] | None = None,
        mint: Mint | None = None,
        scopes: Iterable[str] = (),
        role: str | None = None,
        cookie: CookiePolicy | None = None,
        origins: Iterable[str] = (),
    ) -> None:
        self._ww, self._mint, self._role = ww, mint, role
        self._gateway = _row(gateway)
        self._unix, self._peers = _peers(peers)
        self._headers = dict(headers or {"X-Auth-Subject": "subject", "X-Auth-Scopes": "scopes"})
        self._scopes = words(scopes, "scopes")
        self._authenticator = ww.authenticator(cookie=cookie, origins=origins)
        self._on_stale = declared(None, ww.view, privileged=True)
        _check_names([*self._headers, *([mint.header] if mint else [])])
        if unknown := set(self._headers.values()) - FIELDS.keys():
            raise ConfigurationError(f"{sorted(unknown)} can be told of nobody; there are {', '.join(FIELDS)}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            reply = await self.judge(Connection.from_scope(scope))
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send({"type": "http.response.body", "body": reply.body})
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    async def judge(self, asked: Connection) -> Reply:
        """The answer to a gateway's own request. It awaits only where the store does."""
        try:
            original = self._original(asked)
            who = await self._authenticator.authenticate(original, on_stale=self._on_stale)
            if who is None:
                raise NothingPresentedError
            who.require(*self._scopes, role=self._role, fresh=self._ww.risk.fresh, clock=self._ww.clock)
            return Reply(204, self._told(who), b"")
        except BadRequestError as error:  # of a 400, nginx would make a 500
            said = refusal(error)
            return Reply(401, said.headers, said.body)
        except WatchwordError as error:
            return refusal(error)

    def _original(self, asked: Connection) -> Connection:
        """The request that the gateway was asked. Raises: AccessDeniedError for another sender, or a silent gateway."""
        if not self._is_peer(asked.ip):
            raise AccessDeniedError("only the gateway may ask: name its address in peers=", reason="not_the_gateway")
        row = self._gateway
        method = _said(asked, row.method) or asked.method
        uri = _said(asked, row.uri) or asked.encoded_path
        if not method.isalpha() or not uri.startswith("/") or len(uri) > LONGEST_URI:
            raise AccessDeniedError("the gateway names no method or no URI", reason="gateway_silent")
        scheme, host, ip = (_said(asked, name, needed=False) for name in (row.scheme, row.host, row.ip))
        path = uri.partition("?")[0]
        headers = [pair for pair in asked.headers if host is None or pair[0] != b"host"]
        return Connection.from_scope(
            {
                "type": "websocket" if method == "GET" and _is_handshake(asked) else "http",
                "method": method,
                "scheme": scheme if scheme in _SCHEMES else asked.scheme,
                "path": unquote(path),
                "raw_path": path.encode("latin-1"),
                "headers": headers if host is None else [*headers, (b"host", host.encode("latin-1"))],
                "client": None if ip is None else (ip.rpartition(",")[2].strip(), 0),
            }
        )

    def _is_peer(self, ip: str | None) -> bool:
        if ip is None:
            return self._unix
        try:
            address = ip_address(ip)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._peers)

    def _told(self, who: Principal) -> list[tuple[bytes, bytes]]:
        told = [
            (name, " ".join(quote(word, safe=_SAFE) for word in FIELDS[field](who)))
            for name, field in self._headers.items()
        ]
        if self._mint is not None:
            told.append((self._mint.header, f"Bearer {self._minted(self._mint, who)}"))
        lines = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in told]
        return [*lines, (b"cache-control", b"no-store")]

    def _minted(self, mint: Mint, who: Principal) -> str:
        """It ends with what it is derived from, and has no more scopes."""
        issued = self._ww.access.issue(
            who.subject,
            scopes=who.scopes if mint.scopes is None else who.scopes & mint.scopes,
            client_id=who.client_id or "gateway",
            session_id=who.session_id,
            family_id=who.family_id,
            audience=mint.audience,
            lifetime=mint.lifetime,
            roles=who.roles,
            rev=who.rev,
            auth_time=who.auth_time,
        )
        return issued.token

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        ours = not is_open(self._ww)
        try:
            if ours:
                await self._ww.open()
        except WatchwordError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if ours:
            await self._ww.close()
        await send({"type": "lifespan.shutdown.complete"})


def _said(asked: Connection, name: str | None, *, needed: bool = True) -> str | None:
    """What the gateway says in this header. Raises: AccessDeniedError without a needed one, MalformedHeaderError."""
    value = None if name is None else asked.header(name.encode("ascii"))
    if not value and name is not None and needed:
        raise AccessDeniedError(
            f"the gateway does not send {name}; without it nothing is let in", reason="gateway_silent"
        )
    return value.decode("latin-1") if value else None


def _is_handshake(asked: Connection) -> bool:
    """Whether one header, of those that a gateway passes on, is of a websocket handshake (RFC 6455 §4.1, Fetch)."""
    return any(
        name == b"upgrade"
        or name.startswith(b"sec-websocket-")
        or (name in (b"sec-fetch-mode", b"sec-fetch-dest") and value.strip().lower() == b"websocket")
        for name, value in asked.headers
    )


def _row(gateway: str | Gateway) -> Gateway:
    row = GATEWAYS.get(gateway) if isinstance(gateway, str) else gateway
    if row is None:
        raise ConfigurationError(f"no gateway {gateway!r}; there are: {', '.join(GATEWAYS)}")
    for name in (row.method, row.uri, row.host, row.scheme, row.ip):
        if name is not None and not (name and _NAME.issuperset(name)):
            raise ConfigurationError(f"{name!a} is not the name of a header in lower case")
    return row


def _peers(named: Iterable[str]) -> tuple[bool, list[IPv4Network | IPv6Network]]:
    peers = list(named)
    try:
        return UNIX in peers, [ip_network(one) for one in peers if one != UNIX]
    except ValueError as error:
        raise ConfigurationError(f"peers= holds addresses, networks or 'unix': {error}") from error


def _check_names(names: list[str]) -> None:
    if not all(name and _NAME.issuperset(name.lower()) for name in names):
        raise ConfigurationError("headers are names of letters, digits and '-'")
    if len({name.lower() for name in names}) != len(names):
        raise ConfigurationError("each header is told once")
