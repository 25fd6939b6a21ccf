"""The fixed map: what is surely below a prefix leads to its upstream; everything else leads nowhere."""

from typing import Any

import pytest

from watchword.bff.routes import MAX_URL, Found, Route, RouteMap
from watchword.errors import ConfigurationError

ORDERS = Route(prefix="/api/orders", upstream="https://orders.internal/v1")
BILLS = Route(prefix="/api/bills", upstream="https://bills.internal")
DEEP = Route(prefix="/api/orders/deep", upstream="https://deep.internal")
MAP = RouteMap([ORDERS, BILLS, DEEP])

LEADS = {
    b"/api/orders": "https://orders.internal/v1",
    b"/api/orders/": "https://orders.internal/v1/",
    b"/api/orders/7": "https://orders.internal/v1/7",
    b"/api/orders/a%20b/%C3%A9": "https://orders.internal/v1/a%20b/%C3%A9",
    b"/api/orders/ada@example.org": "https://orders.internal/v1/ada@example.org",
    b"/api/orders/a.b..c/...": "https://orders.internal/v1/a.b..c/...",
    b"/api/bills": "https://bills.internal/",
    b"/api/bills/1": "https://bills.internal/1",
    b"/api/orders/deep/1": "https://deep.internal/1",
}

NOWHERE = [
    b"",
    b"/",
    b"/api",
    b"/api/",
    b"/api/order",
    b"/api/orders2",
    b"/api/orders@evil.example",
    b"/api/orders:80",
    b"/api/orders.evil.example",
    b"/API/orders",
    b"/admin",
    b"api/orders",
    b"//api/orders",
    b"//evil.example/api/orders",
    b"/api//orders",
    b"/api/orders//admin",
    b"/api/orders/../admin",
    b"/api/orders/..",
    b"/api/orders/.",
    b"/api/orders/./x",
    b"/api/orders/..%2f..%2fadmin",
    b"/api/orders/%2e%2e/admin",
    b"/api/orders/.%2E/admin",
    b"/api/orders/%2E",
    b"/api/orders%2f7",
    b"/api/orders/%2Fadmin",
    b"/api/orders/..%5cadmin",
    b"/api/orders\\..\\admin",
    b"/api/orders/%252e%252e/admin",
    b"/api/orders/%25",
    b"/api/orders/..;/admin",
    b"/api/orders;jsessionid=1",
    b"/api/orders/x;a=b",
    b"/api/orders/%3Badmin",
    b"/api/orders/%00",
    b"/api/orders/%0d%0aX-Evil:%201",
    b"/api/orders/%7f",
    b"/api/orders/%c0%ae%c0%ae/admin",
    b"/api/orders/%ff",
    b"/api/orders/%",
    b"/api/orders/%2",
    b"/api/orders/%zz",
    b"/api/orders/%u002e",
    b"/api/orders/a b",
    b"/api/orders/a\tb",
    b"/api/orders/\xc3\xa9",
    b"/api/orders#x",
    b"/api/orders?x",
    b"http://evil.example/api/orders",
    b"https://orders.internal/v1",
    b"@evil.example/api/orders",
    b"*",
    b"/api/orders/" + b"a" * MAX_URL,
]


@pytest.mark.parametrize(("path", "url"), LEADS.items())
def test_what_is_below_a_prefix_leads_to_its_upstream(path: bytes, url: str) -> None:
    found = MAP.find(path, b"")
    assert found is not None
    assert found.url == url


@pytest.mark.parametrize("path", NOWHERE)
def test_everything_else_leads_nowhere(path: bytes) -> None:
    assert MAP.find(path, b"") is None


def test_the_query_goes_along_as_it_is() -> None:
    assert MAP.find(b"/api/bills", b"a=%2f..&b[]=1|2") == Found(BILLS, "https://bills.internal/?a=%2f..&b[]=1|2")
    for query in (b"a=\r\n", b"a b", b"a#b", b"\xff", b'"', b"a" * MAX_URL):
        assert MAP.find(b"/api/bills", query) is None


@pytest.mark.parametrize(
    "upstream",
    [
        "http://orders.internal",
        "http://10.0.0.1/",
        "ftp://orders.internal",
        "https://",
        "//orders.internal",
        "https://user:pw@orders.internal",
        "https://orders.internal/?a=b",
        "https://orders.internal/#x",
        "https://orders.internal/a/../b",
        "https://orders.internal//x",
        "https://orders.internal/%2e",
        "http://127.0.0.1:80",
    ],
)
def test_an_upstream_is_a_plain_https_address(upstream: str) -> None:
    with pytest.raises(ConfigurationError):
        Route(prefix="/api", upstream=upstream)


def test_http_is_for_this_very_machine_and_by_name() -> None:
    assert Route(prefix="/api", upstream="http://127.0.0.1:80", allow_loopback=True).outside.origin
    for far in ("http://10.0.0.1", "http://orders.internal", "http://localhost.evil.example"):
        with pytest.raises(ConfigurationError):
            Route(prefix="/api", upstream=far, allow_loopback=True)


NEVER_UP = [
    "cookie", "Cookie", "authorization", "x-api-key", "api-key", "dpop", "host", "content-length", "connection",
    "transfer-encoding", "te", "upgrade", "expect", "forwarded", "via", "x-forwarded-for", "x-original-uri",
    "x-auth-subject", "sec-fetch-site", "origin", "referer", "x-http-method-override", "remote-user",
    "x-remote-user", "x-user-id", "x-webauth-user", "impersonate-user", "client-cert", "x-client-cert",
    "ssl-client-cert", "x-ssl-client-s-dn", "x-amzn-oidc-identity", "x-goog-authenticated-user-email",
    "x-ms-client-principal", "remote-addr", "x-real-ip", "fastly-client-ip", "cf-connecting-ip", "true-client-ip",
    "x-ww-csrf", "x_tenant", "x.tenant",
]  # fmt: skip
NEVER_DOWN = [
    "set-cookie", "Set-Cookie", "cache-control", "cdn-cache-control", "cloudflare-cdn-cache-control",
    "surrogate-control", "expires", "pragma", "age", "content-length", "connection", "transfer-encoding",
    "location", "content-security-policy", "x-content-type-options", "www-authenticate",
    "access-control-allow-origin", "clear-site-data", "strict-transport-security", "sec-session-registration",
    "secure-session-registration", "set-login", "speculation-rules", "use-as-dictionary", "activate-storage-access",
    "x-accel-redirect", "x-sendfile", "x-lighttpd-send-file", "x-litespeed-location", "x-reproxy-url",
    "service-worker-allowed", "x_total", "x.total",
]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [{"pass_up": (name,)} for name in [*NEVER_UP, "a b", "", "é"]]
    + [{"pass_down": (name,)} for name in [*NEVER_DOWN, "a:b", "", "é"]]
    + [{"pass_up": "x-tenant"}, {"pass_down": "etag"}],
)
def test_no_route_names_a_header_that_never_passes(more: Any) -> None:
    with pytest.raises(ConfigurationError):
        Route(prefix="/api", upstream="https://orders.internal", **more)


def test_a_route_names_headers_of_its_own() -> None:
    route = Route(
        prefix="/api", upstream="https://orders.internal", pass_up=("X-Tenant", "Idempotency-Key"), pass_down=("Link",)
    )
    assert route.up - ORDERS.up == {b"x-tenant", b"idempotency-key"}
    assert route.down - ORDERS.down == {b"link"}


@pytest.mark.parametrize("prefix", ["", "/", "api", "/api/", "/api//x", "/api/../x", "/a%20b", "/a b", "/a;b", "/é"])
def test_a_prefix_is_a_plain_path(prefix: str) -> None:
    with pytest.raises(ConfigurationError):
        Route(prefix=prefix, upstream="https://orders.internal")


def test_a_map_has_each_prefix_once_and_at_least_one() -> None:
    for wrong in ([], [ORDERS, ORDERS]):
        with pytest.raises(ConfigurationError):
            RouteMap(wrong)
    with pytest.raises(ConfigurationError):
        Route(prefix="/api", upstream="https://orders.internal", methods=frozenset({"TRACE"}))
    with pytest.raises(ConfigurationError):
        Route(prefix="/api", upstream="https://orders.internal", scopes="orders:read")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("/v1/8", "/api/orders/8"),
        ("8", "/api/orders/8"),
        ("https://orders.internal/v1/8?a=1", "/api/orders/8?a=1"),
        ("https://ORDERS.internal:443/v1/8#x", "/api/orders/8"),
        ("?page=2", "/api/orders/7?page=2"),
        ("https://evil.example/v1/8", None),
        ("//evil.example/v1/8", None),
        ("https://orders.internal@evil.example/v1/8", None),
        ("http://orders.internal/v1/8", None),
        ("/v2/8", None),
        ("/v10/8", None),
        ("/v1/../admin", None),
        ("/", None),
        ("javascript:alert(1)", None),
        ("/v1/a\\b", None),
        ("/v1/%2f%2fevil.example", None),
        ("/v1//evil.example", None),
        ("/v1/\r\nx", None),
        ("", "/api/orders/7"),
    ],
)
def test_a_redirect_leads_back_to_its_own_route_or_nowhere(location: str, there: str | None) -> None:
    assert ORDERS.back(location, "https://orders.internal/v1/7") == there
