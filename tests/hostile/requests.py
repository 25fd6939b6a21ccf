"""The rows Q- of the standard that this server's endpoints can meet: hostile requests, and exactly what they get."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import httpx2

from tests.unit.server.house import PASSWORD, SECRET
from watchword.web.cookies import SESSION_COOKIE

FORM, JSON = ("content-type", "application/x-www-form-urlencoded"), ("content-type", "application/json")
OWN, EVIL = ("origin", "https://localhost"), ("origin", "https://evil.example")


COOKIE, ACCESS, REFRESH = "Zcookie", "Zaccess", "Zrefresh"
"""Where a row uses a good credential, which still works after every row."""
DEAD = {
    "unknown": "Zunknown",
    "malformed": "Zmalformed",
    "expired": "Zexpired",
    "revoked": "Zrevoked",
    "of another audience": "Zelsewhere",
    "of a rotated family": "Zrotated",
    "of a revoked subject": "Zsubjects",
}
"""Where a row uses a token that is not good."""
Props = dict[str, str]
"""What stands there in the end."""


def as_it_is(body: bytes) -> bytes:
    return body


class Ask(NamedTuple):
    """One request; ``written`` makes of the body what goes on the wire."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    written: Callable[[bytes], bytes] = as_it_is


class Row(NamedTuple):
    """``error`` is the stable code of the body; None: the body says no code; bytes: this is the body."""

    id: str
    what: str
    ask: Ask
    status: int
    error: str | bytes | None
    also: tuple[tuple[str, str], ...] = ()
    """Headers the answer must have."""


def form(path: str, *headers: tuple[str, str], **fields: str) -> Ask:
    return Ask("POST", path, (FORM, *headers), urlencode(fields).encode())


def raw(path: str, body: bytes, *headers: tuple[str, str]) -> Ask:
    return Ask("POST", path, headers or (FORM,), body)


def basic(text: str) -> tuple[str, str]:
    return "authorization", f"Basic {b64encode(text.encode()).decode()}"


def session(cookie: str) -> tuple[str, str]:
    return "cookie", f"{SESSION_COOKIE}={cookie}"


US = basic(f"backend:{SECRET}")


def grants() -> Iterator[Row]:
    for what, fields, error in (
        ("password", {"grant_type": "password", "username": "alice", "password": PASSWORD}, "unsupported_grant_type"),
        ("implicit", {"grant_type": "implicit"}, "unsupported_grant_type"),
        ("client_credentials", {"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ("unknown", {"grant_type": "urn:example:mine"}, "unsupported_grant_type"),
        ("another spelling", {"grant_type": "Refresh_Token"}, "unsupported_grant_type"),
        ("missing", {}, "invalid_request"),
        ("empty", {"grant_type": ""}, "invalid_request"),
        ("an array", {"grant_type[]": "refresh_token"}, "invalid_request"),
        ("an array in brackets", {"grant_type": '["refresh_token"]'}, "unsupported_grant_type"),
    ):
        yield Row("Q-11", f"grant_type {what}", form("/oauth/token", refresh_token=REFRESH, **fields), 400, error)


def methods() -> Iterator[Row]:
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect", "/account/tokens"):
        for method in ("GET", "PUT", "DELETE", "TRACE", "PATCH"):
            yield Row("Q-12", f"{method} {path}", Ask(method, path), 405, "method_not_allowed", (("allow", "POST"),))
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        ask = Ask("GET", "/account/session", ((name, "DELETE"), OWN, session(COOKIE)))
        yield Row("Q-12", f"{name} on a GET", ask, 200, None)


def clients() -> Iterator[Row]:
    def asks(*headers: tuple[str, str], **fields: str) -> Ask:
        return form("/oauth/introspect", *headers, token=ACCESS, **fields)

    challenge = (("www-authenticate", 'Basic realm="watchword", charset="UTF-8"'),)
    for what, ask in (
        ("none", asks()),
        ("an id alone", asks(client_id="backend")),
        ("a wrong secret, posted", asks(client_id="backend", client_secret="wrong")),
        ("a wrong secret, Basic", asks(basic("backend:wrong"))),
        ("an unknown client", asks(basic(f"nobody:{SECRET}"))),
        ("no id", asks(client_secret=SECRET)),
        ("a digest as the secret", asks(basic("backend:" + "0" * 64))),
        ("Basic with bad base64", asks(("authorization", "Basic ?!"))),
        ("Basic cut short", asks((US[0], US[1].rstrip("=")[:-1]))),
        ("Basic without a colon", asks(basic("backend"))),
        ("Basic with a broken escape", asks(basic(f"backend%:{SECRET}"))),
        ("Basic and nothing", asks(("authorization", "Basic "))),
        ("Basic with bytes that are no UTF-8", asks(("authorization", "Basic /////w=="))),
        ("an assertion", asks(client_assertion="eyJhbGciOiJub25lIn0.e30.", client_assertion_type="urn:x")),
        ("an assertion beside Basic", asks(US, client_assertion="x")),
        ("a Bearer token", asks(("authorization", f"Bearer {ACCESS}"))),
        ("the user's cookie", asks(session(COOKIE))),
    ):
        yield Row("Q-13", what, ask, 401, "invalid_client", challenge)
    for what, ask in (
        ("Basic and posted", asks(US, client_id="backend", client_secret=SECRET)),
        ("Basic and another id", asks(US, client_id="orders-api")),
        ("Basic twice", asks(US, US)),
    ):
        yield Row("Q-13", f"two ways: {what}", ask, 400, "invalid_request")
    wrong = {"client_id": "backend", "client_secret": "wrong", "grant_type": "refresh_token"}
    for path in ("/oauth/token", "/oauth/revoke"):
        ask = form(path, refresh_token=REFRESH, token=REFRESH, **wrong)
        yield Row("Q-13", f"a wrong secret at {path}", ask, 401, "invalid_client", challenge)


def doubles() -> Iterator[Row]:
    whole = f"grant_type=refresh_token&refresh_token={REFRESH}"
    for name in ("grant_type", "refresh_token", "client_id", "scope", "unknown"):
        for other in ("same", "other"):
            ask = raw("/oauth/token", f"{whole}&{name}=same&{name}={other}".encode())
            yield Row("Q-17", f"{name} twice, {other}", ask, 400, "invalid_request")
    escaped = raw("/oauth/token", f"{whole}&%67rant_type=x".encode())
    yield Row("Q-17", "twice, once escaped", escaped, 400, "invalid_request")
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        ask = form(f"{path}?client_id=x", US, grant_type="refresh_token", refresh_token=REFRESH, token=REFRESH)
        yield Row("Q-17", f"in query and body of {path}", ask, 400, "invalid_request")
    member = raw("/account/tokens", b'{"format":"jwt","format":"paseto"}', JSON, session(COOKIE), OWN)
    yield Row("Q-17", "a JSON member twice", member, 400, "invalid_request")


def revocations() -> Iterator[Row]:
    for what, token in {**DEAD, "a session's": COOKIE}.items():
        yield Row("Q-19", what, form("/oauth/revoke", token=token), 200, b"")
    for what, token in (("access", ACCESS), ("refresh", REFRESH)):
        public = form("/oauth/revoke", token=token, client_id="x")
        yield Row("Q-19", f"another client's {what}, public", public, 200, b"")
        confidential = form("/oauth/revoke", US, token=token)
        yield Row("Q-19", f"another client's {what}, confidential", confidential, 400, "invalid_request")


def refreshes() -> Iterator[Row]:
    for what, fields, error in (
        ("a wider scope", {"scope": "orders:read orders:delete"}, "invalid_scope"),
        ("a scope that begins like one", {"scope": "orders"}, "invalid_scope"),
        ("a scope in another case", {"scope": "ORDERS:READ"}, "invalid_scope"),
        ("another client", {"client_id": "mobile"}, "invalid_grant"),
        ("another client, confidential", {"client_id": "backend", "client_secret": SECRET}, "invalid_grant"),
    ):
        ask = form("/oauth/token", grant_type="refresh_token", refresh_token=REFRESH, **fields)
        yield Row("Q-23", what, ask, 400, error)


LOGIN = b'{"username":"alice","password":"' + PASSWORD.encode() + b'"}'
ACTING = (
    ("POST", "/account/tokens", JSON, b"{}"),
    ("POST", "/account/sign-out", FORM, b""),
    ("DELETE", "/account/session", JSON, b""),
    ("DELETE", "/account/sessions/some-id", JSON, b""),
    ("POST", "/account/sign-in", JSON, LOGIN),
)
SITES = ("cross-site", "same-site", "CROSS-SITE", "", "same-origin, cross-site")
ORIGINS = (
    *("https://evil.example", "null", "", "http://localhost", "https://localhost:8443", "https://localhost/x"),
    *("https://localhost.evil.example", "https://localhost@evil.example"),
)


def cross_site() -> Iterator[Row]:
    for method, path, kind, body in ACTING:
        for site in SITES:
            ask = Ask(method, path, (kind, ("sec-fetch-site", site), session(COOKIE)), body)
            yield Row("Q-24", f"{method} {path} from {site!r}", ask, 403, "csrf")
        two = (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"))
        ask = Ask(method, path, (kind, *two, session(COOKIE)), body)
        yield Row("Q-24", f"{method} {path} from two sites at once", ask, 403, "csrf")
        for origin in ORIGINS:
            ask = Ask(method, path, (kind, ("origin", origin), session(COOKIE)), body)
            yield Row("Q-25", f"{method} {path}, Origin {origin!r}", ask, 403, "csrf")
        if body is not LOGIN:  # there is nothing to forge without a browser: see web.csrf.check_sender
            ask = Ask(method, path, (kind, session(COOKIE)), body)
            yield Row("Q-25", f"{method} {path}, no Origin", ask, 403, "csrf")
    theirs = {"username": "bob", "password": PASSWORD}
    for what, ask in (
        ("a form from elsewhere", form("/account/sign-in", EVIL, **theirs)),
        ("a form, Sec-Fetch", form("/account/sign-in", ("sec-fetch-site", "cross-site"), **theirs)),
        ("a sandboxed form", form("/account/sign-in", ("origin", "null"), **theirs)),
        ("JSON from elsewhere", raw("/account/sign-in", LOGIN, JSON, EVIL)),
    ):
        yield Row("Q-27", what, ask, 403, "csrf")


def in_urls() -> Iterator[Row]:
    for path in ("/api/me", "/account/session"):
        for name in ("access_token", "token", "session", "api_key"):
            yield Row("Q-33", f"{name} at {path}", Ask("GET", f"{path}?{name}={ACCESS}"), 401, None)
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        ask = form(f"{path}?client_id=backend&client_secret={SECRET}", token=ACCESS)
        yield Row("Q-33", f"client_secret at {path}", ask, 400, "invalid_request")


BARE = (("www-authenticate", 'Bearer realm="watchword"'),)
INVALID = (("www-authenticate", 'Bearer realm="watchword", error="invalid_token"'),)


def me(*headers: tuple[str, str]) -> Ask:
    return Ask("GET", "/api/me", headers)


def headers() -> Iterator[Row]:
    good = ("authorization", f"Bearer {ACCESS}")
    yield Row("Q-34", "no header", me(), 401, None, BARE)
    yield Row("Q-34", "another scheme", me(US), 401, None, BARE)
    for value in ("Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer  a", "", " ", "=x"):
        yield Row("Q-34", repr(value), me(("authorization", value)), 400, "invalid_request")
    for scheme in ("bearer", "BEARER", "bEaReR"):
        yield Row("Q-34", f"{scheme} x", me(("authorization", f"{scheme} x")), 401, "invalid_token", INVALID)
        yield Row("Q-34", f"{scheme} and a good token", me(("authorization", f"{scheme} {ACCESS}")), 200, None)
    yield Row("Q-34", "two headers", me(good, good), 400, "invalid_request")
    yield Row("Q-34", "cookie and header", me(good, session(COOKIE)), 400, "invalid_request")
    yield Row("Q-34", "20 kB", me(("authorization", "Bearer " + "x" * 20_000)), 431, "invalid_request")


def cookies() -> Iterator[Row]:
    name, refused = SESSION_COOKIE, (401, "invalid_token", INVALID)
    yield Row("Q-35", "two cookies", me(session(COOKIE), session(COOKIE)), *refused)
    yield Row("Q-35", "two in one header", me(("cookie", f"{name}={COOKIE}; {name}=x")), *refused)
    yield Row("Q-35", "two, one in upper case", me(("cookie", f"{name}={COOKIE}; {name.upper()}=x")), *refused)
    yield Row("Q-35", "lower case alone", me(("cookie", f"{name.lower()}={COOKIE}")), 401, None, BARE)
    yield Row("Q-35", "without its prefix", me(("cookie", f"ww_sid={COOKIE}")), 401, None, BARE)
    yield Row("Q-35", "quoted", me(("cookie", f'{name}="{COOKIE}"')), *refused)
    yield Row("Q-35", "with a NUL", me(("cookie", f"{name}={COOKIE}\0")), *refused)
    yield Row("Q-35", "an access token in it", me(session(ACCESS)), *refused)
    yield Row("Q-35", "16 kB", me(("cookie", "a=" + "x" * 16_384)), 431, "invalid_request")


def introspections() -> Iterator[Row]:
    inactive = b'{"active":false}'
    yield Row("Q-44", "no authentication", form("/oauth/introspect", token=ACCESS), 401, "invalid_client")
    elsewhere = form("/oauth/introspect", basic(f"ledger-api:{SECRET}"), token=ACCESS)
    yield Row("Q-44", "by a resource server of another audience", elsewhere, 200, inactive)
    for what, token in DEAD.items():
        yield Row("Q-44", what, form("/oauth/introspect", US, token=token), 200, inactive)


def bodies() -> Iterator[Row]:
    def asks(written: Callable[[bytes], bytes], *headers: tuple[str, str]) -> Ask:
        whole = f"grant_type=refresh_token&refresh_token={REFRESH}".encode()
        return raw("/oauth/token", whole, *headers)._replace(written=written)

    def utf16(body: bytes) -> bytes:
        return body.decode().encode("utf-16")

    part = b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nrefresh_token\r\n--x--'
    for what, ask, status in (
        ("gzip", asks(gzip.compress, FORM, ("content-encoding", "gzip")), 415),
        ("gzip that nobody mentions", asks(gzip.compress), 400),
        ("multipart", raw("/oauth/token", part, ("content-type", "multipart/form-data; boundary=x")), 415),
        ("JSON", raw("/oauth/token", b'{"grant_type":"refresh_token"}', JSON), 415),
        ("UTF-16", asks(utf16), 400),
        ("UTF-16, as it says", asks(utf16, (FORM[0], f"{FORM[1]}; charset=utf-16")), 400),
        ("NUL", asks(lambda body: body + b"&x=\0"), 400),
        ("%00", asks(lambda body: body + b"&x=%00"), 400),
        ("%00 in a name", asks(lambda body: body + b"&x%00=1"), 400),
        ("invalid UTF-8", asks(lambda body: body + b"&x=\xff"), 400),
        ("invalid UTF-8, escaped", asks(lambda body: body + b"&x=%C3%28"), 400),
        ("a surrogate, escaped", asks(lambda body: body + b"&x=%ED%A0%80"), 400),
        ("a broken escape", asks(lambda body: body + b"&x=%zz"), 400),
        ("65 kB", asks(lambda body: body + b"&x=" + b"x" * 65_536), 413),
        ("101 fields", asks(lambda body: body + b"".join(b"&f%d=1" % number for number in range(99))), 400),
    ):
        yield Row("Q-48", what, ask, status, "invalid_request")


GROUPS = (
    *(grants, methods, clients, doubles, revocations, refreshes, cross_site, in_urls, headers, cookies),
    *(introspections, bodies),
)
ROWS: tuple[Row, ...] = tuple(row for group in GROUPS for row in group())
COVERED = {
    *("Q-11", "Q-12", "Q-13", "Q-17", "Q-19", "Q-23", "Q-24", "Q-25", "Q-27", "Q-33", "Q-34", "Q-35", "Q-44", "Q-48"),
}


def written(ask: Ask, props: Props) -> httpx2.Request:
    """The request with the real credentials in their places."""

    def real(text: str) -> str:
        for place, value in props.items():
            text = text.replace(place, value)
        return text

    return httpx2.Request(
        ask.method,
        f"https://localhost{real(ask.path)}",
        headers=[("host", "localhost"), *((name, real(value)) for name, value in ask.headers)],
        content=ask.written(real(ask.body.decode()).encode()),
    )
