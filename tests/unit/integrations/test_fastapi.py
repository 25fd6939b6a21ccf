"""The FastAPI integration: the example of the design, and what it promises."""

import asyncio
import runpy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, CsrfError
from watchword.integrations.asgi import is_open
from watchword.integrations.fastapi import Auth
from watchword.principal import Principal
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy

from .conftest import Call

OWN = {"origin": "https://app.example"}
HOUR = timedelta(hours=1)


class Login(BaseModel):
    name: str
    remember: bool = False


def shop(auth: Auth) -> FastAPI:
    """The example of the design, with a few more routes."""
    app = FastAPI()
    auth.attach(app)

    @app.post("/login")
    async def login(form: Login, response: Response) -> None:
        await auth.sign_in(response, subject=form.name, roles=["admin"], scopes=["orders:read"], remember=form.remember)

    @app.get("/me")
    async def me(who: Annotated[Principal, Depends(auth)]) -> str:
        return who.subject

    @app.post("/me")
    def rename(who: Annotated[Principal, Depends(auth)]) -> str:
        return who.subject

    @app.get("/home")
    async def home(who: Annotated[Principal | None, Depends(auth.optional)]) -> str:
        return "nobody" if who is None else who.subject

    @app.get("/orders")
    async def orders(who: Annotated[Principal, Depends(auth.require("orders:read"))]) -> list[str]:
        return ["o-1"]

    @app.delete("/orders")
    async def drop(who: Annotated[Principal, Depends(auth.require("orders:read", "orders:write"))]) -> None: ...

    @app.get("/admin", dependencies=[Depends(auth.require(role="admin"))])
    async def admin() -> str:
        return "admin"

    @app.get("/owner", dependencies=[Depends(auth.require(role="owner"))])
    async def owner() -> None: ...

    @app.get("/pay", dependencies=[Depends(auth.require(fresh=HOUR))])
    async def pay() -> str:
        return "paid"

    @app.post("/logout")
    async def logout(response: Response, who: Annotated[Principal, Depends(auth)]) -> None:
        await auth.sign_out(response, who)

    @app.websocket("/feed")
    async def feed(websocket: WebSocket, who: Annotated[Principal, Depends(auth)]) -> None:
        await websocket.accept()
        await websocket.send_text(who.subject)
        with suppress(WebSocketDisconnect):
            assert await websocket.receive_text() == "again"
            await websocket.send_text((await auth(websocket)).subject)

    return app


@pytest.fixture
def auth(ww: Watchword) -> Auth:
    return Auth(ww)


@pytest.fixture
def app(auth: Auth) -> FastAPI:
    return shop(auth)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Keeps cookies, and says where each request comes from."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://app.example", headers={"sec-fetch-site": "same-origin"}
    ) as client:
        yield client


def bearer(ww: Watchword, *scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {ww.access.issue('ada', scopes=scopes).token}"}


async def session(ww: Watchword, **kwargs: Any) -> dict[str, str]:
    return {"cookie": f"{SESSION_COOKIE}={(await ww.sessions.start('ada', **kwargs)).token}"}


# The whole example


async def test_a_visit_from_sign_in_to_sign_out(ww: Watchword, browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/home")).json() == "nobody"
    assert (await browser.get("/me")).status_code == 401

    answer = await browser.post("/login", json={"name": "ada"})
    token = browser.cookies[SESSION_COOKIE]
    assert answer.headers.get_list("set-cookie") == [
        f"__Host-Http-ww_sid={token}; Path=/; Secure; HttpOnly; SameSite=Lax"
    ]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert token not in answer.text
    assert (await browser.get("/me")).json() == "ada"
    assert (await browser.post("/me")).json() == "ada"
    assert (await browser.get("/home")).json() == "ada"
    assert (await browser.get("/orders")).json() == ["o-1"]
    assert (await browser.delete("/orders")).status_code == 403
    assert (await browser.get("/admin")).json() == "admin"
    assert (await browser.get("/owner")).status_code == 403

    await browser.post("/login", json={"name": "ada", "remember": True})
    assert browser.cookies[SESSION_COOKIE] != token
    assert len(await ww.sessions.list("ada")) == 1

    answer = await browser.post("/logout")
    assert answer.headers["set-cookie"] == "__Host-Http-ww_sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    assert not browser.cookies
    assert (await browser.get("/me")).status_code == 401
    assert await ww.sessions.list("ada") == []


async def test_each_sign_in_makes_a_new_session_and_ends_the_old(
    ww: Watchword, app: FastAPI, call: Call
) -> None:
    before = await session(ww)

    async def login(headers: dict[str, str]) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://app.example") as client:
            return await client.post("/login", json={"name": "ada"}, headers=headers)

    answer = await login(OWN | before)
    after = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert after != before
    assert (await call(app, "GET /me", before)).status_code == 401
    assert (await call(app, "GET /me", after)).json() == "ada"
    assert len(await ww.sessions.list("ada")) == 1

    count = len(await ww.store.find("session", now=ww.clock.now()))
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = await login(headers | after)
        assert answer.status_code == 403
        assert answer.json()["error"] == "csrf"
        assert "set-cookie" not in answer.headers
    assert len(await ww.store.find("session", now=ww.clock.now())) == count
    assert (await call(app, "GET /me", after)).json() == "ada"


async def test_the_example_of_the_readme(tmp_path: Path, call: Call) -> None:
    source = """
from typing import Annotated
from fastapi import Depends, FastAPI, Response
from watchword.app import Watchword
from watchword.integrations.fastapi import Auth
from watchword.principal import Principal

app = FastAPI()
auth = Auth(Watchword("memory:", issuer="https://app.example", audience="https://app.example"))
auth.attach(app)

@app.post("/login")
async def login(response: Response) -> None:
    await auth.sign_in(response, subject="ada")

@app.get("/me")
async def me(who: Annotated[Principal, Depends(auth)]) -> str:
    return who.subject
"""
    assert len([line for line in source.splitlines() if line]) <= 15
    path = tmp_path / "app.py"
    path.write_text(source)
    app = runpy.run_path(str(path))["app"]
    async with app.router.lifespan_context(app):
        answer = await call(app, "POST /login", OWN)
        assert (await call(app, "GET /me", {"cookie": answer.headers["set-cookie"].partition(";")[0]})).json() == "ada"


# Who may call


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="Q-24 cross-site"),
        pytest.param({"sec-fetch-site": "same-site"}, 403, id="same-site"),
        pytest.param({"origin": "https://evil.example"}, 403, id="Q-25 evil"),
        pytest.param({"origin": "null"}, 403, id="Q-25 null"),
        pytest.param({}, 403, id="Q-25 absent"),
        pytest.param(OWN, 200, id="own origin"),
        pytest.param({"sec-fetch-site": "same-origin"}, 200, id="same-origin"),
    ],
)
async def test_a_cookie_counts_on_requests_of_our_own_pages(
    ww: Watchword, app: FastAPI, call: Call, headers: dict[str, str], status: int
) -> None:
    cookie = await session(ww)
    assert (await call(app, "POST /me", cookie | headers)).status_code == status
    assert (await call(app, "GET /me", cookie | headers)).status_code == 200
    assert (await call(app, "POST /me", bearer(ww) | headers)).status_code == 200
    assert (await call(app, "POST /logout", cookie | headers)).status_code == status
    assert len(await ww.sessions.list("ada")) == (0 if status == 200 else 1)


async def test_listed_origins_may_use_the_cookie(ww: Watchword, call: Call) -> None:
    app = shop(Auth(ww, origins=["https://shop.example"], cookie=CookiePolicy("__Host-shop")))
    cookie = {"cookie": f"__Host-shop={(await ww.sessions.start('ada')).token}", "sec-fetch-site": "same-site"}
    assert (await call(app, "POST /me", cookie | {"origin": "https://shop.example"})).status_code == 200
    assert (await call(app, "POST /me", cookie | OWN)).status_code == 403


async def test_nothing_presented_is_a_bare_401(app: FastAPI, call: Call) -> None:  # Q-34 R-6750-3
    for line in ("GET /me", "GET /orders", "GET /admin", "GET /pay"):
        answer = await call(app, line)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="watchword"'
        assert answer.json() == {"error_description": "No credential was presented."}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
    assert (await call(app, "GET /me?access_token=x")).json() == answer.json()
    assert (await call(app, "GET /home")).json() == "nobody"


async def test_all_bad_tokens_are_refused_alike(ww: Watchword, app: FastAPI, call: Call, clock: FrozenClock) -> None:
    other = Watchword("memory:", issuer="https://app.example", audience="https://api.example", clock=clock)
    async with other:
        foreign = other.access.issue("ada").token
    good, revoked = ww.access.issue("ada").token, ww.access.issue("ada").token
    await ww.revoke(token=revoked)
    expired = ww.access.issue("ada", lifetime=timedelta(seconds=1)).token
    wide = ww.access.issue("ada", audience="https://elsewhere.example").token
    family = await ww.refresh.issue("ada", client_id="mobile")
    ended = await ww.sessions.start("ada")
    await ww.sessions.end(str(ended.session_id))
    live = await ww.sessions.start("ada")
    clock.advance(1)
    bad = {
        "garbage": {"authorization": "Bearer x"},
        "no JWT": {"authorization": "Bearer eyJ"},
        "bad signature": {"authorization": f"Bearer {good[:-5]}AAAA{good[-1]}"},
        "foreign key": {"authorization": f"Bearer {foreign}"},
        "expired": {"authorization": f"Bearer {expired}"},
        "wrong audience": {"authorization": f"Bearer {wide}"},
        "revoked": {"authorization": f"Bearer {revoked}"},
        "refresh as access": {"authorization": f"Bearer {family.token}"},
        "session as bearer": {"authorization": f"Bearer {live.token}"},
        "access in the cookie": {"cookie": f"{SESSION_COOKIE}={good}"},
        "ended": {"cookie": f"{SESSION_COOKIE}={ended.token}"},
        "unknown": {"cookie": f"{SESSION_COOKIE}=ww_ss_{'A' * 43}"},
        "two cookies": {"cookie": f"{SESSION_COOKIE}={live.token}; {SESSION_COOKIE}={live.token}"},
        "API key": {"x-api-key": "sk_live_x"},
    }
    seen = set()
    for name, headers in bad.items():
        for path in ("me", "orders", "home"):
            answer = await call(app, f"GET /{path}", headers)
            assert answer.status_code == 401, name
            seen.add((answer.content, tuple(answer.headers.multi_items())))
    [(body, found)] = seen
    assert ("www-authenticate", 'Bearer realm="watchword", error="invalid_token"') in found
    assert b"invalid_token" in body
    assert (await call(app, "GET /me", {"authorization": f"Bearer {good}"})).status_code == 200


async def test_two_credentials_are_400(ww: Watchword, app: FastAPI, call: Call) -> None:
    for line in ("GET /me", "GET /home"):
        answer = await call(app, line, await session(ww) | bearer(ww))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_missing_scope_or_role_is_403(ww: Watchword, app: FastAPI, call: Call) -> None:
    challenge = 'Bearer realm="watchword", error="insufficient_scope"'
    for headers in (bearer(ww), await session(ww) | OWN):
        answer = await call(app, "GET /orders", headers)
        assert answer.status_code == 403
        assert answer.headers["www-authenticate"] == f'{challenge}, scope="orders:read"'
        answer = await call(app, "DELETE /orders", headers)
        assert answer.headers["www-authenticate"] == f'{challenge}, scope="orders:read orders:write"'
        answer = await call(app, "GET /admin", headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (403, challenge)
    assert (await call(app, "GET /orders", bearer(ww, "orders:read"))).json() == ["o-1"]


async def test_a_sign_in_of_long_ago_needs_another(ww: Watchword, app: FastAPI, call: Call, clock: FrozenClock) -> None:
    cookie = await session(ww, remember=True)
    clock.advance(HOUR)
    assert (await call(app, "GET /pay", cookie)).json() == "paid"
    clock.advance(1)
    answer = await call(app, "GET /pay", cookie)
    assert answer.status_code == 403
    assert "insufficient_user_authentication" in answer.headers["www-authenticate"]


async def test_stale_is_503(ww: Watchword, app: FastAPI, call: Call, stale: Callable[[], None]) -> None:
    presented = [bearer(ww, "orders:read"), await session(ww)]
    stale()
    for headers in presented:
        for path in ("me", "orders", "home"):
            answer = await call(app, f"GET /{path}", headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "set-cookie" not in answer.headers


def test_a_scope_that_no_token_can_have_is_refused_when_written(closed_ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="scopes"):
        Auth(closed_ww).require("orders:read orders:write")


# What the application does itself


async def test_a_response_of_the_routes_own_carries_the_cookie(ww: Watchword, auth: Auth, call: Call) -> None:
    app = FastAPI()
    auth.attach(app)

    @app.post("/login")
    async def login(response: Response) -> RedirectResponse:
        response.headers["x-mine"] = "dropped by FastAPI"
        await auth.sign_in(response, subject="ada")
        return RedirectResponse("/", status_code=303)

    answer = await call(app, "POST /login", OWN)
    assert (answer.status_code, "x-mine" in answer.headers) == (303, False)
    assert answer.headers["set-cookie"].startswith("__Host-Http-ww_sid=ww_ss_")


@pytest.mark.parametrize("how", ["HTTPException", "WatchwordError", "crash", "validation"])
async def test_an_error_after_sign_in_signs_nobody_in(ww: Watchword, auth: Auth, call: Call, how: str) -> None:
    app = FastAPI()
    auth.attach(app)

    @app.post("/login", response_model=int if how == "validation" else None)
    async def login(response: Response) -> Any:
        await auth.sign_in(response, subject="ada")
        if how == "HTTPException":
            raise HTTPException(403, "this account is closed")
        if how == "WatchwordError":
            await ww.sessions.authenticate("ww_ss_x")
        if how == "crash":
            raise RuntimeError("crash")
        return "no number"

    if how in ("crash", "validation"):
        with pytest.raises(Exception, match=r"crash|number"):
            await call(app, "POST /login", OWN)
    else:
        answer = await call(app, "POST /login", OWN)
        assert answer.status_code == (403 if how == "HTTPException" else 401)
        assert "set-cookie" not in answer.headers
    assert await ww.sessions.list("ada") == []


async def test_a_handler_of_the_applications_own_wins(ww: Watchword, app: FastAPI, call: Call) -> None:
    @app.exception_handler(CsrfError)
    async def mine(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"mine": True}, 418)

    assert (await call(app, "POST /me", await session(ww))).status_code == 418
    assert (await call(app, "GET /me")).status_code == 401


async def test_a_test_may_replace_the_caller(app: FastAPI, auth: Auth, call: Call) -> None:
    eve = Principal(subject="eve", kind="session", token_id="t", issued_at=0, expires_at=1)
    app.dependency_overrides[auth] = lambda: eve
    assert (await call(app, "GET /me")).json() == "eve"
    assert (await call(app, "GET /orders")).status_code == 403


async def test_other_middleware_and_routers_do_not_hide_the_visit(ww: Watchword, auth: Auth, call: Call) -> None:
    app, router = FastAPI(), APIRouter(prefix="/api", dependencies=[Depends(auth)])

    async def passing(request: Request, following: Any) -> Any:
        return await following(request)

    @router.post("/login")
    async def login(response: Response) -> None:
        await auth.sign_in(response, subject="eve")

    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    auth.attach(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    app.include_router(router)
    answer = await call(app, "POST /api/login", OWN | await session(ww))
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, True)
    assert len(await ww.sessions.list("ada")) == 0
    assert len(await ww.sessions.list("eve")) == 1
    assert (await call(app, "POST /api/login", OWN)).status_code == 401


async def test_refusals_are_answers_to_the_middleware_inside(auth: Auth, call: Call) -> None:
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    auth.attach(app)

    @app.get("/me", dependencies=[Depends(auth)])
    async def me() -> None: ...

    answer = await call(app, "GET /me", {"origin": "https://shop.example"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_concurrent_requests_do_not_mix(ww: Watchword, auth: Auth, call: Call) -> None:
    app, everyone = FastAPI(), asyncio.Barrier(4)
    auth.attach(app)

    async def wait(who: Annotated[Principal, Depends(auth)]) -> str:
        await everyone.wait()
        return who.subject

    @app.post("/switch")
    async def switch(response: Response, before: Annotated[str, Depends(wait)]) -> list[str]:
        issued = await auth.sign_in(response, subject=f"{before}-2")
        await everyone.wait()
        return [before, issued.token]

    names = [f"user-{number}" for number in range(4)]
    tokens = [(await ww.sessions.start(name)).token for name in names]
    answers = await asyncio.gather(
        *(call(app, "POST /switch", OWN | {"cookie": f"{SESSION_COOKIE}={token}"}) for token in tokens)
    )
    assert [answer.json()[0] for answer in answers] == names
    assert all(f"={answer.json()[1]};" in answer.headers["set-cookie"] for answer in answers)


# Attaching, opening and closing


def test_it_is_attached_once_and_in_time(closed_ww: Watchword) -> None:
    app = shop(Auth(closed_ww))
    for auth in (Auth(closed_ww), Auth(closed_ww, cookie=CookiePolicy("__Host-other"))):
        with pytest.raises(ConfigurationError, match="already"):
            auth.attach(app)
    assert [layer.cls for layer in app.user_middleware].count(app.user_middleware[0].cls) == 1

    with TestClient(started := FastAPI()), pytest.raises(ConfigurationError, match="started"):
        Auth(closed_ww).attach(started)


def test_the_applications_own_lifespan_is_inside_ours(closed_ww: Watchword) -> None:
    seen: list[tuple[str, bool]] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append(("up", is_open(closed_ww)))
        issued = await closed_ww.sessions.start("ada")
        yield {"token": issued.token}
        seen.append(("down", is_open(closed_ww)))

    app = FastAPI(lifespan=own)
    Auth(closed_ww).attach(app)

    @app.get("/token")
    async def token(request: Request) -> str:
        return str(request.state.token)

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/token").json().startswith("ww_ss_")
        assert not is_open(closed_ww)
    assert seen == [("up", True), ("down", True)] * 2


def test_a_start_up_that_fails_closes_the_watchword(closed_ww: Watchword) -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    app = FastAPI(lifespan=own)
    Auth(closed_ww).attach(app)
    with pytest.raises(RuntimeError, match="no database"), TestClient(app):
        pass
    assert not is_open(closed_ww)


async def test_a_watchword_that_is_open_stays_open(ww: Watchword, app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        assert is_open(ww)
    assert is_open(ww)
    await ww.sessions.start("ada")


async def test_without_its_lifespan_an_application_says_open_it_first(
    closed_ww: Watchword, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    app = shop(Auth(closed_ww))
    for line in ("GET /me", "GET /home", "GET /orders"):
        caplog.clear()
        answer = await call(app, line, OWN)
        assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
        assert "open it first" in caplog.text
        assert "TestClient" in caplog.text


# Websockets


@pytest.fixture
def phone(closed_ww: Watchword) -> Iterator[TestClient]:
    with TestClient(shop(Auth(closed_ww)), base_url="https://app.example") as client:
        client.post("/login", json={"name": "ada"}, headers=OWN)
        yield client


FEED = "wss://app.example/feed"


def test_a_websocket_takes_cookie_or_bearer(phone: TestClient, closed_ww: Watchword) -> None:
    with phone.websocket_connect(FEED, headers=OWN) as socket:
        assert socket.receive_text() == "ada"
        socket.send_text("again")
        assert socket.receive_text() == "ada"
    phone.cookies.clear()
    with phone.websocket_connect(FEED, headers=bearer(closed_ww) | {"origin": "https://evil.example"}) as socket:
        assert socket.receive_text() == "ada"
        socket.send_text("again")
        assert socket.receive_text() == "ada"


@pytest.mark.parametrize(
    ("headers", "keep", "status"),
    [
        pytest.param({"origin": "https://evil.example"}, True, 403, id="cross-site hijacking"),
        pytest.param({}, True, 403, id="no Origin"),
        pytest.param(OWN, False, 401, id="nothing"),
        pytest.param({"authorization": "Bearer x"}, False, 401, id="bad"),
        pytest.param(OWN | {"authorization": "Bearer x"}, True, 400, id="two"),
    ],
)
def test_a_websocket_is_denied(phone: TestClient, headers: dict[str, str], keep: bool, status: int) -> None:
    if not keep:
        phone.cookies.clear()
    with pytest.raises(WebSocketDenialResponse) as denied, phone.websocket_connect(FEED, headers=headers):
        pass
    assert denied.value.status_code == status
    assert denied.value.headers["cache-control"] == "no-store"


def test_an_open_websocket_is_closed_with_its_session(phone: TestClient, closed_ww: Watchword) -> None:
    assert phone.portal is not None
    with phone.websocket_connect(FEED, headers=OWN) as socket:
        assert socket.receive_text() == "ada"
        phone.portal.call(closed_ww.sessions.end_all, "ada")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 1008


# OpenAPI


def test_the_docs_show_both_ways_in(closed_ww: Watchword) -> None:
    document = shop(Auth(closed_ww)).openapi()
    assert document["components"]["securitySchemes"] == {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-Http-ww_sid",
            "description": "The cookie of a sign-in.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT or PASETO",
            "description": "An access token.",
        },
    }
    shown = {
        f"{method} {path}": operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    anyone: list[dict[str, list[str]]] = [{"session": []}, {"bearer": []}]
    assert shown == {
        "post /login": None,
        "get /me": anyone,
        "post /me": anyone,
        "get /home": anyone,
        "get /orders": [{"session": ["orders:read"]}, {"bearer": ["orders:read"]}],
        "delete /orders": [
            {"session": ["orders:read", "orders:write"]},
            {"bearer": ["orders:read", "orders:write"]},
        ],
        "get /admin": anyone,
        "get /owner": anyone,
        "get /pay": anyone,
        "post /logout": anyone,
    }
    assert not any(op.get("parameters") for ops in document["paths"].values() for op in ops.values())
