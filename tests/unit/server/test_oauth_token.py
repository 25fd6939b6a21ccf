"""POST /oauth/token: rotation over HTTP, narrowing, clients, and the errors of RFC 6749 §5.2."""

import pytest

from tests.unit.server.house import SECRET, House
from watchword.errors import StaleRevocationError, StoreUnavailableError


async def first(house: House, **wanted: object) -> dict[str, str]:
    return await house.mint(await house.sign_in(), **wanted)


async def test_a_refresh_gives_new_tokens(house: House) -> None:
    tokens = await first(house)
    reply = await house.refresh(tokens["refresh_token"])
    body = reply.json()
    assert reply.status_code == 200
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "orders:read orders:write")
    assert (reply.headers["cache-control"], reply.headers["pragma"]) == ("no-store", "no-cache")
    assert not {body["refresh_token"], body["access_token"]} & {tokens["refresh_token"], tokens["access_token"]}
    old, new = (house.ww.access.verify(one["access_token"]) for one in (tokens, body))
    assert (old.subject, old.session_id, old.family_id, old.rev) == (
        new.subject,
        new.session_id,
        new.family_id,
        new.rev,
    )
    assert old.token_id != new.token_id


async def test_again_within_the_grace_is_the_same_successor(house: House) -> None:
    tokens = await first(house)
    one, two = [(await house.refresh(tokens["refresh_token"])).json() for _ in range(2)]
    assert one["refresh_token"] == two["refresh_token"]
    assert one["access_token"] != two["access_token"]


async def test_later_it_is_reuse_and_everything_is_dead(house: House) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie)
    newest = (await house.refresh(tokens["refresh_token"])).json()
    house.clock.advance(11)
    reply = await house.refresh(tokens["refresh_token"])
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")
    assert (await house.refresh(newest["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.ask("GET", "/api/me", bearer=newest["access_token"])).status_code == 401
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401


async def test_scope_narrows_the_access_token_alone(house: House) -> None:
    tokens = await first(house)
    narrow = (await house.refresh(tokens["refresh_token"], scope="orders:read")).json()
    assert (narrow["scope"], set(house.ww.access.verify(narrow["access_token"]).scopes)) == (
        "orders:read",
        {"orders:read"},
    )
    whole = (await house.refresh(narrow["refresh_token"])).json()
    assert whole["scope"] == "orders:read orders:write"


@pytest.mark.parametrize("scope", ["admin", "orders:read admin", "orders:read  orders:write", 'a"b', "a\\b", "ä", " "])
async def test_a_wider_or_malformed_scope_changes_nothing(house: House, scope: str) -> None:
    tokens = await first(house)
    before = await house.state()
    reply = await house.refresh(tokens["refresh_token"], scope=scope)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_scope")
    assert await house.state() == before
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize(("format", "start"), [("jwt", "eyJ"), ("paseto", "v4.public.")])
async def test_the_format_may_be_chosen_anew(house: House, format: str, start: str) -> None:
    tokens = await first(house)
    body = (await house.refresh(tokens["refresh_token"], access_token_format=format)).json()
    assert body["access_token"].startswith(start)


async def test_a_public_client_names_itself(house: House) -> None:
    tokens = await first(house, client_id="mobile")
    for wrong in ({}, {"client_id": "desktop"}, {"client_id": "first-party"}):
        before = await house.state()
        reply = await house.refresh(tokens["refresh_token"], **wrong)
        assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")
        assert await house.state() == before
    assert (await house.refresh(tokens["refresh_token"], client_id="mobile")).status_code == 200


async def test_a_confidential_client_proves_itself(house: House) -> None:
    token = (await house.ww.refresh.issue("alice", client_id="backend", scopes=["orders:read"])).token
    before = await house.state()
    named = await house.refresh(token, client_id="backend")
    assert (named.status_code, named.json()["error"]) == (401, "invalid_client")
    other = await house.form("/oauth/token", ("orders-api", SECRET), grant_type="refresh_token", refresh_token=token)
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    assert await house.state() == before
    right = await house.form("/oauth/token", ("backend", SECRET), grant_type="refresh_token", refresh_token=token)
    assert right.status_code == 200
    assert house.ww.access.verify(right.json()["access_token"]).client_id == "backend"
    posted = await house.refresh(right.json()["refresh_token"], client_id="backend", client_secret=SECRET)
    assert posted.status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": "x"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "T", "access_token_format": "jwe"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "nonsense"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "ww_rt_" + "A" * 100}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "ww_ss_" + "A" * 43}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "é" * 50}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 9000}, 400, "invalid_grant"),
    ],
)
async def test_refusals(house: House, fields: dict[str, str], status: int, error: str) -> None:
    before = await house.state()
    reply = await house.form("/oauth/token", **fields)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json().keys() == {"error", "error_description"}
    assert await house.state() == before


async def test_dead_tokens_look_alike(house: House) -> None:
    """I17: unknown, expired, revoked, another client's: one answer."""
    dead = []
    for _ in range(2):
        dead.append((await first(house))["refresh_token"])
    await house.ww.revoke(token=dead[0])
    expired = (await house.ww.refresh.issue("alice", client_id="first-party")).token
    foreign = (await house.ww.refresh.issue("alice", client_id="mobile")).token
    replies = [await house.refresh(foreign), await house.refresh(dead[0]), await house.refresh("nonsense")]
    house.clock.advance(15 * 86_400)
    replies.append(await house.refresh(expired))
    assert len({(reply.status_code, reply.content, str(reply.headers)) for reply in replies}) == 1


async def test_an_access_or_session_token_refreshes_nothing(house: House) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie)
    for other in (cookie, tokens["access_token"]):
        assert (await house.refresh(other)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("failure", [StoreUnavailableError, StaleRevocationError])
async def test_what_cannot_be_known_is_503_and_the_token_stays_good(
    house: House, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    tokens = await first(house)

    async def down(*_: object, **__: object) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(house.ww.store, "get", down)
        reply = await house.refresh(tokens["refresh_token"])
    assert (reply.status_code, reply.json()["error"]) == (503, "temporarily_unavailable")
    assert reply.headers["retry-after"] == "1"
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200
