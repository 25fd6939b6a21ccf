"""The middleware and the words for any ASGI application."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import (
    ConfigurationError,
    InsufficientScopeError,
    StoreUnavailableError,
    TokenRevokedError,
)
from watchword.integrations.asgi import App, Auth, Message, Receive, Scope, Send, WatchwordMiddleware, is_open
from watchword.integrations.visit import current
from watchword.keys.ring import KeyRing
from watchword.stores.base import Record
from watchword.tokens.access import AccessTokens
from watchword.tokens.foreign import ForeignTokens
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy
from watchword.web.ratelimit import Limits, RateLimit
from watchword.web.user_agent import device_of

from .conftest import Call

OWN = {"origin": "https://app.example"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
Route = Callable[[], Awaitable[object]]


def site(auth: Auth, /, **routes: Route) -> WatchwordMiddleware:
    """An application whose routes answer what they return: 200 and its text, or that status."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await routes[scope["path"][1:]]()
        status = answer if isinstance(answer, int) else 200
        headers = [(b"content-type", b"text/plain"), (b"Cache-Control", b"public")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": str(answer).encode()})

    return auth.attach(app)


def members(auth: Auth) -> WatchwordMiddleware:
    async def login() -> str:
        return (await auth.sign_in("ada", roles=["admin"], scopes=["orders:read"], data={"plan": "pro"})).token

    async def remember() -> str:
        return (await auth.sign_in("ada", remember=True)).token

    async def me() -> str:
        return (await auth.require()).subject

    async def maybe() -> str:
        who = await auth.optional()
        return "nobody" if who is None else who.subject

    async def logout() -> str:
        await auth.sign_out(await auth.require())
        return "bye"

    return site(auth, login=login, remember=remember, me=me, maybe=maybe, logout=logout)


async def rows(ww: Watchword) -> list[Record]:
    return await ww.store.find("session", now=ww.clock.now())


def live(found: list[Record]) -> list[str]:
    return [record.data["session_id"] for record in found if record.data["state"] == "live"]


def cookie(token: str, name: str = SESSION_COOKIE) -> dict[str, str]:
    return {"cookie": f"{name}={token}"}


# Signing in


async def test_sign_in_sets_the_cookie_and_keeps_device_and_address(ww: Watchword, call: Call) -> None:
    answer = await call(members(Auth(ww)), "POST /login", OWN | {"user-agent": FIREFOX})
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == [
        f"__Host-Http-ww_sid={answer.text}; Path=/; Secure; HttpOnly; SameSite=Lax"
    ]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers["content-type"] == "text/plain"

    [session] = await ww.sessions.list("ada")
    assert (session.device, session.ip) == ("Firefox on Linux", "203.0.113.9")
    who = await ww.sessions.authenticate(answer.text)
    assert (who.subject, sorted(who.roles), sorted(who.scopes)) == ("ada", ["admin"], ["orders:read"])
    assert who.claims == {"plan": "pro"}


async def test_an_answer_without_our_cookie_is_left_alone(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    answer = await call(app, "GET /maybe")
    assert (answer.text, answer.headers["cache-control"]) == ("nobody", "public")
    assert "set-cookie" not in answer.headers


async def test_remember_keeps_the_cookie_for_thirty_days(ww: Watchword, call: Call) -> None:
    answer = await call(members(Auth(ww)), "POST /remember", OWN)
    assert answer.headers["set-cookie"] == (
        f"__Host-Http-ww_sid={answer.text}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000"
    )
    [session] = await ww.sessions.list("ada")
    assert session.expires_at == ww.clock.now() + 2_592_000


async def test_the_cookie_is_as_the_policy_says(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww, cookie=CookiePolicy("__Host-shop", same_site="strict")))
    answer = await call(app, "POST /login", OWN)
    assert answer.headers["set-cookie"] == f"__Host-shop={answer.text}; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert (await call(app, "GET /me", cookie(answer.text, "__Host-shop"))).text == "ada"
    assert (await call(app, "GET /me", cookie(answer.text))).status_code == 401


async def test_each_sign_in_makes_a_new_session_and_ends_the_old(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    first = (await call(app, "POST /login", OWN)).text
    second = (await call(app, "POST /login", OWN | cookie(first))).text
    assert first != second
    assert (await call(app, "GET /me", cookie(first))).status_code == 401
    assert (await call(app, "GET /me", cookie(second))).text == "ada"
    assert len(live(await rows(ww))) == 1
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(first)


async def test_a_session_that_an_attacker_planted_is_never_signed_in(ww: Watchword, call: Call) -> None:  # T-02
    app = members(Auth(ww))
    invented = f"ww_ss_{'A' * 43}"
    theirs = (await ww.sessions.start("mallory")).token
    for planted in (invented, theirs):
        token = (await call(app, "POST /login", OWN | cookie(planted))).text
        assert token != planted
        assert (await call(app, "GET /me", cookie(planted))).status_code == 401
        assert (await call(app, "GET /me", cookie(token))).text == "ada"


async def test_two_cookies_do_not_keep_anyone_out(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    twice = {"cookie": f"{SESSION_COOKIE}=a; {SESSION_COOKIE}=b"}
    assert (await call(app, "GET /me", twice)).status_code == 401
    token = (await call(app, "POST /login", OWN | twice)).text
    assert (await call(app, "GET /me", cookie(token))).text == "ada"


async def test_other_devices_stay_signed_in(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    elsewhere = (await call(app, "POST /login", OWN)).text
    await call(app, "POST /login", OWN)
    assert (await call(app, "GET /me", cookie(elsewhere))).text == "ada"


async def test_signing_in_twice_in_one_visit_leaves_one_session(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def twice() -> str:
        await auth.sign_in("ada")
        return (await auth.sign_in("eve")).token

    answer = await call(site(auth, twice=twice), "POST /twice", OWN)
    assert [answer.text in line for line in answer.headers.get_list("set-cookie")] == [True]
    assert [record.subject for record in await rows(ww) if record.data["state"] == "live"] == ["eve"]


# Login CSRF


CROSS = [
    pytest.param({"sec-fetch-site": "cross-site"}, id="Q-27 cross-site"),
    pytest.param({"sec-fetch-site": "same-site"}, id="same-site"),
    pytest.param({"origin": "https://evil.example"}, id="Q-25 evil"),
    pytest.param({"origin": "null"}, id="Q-25 null"),
    pytest.param({"sec-fetch-site": "cross-site", "origin": "https://app.example"}, id="Sec-Fetch-Site decides"),
]


@pytest.mark.parametrize("headers", CROSS)
async def test_another_site_cannot_sign_a_visitor_in(
    ww: Watchword, call: Call, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    app = members(Auth(ww))
    mine = (await call(app, "POST /login", OWN)).text
    answer = await call(app, "POST /login", headers | cookie(mine))
    assert answer.status_code == 403
    assert answer.json()["error"] == "csrf"
    assert "set-cookie" not in answer.headers
    assert len(await rows(ww)) == 1
    assert (await call(app, "GET /me", cookie(mine))).text == "ada"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "CSRF" in caplog.text


async def test_listed_origins_and_our_own_pages_may(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww, origins=["https://shop.example"]))
    for headers in (
        {"origin": "https://shop.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ):
        assert (await call(app, "POST /login", headers)).status_code == 200
    with pytest.raises(ConfigurationError):
        Auth(ww, origins=["shop.example"])


# Refusals sign nobody in, and delete nobody's cookie


@pytest.mark.parametrize("outcome", [400, 403, 500, 503, InsufficientScopeError()])
async def test_a_refusal_signs_nobody_in(ww: Watchword, call: Call, outcome: int | Exception) -> None:
    auth = Auth(ww)

    async def login() -> int:
        await auth.sign_in("ada")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    answer = await call(site(auth, login=login), "POST /login", OWN)
    assert answer.status_code == (403 if isinstance(outcome, Exception) else outcome)
    assert "set-cookie" not in answer.headers
    assert live(await rows(ww)) == []


async def test_a_crash_signs_nobody_in(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def login() -> None:
        await auth.sign_in("ada")
        raise RuntimeError("the mail server is down")

    with pytest.raises(RuntimeError, match="mail"):
        await call(site(auth, login=login), "POST /login", OWN)
    assert live(await rows(ww)) == []


@pytest.mark.parametrize("status", [200, 204, 303, 399])
async def test_any_other_answer_does(ww: Watchword, call: Call, status: int) -> None:
    auth = Auth(ww)

    async def login() -> int:
        await auth.sign_in("ada")
        return status

    answer = await call(site(auth, login=login), "POST /login", OWN)
    assert (answer.status_code, "set-cookie" in answer.headers, len(live(await rows(ww)))) == (status, True, 1)


async def test_a_store_that_fails_leaves_the_old_session(
    ww: Watchword, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = members(Auth(ww))
    mine = (await call(app, "POST /login", OWN)).text

    async def down(*args: object, **kwargs: object) -> None:
        raise StoreUnavailableError

    with monkeypatch.context() as broken:
        broken.setattr(ww.store, "put", down)
        broken.setattr(ww.store, "swap", down)
        answer = await call(app, "POST /login", OWN | cookie(mine))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "set-cookie" not in answer.headers
    assert (await call(app, "GET /me", cookie(mine))).text == "ada"
    assert len(live(await rows(ww))) == 1


@pytest.mark.parametrize("why", ["unknown", "malformed", "ended", "expired", "revoked", "stale", "of another kind"])
async def test_no_refusal_deletes_a_cookie(
    ww: Watchword, call: Call, clock: FrozenClock, stale: Callable[[], None], why: str
) -> None:
    app = members(Auth(ww))
    started = await ww.sessions.start("ada")
    token = started.token
    if why == "unknown":
        token = f"ww_ss_{'A' * 43}"
    elif why == "malformed":
        token = "ww_ss_x"
    elif why == "ended":
        await ww.sessions.end(str(started.session_id))
    elif why == "expired":
        clock.advance(timedelta(hours=13))
    elif why == "revoked":
        await ww.revoke(subject="ada")
    elif why == "stale":
        stale()
    else:
        token = ww.access.issue("ada").token
    for path in ("me", "maybe"):
        answer = await call(app, f"GET /{path}", cookie(token))
        assert answer.status_code == (503 if why == "stale" else 401)
        assert "set-cookie" not in answer.headers


async def test_stale_is_503_whatever_was_presented(ww: Watchword, call: Call, stale: Callable[[], None]) -> None:
    app = members(Auth(ww))
    session, access = (await ww.sessions.start("ada")).token, ww.access.issue("ada").token
    stale()
    for headers in (cookie(session), {"authorization": f"Bearer {access}"}):
        answer = await call(app, "GET /me", headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"] == "temporarily_unavailable"
    assert (await call(app, "POST /login", OWN | cookie(session))).status_code == 503
    assert (await call(app, "GET /maybe")).text == "nobody"


# Signing out


async def test_sign_out_ends_the_session_and_clears_the_cookie(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    token = (await call(app, "POST /login", OWN)).text
    access = ww.access.issue("ada", session_id=(await ww.sessions.authenticate(token)).session_id).token
    assert (await call(app, "POST /logout", cookie(token))).status_code == 403
    answer = await call(app, "POST /logout", OWN | cookie(token))
    assert answer.headers.get_list("set-cookie") == [
        "__Host-Http-ww_sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    ]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    for headers in (cookie(token), {"authorization": f"Bearer {access}"}):
        assert (await call(app, "GET /me", headers)).status_code == 401


async def test_sign_out_with_a_bearer_token(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    session = await ww.sessions.start("ada")
    family = await ww.refresh.issue("ada", client_id="mobile")
    tokens = {
        "of a session": ww.access.issue("ada", session_id=session.session_id),
        "of a family": ww.access.issue("ada", family_id=family.family_id),
        "alone": ww.access.issue("ada"),
        "PASETO": ww.access.issue("ada", format="paseto"),
        "opaque": await ww.opaque_access.issue("ada"),
    }
    bystander = ww.access.issue("ada").token
    for token in tokens.values():
        bearer = {"authorization": f"Bearer {token.token}"}
        answer = await call(app, "POST /logout", bearer)
        assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
        assert (await call(app, "GET /me", bearer)).status_code == 401
    assert (await call(app, "GET /me", cookie(session.token))).status_code == 401
    with pytest.raises(TokenRevokedError):
        await ww.refresh.rotate(family.token)
    assert (await call(app, "GET /me", {"authorization": f"Bearer {bystander}"})).text == "ada"


async def test_an_error_after_sign_out_keeps_the_cookie(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def logout() -> int:
        await auth.sign_out(await auth.require())
        return 500

    token = (await ww.sessions.start("ada")).token
    answer = await call(site(auth, logout=logout), "POST /logout", OWN | cookie(token))
    assert "set-cookie" not in answer.headers


# Who is calling


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("scopes", "needs", "refused"),
    [
        (["a"], {}, None),
        (["a", "b"], {"role": "admin"}, None),
        ([], {"fresh": HOUR}, None),
        (["c"], {}, 'error="insufficient_scope", scope="c"'),
        (["a", "c"], {}, 'error="insufficient_scope", scope="a c"'),
        (["A"], {}, 'error="insufficient_scope", scope="A"'),
        ([], {"role": "owner"}, 'error="insufficient_scope"'),
        (["a"], {"role": "a"}, 'error="insufficient_scope"'),
        ([], {"fresh": HOUR - timedelta(seconds=1)}, 'error="insufficient_user_authentication", max_age="3599"'),
    ],
)
async def test_require(
    ww: Watchword, call: Call, clock: FrozenClock, scopes: list[str], needs: dict[str, Any], refused: str | None
) -> None:
    auth = Auth(ww)

    async def door() -> str:
        return (await auth.require(*scopes, **needs)).subject

    session = await ww.sessions.start("ada", scopes=["a", "b"], roles=["admin"], remember=True)
    clock.advance(HOUR)
    answer = await call(site(auth, door=door), "GET /door", cookie(session.token))
    if refused is None:
        assert answer.text == "ada"
    else:
        assert answer.status_code == 403
        assert answer.headers["www-authenticate"] == f'Bearer realm="watchword", {refused}'


async def test_an_access_token_that_names_no_sign_in_is_not_fresh(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def door() -> str:
        return (await auth.require(fresh=HOUR)).subject

    bearer = {"authorization": f"Bearer {ww.access.issue('ada').token}"}
    assert (await call(site(auth, door=door), "GET /door", bearer)).status_code == 403


async def test_the_caller_is_looked_up_once_per_visit(
    ww: Watchword, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth, reads, get = Auth(ww), [], ww.store.get

    async def counted(kind: str, key: str, *, now: int) -> Record | None:
        reads.append(key)
        return await get(kind, key, now=now)

    async def door() -> bool:
        return await auth.require() is await auth.require() is await auth.optional()

    token = (await ww.sessions.start("ada")).token
    monkeypatch.setattr(ww.store, "get", counted)
    app = site(auth, door=door)
    assert [(await call(app, "GET /door", cookie(token))).text for _ in range(2)] == ["True", "True"]
    assert (len(reads), ww.sessions.near.hits) == (1, 1)


async def test_after_signing_in_or_out_the_caller_of_before_is_forgotten(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def out() -> str:
        await auth.sign_out(await auth.require())
        return (await auth.require()).subject

    async def switch() -> str:
        await auth.require()
        await auth.sign_in("eve")
        return (await auth.require()).subject

    app = site(auth, out=out, switch=switch)
    for path in ("out", "switch"):
        token = (await ww.sessions.start("ada")).token
        assert (await call(app, f"POST /{path}", OWN | cookie(token))).status_code == 401


async def test_two_credentials_are_400(ww: Watchword, call: Call) -> None:
    app = members(Auth(ww))
    both = cookie((await ww.sessions.start("ada")).token) | {"authorization": f"Bearer {ww.access.issue('ada').token}"}
    answer = await call(app, "GET /maybe", both)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_concurrent_visits_do_not_mix(ww: Watchword, call: Call) -> None:
    auth, everyone = Auth(ww), asyncio.Barrier(5)

    async def login() -> str:
        name = current().connection.header(b"x-name")
        assert name is not None
        await everyone.wait()
        issued = await auth.sign_in(name.decode())
        await everyone.wait()
        return issued.token

    async def me() -> str:
        await everyone.wait()
        who = await auth.require()
        await everyone.wait()
        assert await auth.require() is who
        return who.subject

    app = site(auth, login=login, me=me)
    names = [f"user-{number}" for number in range(5)]
    answers = await asyncio.gather(*(call(app, "POST /login", OWN | {"x-name": name}) for name in names))
    assert [answer.text in answer.headers["set-cookie"] for answer in answers] == [True] * 5
    callers = await asyncio.gather(*(call(app, "GET /me", cookie(answer.text)) for answer in answers))
    assert [caller.text for caller in callers] == names


async def test_the_visit_ends_with_the_answer(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)
    assert (await call(members(auth), "GET /maybe")).text == "nobody"
    for verb in (auth.optional(), auth.require(), auth.sign_in("ada")):
        with pytest.raises(ConfigurationError, match="attach"):
            await verb
    with pytest.raises(ConfigurationError, match="attach"):
        current()


async def test_one_application_in_another_keeps_its_own_visit(ww: Watchword, call: Call) -> None:
    outer, inner = Auth(ww), Auth(ww, cookie=CookiePolicy("__Host-inner"))

    async def login() -> str:
        await outer.sign_in("ada")
        await inner.sign_in("eve")
        return "both"

    async def who() -> str:
        ada, eve = await outer.require(), await inner.require()
        return f"{ada.subject} {eve.subject}"

    app = outer.attach(site(inner, login=login, who=who))
    answer = await call(app, "POST /login", OWN)
    lines = answer.headers.get_list("set-cookie")
    assert sorted(line.partition("=")[0] for line in lines) == [SESSION_COOKIE, "__Host-inner"]
    together = "; ".join(line.partition(";")[0] for line in lines)
    assert (await call(app, "GET /who", {"cookie": together})).text == "ada eve"


async def test_an_auth_that_is_not_attached_says_so(
    ww: Watchword, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Auth(ww)

    async def door() -> str:
        return (await stranger.require()).subject

    answer = await call(site(Auth(ww), door=door), "GET /door")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "auth.attach(app)" in caplog.text


async def test_before_opening_every_verb_says_open_it_first(
    closed_ww: Watchword, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    app = members(Auth(closed_ww))
    for line in ("GET /me", "GET /maybe", "POST /login", "POST /logout"):
        caplog.clear()
        answer = await call(app, line, OWN)
        assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
        [record] = caplog.records
        assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
        assert "open it first" in record.getMessage()
        assert "open it" not in answer.text


# Once the answer has begun


async def drive(
    app: App, scope: Scope, *received: str, extensions: Mapping[str, Any] | None = None
) -> tuple[list[Message], Exception | None]:
    """What an application sends to a server that has these messages for it."""
    queue, sent = [{"type": kind} for kind in received], list[Message]()

    async def receive() -> Message:
        return queue.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    whole = {"path": "/", "headers": [(b"host", b"app.example")], "extensions": extensions, **scope}
    try:
        await app(whole, receive, send)
    except Exception as error:  # noqa: BLE001 - it is what the test looks at
        return sent, error
    return sent, None


GET = {"type": "http", "method": "GET", "scheme": "https"}
SOCKET = {"type": "websocket", "scheme": "wss"}
DENIES: dict[str, Any] = {"websocket.http.response": {}}


async def test_once_the_answer_has_begun_nobody_signs_in(ww: Watchword) -> None:
    auth = Auth(ww)

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await auth.sign_in("ada")

    sent, error = await drive(auth.attach(late), GET)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert isinstance(error, ConfigurationError)
    assert "too late" in str(error)
    assert await rows(ww) == []


async def test_a_session_whose_cookie_is_on_its_way_stays(ww: Watchword) -> None:
    auth = Auth(ww)

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.sign_in("ada")
        await send({"type": "http.response.start", "status": 200})
        raise RuntimeError

    sent, error = await drive(auth.attach(breaks), GET)
    assert isinstance(error, RuntimeError)
    assert [name for name, _ in sent[0]["headers"]] == [b"set-cookie", b"cache-control"]
    assert len(live(await rows(ww))) == 1


# Websockets


def socket(auth: Auth, then: Route | None = None) -> WatchwordMiddleware:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.require()
        await send({"type": "websocket.accept"})
        if then is not None:
            await then()
        await send({"type": "websocket.close", "code": 1000})

    return auth.attach(app)


def handshake(**headers: str) -> dict[str, Any]:
    pairs = [(name.encode(), value.encode()) for name, value in ({"host": "app.example"} | headers).items()]
    return SOCKET | {"headers": pairs}


async def test_a_handshake_is_authenticated_like_a_request(ww: Watchword) -> None:
    app, session = socket(Auth(ww)), cookie((await ww.sessions.start("ada")).token)
    bearer = {"authorization": f"Bearer {ww.access.issue('ada').token}"}
    for headers in (session | OWN, bearer, bearer | {"origin": "https://evil.example"}):
        sent, error = await drive(app, handshake(**headers))
        assert ([message["type"] for message in sent], error) == (["websocket.accept", "websocket.close"], None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param({"authorization": "Bearer eyJ"}, 401, id="bad"),
        pytest.param({"session": "", "origin": "https://evil.example"}, 403, id="cross-site hijacking"),
        pytest.param({"session": ""}, 403, id="no Origin"),
    ],
)
async def test_a_handshake_is_denied(ww: Watchword, headers: dict[str, str], status: int) -> None:
    app = socket(Auth(ww))
    if "session" in headers:
        token = (await ww.sessions.start("ada")).token
        headers = {name: value for name, value in headers.items() if name != "session"} | cookie(token)
    sent, error = await drive(app, handshake(**headers), extensions=DENIES)
    assert error is None
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert sent[0]["status"] == status

    sent, error = await drive(app, handshake(**headers))
    assert (sent, error) == ([{"type": "websocket.close", "code": 1008, "reason": ""}], None)


async def test_an_open_socket_that_asks_again_hears_of_a_revocation(ww: Watchword) -> None:
    auth = Auth(ww)

    async def later() -> None:
        assert (await auth.require()).subject == "ada"
        await ww.revoke(subject="ada")
        await auth.require()

    bearer = handshake(authorization=f"Bearer {ww.access.issue('ada').token}")
    sent, error = await drive(socket(auth, later), bearer, extensions=DENIES)
    assert error is None
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1008


async def test_a_stale_view_asks_the_client_to_come_again(ww: Watchword, stale: Callable[[], None]) -> None:
    auth = Auth(ww)

    async def later() -> None:
        stale()
        await auth.require()

    sent, error = await drive(socket(auth, later), handshake(authorization=f"Bearer {ww.access.issue('ada').token}"))
    assert (sent[-1]["type"], sent[-1]["code"], error) == ("websocket.close", 1013, None)


async def test_a_socket_is_closed_once(ww: Watchword) -> None:
    auth = Auth(ww)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        await auth.require()

    sent, error = await drive(auth.attach(app), handshake())
    assert ([message["type"] for message in sent], error) == (["websocket.accept", "websocket.close"], None)


async def test_a_handshake_can_sign_in(ww: Watchword) -> None:
    auth = Auth(ww)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.sign_in("ada")
        await send({"type": "websocket.accept" if scope["path"] == "/yes" else "websocket.close"})

    own = handshake(origin="https://app.example")
    sent, _ = await drive(auth.attach(app), own | {"path": "/yes"})
    assert [name for name, _ in sent[0]["headers"]] == [b"set-cookie", b"cache-control"]
    assert len(live(await rows(ww))) == 1
    await drive(auth.attach(app), own | {"path": "/no"})
    assert len(live(await rows(ww))) == 1
    assert len(await rows(ww)) == 2


# Lifespan

LIFE = {"type": "lifespan"}


def living(ww: Watchword, seen: list[tuple[str, bool]], fail: str = "") -> App:
    """An application with a lifespan of its own that notes whether the Watchword is open."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            stage = (await receive())["type"]
            seen.append((stage, is_open(ww)))
            if stage == fail:
                raise RuntimeError(stage)
            await send({"type": f"{stage}.complete"})

    return app


BOTH = ("lifespan.startup", "lifespan.shutdown")
DONE = [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_the_lifespan_is_around_the_applications_own(closed_ww: Watchword) -> None:
    seen: list[tuple[str, bool]] = []
    sent, error = await drive(Auth(closed_ww).attach(living(closed_ww, seen)), LIFE, *BOTH)
    assert (sent, error) == (DONE, None)
    assert seen == [("lifespan.startup", True), ("lifespan.shutdown", True)]
    assert not is_open(closed_ww)


async def test_an_open_watchword_stays_as_it_is(ww: Watchword) -> None:
    await ww.sessions.start("ada")
    for lifespan in (True, False):
        sent, error = await drive(Auth(ww).attach(living(ww, []), lifespan=lifespan), LIFE, *BOTH)
        assert (sent, error) == (DONE, None)
        assert is_open(ww)
    assert len(await ww.sessions.list("ada")) == 1


async def test_the_lifespan_can_be_left_alone(closed_ww: Watchword) -> None:
    seen: list[tuple[str, bool]] = []
    sent, _ = await drive(Auth(closed_ww).attach(living(closed_ww, seen), lifespan=False), LIFE, *BOTH)
    assert sent == DONE
    assert seen == [("lifespan.startup", False), ("lifespan.shutdown", False)]


@pytest.mark.parametrize("raises", [True, False])
async def test_an_application_without_a_lifespan_gets_ours(closed_ww: Watchword, raises: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if raises:
            raise AssertionError(scope["type"])

    messages: list[bool] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            messages.append(is_open(closed_ww))
            await send(message)

        await Auth(closed_ww).attach(app)(scope, receive, sending)

    sent, error = await drive(noting, LIFE, *BOTH)
    assert (sent, error) == (DONE, None)
    assert messages == [True, False]


@pytest.mark.parametrize("stage", BOTH)
async def test_an_application_that_fails_closes_the_watchword(closed_ww: Watchword, stage: str) -> None:
    sent, error = await drive(Auth(closed_ww).attach(living(closed_ww, [], fail=stage)), LIFE, *BOTH)
    assert str(error) == stage
    assert sent == DONE[: BOTH.index(stage)]
    assert not is_open(closed_ww)


async def test_a_watchword_that_cannot_open_stops_the_start(
    closed_ww: Watchword, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down() -> None:
        raise StoreUnavailableError("the disk is gone")

    monkeypatch.setattr(closed_ww.store, "open", down)
    seen: list[tuple[str, bool]] = []
    sent, error = await drive(Auth(closed_ww).attach(living(closed_ww, seen)), LIFE, *BOTH)
    assert (sent, error, seen) == ([{"type": "lifespan.startup.failed", "message": "the disk is gone"}], None, [])


# Small things


@pytest.mark.parametrize(
    ("said", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
            "Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile "
            "Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
            "Safari/537.36 OPR/126.0.0.0",
            "Opera on macOS",
        ),
        ("curl/8.16.0", "curl"),
        ("python-httpx2/2.16.2", "python-httpx2"),
        ("Mozilla/5.0 (compatible; Bot/1.0)", None),
        ("", None),
        ("<script>alert(1)</script>", None),
        ("a\x00b/1", None),
        ("x" * 5000, "x" * 40),
        ("x" * 5000 + "Firefox", "x" * 40),
        ("\u00e9t\u00e9/1 Linux", "Linux"),
    ],
)
def test_devices_are_named_in_a_few_words(said: str, device: str | None) -> None:
    assert device_of([said.encode("latin-1"), b"Chrome"]) == device
    assert device is None or len(device) <= 60


def test_without_a_user_agent_there_is_no_device() -> None:
    assert device_of([]) is None


async def test_refusals_are_logged_without_the_token(
    ww: Watchword, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "watchword.integrations")
    secret = f"ww_ss_{'s' * 43}"
    await call(members(Auth(ww)), "GET /me", cookie(secret))
    [record] = caplog.records
    assert (record.levelname, record.name) == ("INFO", "watchword.integrations")
    assert "no such session" in caplog.text
    assert secret not in caplog.text


def test_it_imports_no_framework() -> None:
    code = "import sys, watchword.integrations.asgi; print({'starlette', 'fastapi', 'anyio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_tokens_of_another_issuer_beside_our_own(ww: Watchword, call: Call) -> None:
    """The same route takes both; another issuer's session id ends nothing of ours."""
    theirs = KeyRing.generate("ES256", clock=ww.clock)
    foreign = ForeignTokens(theirs, issuer="https://them.example", audience="https://api.example")
    auth = Auth(ww, issuers=foreign)
    session = await ww.sessions.start("user-7")

    async def me() -> str:
        who = await auth.require()
        return f"{who.issuer} {who.subject}"

    async def logout() -> None:
        await auth.sign_out(await auth.require())

    app = site(auth, me=me, logout=logout)
    issued = AccessTokens(theirs, issuer="https://them.example", audience="https://api.example").issue(
        "user-7", session_id=session.session_id
    )
    bearer = {"authorization": f"Bearer {issued.token}"}
    assert (await call(app, "GET /me", bearer)).text == "https://them.example user-7"
    ours = {"authorization": f"Bearer {ww.access.issue('user-7').token}"}
    assert (await call(app, "GET /me", ours)).text == "None user-7"
    assert (await call(app, "POST /logout", bearer)).status_code == 403
    assert (await ww.sessions.authenticate(session.token)).subject == "user-7"
    assert (await call(members(Auth(ww)), "GET /me", bearer)).status_code == 401


async def test_attempts_are_limited_by_account_and_the_address_of_the_request(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)
    limits = Limits("login", account=RateLimit("2/min"), address=RateLimit("3/min"))

    async def login(account: str) -> None:
        await auth.limit(limits, account=account)

    app = site(auth, ada=lambda: login("ada"), joan=lambda: login("joan"))
    lines = ["POST /ada", "POST /ada", "POST /ada", "POST /joan", "POST /joan"]
    answers = [await call(app, line) for line in lines]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 429]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, "30", None, "20"]


async def test_a_bearer_may_clear_all_that_the_browser_keeps(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def leave() -> None:
        await auth.sign_out(await auth.require(), clear_site_data=True)

    headers = {"authorization": f"Bearer {ww.access.issue('u').token}"}
    done = await call(site(auth, leave=leave), "POST /leave", headers)
    assert done.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert "set-cookie" not in done.headers


async def test_sign_out_may_clear_all_that_the_browser_keeps(ww: Watchword, call: Call) -> None:
    auth = Auth(ww)

    async def leave() -> None:
        await auth.sign_out(await auth.require(), clear_site_data=True)

    async def change() -> None:
        await leave()
        await auth.sign_in("u")

    app = site(auth, leave=leave, change=change)
    for path, expected in (("leave", '"cache", "cookies", "storage"'), ("change", None)):
        token = (await ww.sessions.start("u")).token
        done = await call(app, f"POST /{path}", {**cookie(token), "sec-fetch-site": "same-origin"})
        assert done.status_code == 200
        assert done.headers.get("clear-site-data") == expected
        assert done.headers["cache-control"] == "no-store"
