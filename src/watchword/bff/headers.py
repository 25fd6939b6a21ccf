"""Which headers pass a proxy that takes a browser's credentials away and gives its own."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ConfigurationError, MalformedHeaderError
from ..tokens.base import words

Headers = list[tuple[bytes, bytes]]

UP = frozenset(
    b"accept accept-encoding accept-language accept-charset content-type content-encoding content-language "
    b"content-range content-disposition if-match if-none-match if-modified-since if-unmodified-since if-range range "
    b"user-agent traceparent tracestate".split()
)
"""What a request says of itself and of its body, and of nobody's identity."""
DOWN = frozenset(
    b"content-type content-encoding content-language content-disposition content-range accept-ranges etag "
    b"last-modified vary allow retry-after".split()
)
"""What an answer says of its body."""
HOP_BY_HOP = frozenset(
    b"connection keep-alive te trailer transfer-encoding upgrade http2-settings content-length date".split()
)
"""RFC 9110 §7.6.1, and what each of two connections says for itself."""
NEVER_UP = HOP_BY_HOP | frozenset(
    b"host expect cookie cookie2 authorization api-key x-api-key x-token dpop forwarded via origin referer "
    b"service-worker x-method-override x-rewrite-url x-wap-profile x-host".split()
)
NEVER_UP_BEGIN = (
    b"x-forwarded", b"x-original", b"x-auth", b"x-webauth", b"x-http-method", b"x-remote", b"remote-", b"sec-",
    b"x-envoy", b"x-ww-", b"proxy-", b"access-control-", b"client-cert", b"ssl-", b"x-ssl-", b"x-user", b"impersonate-",
    b"x-amzn-oidc-", b"x-goog-", b"x-ms-client-", b"x-ms-token-", b"x-arr-", b"x-azure-", b"x-appengine-", b"cf-",
    b"fastly-", b"x-proxyuser-",
)  # fmt: skip
NEVER_UP_END = (b"-ip", b"-clientip", b"-cert", b"-dn", b"-verify", b"-security-token", b"-secret")
"""Whoever names one of these for a route is mistaken: credentials, and what upstreams take for a gateway's word."""
NEVER_DOWN = HOP_BY_HOP | frozenset(
    b"set-cookie set-cookie2 authorization www-authenticate authentication-info pragma expires age clear-site-data "
    b"strict-transport-security service-worker-allowed alt-svc refresh x-content-type-options x-frame-options location "
    b"content-location dpop-nonce p3p sourcemap x-sourcemap nel report-to reporting-endpoints x-reproxy-url "
    b"speculation-rules use-as-dictionary set-login activate-storage-access accept-ch critical-ch permissions-policy "
    b"feature-policy referrer-policy origin-agent-cluster supports-loading-mode".split()
)
NEVER_DOWN_BEGIN = (
    b"access-control-", b"proxy-", b"x-accel-", b"x-lighttpd-", b"x-litespeed-", b"x-sendfile", b"surrogate-", b"sec-",
    b"secure-", b"cross-origin-", b"content-security-policy", b"public-key-pins", b"integrity-policy",
    b"document-policy", b"x-ww-",
)  # fmt: skip
NEVER_DOWN_END = (b"cache-control", b"-send-file")
"""What an upstream may not say to our browsers and proxies in our name: cookies, policies, caches, and where to go."""
_NAME = frozenset(b"-0123456789abcdefghijklmnopqrstuvwxyz")
"""Fewer than RFC 9110 §5.6.2 has: some servers read a ``_`` or ``.`` as a ``-``, so it is a way around every list."""
MAX_HEADERS = 16_384


def up(more: Iterable[str]) -> frozenset[bytes]:
    """The names that go up, with those that a route adds. Raises: ConfigurationError for one that never does."""
    return UP | _added("pass_up", more, NEVER_UP, NEVER_UP_BEGIN, NEVER_UP_END)


def down(more: Iterable[str]) -> frozenset[bytes]:
    """The names that come down, with those that a route adds. Raises: ConfigurationError for one that never does."""
    return DOWN | _added("pass_down", more, NEVER_DOWN, NEVER_DOWN_BEGIN, NEVER_DOWN_END)


def upward(headers: Iterable[tuple[bytes, bytes]], bearer: str, names: frozenset[bytes]) -> Headers:
    """What an upstream is told of a request. Raises: MalformedHeaderError for what could end a header."""
    got = list(headers)
    if sum(len(name) + len(value) for name, value in got) > MAX_HEADERS:
        raise MalformedHeaderError(f"the headers have more than {MAX_HEADERS} bytes", reason="too_large")
    if any(not is_value(value) for _, value in got):
        raise MalformedHeaderError("a header holds a line break or another control character")
    return [*_kept(got, names), (b"authorization", b"Bearer " + bearer.encode("ascii"))]


def downward(headers: Iterable[tuple[bytes, bytes]], bearer: str, names: frozenset[bytes]) -> Headers:
    """What a browser is told of an answer: nothing that holds the token, and no more than an API has to say."""
    secret = bearer.encode("ascii")
    clean = [(name, value) for name, value in _kept(headers, names) if is_value(value) and secret not in value]
    return [
        *clean,
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
        (b"x-content-type-options", b"nosniff"),
    ]


def length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The Content-Length, where there is one that can be relied on."""
    said = [
        (name.lower(), value) for name, value in headers if name.lower() in (b"content-length", b"transfer-encoding")
    ]
    if len(said) != 1 or said[0][0] != b"content-length":
        return None
    return int(said[0][1]) if said[0][1].isdigit() and len(said[0][1]) < 16 else None


def is_value(value: bytes) -> bool:
    """Whether it can stand in a header (RFC 9110 §5.5)."""
    return not any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in value)


def _kept(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> Headers:
    pairs = [(name.lower(), value) for name, value in headers]
    hop = {
        word.strip().lower()
        for name, value in pairs
        if name in (b"connection", b"proxy-connection")
        for word in value.split(b",")
    }
    return [(name, value) for name, value in pairs if name in names and name not in hop]


def _added(
    where: str, more: Iterable[str], never: frozenset[bytes], begin: tuple[bytes, ...], end: tuple[bytes, ...]
) -> frozenset[bytes]:
    names = {word.lower().encode("ascii") for word in words(more, where)}
    for name in names:
        if not _NAME.issuperset(name):
            raise ConfigurationError(f"{where}: {name.decode()!r} is no name of letters, digits and '-'")
        if name in never or name.startswith(begin) or name.endswith(end):
            raise ConfigurationError(f"{where}: {name.decode()!r} never passes; take it off the list")
    return frozenset(names)
