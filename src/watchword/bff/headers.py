"""Which headers pass a proxy that takes a browser's credentials away and gives its own."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import MalformedHeaderError

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authentication-info proxy-authorization proxy-connection te "
    b"trailer transfer-encoding upgrade http2-settings".split()
)
"""RFC 9110 §7.6.1, and those that only ever meant one connection."""
NOT_UP = HOP_BY_HOP | frozenset(
    b"host content-length expect cookie cookie2 authorization x-api-key dpop forwarded via x-real-ip client-ip "
    b"true-client-ip x-client-ip x-cluster-client-ip cf-connecting-ip x-http-method x-http-method-override "
    b"x-method-override x-rewrite-url x-wap-profile x-host x-ww-csrf origin referer service-worker".split()
)
"""What the browser says to us alone, or could only say to deceive an upstream that trusts what stands before it."""
NOT_UP_BEGIN = (b"x-forwarded", b"x-original", b"x-auth", b"sec-", b"x-envoy", b"x-ww-", b"proxy-", b"access-control-")
NOT_DOWN = HOP_BY_HOP | frozenset(
    b"set-cookie set-cookie2 authorization www-authenticate authentication-info content-length cache-control pragma "
    b"expires age clear-site-data strict-transport-security public-key-pins service-worker-allowed alt-svc refresh "
    b"content-security-policy content-security-policy-report-only x-content-type-options x-frame-options location "
    b"content-location link dpop-nonce date server x-powered-by p3p sourcemap x-sourcemap nel report-to "
    b"reporting-endpoints x-accel-redirect x-sendfile".split()
)
"""What an upstream may not say to our browsers in our name: cookies, policies, and where to go."""
NOT_DOWN_BEGIN = (b"access-control-", b"proxy-", b"x-accel-")
_TOKEN = frozenset(b"!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""RFC 9110 §5.6.2 without ``_``: some servers read one as a ``-``, so it is a way around every list of names."""
MAX_HEADERS = 16_384


def upward(headers: Iterable[tuple[bytes, bytes]], bearer: str) -> Headers:
    """What an upstream is told of a request. Raises: MalformedHeaderError for what could end a header."""
    got = list(headers)
    if sum(len(name) + len(value) for name, value in got) > MAX_HEADERS:
        raise MalformedHeaderError(f"the headers have more than {MAX_HEADERS} bytes", reason="too_large")
    if any(not is_value(value) for _, value in got):
        raise MalformedHeaderError("a header holds a line break or another control character")
    kept = _kept(got, NOT_UP, NOT_UP_BEGIN)
    return [*kept, (b"authorization", b"Bearer " + bearer.encode("ascii"))]


def downward(headers: Iterable[tuple[bytes, bytes]], bearer: str) -> Headers:
    """What a browser is told of an answer: nothing that holds the token, and no more than an API has to say."""
    secret = bearer.encode("ascii")
    kept = _kept(headers, NOT_DOWN, NOT_DOWN_BEGIN)
    clean = [(name, value) for name, value in kept if is_value(value) and secret not in value]
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


def _kept(headers: Iterable[tuple[bytes, bytes]], but: frozenset[bytes], begin: tuple[bytes, ...]) -> Headers:
    pairs = [(name.lower(), value) for name, value in headers]
    named = {
        word.strip().lower()
        for name, value in pairs
        if name in (b"connection", b"proxy-connection")
        for word in value.split(b",")
    }
    return [
        (name, value)
        for name, value in pairs
        if name not in but and name not in named and not name.startswith(begin) and name and _TOKEN.issuperset(name)
    ]
