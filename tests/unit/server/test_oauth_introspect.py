"""POST /oauth/introspect (RFC 7662): R-7662-1 to R-7662-4."""

from base64 import b64encode

import pytest

from tests.unit.server.house import AUDIENCE, ISSUER, SCOPES, SECRET, House
from watchword.errors import StaleRevocationError


@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_an_access_token(house: House, format: str) -> None:
    cookie = await house.sign_in()
    tokens = await house.mint(cookie, format=format)
    who = house.ww.access.verify(tokens["access_token"])
    reply = await house.introspect(tokens["access_token"])
    now = house.clock.now()
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json() == {
        "active": True,
        "token_type": "Bearer",
        "scope": "orders:read orders:write",
        "client_id": "first-party",
        "sub": "alice",
        "aud": AUDIENCE,
        "iss": ISSUER,
        "exp": now + 900,
        "iat": now,
        "nbf": now,
        "jti": who.token_id,
        "sid": who.session_id,
        "auth_time": now,
    }


async def test_an_access_token_of_no_session(house: House) -> None:
    said = (await house.introspect(house.ww.access.issue("alice").token)).json()
    assert (said["active"], said["scope"], "sid" in said) == (True, "", False)


async def test_an_opaque_access_token(house: House) -> None:
    issued = await house.ww.opaque_access.issue("alice", scopes=SCOPES, session_id="s-1")
    now = house.clock.now()
    assert (await house.introspect(issued.token)).json() == {
        "active": True,
        "token_type": "Bearer",
        "scope": "orders:read orders:write",
        "client_id": "first-party",
        "sub": "alice",
        "aud": AUDIENCE,
        "iss": ISSUER,
        "exp": now + 900,
        "iat": now,
        "nbf": now,
        "jti": issued.token_id,
        "sid": "s-1",
    }
    elsewhere = (await house.ww.opaque_access.issue("alice", audience="https://ledger.test")).token
    assert (await house.introspect(elsewhere, "ledger-api")).json()["active"] is True
    for token, client in ((issued.token, "ledger-api"), (elsewhere, "orders-api")):
        assert (await house.introspect(token, client)).content == b'{"active":false}'
    await house.ww.opaque_access.revoke(issued.token_id)
    house.clock.advance(900)
    for token in (issued.token, elsewhere, "ww_at_" + "A" * 43, "ww_at_"):
        assert (await house.introspect(token)).content == b'{"active":false}'


async def test_a_refresh_token_is_not_used_up(house: House) -> None:
    token = (await house.mint(await house.sign_in()))["refresh_token"]
    before = await house.state()
    said = (await house.introspect(token)).json()
    family = await house.ww.refresh.family_of(token)
    assert said == {
        "active": True,
        "token_type": "refresh_token",
        "scope": "orders:read orders:write",
        "client_id": "first-party",
        "sub": "alice",
        "iss": ISSUER,
        "exp": family.expires_at,
        "iat": house.clock.now(),
        "jti": f"{family.family_id}.1",
        "sid": family.session_id,
    }
    assert await house.state() == before
    alone = (await house.ww.refresh.issue("alice", client_id="mobile")).token
    assert "sid" not in (await house.introspect(alone)).json()


async def test_inactive_is_always_the_same_bytes(house: House) -> None:
    """R-7662-2 and Q-44: whatever is wrong, exactly this and no reason."""
    cookie = await house.sign_in()
    rotated = (await house.mint(cookie))["refresh_token"]
    await house.refresh(rotated)
    revoked = await house.mint(cookie)
    await house.ww.revoke(token=revoked["access_token"])
    await house.ww.revoke(token=revoked["refresh_token"])
    ended = await house.mint(await house.sign_in("bob"))
    await house.ww.revoke(subject="bob")
    expired = house.ww.access.issue("alice").token
    elsewhere = house.ww.access.issue("alice", audience="https://ledger.test").token
    house.clock.advance(901)
    good = house.ww.access.issue("alice").token
    dead = {
        "malformed": "nonsense",
        "tampered": good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB"),
        "expired": expired,
        "revoked": revoked["access_token"],
        "revoked family": revoked["refresh_token"],
        "revoked subject": ended["access_token"],
        "rotated": rotated,
        "other audience": elsewhere,
        "a session token": cookie,
        "not ASCII": "é",
        "too long": "x" * 9000,
    }
    for what, token in dead.items():
        reply = await house.introspect(token)
        assert (reply.status_code, reply.content) == (200, b'{"active":false}'), what


async def test_a_resource_server_hears_of_its_own_audience_alone(house: House) -> None:
    """R-7662-3 (Keycloak CVE-2026-37979): and of no refresh tokens, which nobody should present to it."""
    tokens = await house.mint(await house.sign_in())
    both = house.ww.access.issue("alice", audience=[AUDIENCE, "https://ledger.test"]).token
    for token, client, active in (
        (tokens["access_token"], "orders-api", True),
        (tokens["access_token"], "ledger-api", False),
        (both, "orders-api", True),
        (both, "ledger-api", True),
        (tokens["refresh_token"], "orders-api", False),
        (tokens["refresh_token"], "backend", True),
    ):
        reply = await house.introspect(token, client)
        assert reply.json()["active"] is active, (token[:6], client)
        assert active or reply.content == b'{"active":false}'


def basic(text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Basic {b64encode(text.encode()).decode()}")]


async def test_the_client_must_prove_itself(house: House) -> None:
    token = house.ww.access.issue("alice").token
    good = {"token": token}
    refused = [
        ({"data": good}, 401),
        ({"data": good | {"client_id": "backend"}}, 401),
        ({"data": good | {"client_id": "nobody", "client_secret": SECRET}}, 401),
        ({"data": good | {"client_id": "backend", "client_secret": "wrong"}}, 401),
        ({"data": good | {"client_secret": SECRET}}, 401),
        ({"data": good | {"client_assertion": "x", "client_assertion_type": "y"}}, 401),
        ({"data": good, "headers": basic("backend:wrong")}, 401),
        ({"data": good, "headers": basic("backend")}, 401),
        ({"data": good, "headers": basic("back%end:%zz")}, 401),
        ({"data": good, "headers": [("authorization", "Basic !!!")]}, 401),
        ({"data": good, "headers": [("authorization", "Basic")]}, 401),
        ({"data": good, "headers": [("authorization", f"Bearer {token}")]}, 401),
        ({"data": good | {"client_secret": SECRET}, "headers": basic(f"backend:{SECRET}")}, 400),
        ({"data": good | {"client_id": "orders-api"}, "headers": basic(f"backend:{SECRET}")}, 400),
        ({"data": good, "headers": basic(f"backend:{SECRET}") * 2}, 400),
    ]
    before = await house.state()
    for sent, status in refused:
        reply = await house.ask("POST", "/oauth/introspect", **sent)  # type: ignore[arg-type]
        assert (reply.status_code, reply.json()["error"]) == (
            status,
            "invalid_client" if status == 401 else "invalid_request",
        ), sent
        assert (status == 401) == reply.headers.get("www-authenticate", "").startswith("Basic ")
        assert SECRET not in reply.text
    assert await house.state() == before
    posted = {"client_id": "backend", "client_secret": SECRET}
    assert (await house.ask("POST", "/oauth/introspect", data=good | posted)).json()["active"] is True
    sent = {"data": good | {"client_id": "backend"}, "headers": basic(f"backend:{SECRET}")}
    assert (await house.ask("POST", "/oauth/introspect", **sent)).json()["active"] is True  # type: ignore[arg-type]


async def test_no_token_is_a_bad_request(house: House) -> None:
    reply = await house.form("/oauth/introspect", ("backend", SECRET))
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


async def test_what_cannot_be_known_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = house.ww.access.issue("alice").token

    def stale(*_: object) -> None:
        raise StaleRevocationError

    monkeypatch.setattr(house.ww.view, "check", stale)
    assert (await house.introspect(token)).status_code == 503
