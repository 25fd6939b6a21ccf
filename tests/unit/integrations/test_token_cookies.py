"""Token cookies: signing in with them, and refreshing by itself, also when two tabs do at once and when it fails."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from watchword.app import Watchword
from watchword.authn.binding import BindingPolicy
from watchword.clock import FrozenClock
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, StoreConflictError, StoreUnavailableError
from watchword.insecure import CROSS_SITE_COOKIE, INSECURE_COOKIE
from watchword.integrations.asgi import Auth, Receive, Scope, Send, WatchwordMiddleware
from watchword.integrations.way_back import is_local
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.testing.flaws import flawed
from watchword.tokens.access import AccessTokens
from watchword.tokens.foreign import ForeignTokens
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy
from watchword.web.token_cookies import TokenCookies

AT, RT, RF = "__Host-Http-ww_at", "__Secure-ww_rt", "__Host-Http-ww_rf"
PAGE = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
FETCH = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "origin": "https://app.example"}
FROM_ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
AWAY = timedelta(minutes=16)


def shop(ww: Watchword, **options: Any) -> WatchwordMiddleware:
    auth = Auth(ww, **{"cookie": TokenCookies(), **options})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, status = scope["path"], 200
        if path in ("/login", "/login/"):
            said = (await auth.sign_in("ada", scopes=["orders:read"], roles=["admin"])).token
        elif path == "/remember":
            said = (await auth.sign_in("ada", remember=True)).token
        elif path == "/refused":
            said, status = (await auth.sign_in("ada")).token, 400
        elif path == "/twice":
            await auth.sign_in("ada")
            said = (await auth.sign_in("grace")).token
        elif path == "/data":
            said = (await auth.sign_in("ada", data={"plan": "pro"})).token
        elif path == "/everything":
            said = (await auth.sign_in("ada", scopes=[f"{'x' * 90}:{number}" for number in range(50)])).token
        elif path == "/logout":
            await auth.sign_out(await auth.require())
            said = "bye"
        elif path == "/public":
            said = "hello"
        elif path == "/csrf":
            said = auth.csrf_token(await auth.require())
        elif path == "/write":
            body = (await receive())["body"].decode()
            said = f"{(await auth.require()).subject} wrote {body}"
        else:
            who = await auth.require()
            said = f"{who.subject} {sorted(who.scopes)} {sorted(who.roles)}"
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    return auth.attach(app)


class Browser:
    """Cookies with their paths; what it does not do is follow a redirect."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.base = "https://app.example"
        self.jar: dict[str, tuple[str, str]] = {}

    async def ask(
        self, line: str, headers: Mapping[str, str] = PAGE, body: bytes = b"", *, strict: bool = True
    ) -> httpx2.Response:
        method, _, path = line.partition(" ")
        here = path.partition("?")[0]
        sent = [f"{name}={value}" for name, (value, on) in self.jar.items() if here.startswith(on)]
        sent = [one for one in sent if strict or not one.startswith(RT)]
        transport = httpx2.ASGITransport(app=self.app, client=("203.0.113.9", 1))
        cookies = {"cookie": "; ".join(sent)} if sent else {}
        async with httpx2.AsyncClient(transport=transport, base_url=self.base) as client:
            answer = await client.request(method, path, headers={**headers, **cookies}, content=body)
        self.keep(answer)
        return answer

    def keep(self, answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            pair, *flags = line.split("; ")
            name, _, value = pair.partition("=")
            [path] = [flag.removeprefix("Path=") for flag in flags if flag.startswith("Path=")]
            self.jar[name] = value, path
            if not value:
                del self.jar[name]

    async def follow(self, line: str, headers: Mapping[str, str] = PAGE, body: bytes = b"") -> list[httpx2.Response]:
        """The answers on the way, the last one first, as a browser follows 303 and 307."""
        answers = [await self.ask(line, headers, body)]
        method = line.partition(" ")[0]
        while answers[0].status_code in (303, 307) and len(answers) < 20:
            if answers[0].status_code == 303:
                method, body = "GET", b""
            answers.insert(0, await self.ask(f"{method} {answers[0].headers['location']}", headers, body))
        return answers

    async def sign_in(self, how: str = "login") -> str:
        return (await self.ask(f"POST /{how}", FETCH)).text

    @property
    def refresh_token(self) -> str:
        return self.jar[RT][0]


@pytest.fixture
def browser(ww: Watchword) -> Browser:
    return Browser(shop(ww))


def codes(answers: list[httpx2.Response]) -> list[int]:
    return [answer.status_code for answer in reversed(answers)]


def ages(answer: httpx2.Response) -> list[int]:
    return [int(line.rpartition("; Max-Age=")[2]) for line in answer.headers.get_list("set-cookie")]


# Signing in and out


async def test_sign_in_sets_the_cookies_and_says_one_of_them(browser: Browser, ww: Watchword) -> None:
    answer = await browser.ask("POST /login", FETCH)
    access, refresh, family_cookie = answer.headers.get_list("set-cookie")
    assert access == f"{AT}={answer.text}; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert refresh == f"{RT}={browser.refresh_token}; Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict"
    assert family_cookie == f"{RF}={browser.jar[RF][0]}; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert answer.headers["cache-control"] == "no-store"
    who = ww.access.verify(answer.text)
    assert (who.subject, who.client_id, who.session_id) == ("ada", "browser", None)
    [family] = await ww.refresh.list("ada")
    assert (family.family_id, family.ip) == (who.family_id, "203.0.113.9")
    assert family.expires_at == ww.clock.now() + 12 * 3600
    assert (await browser.ask("GET /me")).text == "ada ['orders:read'] ['admin']"


async def test_remember_keeps_them_for_the_life_of_the_family(browser: Browser, clock: FrozenClock) -> None:
    day = 86_400
    assert ages(await browser.ask("POST /remember", FETCH)) == [14 * day] * 3
    for away, left in ((13, 14), (13, 4), (3, 1)):
        clock.advance(away * day)
        assert ages((await browser.follow("GET /me"))[1]) == [left * day] * 3
    clock.advance(day)
    assert (await browser.follow("GET /me", FETCH))[0].status_code == 401


async def test_an_access_token_does_not_outlive_its_family(browser: Browser, ww: Watchword, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(12 * 3600 - 60)
    assert (await browser.follow("GET /me"))[0].status_code == 200
    assert ww.access.verify(browser.jar[AT][0]).expires_at == ww.clock.now() + 60


async def test_what_no_cookie_can_hold_signs_nobody_in(browser: Browser, ww: Watchword) -> None:
    assert (await browser.ask("POST /everything", FETCH)).status_code == 500
    assert browser.jar == {}
    assert await ww.refresh.list("ada") == []


async def test_data_is_not_put_into_a_token(browser: Browser) -> None:
    assert (await browser.ask("POST /data", FETCH)).status_code == 500
    assert browser.jar == {}


async def test_sign_out_ends_the_family_and_clears_all(browser: Browser, ww: Watchword) -> None:
    token = await browser.sign_in()
    answer = await browser.ask("POST /logout", FETCH)
    assert answer.headers.get_list("set-cookie") == [
        f"{AT}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
        f"{RT}=; Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
        f"{RF}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    ]
    assert await ww.refresh.list("ada") == []
    browser.jar[AT] = token, "/"
    assert (await browser.follow("GET /me", FETCH))[0].status_code == 401


async def test_a_new_sign_in_ends_the_one_that_was_there(browser: Browser, ww: Watchword) -> None:
    first = await browser.sign_in()
    second = await browser.sign_in()
    [family] = await ww.refresh.list("ada")
    assert family.family_id == ww.access.verify(second).family_id != first
    await browser.ask("POST /twice", FETCH)
    assert await ww.refresh.list("ada") == []
    assert len(await ww.refresh.list("grace")) == 1


@pytest.mark.parametrize("lost", [AT, None])
async def test_a_new_sign_in_ends_one_whose_access_token_has_expired(
    lost: str | None, browser: Browser, ww: Watchword, clock: FrozenClock
) -> None:
    await browser.sign_in()
    before = Browser(browser.app)
    before.jar = dict(browser.jar)
    clock.advance(AWAY)
    browser.jar.pop(lost or "", None)
    token = await browser.sign_in()
    [family] = await ww.refresh.list("ada")
    assert family.family_id == ww.access.verify(token).family_id
    assert (await before.ask("POST /auth/refresh", FETCH)).status_code == 401


@pytest.mark.parametrize("what", ["another MAC", "no MAC", "twice", "junk"])
async def test_what_names_no_family_ends_none(what: str, browser: Browser, ww: Watchword) -> None:
    other = Browser(browser.app)
    await other.sign_in()
    mark = other.jar[RF][0]
    family = mark.partition(".")[0]
    bad = {"another MAC": f"{family}.{'A' * 43}", "no MAC": family, "twice": f"{mark}; {RF}={mark}", "junk": "~"}
    browser.jar = {RF: (bad[what], "/")}
    await browser.sign_in()
    assert family in [one.family_id for one in await ww.refresh.list("ada")]


async def test_an_answer_that_refuses_signs_nobody_in(browser: Browser, ww: Watchword) -> None:
    answer = await browser.ask("POST /refused", FETCH)
    assert (answer.status_code, browser.jar) == (400, {})
    assert await ww.refresh.list("ada") == []


# What the cookie may hold


async def test_only_an_access_token_of_ours_counts_in_the_cookie(browser: Browser, ww: Watchword) -> None:
    session = (await ww.sessions.start("ada")).token
    opaque = (await ww.opaque_access.issue("ada")).token
    key = (await ww.api_keys.issue("ada")).token
    service = ww.service.issue("ada", audience="https://api.example").token
    refresh = (await ww.refresh.issue("ada", client_id="x")).token
    for token in (session, opaque, key, service, refresh, "junk"):
        browser.jar = {AT: (token, "/")}
        assert (await browser.follow("GET /me", FETCH))[0].status_code == 401, token[:6]
    browser.jar = {SESSION_COOKIE: (session, "/")}
    answer = await browser.ask("GET /me")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="watchword"')


async def test_an_access_token_is_nothing_in_the_cookie_of_a_session(ww: Watchword) -> None:
    browser = Browser(shop(ww, cookie=CookiePolicy()))
    browser.jar = {SESSION_COOKIE: (ww.access.issue("ada").token, "/")}
    assert (await browser.ask("GET /me")).status_code == 401


async def test_bearers_are_taken_beside_and_never_sent_to_refresh(
    browser: Browser, ww: Watchword, clock: FrozenClock
) -> None:
    bearer = {"authorization": f"Bearer {ww.access.issue('ada').token}"}
    assert (await browser.ask("GET /me", bearer)).status_code == 200
    clock.advance(901)
    assert (await browser.ask("GET /me", bearer)).status_code == 401


async def test_a_cookie_holds_tokens_of_ours_alone(ww: Watchword) -> None:
    theirs = KeyRing.generate("ES256", clock=ww.clock)
    names: Any = {"issuer": "https://them.example", "audience": "https://api.example"}
    token = AccessTokens(theirs, **names).issue("ada").token
    browser = Browser(shop(ww, issuers=ForeignTokens(theirs, **names)))
    assert (await browser.ask("GET /me", {"authorization": f"Bearer {token}"})).status_code == 200
    browser.jar = {AT: (token, "/")}
    assert (await browser.follow("GET /me", FETCH))[0].status_code == 401


async def test_what_the_next_token_could_not_mend_is_refused_at_once(browser: Browser, ww: Watchword) -> None:
    bound = ww.access.issue("ada", bind=Key.generate("ES256")).token
    early = flawed(ww, ww.access.issue("ada").token, "not_yet_valid")
    await browser.sign_in()
    for token in (bound, early):
        browser.jar[AT] = token, "/"
        assert (await browser.ask("GET /me")).status_code == 401


async def test_another_device_does_not_refresh(clock: FrozenClock) -> None:
    names: Any = {"issuer": "https://app.example", "audience": "https://api.example", "clock": clock}
    async with Watchword("memory:", binding=BindingPolicy(fingerprint="step_up", signals=("agent",)), **names) as ww:
        browser = Browser(shop(ww))
        firefox, curl = {"user-agent": "Firefox/145.0"}, {"user-agent": "curl/8"}
        await browser.ask("POST /login", FETCH | firefox)
        clock.advance(AWAY)
        answer = await browser.ask("POST /auth/refresh", FETCH | curl)
        assert (answer.status_code, answer.headers.get_list("set-cookie")) == (403, [])
        assert (await browser.follow("GET /me", PAGE | firefox))[0].status_code == 200
        assert (await browser.ask("GET /me", PAGE | curl)).status_code == 403


async def test_csrf_is_checked_as_for_sessions(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    for when in ("good", "expired"):
        answer = await browser.ask("POST /write", foreign)
        assert (answer.status_code, answer.json()["error"]) == (403, "csrf"), when
        for path in ("/auth/refresh", "/auth/refresh?next=/write"):
            answer = await browser.ask(f"POST {path}", foreign)
            assert (answer.status_code, answer.json()["error"]) == (403, "csrf"), when
        clock.advance(AWAY)
    assert len(browser.jar) == 3


async def test_a_csrf_token_outlives_the_refresh_of_its_family_alone(
    browser: Browser, ww: Watchword, clock: FrozenClock
) -> None:
    await browser.sign_in()
    token = (await browser.ask("GET /csrf")).text
    mute = {"x-csrf-token": token}
    assert (await browser.ask("POST /write", mute, b"1")).text == "ada wrote 1"
    assert (await browser.ask("POST /write", {}, b"1")).status_code == 403
    clock.advance(AWAY)
    assert (await browser.follow("POST /write", mute, b"2"))[0].text == "ada wrote 2"
    clock.advance(AWAY)
    wrong = {"x-csrf-token": ww.binding.csrf.of(ww.access.verify(ww.access.issue("ada").token))}
    before = browser.refresh_token
    assert (await browser.ask("POST /auth/refresh?next=/write", wrong)).status_code == 403
    assert browser.refresh_token == before
    await browser.sign_in()
    assert (await browser.ask("POST /write", mute)).status_code == 403


# Refreshing by itself


async def test_a_page_goes_through_a_refresh_by_itself(browser: Browser, clock: FrozenClock) -> None:
    first, token = await browser.sign_in(), browser.refresh_token
    clock.advance(AWAY)
    answers = await browser.follow("GET /me?tab=2&q=a%2Fb")
    assert codes(answers) == [307, 307, 200]
    assert answers[2].headers["location"] == "/auth/refresh?next=/me%3Ftab%3D2%26q%3Da%252Fb"
    assert answers[1].headers["location"] == "/me?tab=2&q=a%2Fb"
    assert answers[2].headers.get_list("set-cookie") == []
    assert len(answers[1].headers.get_list("set-cookie")) == 3
    assert {answer.headers.get("cache-control") for answer in answers[1:]} == {"no-store"}
    assert browser.refresh_token != token
    for answer in answers:
        for secret in (first, token, browser.refresh_token, browser.jar[AT][0]):
            assert secret not in str(answer.request.url)
            assert secret not in answer.headers.get("location", "")
            assert secret not in answer.text


async def test_a_request_with_a_body_goes_on_with_it(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    answers = await browser.follow("POST /write", FETCH, b"an order")
    assert (codes(answers), answers[0].text) == ([307, 307, 200], "ada wrote an order")


async def test_a_token_of_a_retired_key_is_refreshed_as_well(browser: Browser, ww: Watchword) -> None:
    await browser.sign_in()
    await ww.revoke(key=ww.ring.active("sign").kid)
    assert (await browser.follow("GET /me"))[0].status_code == 200


async def test_a_script_refreshes_when_it_wants_to(browser: Browser, clock: FrozenClock) -> None:
    before = (await browser.sign_in(), browser.refresh_token)
    answer = await browser.ask("POST /auth/refresh", FETCH)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (204, []), "this one is new"
    clock.advance(11)
    answer = await browser.ask("POST /auth/refresh", FETCH)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert browser.jar[AT][0] != before[0]
    assert browser.refresh_token != before[1]


async def test_whoever_comes_with_a_good_token_goes_straight_back(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.ask("GET /auth/refresh?next=/me")
    assert (answer.status_code, answer.headers["location"]) == (307, "/me")
    assert answer.headers.get_list("set-cookie") == []


async def test_a_link_from_elsewhere_goes_on_by_a_page_of_ours_once(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    away = (await browser.ask("GET /me?a=1&b=%22", FROM_ELSEWHERE)).headers["location"]
    page = await browser.ask(f"GET {away}", FROM_ELSEWHERE, strict=False)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert page.headers.get_list("set-cookie") == []
    onward = "/auth/refresh?again=1&amp;next=/me%3Fa%3D1%26b%3D%2522"
    assert f'content="0;url={onward}"' in page.text
    answers = await browser.follow(f"GET {onward.replace('&amp;', '&')}")
    assert (codes(answers), answers[1].headers["location"]) == ([307, 200], "/me?a=1&b=%22")
    looping = await browser.ask(f"GET {onward.replace('&amp;', '&')}", FROM_ELSEWHERE, strict=False)
    assert looping.status_code == 307  # the access token is good again
    clock.advance(AWAY)
    looping = await browser.ask(f"GET {onward.replace('&amp;', '&')}", FROM_ELSEWHERE, strict=False)
    assert looping.status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("sent", ["nothing", "the family cookie"])
async def test_no_page_goes_on_for_a_link_without_the_access_cookie(
    sent: str, site: str, browser: Browser, clock: FrozenClock
) -> None:
    """With SameSite=Strict it does not come from another site, and must not be fetched from there in two steps."""
    browser = Browser(shop(browser.app.auth.ww, cookie=TokenCookies(same_site="strict")))
    await browser.sign_in()
    browser.jar = {RF: browser.jar[RF]} if sent == "the family cookie" else {}
    answer = await browser.ask("GET /auth/refresh?next=/me%3Fdo%3Dit", FROM_ELSEWHERE | {"sec-fetch-site": site})
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (401, [])
    assert "again=1" not in answer.text


async def test_no_page_goes_on_for_what_is_no_navigation(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert (await browser.ask("GET /auth/refresh?next=/me", image, strict=False)).status_code == 401
    assert (await browser.ask("GET /auth/refresh?next=/me", PAGE, strict=False)).status_code == 401
    old = {"accept": "text/html,*/*"}
    assert (await browser.ask("GET /auth/refresh?next=/me", old, strict=False)).status_code == 200


LOCAL = ("/", "/me", "/a?b=c&d=%2F", "/%2f%2fevil", "/a//b", "/~ada/'x'", "/a?next=https://evil.example")
HOSTILE = (
    *("//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example", "javascript:alert(1)"),
    *("", "me", "/\tevil", "/\n/evil", "/\r\nSet-Cookie: a=b", "/a b", "/\0", "/\x7f", "/\u00e4", '/"><script>'),
    "/" + "a" * 2048,
)


@pytest.mark.parametrize("path", LOCAL)
def test_a_path_of_this_host(path: str) -> None:
    assert is_local(path)


@pytest.mark.parametrize("path", HOSTILE)
async def test_there_is_no_way_back_to_elsewhere(path: str, browser: Browser, ww: Watchword) -> None:
    await browser.sign_in()
    before = browser.refresh_token
    twice = f"next={quote(path)}"
    for method in ("GET", "POST"):
        for query in (twice, f"next=/me&{twice}"):
            answer = await browser.ask(f"{method} /auth/refresh?{query}", FETCH)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), query
    assert (await browser.ask("GET /auth/refresh")).status_code == 400
    assert browser.refresh_token == before


async def test_the_way_back_is_not_here(browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.ask("GET /auth/refresh?next=/auth/refresh%3Fnext=/me")).status_code == 400


async def test_a_path_that_cannot_come_back_is_refused_as_ever(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    answer = await browser.ask(f"GET /me?{'a' * 2048}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_a_websocket_is_refused_as_ever(ww: Watchword, clock: FrozenClock) -> None:
    token, sent = ww.access.issue("ada").token, []
    clock.advance(AWAY)
    headers = [(b"cookie", f"{AT}={token}".encode()), (b"sec-fetch-site", b"same-origin")]
    scope = {"type": "websocket", "path": "/me", "headers": headers, "query_string": b"", "scheme": "wss"}

    async def send(message: Any) -> None:
        sent.append(message)

    await shop(ww)(scope, None, send)  # type: ignore[arg-type]  # nothing is received
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# When it fails, nothing is set and nothing is cleared


Fault = Callable[[pytest.MonkeyPatch, Watchword], None]


def raising(error: Exception) -> Fault:
    async def failed(*args: object, **options: object) -> None:
        raise error

    return lambda patch, ww: patch.setattr(ww.refresh, "rotate", failed)


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailableError(), 503), (StoreConflictError(), 503), (ConfigurationError("a bug"), 500)],
)
@pytest.mark.parametrize("line", ["GET /auth/refresh?next=/me", "POST /auth/refresh"])
async def test_an_error_keeps_the_cookies(
    error: Exception,
    status: int,
    line: str,
    browser: Browser,
    ww: Watchword,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    raising(error)(monkeypatch, ww)
    answer = await browser.ask(line, FETCH)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (status, [])
    assert "clear-site-data" not in answer.headers
    assert len(browser.jar) == 3
    monkeypatch.undo()
    assert (await browser.follow("GET /me"))[0].status_code == 200


async def test_a_loser_sets_and_clears_nothing(browser: Browser, ww: Watchword, clock: FrozenClock) -> None:
    """A tab that comes with a token of long ago ends the family, and leaves the cookies to who has newer ones."""
    await browser.sign_in()
    stale = browser.refresh_token
    clock.advance(60)
    await browser.ask("POST /auth/refresh", FETCH)
    clock.advance(60)
    browser.jar[RT] = stale, "/auth/refresh"
    answer = await browser.ask("POST /auth/refresh", FETCH)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (401, [])
    assert answer.json()["error"] == "invalid_token"


@pytest.mark.parametrize("token", ["junk", "ww_rt_x", None])
async def test_a_bad_refresh_cookie_is_a_401_that_clears_nothing(
    token: str | None, browser: Browser, clock: FrozenClock
) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    browser.jar = {AT: browser.jar[AT], **({} if token is None else {RT: (token, "/auth/refresh")})}
    answers = await browser.follow("GET /me")
    assert (codes(answers), answers[0].headers.get_list("set-cookie")) == ([307, 401], [])


async def test_two_refresh_cookies_are_none(browser: Browser, ww: Watchword, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    browser.jar["x"] = f"y; {RT}=planted", "/auth/refresh"
    answer = await browser.ask("GET /auth/refresh?next=/me")
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (401, [])


async def test_a_refresh_token_of_another_client_is_none(browser: Browser, ww: Watchword, clock: FrozenClock) -> None:
    await browser.sign_in()
    browser.jar[RT] = (await ww.refresh.issue("ada", client_id="mobile")).token, "/auth/refresh"
    clock.advance(AWAY)
    assert (await browser.follow("GET /me"))[0].status_code == 401


async def test_a_page_whose_refresh_fails_goes_to_the_sign_in_page(
    ww: Watchword, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(shop(ww, cookie=TokenCookies(sign_in_at="/login")))
    await browser.sign_in()
    await ww.revoke(subject="ada")
    clock.advance(AWAY)
    with caplog.at_level(logging.INFO, "watchword"):
        answers = [await browser.ask("GET /public")]
        assert (answers[0].status_code, answers[0].headers["location"]) == (307, "/auth/refresh?next=/public")
        answer = await browser.ask("GET /auth/refresh?next=/public")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers.get_list("set-cookie") == []
    assert "revoked: " in caplog.text
    form = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "origin": "https://app.example"}
    answer = await browser.ask("POST /auth/refresh?next=/write", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await browser.ask("GET /auth/refresh?next=/public", FETCH)).status_code == 401
    assert (await browser.ask("GET /login")).status_code == 200


async def test_the_sign_in_page_itself_is_never_sent_away(ww: Watchword, browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    asks = Browser(shop(ww, cookie=TokenCookies(sign_in_at="/me")))
    asks.jar = dict(browser.jar)
    clock.advance(AWAY)
    assert (await asks.ask("GET /me")).status_code == 401


@pytest.mark.parametrize("said", ["/login", "/login/"])
@pytest.mark.parametrize("asked", ["/login", "/login/"])
async def test_a_slash_behind_the_sign_in_page_changes_nothing(said: str, asked: str, ww: Watchword) -> None:
    """Frameworks send their visitors from one to the other: a page that is sent away again goes round for ever."""
    browser = Browser(shop(ww, cookie=TokenCookies(sign_in_at=said)))
    browser.jar = {AT: ("junk", "/")}
    answers = await browser.follow("GET /public")
    assert (codes(answers[1:]), answers[1].headers["location"]) == ([307, 303], said)
    assert (await browser.ask(f"GET {asked}")).status_code != 307


async def test_what_is_no_page_is_not_refreshed_ahead(ww: Watchword) -> None:
    """A script, a style sheet, an image for everybody: nobody asks who is calling."""
    browser = Browser(shop(ww, cookie=TokenCookies(sign_in_at="/login")))
    browser.jar = {AT: ("junk", "/")}
    style = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "accept": "text/css,*/*;q=0.1"}
    for headers in (style, FETCH, {"accept": "image/*"}):
        for method in ("GET", "HEAD"):
            assert (await browser.ask(f"{method} /public", headers)).status_code == 200
        assert (await browser.ask("GET /me", headers)).status_code == 307, "who asks is told"


async def test_pages_for_everybody_are_refreshed_ahead_only_where_the_sign_in_page_is_known(
    ww: Watchword, browser: Browser, clock: FrozenClock
) -> None:
    await browser.sign_in()
    known = Browser(shop(ww, cookie=TokenCookies(sign_in_at="/login")))
    known.jar = dict(browser.jar)
    clock.advance(AWAY)
    assert codes(await browser.follow("GET /public")) == [200]
    assert codes(await known.follow("GET /public")) == [307, 307, 200]
    assert codes(await known.follow("GET /public")) == [200]
    clock.advance(AWAY)
    assert codes(await known.follow("POST /public", FETCH)) == [200]


# A refresh cookie that a sibling host planted


@pytest.mark.parametrize("who", ["nobody", "signed in", "signed in, refresh cookie lost"])
@pytest.mark.parametrize("line", ["GET /auth/refresh?next=/me", "POST /auth/refresh", "POST /auth/refresh?next=/me"])
async def test_a_planted_refresh_cookie_signs_nobody_in(
    line: str, who: str, browser: Browser, ww: Watchword, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    attacker = Browser(browser.app)
    await attacker.sign_in("remember")
    if who != "nobody":
        await browser.sign_in()
        clock.advance(AWAY)
    genuine = browser.jar.pop(RT, None)
    planted = attacker.refresh_token
    browser.jar[RT] = f"{planted}; {RT}={genuine[0]}" if genuine and who == "signed in" else planted, "/auth/refresh"
    with caplog.at_level(logging.INFO, "watchword"):
        answer = await browser.ask(line, PAGE)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (401, [])
    assert ("duplicate_cookie" if who == "signed in" else "family_cookie") in caplog.text
    assert planted not in caplog.text
    assert {"refresh_rotated", "refresh_reused"}.isdisjoint(row.name for row in await ww.events(subject="ada"))


@pytest.mark.parametrize(
    "what", ["absent", "of another family", "another MAC", "no MAC", "of the bare id", "twice", "junk"]
)
async def test_the_family_cookie_has_to_be_of_the_family(
    what: str, browser: Browser, ww: Watchword, clock: FrozenClock
) -> None:
    await browser.sign_in()
    other = Browser(browser.app)
    await other.sign_in()
    clock.advance(AWAY)
    family, _, mac = browser.jar[RF][0].partition(".")
    assert len(mac) == 43
    stranger = other.jar[RF][0].partition(".")[2]
    bare = b64url(ww.ring.active("mac").sign(family.encode()))
    bad = {
        "of another family": other.jar[RF][0],
        "another MAC": f"{family}.{stranger}",
        "no MAC": f"{family}.",
        "of the bare id": f"{family}.{bare}",
        "twice": f"{family}.{mac}; {RF}={family}.{mac}",
        "junk": "~",
    }
    good = browser.jar.pop(RF)
    if what != "absent":
        browser.jar[RF] = bad[what], "/"
    before = browser.refresh_token
    answer = await browser.ask("POST /auth/refresh", FETCH)
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (401, [])
    browser.jar[RF] = good
    assert (await browser.ask("POST /auth/refresh", FETCH)).status_code == 204
    assert browser.refresh_token != before


async def test_a_family_cookie_of_an_older_key_counts(browser: Browser, ww: Watchword, clock: FrozenClock) -> None:
    await browser.sign_in()
    before = browser.jar[RF]
    ww.ring.announce(second := Key.generate("HS256", use="mac"))
    clock.advance(AWAY)
    ww.ring.activate(second.kid)
    assert (await browser.follow("GET /me"))[0].status_code == 200
    assert browser.jar[RF] != before, "it is written anew with each refresh"


# Two at once


async def test_two_tabs_that_refresh_at_once_both_stay_signed_in(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    tab = Browser(browser.app)
    tab.jar = dict(browser.jar)
    answers = await asyncio.gather(browser.follow("GET /me"), tab.follow("POST /write", FETCH, b"x"))
    assert [found[0].status_code for found in answers] == [200, 200]
    assert browser.refresh_token == tab.refresh_token
    for _ in range(3):
        clock.advance(AWAY)
        assert (await browser.follow("GET /me"))[0].status_code == 200
        tab.jar = dict(browser.jar)


async def test_a_page_that_asks_for_much_at_once_rotates_little(
    browser: Browser, ww: Watchword, clock: FrozenClock
) -> None:
    """One jar, as in a browser: whoever comes late must not find its token twice replaced."""
    await browser.sign_in()
    tabs = [Browser(browser.app) for _ in range(12)]
    for tab in tabs:
        tab.jar = browser.jar
    lines = ["GET /me", "POST /write", "POST /auth/refresh"] * 4
    for _ in range(5):
        clock.advance(AWAY)
        answers = await asyncio.gather(*(tab.follow(line, FETCH) for tab, line in zip(tabs, lines, strict=True)))
        assert [found[0].status_code for found in answers] == [200, 200, 204] * 4
    names = [row.name for row in await ww.events(subject="ada")]
    assert names.count("refresh_rotated") == 5


async def test_a_late_tab_gets_the_same_although_a_script_wants_another(browser: Browser, clock: FrozenClock) -> None:
    await browser.sign_in()
    clock.advance(AWAY)
    late = Browser(browser.app)
    late.jar = dict(browser.jar)
    for _ in range(3):
        assert (await browser.ask("POST /auth/refresh", FETCH)).status_code == 204
    assert (await late.ask("POST /auth/refresh", FETCH)).status_code == 204
    assert late.refresh_token == browser.refresh_token


# What cannot be


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"path": "/"}, id="path /"),
        pytest.param({"path": "auth"}, id="no path"),
        pytest.param({"path": "/auth/"}, id="a slash behind"),
        pytest.param({"path": "/a;b"}, id="another attribute"),
        pytest.param({"sign_in_at": "https://evil.example"}, id="sign in elsewhere"),
        pytest.param({"sign_in_at": "/auth/refresh"}, id="sign in at the refresh"),
        pytest.param({"sign_in_at": "/auth/refresh/"}, id="sign in at the refresh, with a slash"),
        pytest.param({"sign_in_at": "//"}, id="sign in at two slashes"),
        pytest.param({"sign_in_at": "//evil.example/"}, id="sign in elsewhere, by slashes"),
        pytest.param({"sign_in_at": "/login//"}, id="sign in with two slashes behind"),
        pytest.param({"sign_in_at": ""}, id="sign in nowhere"),
        pytest.param({"same_site": "none"}, id="SameSite=None"),
        pytest.param({"same_site": "none", "allow": [CROSS_SITE_COOKIE]}, id="SameSite=None by name"),
        pytest.param({"life": timedelta(days=8)}, id="a long life"),
        pytest.param({"life": 3600}, id="a number"),
        pytest.param({"allow": ["INSECURE_COOKIE"]}, id="text"),
    ],
)
def test_a_contradiction_is_refused_when_built(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        TokenCookies(**bad)


def test_without_a_grace_there_are_no_token_cookies() -> None:
    ww = Watchword("memory:", issuer="https://a.example", audience="b", refresh_grace=timedelta(0))
    with pytest.raises(ConfigurationError, match="grace"):
        Auth(ww, cookie=TokenCookies())


def test_a_session_cookie_is_for_the_whole_host(closed_ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        Auth(closed_ww, cookie=CookiePolicy("__Secure-x", path="/app"))


async def test_on_localhost_they_go_over_http_by_name(ww: Watchword) -> None:
    browser = Browser(shop(ww, cookie=TokenCookies(allow=[INSECURE_COOKIE])))
    browser.base = "http://localhost:8000"
    answer = await browser.ask("POST /login", FETCH)
    access, refresh, family = answer.headers.get_list("set-cookie")
    assert access == f"ww_at={answer.text}; Path=/; HttpOnly; SameSite=Lax"
    assert refresh.startswith("ww_rt=ww_rt_")
    assert refresh.endswith("; Path=/auth/refresh; HttpOnly; SameSite=Strict")
    assert family.startswith("ww_rf=")
    assert family.endswith("; Path=/; HttpOnly; SameSite=Lax")
    assert (await browser.ask("GET /me")).status_code == 200


PLAIN = [CookiePolicy(allow=[INSECURE_COOKIE]), TokenCookies(allow=[INSECURE_COOKIE])]


@pytest.mark.parametrize("cookie", PLAIN, ids=["session", "tokens"])
@pytest.mark.parametrize(
    "host", ["app.example", "app.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"]
)
async def test_anywhere_else_they_are_neither_set_nor_read(
    host: str, cookie: Any, ww: Watchword, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(shop(ww, cookie=cookie))
    browser.base = "http://127.0.0.1:8000"
    await browser.sign_in()
    assert (await browser.ask("GET /me")).status_code == 200
    kept = dict(browser.jar)
    browser.base = f"http://{host}"
    for line in ("POST /login", "GET /me", "POST /logout"):
        caplog.clear()
        answer = await browser.ask(line, {"sec-fetch-site": "same-origin"})
        assert (answer.status_code, answer.headers.get_list("set-cookie")) == (500, []), line
        assert "INSECURE_COOKIE is for localhost" in caplog.text, line
    if isinstance(cookie, TokenCookies):
        clock.advance(AWAY)
        for line in ("POST /auth/refresh", "GET /auth/refresh?next=/me"):
            answer = await browser.ask(line, {"sec-fetch-site": "same-origin"})
            assert (answer.status_code, answer.headers.get_list("set-cookie")) == (500, []), line
        del browser.jar["ww_at"]
        assert (await browser.ask("POST /auth/refresh", FETCH)).status_code == 500
        del kept["ww_at"]
    assert browser.jar == kept
    browser.jar = {}
    assert (await browser.ask("GET /public")).status_code == 200
    assert (await browser.ask("GET /me")).status_code == 401
    assert len(await ww.sessions.list("ada")) + len(await ww.refresh.list("ada")) == 1, "nobody was signed in or out"


@pytest.mark.parametrize("host", ["localhost", "shop.localhost:8000", "127.0.0.2", "[::1]:8000"])
async def test_localhost_has_many_names(host: str, ww: Watchword) -> None:
    browser = Browser(shop(ww, cookie=CookiePolicy(allow=[INSECURE_COOKIE])))
    browser.base = f"http://{host}"
    await browser.sign_in()
    assert (await browser.ask("GET /me")).status_code == 200
