"""``max_age="idle"``: the cookie lives as long as its session would, and is set anew while that is used."""

from typing import Any

import pytest

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError
from watchword.integrations.asgi import Auth, Receive, Scope, Send
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy

from .conftest import Call

OWN = {"origin": "https://app.example"}
IDLE = 1800


def shop(ww: Watchword, cookie: CookiePolicy = CookiePolicy(max_age="idle")) -> Any:  # noqa: B008  # frozen
    auth = Auth(ww, cookie=cookie)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        said, status = "", 200
        match scope["path"]:
            case "/login":
                said = (await auth.sign_in("ada")).token
            case "/remember":
                said = (await auth.sign_in("ada", remember=True)).token
            case "/again":
                await auth.require()
                said = (await auth.sign_in("grace")).token
            case "/logout":
                await auth.sign_out(await auth.require())
            case "/ended":  # as by another tab, while this one is answered
                await ww.sessions.end(str((await auth.require()).session_id))
            case "/wrong":
                await auth.require()
                status = 404
            case _:
                await auth.require()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    return auth.attach(app)


def cookie(token: str) -> dict[str, str]:
    return {"cookie": f"{SESSION_COOKIE}={token}", **OWN}


async def test_it_is_set_for_the_idle_time_and_anew_once_a_minute(
    ww: Watchword, clock: FrozenClock, call: Call
) -> None:
    app = shop(ww)
    first = await call(app, "POST /login", OWN)
    line = f"{SESSION_COOKIE}={first.text}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={IDLE}"
    assert first.headers.get_list("set-cookie") == [line]
    seen = []
    for _ in range(9):
        clock.advance(20)
        answer = await call(app, "GET /me", cookie(first.text))
        assert answer.headers.get_list("set-cookie") in ([], [line])
        assert ("cache-control" in answer.headers) is ("set-cookie" in answer.headers)
        seen.append("set-cookie" in answer.headers)
    assert seen == [False, False, True] * 3


async def test_nothing_is_set_anew_without_being_asked(ww: Watchword, clock: FrozenClock, call: Call) -> None:
    app = shop(ww, CookiePolicy())
    token = (await call(app, "POST /login", OWN)).text
    clock.advance(120)
    answer = await call(app, "GET /me", cookie(token))
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)


@pytest.mark.parametrize("line", ["POST /ended", "GET /wrong"])
async def test_a_session_that_ended_meanwhile_or_a_refusal_sets_nothing(
    line: str, ww: Watchword, clock: FrozenClock, call: Call
) -> None:
    app = shop(ww)
    token = (await call(app, "POST /login", OWN)).text
    clock.advance(120)
    assert "set-cookie" not in (await call(app, line, cookie(token))).headers


async def test_a_sign_in_and_a_sign_out_have_the_last_word(ww: Watchword, clock: FrozenClock, call: Call) -> None:
    app = shop(ww)
    token = (await call(app, "POST /login", OWN)).text
    clock.advance(120)
    answer = await call(app, "POST /again", cookie(token))
    [line] = answer.headers.get_list("set-cookie")
    assert line.startswith(f"{SESSION_COOKIE}={answer.text};")
    clock.advance(120)
    [line] = (await call(app, "POST /logout", cookie(answer.text))).headers.get_list("set-cookie")
    assert line.endswith("; Max-Age=0")


async def test_what_is_remembered_and_what_is_no_session_stay_as_they_are(
    ww: Watchword, clock: FrozenClock, call: Call
) -> None:
    app = shop(ww)
    answer = await call(app, "POST /remember", OWN)
    assert answer.headers["set-cookie"].endswith("; Max-Age=2592000")
    clock.advance(120)
    assert "set-cookie" not in (await call(app, "GET /me", cookie(answer.text))).headers
    key = (await ww.api_keys.issue("ada")).token
    assert "set-cookie" not in (await call(app, "GET /me", {"x-api-key": key})).headers


def test_who_does_not_know_the_idle_time_cannot_set_it() -> None:
    with pytest.raises(ConfigurationError, match="idle"):
        CookiePolicy(max_age="idle").set_cookie("v")
