"""POST /account/sign-in and sign-out: the cookie, the one refusal, login CSRF, and what happens meanwhile."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.server.house import OWN, PASSWORD, House, cookie_of, open_house
from watchword.errors import RateLimitedError, StoreUnavailableError
from watchword.server.accounts.accounts import Accounts
from watchword.web.cookies import SESSION_COOKIE

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def post(house: House, body: dict[str, Any], **more: Any) -> httpx2.Response:
    return await house.ask("POST", "/account/sign-in", json=body, **more)


async def test_json_gives_the_session_and_the_cookie_alone_has_the_token(house: House) -> None:
    reply = await post(house, {"username": "alice", "password": PASSWORD})
    token = cookie_of(reply)
    assert reply.status_code == 200
    body = reply.json()
    assert body.keys() == {"subject", "session_id", "expires_at"}
    assert (body["subject"], body["expires_at"]) == ("alice", house.clock.now() + 1800)
    assert token.startswith("ww_ss_")
    assert token not in reply.text
    who = await house.ww.sessions.authenticate(token)
    assert (who.subject, who.session_id, sorted(who.scopes)) == (
        "alice",
        body["session_id"],
        ["orders:read", "orders:write"],
    )


async def test_the_cookie_has_its_flags(house: House) -> None:
    reply = await post(house, {"username": "alice", "password": PASSWORD})
    name, *flags = reply.headers["set-cookie"].split("; ")
    assert name.startswith(f"{SESSION_COOKIE}=ww_ss_")
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]


async def test_remember_lasts_30_days_past_the_browser(house: House) -> None:
    reply = await post(house, {"username": "alice", "password": PASSWORD, "remember": True})
    assert "Max-Age=2592000" in reply.headers["set-cookie"]
    assert reply.json()["expires_at"] == house.clock.now() + 30 * 86_400


async def test_subject_is_another_word_for_username(house: House) -> None:
    assert cookie_of(await post(house, {"subject": "alice", "password": PASSWORD}))


async def test_a_name_is_found_without_regard_to_case(house: House) -> None:
    reply = await post(house, {"username": "ALICE", "password": PASSWORD})
    assert reply.json()["subject"] == "alice"


async def test_a_form_goes_back_to_the_page(house: House) -> None:
    reply = await house.ask(
        "POST", "/account/sign-in", data={"username": "alice", "password": PASSWORD, "remember": "true"}
    )
    assert (reply.status_code, reply.headers["location"], reply.content) == (303, "/", b"")
    assert "Max-Age=2592000" in reply.headers["set-cookie"]


async def test_wrong_is_wrong_in_one_way(house: House) -> None:
    """No user enumeration (A-6.3.8): unknown, disabled, wrong, impossible: the same bytes, the same headers."""
    await house.server.accounts.disable("bob")
    before = await house.state()
    asked = [
        {"username": "alice", "password": "wrong" * 4},
        {"username": "alice", "password": ""},
        {"username": "alice", "password": "x" * 2000},
        {"username": "bob", "password": PASSWORD},
        {"username": "nobody", "password": PASSWORD},
        {"username": "", "password": PASSWORD},
        {"username": "a" * 65, "password": PASSWORD},
        {"username": "a\u0000b", "password": PASSWORD},
    ]
    replies = [await post(house, body) for body in asked]
    assert {reply.status_code for reply in replies} == {401}
    assert len({(reply.content, str(reply.headers)) for reply in replies}) == 1
    assert replies[0].json()["error"] == "invalid_credentials"
    assert "www-authenticate" not in replies[0].headers
    assert "set-cookie" not in replies[0].headers
    assert await house.state() == before


async def test_unknown_and_disabled_users_cost_a_whole_hash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.server.accounts.disable("bob")
    asked: list[bool] = []
    matches = house.server.passwords.matches

    async def counted(password: str, phc: str | None) -> bool:
        asked.append(phc is not None)
        return bool(await matches(password, phc))

    monkeypatch.setattr(house.server.passwords, "matches", counted)
    for name in ("alice", "bob", "nobody", "a" * 65):
        await post(house, {"username": name, "password": "wrong" * 4})
    assert asked == [True, True, False, False]


async def test_a_browsers_form_gets_the_page_again(house: House) -> None:
    wrong = {"username": "<script>alert(1)</script>", "password": "wrong" * 4}
    reply = await house.ask("POST", "/account/sign-in", data=wrong, headers=[("accept", "text/html,*/*;q=0.8")])
    assert reply.status_code == 401
    assert reply.headers["content-type"].startswith("text/html")
    assert "Wrong user name or password." in reply.text
    assert "<script" not in reply.text


async def test_the_session_that_was_there_is_ended(house: House) -> None:
    first = await house.sign_in()
    second = await house.sign_in(cookie=first)
    assert first != second
    assert (await house.ask("GET", "/account/session", cookie=first)).status_code == 401
    assert len(await house.ww.sessions.list("alice")) == 1


@pytest.mark.parametrize(
    ("origin", "headers"),
    [
        ("https://evil.example", []),
        ("null", []),
        (OWN, [("sec-fetch-site", "cross-site")]),
        (OWN, [("sec-fetch-site", "same-site")]),
    ],
)
async def test_another_site_signs_nobody_in(house: House, origin: str | None, headers: list[tuple[str, str]]) -> None:
    before = await house.state()
    for path in ("/account/sign-in", "/account/sign-out"):
        for way in ("json", "data"):
            body: dict[str, Any] = {way: {"username": "alice", "password": PASSWORD}}
            reply = await house.ask("POST", path, origin=origin, headers=headers, **body)
            assert (reply.status_code, reply.json()["error"]) == (403, "csrf")
            assert "set-cookie" not in reply.headers
    assert await house.state() == before


async def test_a_client_that_is_no_browser_says_nothing_of_pages(house: House) -> None:
    """With neither header no page sent it, so it may sign itself in; what has a cookie must still say more."""
    cookie = await house.sign_in(origin=None)
    for method, path in (("POST", "/account/sign-out"), ("DELETE", "/account/session"), ("POST", "/account/tokens")):
        reply = await house.ask(method, path, cookie=cookie, origin=None)
        assert (reply.status_code, reply.json()["error"]) == (403, "csrf")
    assert (await house.ask("GET", "/account/session", cookie=cookie, origin=None)).status_code == 200


@pytest.mark.parametrize("origin", ["https://as.test", "https://app.test"])
async def test_the_issuer_and_the_listed_origins_are_our_own(origin: str, cheap_hashes: None) -> None:
    async with open_house(origins=("https://app.test",)) as house:
        assert await house.sign_in(origin=origin)


@pytest.mark.parametrize(
    "body",
    [
        {"username": "alice"},
        {"password": PASSWORD},
        {"username": "alice", "subject": "alice", "password": PASSWORD},
        {"username": 7, "password": PASSWORD},
        {"username": "alice", "password": PASSWORD, "remember": "yes"},
        {"username": "alice", "password": PASSWORD, "admin": True},
        {"username": ["alice"], "password": PASSWORD},
        {"username": None, "password": PASSWORD},
    ],
)
async def test_a_body_of_another_shape(house: House, body: dict[str, Any]) -> None:
    before = await house.state()
    reply = await post(house, body)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    assert PASSWORD not in reply.text
    assert await house.state() == before


async def test_an_account_that_changes_meanwhile_gets_no_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disabled between the check of the password and the start of the session: neither order may leave one alive."""
    check = Accounts.check

    async def slow(self: Accounts, name: str, password: str) -> Any:
        account = await check(self, name, password)
        await self.disable(name)
        return account

    monkeypatch.setattr(Accounts, "check", slow)
    reply = await post(house, {"username": "alice", "password": PASSWORD})
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_credentials")
    assert "set-cookie" not in reply.headers
    assert await house.ww.sessions.list("alice") == []


async def test_a_full_queue_is_429_with_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> bool:
        raise RateLimitedError(retry_after=1)

    monkeypatch.setattr(house.server.passwords, "matches", full)
    reply = await post(house, {"username": "alice", "password": PASSWORD})
    assert (reply.status_code, reply.headers["retry-after"], reply.json()["error"]) == (429, "1", "rate_limited")


async def test_a_store_that_does_not_answer_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(house.ww.store, "get", down)
    reply = await post(house, {"username": "alice", "password": PASSWORD})
    assert (reply.status_code, reply.json()["error"]) == (503, "temporarily_unavailable")


async def test_the_forms_way_out(house: House) -> None:
    cookie = await house.sign_in()
    reply = await house.ask("POST", "/account/sign-out", cookie=cookie, content=b"", headers=FORM.items())
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert reply.headers["set-cookie"].startswith(f"{SESSION_COOKIE}=;")
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401


@pytest.mark.parametrize("cookie", [None, "ww_ss_" + "A" * 43, "nonsense"])
async def test_signing_out_without_a_session_is_fine(house: House, cookie: str | None) -> None:
    assert (await house.ask("POST", "/account/sign-out", cookie=cookie)).status_code == 303


async def test_a_token_cannot_sign_its_user_out(house: House) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie)
    await house.ask("POST", "/account/sign-out", bearer=tokens["access_token"])
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 200


async def test_passwords_of_any_characters(house: House) -> None:
    odd = "  пароль \u0007 🔑 \u0000 naïve  "
    await house.server.accounts.add("zoë", odd)
    reply = await post(house, {"username": "ZOE\u0308", "password": odd})
    assert reply.json()["subject"] == "zoë"
    body = json.dumps({"username": "zoë", "password": odd.strip()})
    sent = [("content-type", "application/json")]
    assert (await house.ask("POST", "/account/sign-in", content=body, headers=sent)).status_code == 401
