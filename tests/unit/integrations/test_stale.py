"""Routes that say what they do past the lease: declared when they are made, and kept when the feed falls silent."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Response

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError
from watchword.integrations import asgi
from watchword.integrations.fastapi import Auth
from watchword.policy.scopes import Scopes
from watchword.principal import Principal

from .conftest import Call

pytestmark = pytest.mark.anyio

FRESH = timedelta(hours=1)


@pytest.fixture(params=["closed", "open"])
async def ww(request: pytest.FixtureRequest, clock: FrozenClock) -> AsyncIterator[Watchword]:
    made = Watchword(
        "memory:",
        issuer="https://app.example",
        audience="https://api.example",
        clock=clock,
        on_stale=request.param,
        open_for=timedelta(seconds=30),
        policy=Scopes(),
    )
    async with made:
        yield made


def shop(ww: Watchword) -> FastAPI:
    app, auth = FastAPI(), Auth(ww)
    auth.attach(app)

    def route(path: str, caller: Any) -> None:
        async def answer(who: Annotated[Principal, Depends(caller)]) -> bool:
            return who.stale

        app.get(path)(answer)

    route("/plain", auth)
    route("/open", auth.require("read", on_stale="open"))
    route("/closed", auth.require("read", on_stale="closed"))
    route("/role", auth.require(role="admin"))
    route("/fresh", auth.require(fresh=FRESH))
    route("/permission", auth.require(permission="read"))
    route("/privileged", auth.require("read", privileged=True))
    every = [auth.require("read", on_stale="open"), auth, auth.require("read", privileged=True)]

    @app.get("/open-then-role")
    async def both(
        low: Annotated[Principal, Depends(every[0])], high: Annotated[Principal, Depends(auth.require(role="admin"))]
    ) -> None:
        raise AssertionError("the second one lets nobody through")

    @app.get("/open-then-privileged")
    async def other(
        low: Annotated[Principal, Depends(every[0])], high: Annotated[Principal, Depends(every[2])]
    ) -> None:
        raise AssertionError("the second one lets nobody through")

    @app.post("/login")
    async def login(response: Response) -> None:
        await auth.sign_in(response, subject="u", roles=["admin"], scopes=["read"])

    return app


def bearer(ww: Watchword, clock: FrozenClock) -> dict[str, str]:
    token = ww.access.issue("u", scopes=["read"], roles=["admin"], auth_time=clock.now()).token
    return {"authorization": f"Bearer {token}"}


PATHS = ["plain", "open", "closed", "role", "fresh", "permission", "privileged"]


async def test_only_open_routes_answer_past_the_lease_and_for_the_window_alone(
    ww: Watchword, clock: FrozenClock, stale: Callable[[], None], call: Call
) -> None:
    app, headers = shop(ww), bearer(ww, clock)
    for path in PATHS:
        answer = await call(app, f"GET /{path}", headers)
        assert (answer.status_code, answer.json()) == (200, False), path
    stale()
    found = {path: await call(app, f"GET /{path}", headers) for path in PATHS}
    taken = {path for path, answer in found.items() if answer.status_code == 200}
    assert taken == ({"plain", "open"} if ww.view.on_stale == "open" else {"open"})
    assert all(found[path].json() is True for path in taken)
    assert {answer.status_code for path, answer in found.items() if path not in taken} == {503}
    for path in ("open-then-role", "open-then-privileged"):
        assert (await call(app, f"GET /{path}", headers)).status_code == 503
    clock.advance(30)
    assert {(await call(app, f"GET /{path}", headers)).status_code for path in PATHS} == {503}


async def test_a_cookie_is_never_taken_on_a_stale_word(ww: Watchword, stale: Callable[[], None], call: Call) -> None:
    app = shop(ww)
    signed_in = await call(app, "POST /login", {"sec-fetch-site": "same-origin"})
    headers = {"cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    assert (await call(app, "GET /open", headers)).status_code == 200
    stale()
    assert (await call(app, "GET /open", headers)).status_code == 503


async def test_a_known_revocation_holds_on_an_open_route(
    ww: Watchword, clock: FrozenClock, stale: Callable[[], None], call: Call
) -> None:
    app, headers = shop(ww), bearer(ww, clock)
    await ww.revoke(subject="u")
    stale()
    assert (await call(app, "GET /open", headers)).status_code == 401


@pytest.mark.parametrize(
    "needs", [{"role": "admin"}, {"fresh": FRESH}, {"permission": "read"}, {"privileged": True}], ids=repr
)
async def test_a_privileged_route_cannot_be_declared_open(ww: Watchword, needs: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="low risk"):
        Auth(ww).require("read", on_stale="open", **needs)
    with pytest.raises(ConfigurationError, match="low risk"):
        await asgi.Auth(ww).require("read", on_stale="open", **needs)


@pytest.mark.parametrize("options", [{}, {"profile": "high_risk"}], ids=repr)
def test_a_watchword_without_a_window_has_no_open_routes(options: dict[str, Any]) -> None:
    closed = Watchword("memory:", issuer="https://a.example", audience="https://b.example", **options)
    with pytest.raises(ConfigurationError, match="open_for"):
        Auth(closed).require("read", on_stale="open")


async def test_in_any_asgi_application_a_route_says_so_itself(
    ww: Watchword, clock: FrozenClock, stale: Callable[[], None], call: Call
) -> None:
    auth, seen = asgi.Auth(ww), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        who = await auth.require("read", on_stale="open")
        seen.append((who.stale, (await auth.require("read", on_stale="open")) is who))
        if scope["path"] == "/more":
            await auth.require("read", on_stale="closed")
        if scope["path"] == "/fallback":
            await auth.optional(on_stale="closed")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    whole, headers = auth.attach(app), bearer(ww, clock)
    paths = ("GET /", "GET /more", "GET /fallback")
    assert [(await call(whole, path, headers)).status_code for path in paths] == [204, 204, 204]
    stale()
    assert [(await call(whole, path, headers)).status_code for path in paths] == [204, 503, 503]
    assert seen == [(False, True)] * 3 + [(True, True)] * 3
