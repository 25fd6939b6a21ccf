"""What a gateway is told: who it is for a good credential, 401 or 403 for the rest, judged as the original request."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from watchword import Key, Prover, Watchword, blocking
from watchword.bff.forward_auth import ForwardAuth, Gateway, Mint
from watchword.bff.forward_auth_wsgi import ForwardAuth as WsgiForwardAuth
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, TokenRevokedError
from watchword.integrations.asgi import App
from watchword.tokens.base import Issued
from watchword.web.cookies import SESSION_COOKIE

from .house import AUDIENCE, ISSUER, house

Headers = list[tuple[str, str]]
HOST = "app.example"
NGINX = [("x-original-method", "GET"), ("x-original-uri", "/orders?x=1"), ("x-original-scheme", "https")]


async def judged(
    app: App, *headers: tuple[str, str], peer: str = "127.0.0.1", line: str = "GET /auth"
) -> httpx2.Response:
    method, _, path = line.partition(" ")
    transport = httpx2.ASGITransport(app=app, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        return await client.request(method, path, headers=list(headers))


@pytest.fixture
async def session(ww: Watchword) -> Issued:
    return await ww.sessions.start("ada", scopes=["orders:read", "orders:write"], roles=["admin"])


@pytest.fixture
def cookie(session: Issued) -> tuple[str, str]:
    return "cookie", f"{SESSION_COOKIE}={session.token}"


def asked(method: str, uri: str = "/orders", *more: tuple[str, str]) -> Headers:
    return [("x-original-method", method), ("x-original-uri", uri), ("x-original-scheme", "https"), *more]


# Who it is


async def test_a_session_is_told_and_nobody_is_not(ww: Watchword, cookie: tuple[str, str]) -> None:
    auth = ForwardAuth(ww)
    answer = await judged(auth, *NGINX, cookie)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-auth-subject"] == "ada"
    assert answer.headers["x-auth-scopes"] == "orders:read orders:write"
    assert answer.headers["cache-control"] == "no-store"
    nobody = await judged(auth, *NGINX)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="watchword"')
    assert "x-auth-subject" not in nobody.headers


async def test_bearers_and_keys_are_told_as_well(ww: Watchword) -> None:
    auth = ForwardAuth(ww, headers={"X-Subject": "subject", "X-Kind": "kind", "X-Client": "client"})
    access = ww.access.issue("ada", client_id="mobile").token
    key = (await ww.api_keys.issue("acme", scopes=[])).token
    for header, kind in ((("authorization", f"Bearer {access}"), "access"), (("x-api-key", key), "api_key")):
        answer = await judged(auth, *NGINX, header)
        assert (answer.status_code, answer.headers["x-kind"]) == (204, kind)


async def test_after_sign_out_it_is_401(ww: Watchword, session: Issued, cookie: tuple[str, str]) -> None:
    auth = ForwardAuth(ww)
    assert (await judged(auth, *NGINX, cookie)).status_code == 204
    await ww.sessions.end(str(session.session_id))
    assert (await judged(auth, *NGINX, cookie)).status_code == 401


async def test_scopes_and_roles_are_demanded(ww: Watchword, cookie: tuple[str, str]) -> None:
    for rule, status in (
        ({"scopes": ["orders:read"], "role": "admin"}, 204),
        ({"scopes": ["bills:read"]}, 403),
        ({"role": "root"}, 403),
    ):
        assert (await judged(ForwardAuth(ww, **rule), *NGINX, cookie)).status_code == status


async def test_all_headers_are_in_each_204_so_that_each_overwrites(ww: Watchword) -> None:
    bare = await ww.sessions.start("bob")
    auth = ForwardAuth(ww, headers={"X-A": "subject", "X-B": "scopes", "X-C": "roles", "X-D": "client"})
    answer = await judged(auth, *NGINX, ("cookie", f"{SESSION_COOKIE}={bare.token}"))
    assert [answer.headers[name] for name in ("x-a", "x-b", "x-c", "x-d")] == ["bob", "", "", ""]


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("ada@example.org", "ada@example.org"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("é", "%C3%A9"),
        ('"\\', "%22%5C"),
    ],
)
async def test_no_subject_leaves_its_header(ww: Watchword, subject: str, told: str) -> None:
    session = await ww.sessions.start(subject)
    answer = await judged(ForwardAuth(ww), *NGINX, ("cookie", f"{SESSION_COOKIE}={session.token}"))
    assert answer.headers["x-auth-subject"] == told
    assert all(byte not in str(answer.headers.raw) for byte in ("\\r", "\\n"))


async def test_a_row_that_says_a_line_break_is_still_one_header(
    ww: Watchword, session: Issued, cookie: tuple[str, str]
) -> None:
    """Nobody can sign in as that; a store that somebody edited may say it all the same."""
    [record] = await ww.store.find("session", now=ww.clock.now())
    await ww.store.swap(replace(record, subject="ada\r\nX-Auth-Scopes: admin"), version=record.version)
    answer = await judged(ForwardAuth(ww), *NGINX, cookie)
    assert answer.headers.get("x-auth-subject", "%0D%0A").count("%0D%0A") == 1
    assert answer.headers.get_list("x-auth-scopes") in ([], ["orders:read orders:write"])


async def test_a_token_is_made_for_what_stands_behind(ww: Watchword, session: Issued, cookie: tuple[str, str]) -> None:
    mint = Mint(audience="https://orders.internal", scopes=frozenset({"orders:read", "bills:read"}))
    answer = await judged(ForwardAuth(ww, mint=mint), *NGINX, cookie)
    scheme, _, token = answer.headers["x-auth-token"].partition(" ")
    behind = Watchword("memory:", issuer=ISSUER, audience="https://orders.internal", ring=ww.ring, clock=ww.clock)
    async with behind:
        who = behind.access.verify(token)
    assert (scheme, who.subject, set(who.scopes)) == ("Bearer", "ada", {"orders:read"})
    assert (who.session_id, who.expires_at - who.issued_at) == (session.session_id, 60)
    await ww.sessions.end(str(session.session_id))
    here = Watchword("memory:", issuer=ISSUER, audience="https://orders.internal", ring=ww.ring, clock=ww.clock)
    here.access._view = ww.view  # it hears of the same revocations
    with pytest.raises(TokenRevokedError):
        here.access.verify(token)


# As the original request


@pytest.mark.parametrize(
    ("method", "said", "status"),
    [
        ("GET", [("sec-fetch-site", "cross-site")], 204),
        ("POST", [("sec-fetch-site", "same-origin")], 204),
        ("POST", [("origin", "https://app.example")], 204),
        ("POST", [("sec-fetch-site", "cross-site")], 403),
        ("POST", [("origin", "https://evil.example")], 403),
        ("POST", [("origin", "http://app.example")], 403),
        ("POST", [], 403),
        ("DELETE", [("sec-fetch-site", "same-site")], 403),
        ("post", [("sec-fetch-site", "cross-site")], 403),
        ("GET", [("sec-websocket-key", "x"), ("origin", "https://evil.example")], 403),
        ("GET", [("upgrade", "websocket"), ("origin", "https://evil.example")], 403),
        ("GET", [("sec-websocket-key", "x"), ("origin", "https://app.example")], 204),
        ("GET", [("sec-websocket-version", "13"), ("origin", "https://evil.example")], 403),
        ("GET", [("sec-fetch-mode", "websocket"), ("origin", "https://evil.example")], 403),
        ("GET", [("sec-fetch-dest", "WebSocket"), ("sec-fetch-site", "same-site")], 403),
        ("GET", [("sec-fetch-mode", "cors"), ("sec-fetch-mode", "websocket"), ("sec-fetch-site", "same-site")], 403),
        ("GET", [("sec-fetch-mode", "websocket"), ("origin", "https://app.example")], 204),
        ("GET", [("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-site")], 204),
    ],
)
async def test_csrf_is_judged_by_the_original_method(
    ww: Watchword, cookie: tuple[str, str], method: str, said: Headers, status: int
) -> None:
    """The gateway's own request is a GET, always."""
    assert (await judged(ForwardAuth(ww), *asked(method), *said, cookie)).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-original-method", "GET")],
        [("x-original-uri", "/")],
        asked("", "/"),
        asked("GET /", "/"),
        asked("GET", ""),
        asked("GET", "orders"),
        asked("GET", "https://app.example/orders"),
        asked("GET", "/" + "a" * 9_000),
    ],
)
async def test_a_gateway_that_does_not_say_what_it_was_asked_lets_nobody_in(
    ww: Watchword, cookie: tuple[str, str], headers: Headers
) -> None:
    answer = await judged(ForwardAuth(ww), *headers, cookie, ("sec-fetch-site", "same-origin"))
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["x-original-method", "x-original-uri", "x-original-scheme"])
async def test_a_second_word_is_none(ww: Watchword, cookie: tuple[str, str], name: str) -> None:
    """A client's own beside the gateway's."""
    answer = await judged(ForwardAuth(ww), *asked("POST"), (name, "GET"), cookie, ("sec-fetch-site", "same-origin"))
    assert answer.status_code == 401


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "::2", "not an address", ""])
async def test_nobody_but_the_gateway_is_heard(ww: Watchword, cookie: tuple[str, str], peer: str) -> None:
    assert (await judged(ForwardAuth(ww), *NGINX, cookie, peer=peer)).status_code == 403


async def test_gateways_are_named_by_address_network_or_socket(ww: Watchword, cookie: tuple[str, str]) -> None:
    auth = ForwardAuth(ww, peers=["10.0.0.0/8", "unix"])
    for peer, status in (("10.9.9.9", 204), ("::ffff:10.1.1.1", 204), ("", 204), ("127.0.0.1", 403)):
        assert (await judged(auth, *NGINX, cookie, peer=peer)).status_code == status


async def test_two_credentials_are_401_because_nginx_knows_no_400(ww: Watchword, cookie: tuple[str, str]) -> None:
    answer = await judged(ForwardAuth(ww), *NGINX, cookie, ("authorization", "Bearer x.y.z"))
    assert answer.status_code == 401


async def test_a_proof_is_for_the_original_address(ww: Watchword) -> None:
    key = Key.generate("ES256")
    ring, clock = ww.ring, ww.clock
    async with Watchword("memory:", issuer=ISSUER, audience=AUDIENCE, ring=ring, clock=clock) as bound:
        token = bound.access.issue("ada", bind=key).token
        auth = ForwardAuth(bound)
        for uri, status in (("https://api.example/orders", 204), ("https://api.example/auth", 401)):
            proof = Prover(key, clock=clock).proof("POST", uri, token=token)
            headers = [("authorization", f"DPoP {token}"), ("dpop", proof)]
            answer = await judged(auth, *asked("POST", "/orders?x=1"), ("host", "api.example"), *headers)
            assert answer.status_code == status


async def test_traefik_and_envoy_say_it_in_their_own_way(ww: Watchword, cookie: tuple[str, str]) -> None:
    traefik = [
        ("x-forwarded-method", "POST"),
        ("x-forwarded-uri", "/orders"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "203.0.113.9"),
    ]
    auth = ForwardAuth(ww, gateway="traefik")
    for origin, status in (("https://shop.example", 204), (f"https://{HOST}", 403)):
        assert (await judged(auth, *traefik, cookie, ("origin", origin))).status_code == status
    envoy = ForwardAuth(ww, gateway="envoy")
    for site, status in (("same-origin", 204), ("cross-site", 403)):
        answer = await judged(envoy, cookie, ("sec-fetch-site", site), line="POST /orders")
        assert answer.status_code == status
        handshake = await judged(envoy, cookie, ("sec-fetch-site", site), ("sec-fetch-mode", "websocket"))
        assert handshake.status_code == status  # it passes no Upgrade on, and of the rest what it is told to


async def test_while_nobody_can_know_it_is_503(
    ww: Watchword, clock: FrozenClock, cookie: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
    clock.advance(10)
    assert (await judged(ForwardAuth(ww), *NGINX, cookie)).status_code == 503
    monkeypatch.undo()


async def test_a_gateway_never_opens_on_a_stale_word(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it guards, so what a Watchword allows for its own low-risk routes is not for here."""
    async with house(clock, on_stale="open", open_for=timedelta(seconds=60)) as ww:
        bearer = ("authorization", f"Bearer {ww.access.issue('ada').token}")
        auth = ForwardAuth(ww)
        assert (await judged(auth, *NGINX, bearer)).status_code == 204
        monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
        clock.advance(10)
        assert (await judged(auth, *NGINX, bearer)).status_code == 503
        monkeypatch.undo()


def wrong() -> list[dict[str, Any]]:
    return [
        {"gateway": "haproxy"},
        {"gateway": Gateway(method="X-Method", uri="x")},
        {"peers": ["gateway.internal"]},
        {"headers": {"X-A\r\nX-B": "subject"}},
        {"headers": {"X_A": "subject"}},
        {"headers": {"": "subject"}},
        {"headers": {"X-A": "password"}},
        {"headers": {"X-A": "subject", "x-a": "roles"}},
        {"headers": {"X-Auth-Token": "subject"}, "mint": Mint(audience="https://a.example")},
        {"scopes": "orders:read"},
    ]


@pytest.mark.parametrize("options", wrong())
def test_what_is_put_together_wrongly(options: dict[str, Any]) -> None:
    ww = Watchword("memory:", issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(ConfigurationError):
        ForwardAuth(ww, **options)


# Where it runs


async def test_it_opens_and_closes_the_watchword_with_the_server(clock: FrozenClock) -> None:
    ww = house(clock)
    sent: list[str] = []
    stages = iter(["lifespan.startup", "lifespan.shutdown"])
    opened: list[bool] = []

    async def receive() -> dict[str, Any]:
        opened.append(ww.view.epoch != "")
        return {"type": next(stages)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await ForwardAuth(ww)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert opened == [False, True]
    with pytest.raises(ConfigurationError):
        await ww.sessions.start("ada")


def test_wsgi(clock: FrozenClock) -> None:
    with blocking.Watchword("memory:", issuer=ISSUER, audience=AUDIENCE, clock=clock) as ww:
        token = ww.sessions.start("ada").token
        auth = WsgiForwardAuth(ww, mint=Mint(audience=AUDIENCE, lifetime=timedelta(seconds=30)))

        def call(method: str, **more: str) -> tuple[str, dict[str, str]]:
            got: list[Any] = []
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": "/auth",
                "wsgi.url_scheme": "http",
                "REMOTE_ADDR": "127.0.0.1",
                "HTTP_HOST": HOST,
                "HTTP_X_ORIGINAL_METHOD": method,
                "HTTP_X_ORIGINAL_URI": "/orders",
                "HTTP_COOKIE": f"{SESSION_COOKIE}={token}",
            }
            list(auth(environ | more, lambda *said: got.extend(said)))  # type: ignore[arg-type]
            return got[0], {name.lower(): value for name, value in got[1]}

        status, headers = call("GET")
        assert (status, headers["x-auth-subject"]) == ("204 No Content", "ada")
        assert ww.access.verify(headers["x-auth-token"].removeprefix("Bearer ")).subject == "ada"
        assert call("POST")[0] == "403 Forbidden"
        assert call("GET,POST")[0] == "403 Forbidden"
        assert call("GET", HTTP_COOKIE="")[0] == "401 Unauthorized"
        assert call("GET", REMOTE_ADDR="203.0.113.9")[0] == "403 Forbidden"
