"""POST /oauth/revoke (RFC 7009): R-7009-1 to R-7009-5, and C10."""

import pytest

from tests.unit.server.house import SECRET, House
from watchword.errors import StoreUnavailableError


async def alive(house: House, tokens: dict[str, str], cookie: str) -> tuple[bool, bool, bool]:
    """Whether the access token, the refresh token and the session are good."""
    said = [(await house.introspect(tokens[name])).json()["active"] for name in ("access_token", "refresh_token")]
    return said[0], said[1], (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 200


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_a_refresh_token_takes_its_family_along(house: House, format: str, hint: str | None) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie, format=format)
    reply = await house.form(
        "/oauth/revoke", token=tokens["refresh_token"], **({"token_type_hint": hint} if hint else {})
    )
    assert (reply.status_code, reply.content) == (200, b"")
    assert await alive(house, tokens, cookie) == (False, False, True)


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_an_access_token_dies_alone(house: House, format: str, hint: str | None) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie, format=format)
    reply = await house.form(
        "/oauth/revoke", token=tokens["access_token"], **({"token_type_hint": hint} if hint else {})
    )
    assert (reply.status_code, reply.content) == (200, b"")
    assert await alive(house, tokens, cookie) == (False, True, True)


async def test_an_opaque_access_token_dies_alone(house: House) -> None:
    one, other = [await house.ww.opaque_access.issue("alice", audience="https://ledger.test") for _ in range(2)]
    theirs = await house.ww.opaque_access.issue("alice", client_id="mobile")
    for token in (one.token, theirs.token):
        assert (await house.form("/oauth/revoke", token=token)).status_code == 200
    told = [(await house.introspect(issued.token)).json()["active"] for issued in (one, other, theirs)]
    assert told == [False, True, True]


async def test_a_rotated_token_names_its_family_still(house: House) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie)
    newest = (await house.refresh(tokens["refresh_token"])).json()
    await house.form("/oauth/revoke", token=tokens["refresh_token"])
    assert await alive(house, newest, cookie) == (False, False, True)


async def test_unknown_dead_and_foreign_tokens_are_200_and_nothing(house: House) -> None:
    cookie = await house.sign_in()
    gone = await house.mint(cookie)
    await house.form("/oauth/revoke", token=gone["refresh_token"])
    expired = house.ww.access.issue("alice").token
    house.clock.advance(901)
    before = await house.state()
    tampered = gone["access_token"][:-8] + "AAAAAAAA"
    for token in (
        gone["refresh_token"],
        gone["access_token"],
        expired,
        tampered,
        cookie,
        "nonsense",
        "é",
        "v4.public.x",
        "x" * 9000,
    ):
        reply = await house.form("/oauth/revoke", token=token)
        assert (reply.status_code, reply.content) == (200, b"")
    assert await house.state() == before


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_another_clients_token(house: House, which: str) -> None:
    """C10: a confidential client is told that it is not its own, a public one nothing; in both cases it lives."""
    cookie = await house.sign_in()
    tokens = await house.mint(cookie, client_id="mobile")
    before = await house.state()
    confidential = await house.form("/oauth/revoke", ("backend", SECRET), token=tokens[which])
    assert (confidential.status_code, confidential.json()["error"]) == (400, "invalid_request")
    for public in ({}, {"client_id": "desktop"}):
        reply = await house.form("/oauth/revoke", token=tokens[which], **public)
        assert (reply.status_code, reply.content) == (200, b"")
    assert await house.state() == before
    assert await alive(house, tokens, cookie) == (True, True, True)
    await house.form("/oauth/revoke", token=tokens[which], client_id="mobile")
    assert (await alive(house, tokens, cookie))[0] is False


async def test_a_confidential_client_and_its_own_token(house: House) -> None:
    token = house.ww.access.issue("alice", client_id="backend").token
    named = await house.form("/oauth/revoke", token=token, client_id="backend")
    assert (named.status_code, named.json()["error"]) == (401, "invalid_client")
    assert (await house.introspect(token)).json()["active"] is True
    assert (await house.form("/oauth/revoke", ("backend", SECRET), token=token)).status_code == 200
    assert (await house.introspect(token)).json() == {"active": False}


async def test_no_token_is_a_bad_request(house: House) -> None:
    reply = await house.form("/oauth/revoke", token_type_hint="access_token")
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_what_is_not_durable_is_503(house: House, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """R-7009-5: 200 is said after the commit, and only then."""
    cookie = await house.sign_in()
    tokens = await house.mint(cookie)

    async def down(*_: object, **__: object) -> int:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(house.ww.store, "append", down)
        reply = await house.form("/oauth/revoke", token=tokens[which])
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json()["error"] == "temporarily_unavailable"
    assert await alive(house, tokens, cookie) == (True, True, True)
