"""/account/session and /account/sessions: one's own, and nobody else's."""

import pytest

from tests.unit.server.house import House
from watchword.web.cookies import SESSION_COOKIE


async def test_the_current_session(house: House) -> None:
    cookie = await house.sign_in(headers=[("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")])
    reply = await house.ask("GET", "/account/session", cookie=cookie)
    assert reply.status_code == 200
    now = house.clock.now()
    session_id = (await house.ww.sessions.authenticate(cookie)).session_id
    assert reply.json() == {
        "subject": "alice",
        "scopes": ["orders:read", "orders:write"],
        "roles": [],
        "auth_time": now,
        "session_id": session_id,
        "created_at": now,
        "last_seen": now,
        "ends_at": now + 43_200,
        "expires_at": now + 1800,
        "device": "Firefox on Linux",
        "ip": "127.0.0.1",
    }


@pytest.mark.parametrize(("method", "path"), [("GET", "/account/session"), ("GET", "/account/sessions")])
async def test_reading_needs_the_cookie(house: House, method: str, path: str) -> None:
    bare = await house.ask(method, path)
    assert bare.status_code == 401
    assert "error=" not in bare.headers["www-authenticate"]
    tokens = await house.mint(await house.sign_in())
    reply = await house.ask(method, path, bearer=tokens["access_token"])
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")


async def test_sign_out_ends_the_session_and_all_that_belongs_to_it(house: House) -> None:
    cookie = await house.sign_in()
    other = await house.sign_in()
    tokens = await house.mint(cookie)
    reply = await house.ask("DELETE", "/account/session", cookie=cookie)
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["set-cookie"].startswith(f"{SESSION_COOKIE}=; ")
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert reply.headers["clear-site-data"] == '"cache", "storage"'
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401
    assert (await house.ask("GET", "/api/me", bearer=tokens["access_token"])).status_code == 401
    assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.ask("GET", "/account/session", cookie=other)).status_code == 200


async def test_the_list_flags_the_current_one(house: House) -> None:
    cookies = [await house.sign_in() for _ in range(3)]
    await house.sign_in("bob")
    found = (await house.ask("GET", "/account/sessions", cookie=cookies[1])).json()["sessions"]
    assert [one["current"] for one in found] == [False, True, False]
    assert {frozenset(one) for one in found} == {
        frozenset({"session_id", "created_at", "last_seen", "expires_at", "ends_at", "device", "ip", "current"})
    }


async def test_ending_another_of_ones_own(house: House) -> None:
    mine, lost = await house.sign_in(), await house.sign_in()
    lost_id = (await house.ww.sessions.authenticate(lost)).session_id
    reply = await house.ask("DELETE", f"/account/sessions/{lost_id}", cookie=mine)
    assert reply.status_code == 204
    assert "set-cookie" not in reply.headers
    assert (await house.ask("GET", "/account/session", cookie=lost)).status_code == 401
    assert (await house.ask("GET", "/account/session", cookie=mine)).status_code == 200
    assert (await house.ask("DELETE", f"/account/sessions/{lost_id}", cookie=mine)).status_code == 404


async def test_ending_the_current_one_clears_the_cookie(house: House) -> None:
    cookie = await house.sign_in()
    session_id = (await house.ww.sessions.authenticate(cookie)).session_id
    reply = await house.ask("DELETE", f"/account/sessions/{session_id}", cookie=cookie)
    assert (reply.status_code, "Max-Age=0" in reply.headers["set-cookie"]) == (204, True)
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401


async def test_somebody_elses_is_not_found(house: House) -> None:
    """A-7.5.2, A-8.2.2: another user's session id and one that never was get the same answer, and nothing ends."""
    mine, theirs = await house.sign_in(), await house.sign_in("bob")
    their_id = (await house.ww.sessions.authenticate(theirs)).session_id
    before = await house.state()
    replies = [
        await house.ask("DELETE", f"/account/sessions/{one}", cookie=mine)
        for one in (their_id, "never-was", "%00", "..")
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert replies[0].content == replies[1].content
    assert await house.state() == before


async def test_an_idle_session_ends(house: House) -> None:
    cookie = await house.sign_in()
    house.clock.advance(1799)
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 200
    house.clock.advance(1800)
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401
