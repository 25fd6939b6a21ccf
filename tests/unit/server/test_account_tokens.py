"""POST /account/tokens: what a session may ask for, and that whatever ends the session ends what it was given."""

from typing import Any

import pytest

from tests.unit.server.house import House, open_house
from watchword import Key, KeyRing


@pytest.mark.parametrize(("format", "start"), [("jwt", "eyJ"), ("paseto", "v4.public."), (None, "eyJ")])
async def test_both_tokens(house: House, format: str | None, start: str) -> None:
    cookie = await house.sign_in("bob")
    reply = await house.ask("POST", "/account/tokens", cookie=cookie, json={"format": format} if format else {})
    body = reply.json()
    assert reply.status_code == 200
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "orders:read orders:write")
    assert (reply.headers["cache-control"], reply.headers["pragma"]) == ("no-store", "no-cache")
    assert body["access_token"].startswith(start)
    assert body["refresh_token"].startswith("ww_rt_")
    session, who = await house.ww.sessions.authenticate(cookie), house.ww.access.verify(body["access_token"])
    family = await house.ww.refresh.family_of(body["refresh_token"])
    assert (who.subject, who.session_id, set(who.roles), who.rev) == ("bob", session.session_id, {"admin"}, session.rev)
    assert (who.family_id, family.session_id, family.scopes) == (family.family_id, session.session_id, who.scopes)
    assert (who.client_id, family.client_id) == ("first-party", "first-party")


async def test_fewer_scopes_and_another_client(house: House) -> None:
    body = await house.mint(await house.sign_in(), scopes=["orders:read"], client_id="mobile")
    who = house.ww.access.verify(body["access_token"])
    assert (body["scope"], set(who.scopes), who.client_id) == ("orders:read", {"orders:read"}, "mobile")
    assert (await house.ww.refresh.family_of(body["refresh_token"])).client_id == "mobile"
    nothing = await house.mint(await house.sign_in(), scopes=[])
    assert (nothing["scope"], house.ww.access.verify(nothing["access_token"]).scopes) == ("", frozenset())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"scopes": ["admin"]}, "invalid_scope"),
        ({"scopes": ["orders:read", "orders"]}, "invalid_scope"),
        ({"scopes": ["orders:read orders:write"]}, "invalid_scope"),
        ({"scopes": "orders:read"}, "invalid_request"),
        ({"format": "jwe"}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "two words"}, "invalid_request"),
        ({"client_id": "x" * 256}, "invalid_request"),
        ({"client_id": "backend"}, "invalid_request"),  # it has a secret, so nobody else may speak for it
        ({"subject": "bob"}, "invalid_request"),
        ({"roles": ["admin"]}, "invalid_request"),
        ({"lifetime": 10**9}, "invalid_request"),
    ],
)
async def test_no_more_than_the_user_has(house: House, body: dict[str, Any], error: str) -> None:
    cookie = await house.sign_in()
    before = await house.state()
    reply = await house.ask("POST", "/account/tokens", cookie=cookie, json=body)
    assert (reply.status_code, reply.json()["error"]) == (400, error)
    assert await house.state() == before


async def test_only_the_session_mints(house: House) -> None:
    tokens = await house.mint(await house.sign_in())
    before = await house.state()
    assert (await house.ask("POST", "/account/tokens", json={})).status_code == 401
    for bearer, status, error in (
        (tokens["access_token"], 403, "access_denied"),
        (tokens["refresh_token"], 401, "invalid_token"),
    ):
        reply = await house.ask("POST", "/account/tokens", bearer=bearer, json={})
        assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert await house.state() == before


async def test_a_form_is_not_read(house: House) -> None:
    """JSON alone: no form of another page can be made to look like it."""
    cookie = await house.sign_in()
    for sent in (
        {"data": {"format": "jwt"}},
        {"content": b'{"format":"jwt"}', "headers": [("content-type", "text/plain")]},
    ):
        assert (await house.ask("POST", "/account/tokens", cookie=cookie, **sent)).status_code == 415


@pytest.mark.parametrize("how", ["sign_out", "end_all", "subject", "disable", "passwd", "family"])
async def test_what_ends_the_session_ends_the_tokens(house: House, how: str) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie, format="paseto")
    who = house.ww.access.verify(tokens["access_token"])
    match how:
        case "sign_out":
            await house.ask("DELETE", "/account/session", cookie=cookie)
        case "end_all":
            await house.ww.sessions.end_all("alice")
        case "subject":
            await house.ww.revoke(subject="alice")
        case "disable":
            await house.server.accounts.disable("alice")
        case "passwd":
            await house.server.accounts.set_password("alice", "another long password")
        case "family":
            await house.ww.revoke(family=who.family_id)
    assert (await house.ask("GET", "/api/me", bearer=tokens["access_token"])).status_code == 401
    assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    session = (await house.ask("GET", "/account/session", cookie=cookie)).status_code
    assert session == (200 if how == "family" else 401)


async def test_a_session_from_before_a_revocation_mints_nothing_that_survives_it(house: House) -> None:
    """A-7.4.2: tokens carry the ``rev`` of the session they come from, however late they are issued."""
    cookie = await house.sign_in()
    who = await house.ww.sessions.authenticate(cookie)
    await house.ww.revoke(subject="bob")  # the feed moves on
    tokens = await house.mint(cookie)
    assert house.ww.access.verify(tokens["access_token"]).rev == who.rev
    assert (await house.ww.refresh.authenticate(tokens["refresh_token"])).rev == who.rev


async def test_a_ring_without_the_format_spends_nothing(cheap_hashes: None) -> None:
    ring = KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac"))
    async with open_house(ring=ring) as house:
        cookie = await house.sign_in()
        tokens = await house.mint(cookie)
        before = await house.state()
        reply = await house.ask("POST", "/account/tokens", cookie=cookie, json={"format": "paseto"})
        again = await house.refresh(tokens["refresh_token"], access_token_format="paseto")
        assert [one.json()["error"] for one in (reply, again)] == ["invalid_request"] * 2
        assert await house.state() == before


async def test_an_opaque_access_token(house: House) -> None:
    """It falls with its session, and a refresh may ask for another one."""
    cookie = await house.sign_in("bob")
    session = await house.ww.sessions.authenticate(cookie)
    tokens = await house.mint(cookie, format="opaque", scopes=["orders:read"])
    again = (await house.refresh(tokens["refresh_token"], access_token_format="opaque")).json()
    for body in (tokens, again):
        assert body["access_token"].startswith("ww_at_")
        assert (body["expires_in"], body["scope"]) == (900, "orders:read")
        who = await house.ww.opaque_access.authenticate(body["access_token"])
        assert (who.subject, who.session_id, who.auth_time) == ("bob", session.session_id, session.auth_time)
        assert who.family_id == (await house.ww.refresh.list("bob"))[0].family_id
        assert who.roles == {"admin"}
        assert who.scopes == {"orders:read"}
        assert (await house.ask("GET", "/api/me", bearer=body["access_token"])).json()["kind"] == "opaque_access"
    await house.ask("DELETE", "/account/session", cookie=cookie)
    for body in (tokens, again):
        assert (await house.ask("GET", "/api/me", bearer=body["access_token"])).status_code == 401
