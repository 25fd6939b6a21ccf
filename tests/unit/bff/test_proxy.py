"""The proxy, between a real server for browsers and real upstreams: what passes, and what never does."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import pytest

from watchword import Watchword
from watchword.bff.base import Tokens
from watchword.bff.bodies import KEPT
from watchword.bff.grants import YOUNGEST, Grants
from watchword.bff.oauth import OAuthTokens
from watchword.bff.proxy import Bounds, Proxy
from watchword.bff.routes import Route
from watchword.clock import FrozenClock
from watchword.integrations.asgi import Auth, Send
from watchword.tokens.base import Issued
from watchword.web.cookies import SESSION_COOKIE

from .house import Answer, Seen, Strict, Upstream, ask, raw, says, scripted, served, signed_in
from .test_routes import NOWHERE

BOUNDS = Bounds(body=300_000, answer=400_000, wait=0.5, total=5.0)
Start = Callable[..., Awaitable[int]]


class House:
    """A BFF on a port, its upstream, its authorization server, and a session with tokens behind it."""

    def __init__(self, ww: Watchword, clock: FrozenClock, stack: AsyncExitStack) -> None:
        self.ww, self.clock, self._stack = ww, clock, stack
        self.upstream, self.source = Upstream(), Strict()
        self.port = self.token_port = 0
        self.http: Literal["h11", "httptools"] = "h11"
        self.session: Issued

    async def open(self, **options: Any) -> None:
        self.token_port = await self._stack.enter_async_context(served(self.source))
        there = await self._stack.enter_async_context(served(self.upstream))
        self.session, _ = await signed_in(self.ww)
        await self.start(there, **options)
        await self.grants.keep(self.session, self.source.first())

    async def start(self, upstream: int, **options: Any) -> None:
        """The BFF before the upstream on this port."""
        here = f"http://127.0.0.1:{self.token_port}"
        source = OAuthTokens(
            f"{here}/token",
            revocation_endpoint=f"{here}/revoke",
            client_id="bff",
            client_secret="s",
            allow_loopback=True,
        )
        auth = Auth(self.ww)
        self.grants = Grants(self.ww, source)
        routes = [
            Route(
                prefix="/api/orders",
                upstream=f"http://127.0.0.1:{upstream}/v1",
                allow_loopback=True,
                pass_up=("X-Tenant",),
                pass_down=("X-Total-Count", "x-hop"),
            ),
            Route(prefix="/api/bills", upstream=f"http://127.0.0.1:{upstream}", allow_loopback=True, audience="bills"),
        ]
        proxy = Proxy(auth, self.grants, routes, **({"bounds": BOUNDS} | options))
        self.port = await self._stack.enter_async_context(served(auth.attach(proxy), self.http))

    async def before(self, *answers: bytes, **more: Any) -> None:
        """From now on the upstream is one that writes just these bytes."""
        await self.start(await self._stack.enter_async_context(scripted(*answers, **more)))

    async def ask(self, line: str, *headers: tuple[str, str], **more: Any) -> Answer:
        return await ask(self.port, line, *headers, **({"token": self.session.token} | more))

    @property
    def last(self) -> Seen:
        return self.upstream.seen[-1]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def bff(ww: Watchword, clock: FrozenClock, stack: AsyncExitStack) -> House:
    made = House(ww, clock, stack)
    await made.open()
    return made


@pytest.fixture(params=["h11", "httptools"])
async def either(request: pytest.FixtureRequest, ww: Watchword, clock: FrozenClock, stack: AsyncExitStack) -> House:
    """Behind each of the two readers of HTTP that uvicorn has."""
    made = House(ww, clock, stack)
    made.http = request.param
    await made.open()
    return made


# What passes


async def test_a_request_goes_up_with_a_bearer_and_comes_back(bff: House) -> None:
    bff.upstream.answer = says(201, b'{"id": 8}', ("content-type", "application/json"), ("location", "/v1/8"))
    answer = await bff.ask("POST /api/orders?x=1", ("Content-Type", "application/json"), body=b'{"a": 1}')
    assert (answer.status, answer.body) == (201, b'{"id": 8}')
    assert answer.all("location") == ["/api/orders/8"]
    assert (bff.last.method, bff.last.path, bff.last.body) == ("POST", "/v1?x=1", b'{"a": 1}')
    assert bff.last.all("authorization") == ["Bearer at-0"]
    assert bff.last.all("content-type") == ["application/json"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_passes(bff: House, method: str) -> None:
    answer = await bff.ask(f"{method} /api/orders/7", body=b"" if method not in ("GET", "HEAD") else None)
    assert (answer.status, bff.last.method) == (200, method)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PURGE"])
async def test_no_other_does(bff: House, method: str) -> None:
    answer = await bff.ask(f"{method} /api/orders/7")
    assert answer.status in (400, 405)
    assert bff.upstream.seen == []


@pytest.mark.parametrize("size", [0, 1, KEPT - 1, KEPT, KEPT + 1, BOUNDS.body])
@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_pass_whole(bff: House, size: int, chunked: bool) -> None:
    async def echo(seen: Seen, send: Send) -> None:
        await says(200, seen.body)(seen, send)

    bff.upstream.answer = echo
    body = bytes(number % 251 for number in range(size))
    headers = [("Transfer-Encoding", "chunked")] if chunked else []
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked and size else b"0\r\n\r\n" if chunked else body
    answer = await bff.ask("PUT /api/orders/7", *headers, body=sent)
    assert (answer.status, answer.body, answer.cut) == (200, body, False)


async def test_a_stream_arrives_as_it_comes(bff: House) -> None:
    """The first part is here before the second is made."""
    go = asyncio.Event()

    async def slowly(seen: Seen, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await go.wait()
        await send({"type": "http.response.body", "body": b"two"})

    bff.upstream.answer = slowly
    reader, writer = await asyncio.open_connection("127.0.0.1", bff.port)
    cookie = f"{SESSION_COOKIE}={bff.session.token}"
    writer.write(f"GET /api/orders HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
    await reader.readuntil(b"one")
    go.set()
    assert b"two" in await reader.read()
    writer.close()


async def test_what_is_compressed_stays_so(bff: House) -> None:
    packed = gzip.compress(b"hello")
    sizes = ("content-length", str(len(packed))), ("date", "its own")
    bff.upstream.answer = says(200, packed, ("content-encoding", "gzip"), *sizes)
    answer = await bff.ask("GET /api/orders", ("Accept-Encoding", "gzip"))
    assert (answer.body, answer.all("content-encoding")) == (packed, ["gzip"])
    assert bff.last.all("accept-encoding") == ["gzip"]
    assert "its own" not in answer.all("date")  # our server says one


async def test_each_route_has_its_own_token(bff: House) -> None:
    assert (await bff.ask("GET /api/bills")).status == 200
    assert bff.last.all("authorization") == ["Bearer at-1"]
    assert [want.audience for want in bff.source.wants] == ["bills"]


# What never goes up


async def test_no_path_leads_around_the_map(either: House) -> None:
    cookie = f"{SESSION_COOKIE}={either.session.token}".encode()
    for path in NOWHERE:
        if not path or set(path) & set(b" \t?#"):
            continue  # a request line ends there, or a query begins
        lines = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: " + cookie + b"\r\n\r\n"
        answer = await raw(either.port, b"GET " + path + lines)
        if either.http == "httptools" and path == b"http://evil.example/api/orders":
            assert either.upstream.seen.pop().path == "/v1"  # it drops the host before we see it (RFC 9112 §3.2.2)
            continue
        assert answer.status in (400, 404), path
        assert either.upstream.seen == [], path


HIDDEN = [
    ("Authorization", "Basic Zm9vOmJhcg=="),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Anything", "x"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("X-Auth-Subject", "root"),
    ("X-Original-URI", "/admin"),
    ("X-Rewrite-URL", "/admin"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X_Forwarded_For", "10.0.0.1"),
    ("X_Auth_Subject", "root"),
    ("Proxy-Authorization", "Basic x"),
    ("DPoP", "x.y.z"),
    ("TE", "trailers"),
    ("Keep-Alive", "timeout=5"),
    ("Upgrade", "h2c"),
    ("Via", "1.1 evil"),
    ("Origin", "https://app.example"),
    ("Referer", "https://app.example/page"),
    ("Cookie2", "$Version=1"),
    ("Sec-Fetch-Mode", "cors"),
    ("X-Secret-Hop", "named by Connection"),
    ("Remote-User", "admin"),
    ("X-Remote-User", "admin"),
    ("X-WebAuth-User", "admin"),
    ("X-User-Id", "1"),
    ("Impersonate-User", "system:admin"),
    ("Client-Cert", ":AAAA:"),
    ("X-SSL-Client-S-DN", "CN=admin"),
    ("X-Amzn-OIDC-Identity", "admin"),
    ("X-Goog-Authenticated-User-Email", "a@b"),
    ("X-MS-Client-Principal", "admin"),
    ("Api-Key", "x"),
    ("Remote-Addr", "127.0.0.1"),
    ("Fastly-Client-IP", "1.1.1.1"),
    ("X.Auth.Subject", "root"),
    ("X-Unheard-Of", "admin"),
]


async def test_the_browser_tells_no_upstream_who_it_is_or_where_it_comes_from(either: House) -> None:
    answer = await either.ask(
        "POST /api/orders", ("Connection", "x-secret-hop, x-other"), ("X-Tenant", "2"), *HIDDEN, body=b"x"
    )
    assert answer.status == 200
    names = {name for name, _ in either.last.headers}
    assert names == {"host", "authorization", "x-tenant", "content-length"}
    assert either.last.all("authorization") == ["Bearer at-0"]
    [host] = either.last.all("host")
    assert host.startswith("127.0.0.1:")


PASSES_UP = [
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip"),
    ("Accept-Language", "de"),
    ("Content-Type", "application/json"),
    ("If-None-Match", '"1"'),
    ("Range", "bytes=0-9"),
    ("User-Agent", "a browser"),
    ("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]


async def test_what_a_request_says_of_its_body_goes_up(bff: House) -> None:
    await bff.ask("GET /api/orders", *PASSES_UP)
    for name, value in PASSES_UP:
        assert bff.last.all(name.lower()) == [value]


async def test_what_a_route_names_is_for_this_route_alone(bff: House) -> None:
    bff.upstream.answer = says(200, b"", ("x-total-count", "7"))
    for path, told in (("/api/orders", ["2"]), ("/api/bills", [])):
        answer = await bff.ask(f"GET {path}", ("X-Tenant", "2"))
        assert bff.last.all("x-tenant") == told
        assert answer.all("x-total-count") == (["7"] if told else [])


async def test_the_session_stays_here(bff: House) -> None:
    await bff.ask("GET /api/orders", ("Cookie", "other=1"), token=None)
    assert bff.upstream.seen == []
    await bff.ask("GET /api/orders", ("Cookie", f"theme=dark; {SESSION_COOKIE}={bff.session.token}"), token=None)
    assert bff.session.token not in str(bff.last)
    assert "theme" not in str(bff.last)


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ([], None, 401),
        ([("Authorization", "Bearer at-0")], None, 401),
        ([("X-API-Key", "sk_live_x")], None, 401),
        ([("Cookie", f"{SESSION_COOKIE}=ww_ss_unknown")], None, 401),
        ([("Authorization", "Bearer at-0")], "mine", 400),
        ([("Cookie", f"{SESSION_COOKIE}=ww_ss_other")], "mine", 401),
    ],
)
async def test_only_one_live_session_opens(
    bff: House, headers: list[tuple[str, str]], token: str | None, status: int
) -> None:
    answer = await bff.ask("GET /api/orders", *headers, token=token and bff.session.token)
    assert answer.status == status
    assert bff.upstream.seen == []


async def test_an_access_token_of_our_own_is_no_session(bff: House) -> None:
    token = bff.ww.access.issue("ada", session_id=bff.session.session_id).token
    answer = await bff.ask("GET /api/orders", ("Authorization", f"Bearer {token}"), token=None)
    assert (answer.status, bff.upstream.seen) == (401, [])


async def test_a_dead_session_opens_nothing(bff: House) -> None:
    await bff.ww.sessions.end(str(bff.session.session_id))
    assert (await bff.ask("GET /api/orders")).status == 401
    assert bff.upstream.seen == []


@pytest.mark.parametrize("said", [[("Sec-Fetch-Site", "cross-site")], [("Origin", "https://evil.example")], []])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_another_sites_page_changes_nothing(bff: House, method: str, said: list[tuple[str, str]]) -> None:
    answer = await bff.ask(f"{method} /api/orders", *said, page=False, body=b"x")
    assert (answer.status, answer.error) == (403, "csrf")
    assert bff.upstream.seen == []


async def test_where_a_header_is_wanted_reads_have_it_too(
    ww: Watchword, clock: FrozenClock, stack: AsyncExitStack
) -> None:
    bff = House(ww, clock, stack)
    await bff.open(header="X-WW-CSRF")
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.error) == (403, "csrf")
    assert bff.upstream.seen == []
    assert (await bff.ask("GET /api/orders", ("X-WW-CSRF", "1"))).status == 200
    assert bff.last.all("x-ww-csrf") == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [BOUNDS.body + 1, BOUNDS.body * 20])
async def test_a_body_that_is_too_large_is_refused(either: House, size: int, chunked: bool) -> None:
    body = b"a" * size
    headers = [("Transfer-Encoding", "chunked")] if chunked else []
    answer = await either.ask(
        "POST /api/orders", *headers, body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked else body
    )
    if size > 10 * BOUNDS.body:
        assert answer.status in (0, 413)  # who still writes may not hear why the connection ends
    else:
        assert (answer.status, answer.error) == (413, "too_large")
    assert not any(len(seen.body) > BOUNDS.body for seen in either.upstream.seen)


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Content-Length: 1e3\r\n\r\nabc",
        b"Content-Length : 3\r\n\r\nabc",
        b"X: a\r\n\tb: c\x00\r\n\r\n",
        b"Host: b\r\n\r\n",
    ],
)
async def test_a_request_that_two_servers_would_read_apart_goes_nowhere(either: House, lines: bytes) -> None:
    cookie = f"{SESSION_COOKIE}={either.session.token}".encode()
    start = (
        b"POST /api/orders HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\nCookie: " + cookie
    )
    answer = await raw(either.port, start + b"\r\n" + lines)
    assert answer.status in (400, 413, 501)
    assert either.upstream.seen == []


async def test_length_and_chunks_together_are_one_request_upstream(either: House) -> None:
    """h11 goes by the chunks (RFC 9112 §6.1); what goes up is framed anew."""
    cookie = f"{SESSION_COOKIE}={either.session.token}".encode()
    start = (
        b"POST /api/orders HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\nCookie: " + cookie
    )
    smuggled = (
        b"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    await raw(either.port, start + smuggled)
    assert len(either.upstream.seen) <= 1
    assert all(seen.path == "/v1" and seen.body == b"" for seen in either.upstream.seen)


# What never comes down


SAID_TO_OTHERS = [
    "cdn-cache-control", "surrogate-control", "cloudflare-cdn-cache-control", "sec-session-registration",
    "secure-session-registration", "set-login", "speculation-rules", "use-as-dictionary", "activate-storage-access",
    "x-lighttpd-send-file", "x-litespeed-location", "x-reproxy-url", "accept-ch", "permissions-policy",
    "origin-agent-cluster", "link", "x-unheard-of",
]  # fmt: skip
"""To browsers, caches and servers before us: each would do something in our name."""

SAID_OF_ITSELF = [
    ("content-language", "de"),
    ("content-disposition", "attachment"),
    ("etag", '"1"'),
    ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("accept-ranges", "bytes"),
    ("vary", "accept-language"),
    ("retry-after", "7"),
]


async def test_what_an_answer_says_of_its_body_comes_down(bff: House) -> None:
    bff.upstream.answer = says(200, b"x", *SAID_OF_ITSELF)
    answer = await bff.ask("GET /api/orders")
    assert set(SAID_OF_ITSELF) <= set(answer.headers)


async def test_an_answer_sets_no_cookie_and_no_policy(bff: House) -> None:
    bff.upstream.answer = says(
        200,
        b"x",
        ("set-cookie", f"{SESSION_COOKIE}=ww_ss_evil; Path=/"),
        ("set-cookie", "token=at-0"),
        ("access-control-allow-origin", "https://evil.example"),
        ("access-control-allow-credentials", "true"),
        ("clear-site-data", '"*"'),
        ("cache-control", "public, max-age=600"),
        ("www-authenticate", "Basic"),
        ("strict-transport-security", "max-age=0"),
        ("refresh", "0; url=https://evil.example"),
        ("x-echo", "Bearer at-0"),
        ("x-hop", "1"),
        ("connection", "x-hop"),
        *((name, "x") for name in SAID_TO_OTHERS),
        ("content-type", "text/html"),
        ("x-total-count", "yes"),
    )
    answer = await bff.ask("GET /api/orders")
    names = {name for name, _ in answer.headers} - {"date", "server", "connection", "transfer-encoding"}
    assert names == {
        "content-type", "x-total-count", "cache-control", "content-security-policy", "x-content-type-options"
    }  # fmt: skip
    assert answer.all("cache-control") == ["no-store"]
    assert "at-0" not in str(answer.headers)
    assert "sandbox" in answer.all("content-security-policy")[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300])
@pytest.mark.parametrize("location", ["https://evil.example/", "//evil.example", "/admin", "/v1/../x", None])
async def test_a_redirect_to_elsewhere_is_neither_followed_nor_passed_on(
    bff: House, status: int, location: str | None
) -> None:
    bff.upstream.answer = says(status, b"go", *([("location", location)] if location else []))
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.error, answer.all("location")) == (502, "bad_gateway", [])
    assert len(bff.upstream.seen) == 1


async def test_a_redirect_to_itself_is_passed_on_and_not_followed(bff: House) -> None:
    bff.upstream.answer = says(303, b"", ("location", "/v1/8"))
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.all("location")) == (303, ["/api/orders/8"])
    assert len(bff.upstream.seen) == 1


@pytest.mark.parametrize(
    ("status", "seen"), [(500, 502), (501, 502), (502, 502), (503, 503), (504, 504), (599, 502), (407, 502)]
)
async def test_what_a_failing_upstream_says_stays_here(bff: House, status: int, seen: int) -> None:
    bff.upstream.answer = says(status, b"trace: Authorization: Bearer at-0", ("retry-after", "7"))
    answer = await bff.ask("GET /api/orders")
    assert answer.status == seen
    assert b"at-0" not in answer.body
    assert answer.all("retry-after") == ([] if status == 407 else ["7"])


@pytest.mark.parametrize("status", [200, 204, 304, 400, 403, 404, 409, 422, 429])
async def test_other_statuses_pass(bff: House, status: int) -> None:
    bff.upstream.answer = says(status, b"" if status in (204, 304) else b"said")
    answer = await bff.ask("GET /api/orders")
    assert answer.status == status


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"", 502),
        (b"nonsense\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", 502),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 400001\r\n\r\n", 502),
    ],
)
async def test_what_is_no_answer_is_502(bff: House, answer: bytes, status: int) -> None:
    await bff.before(answer)
    seen = await bff.ask("GET /api/orders")
    assert (seen.status, seen.error) == (status, "bad_gateway")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n"])
async def test_a_silent_upstream_is_504(bff: House, begun: bytes) -> None:
    await bff.before(begun, wait=3)
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.error) == (504, "gateway_timeout")


async def test_an_upstream_that_is_not_there_is_502(bff: House) -> None:
    await bff.start(1)
    assert (await bff.ask("GET /api/orders")).status == 502


@pytest.mark.parametrize(
    ("begun", "wait"),
    [
        (HEAD + b"Content-Length: 10\r\n\r\nhalf", 0),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 0),
        (HEAD + b"Content-Length: 10\r\n\r\nhalf", 3),
        (HEAD + b"Connection: close\r\n\r\n" + b"a" * (BOUNDS.answer + 1), 0),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n61a81\r\n" + b"a" * 0x61A81 + b"\r\n0\r\n\r\n", 0),
    ],
)
async def test_half_an_answer_does_not_look_whole(bff: House, begun: bytes, wait: float) -> None:
    await bff.before(begun, wait=wait)
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.cut) == (200, True)
    assert len(answer.body) <= BOUNDS.answer


async def test_an_exchange_has_an_end(ww: Watchword, clock: FrozenClock, stack: AsyncExitStack) -> None:
    """A byte now and then keeps nobody waiting for ever."""
    bff = House(ww, clock, stack)
    await bff.open(bounds=Bounds(wait=0.5, total=0.4))

    async def drip(seen: Seen, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            await asyncio.sleep(0.1)

    bff.upstream.answer = drip
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.cut) == (200, True)
    assert len(answer.body) < 10


# The token behind


async def test_fifty_requests_at_once_are_one_refresh(bff: House) -> None:
    bff.clock.advance(400)
    answers = await asyncio.gather(*(bff.ask("GET /api/orders") for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert {seen.all("authorization")[0] for seen in bff.upstream.seen} == {"Bearer at-1"}
    assert bff.source.asked == {"/token": 1}


def fussy(good: str) -> Callable[[Seen, Send], Awaitable[None]]:
    """Takes this token alone."""

    async def answer(seen: Seen, send: Send) -> None:
        right = seen.all("authorization") == [f"Bearer {good}"]
        await says(200 if right else 401, b"said", ("www-authenticate", "Bearer"))(seen, send)

    return answer


async def test_a_401_is_one_refresh_and_one_retry(bff: House) -> None:
    bff.upstream.answer = fussy("at-1")
    bff.clock.advance(YOUNGEST)
    answer = await bff.ask("POST /api/orders", body=b"once more")
    assert answer.status == 200
    assert [seen.body for seen in bff.upstream.seen] == [b"once more"] * 2
    assert bff.source.calls == 1


async def test_a_second_401_is_the_browsers(bff: House) -> None:
    bff.upstream.answer = fussy("never")
    bff.clock.advance(YOUNGEST)
    answer = await bff.ask("GET /api/orders")
    assert (answer.status, answer.error) == (401, "invalid_token")
    assert (len(bff.upstream.seen), bff.source.calls) == (2, 1)
    assert (await bff.ask("GET /api/orders")).status == 401
    assert (len(bff.upstream.seen), bff.source.calls) == (3, 1)  # a token of this very second is not replaced


async def test_a_large_body_is_not_sent_twice(bff: House) -> None:
    bff.upstream.answer = fussy("at-1")
    bff.clock.advance(YOUNGEST)
    answer = await bff.ask("POST /api/orders", body=b"a" * BOUNDS.body)
    assert (answer.status, len(bff.upstream.seen), bff.source.calls) == (401, 1, 0)


async def test_a_source_that_is_down_is_503_and_one_that_refuses_401(bff: House) -> None:
    bff.source.down = True
    bff.clock.advance(400)
    assert (await bff.ask("GET /api/orders")).status == 503
    bff.source.down, bff.source.dead = False, True
    assert (await bff.ask("GET /api/orders")).status == 401
    assert bff.upstream.seen == []


async def test_a_body_that_takes_its_time_outlives_no_revocation(bff: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bff.port)
    lines = "POST /api/orders HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n"
    cookie = f"Cookie: {SESSION_COOKIE}={bff.session.token}\r\n"
    writer.write((lines + cookie + "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n").encode())
    await reader.readuntil(b"100 Continue\r\n\r\n")  # the body is asked for: the session was found good
    await bff.ww.revoke(subject="ada")
    writer.write(b"late")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()
    assert bff.upstream.seen == []


async def test_a_session_without_tokens_is_401(bff: House) -> None:
    session, _ = await signed_in(bff.ww, "eve")
    assert (await bff.ask("GET /api/orders", token=session.token)).status == 401


async def test_no_answer_and_no_log_holds_a_token(bff: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="watchword")
    await bff.grants.keep(bff.session, Tokens(access_token="at-secret", expires_in=300, refresh_token="rt-secret"))
    answers = []
    for status in (200, 302, 401, 403, 500):
        bff.upstream.answer = says(status, b"", ("x-a", "Bearer at-secret"), ("set-cookie", "t=at-secret"))
        answers.append(await bff.ask("GET /api/orders"))
    bff.clock.advance(400)
    answers.append(await bff.ask("GET /api/orders"))
    said = json.dumps([(one.headers, one.body.decode()) for one in answers]) + caplog.text
    assert "at-secret" not in said
    assert "rt-secret" not in said
