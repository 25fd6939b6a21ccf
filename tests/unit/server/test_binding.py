"""Tokens of the server that are bound to a key or a device: minted, refreshed, introspected, refused."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest

from tests.unit.server.house import AUDIENCE, ISSUER, PASSWORD, House, open_house
from watchword.authn.binding import BindingPolicy
from watchword.authn.prover import Prover
from watchword.errors import BindingError
from watchword.keys.key import Key

MINT, TOKEN = f"{ISSUER}/account/tokens", f"{ISSUER}/oauth/token"
"""As clients see it: the proxy in front of it calls it https://localhost."""
KEY, OTHER = Key.generate("ES256"), Key.generate("Ed25519")
FIREFOX: Final = [("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
CURL: Final = [("user-agent", "curl/8")]


def by(house: House, key: Key = KEY) -> Prover:
    return Prover(key, clock=house.clock)


async def mint(house: House, *proofs: str, cookie: str | None = None, **more: Any) -> httpx2.Response:
    lines = [("dpop", proof) for proof in proofs]
    who = cookie or await house.sign_in()
    return await house.ask("POST", "/account/tokens", cookie=who, headers=lines, json={}, **more)


async def bound(house: House) -> dict[str, Any]:
    reply = await mint(house, by(house).proof("POST", MINT))
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def refresh(house: House, token: str, *proofs: str, **more: str) -> httpx2.Response:
    fields = {"grant_type": "refresh_token", "refresh_token": token} | more
    lines = [("dpop", proof) for proof in proofs]
    return await house.ask("POST", "/oauth/token", data=fields, headers=lines, origin=None)


async def me(house: House, token: str, *proofs: str, scheme: str = "DPoP") -> httpx2.Response:
    lines = [("authorization", f"{scheme} {token}"), *(("dpop", proof) for proof in proofs)]
    return await house.ask("GET", "/api/me", headers=lines)


async def test_minting_with_a_proof_binds_both_tokens(house: House) -> None:
    tokens = await bound(house)
    assert tokens["token_type"] == "DPoP"
    token = tokens["access_token"]
    seen = await me(house, token, by(house).proof("GET", f"{ISSUER}/api/me", token=token))
    assert (seen.status_code, seen.json()["subject"]) == (200, "alice")
    for reply in (await me(house, token), await me(house, token, scheme="Bearer")):
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith('DPoP realm="watchword", error="invalid_')
        assert 'algs="' in reply.headers["www-authenticate"]
    assert (await house.ww.refresh.unproven(tokens["refresh_token"])).jkt == KEY.thumbprint()


async def test_an_opaque_token_is_bound_as_well(house: House) -> None:
    """Else asking for another format would take the binding off."""
    line = [("dpop", by(house).proof("POST", MINT))]
    reply = await house.ask(
        "POST", "/account/tokens", cookie=await house.sign_in(), headers=line, json={"format": "opaque"}
    )
    token = reply.json()["access_token"]
    assert (token[:6], reply.json()["token_type"]) == ("ww_at_", "DPoP")
    seen = await me(house, token, by(house).proof("GET", f"{ISSUER}/api/me", token=token))
    assert (seen.status_code, seen.json()["kind"]) == (200, "opaque_access")
    for refused in (
        await me(house, token, scheme="Bearer"),
        await me(house, token),
        await me(house, token, by(house, OTHER).proof("GET", f"{ISSUER}/api/me", token=token)),
    ):
        assert (refused.status_code, refused.headers["www-authenticate"][:4]) == (401, "DPoP")
    with pytest.raises(BindingError):
        await house.ww.opaque_access.authenticate(token)
    assert (await house.introspect(token)).json()["cnf"] == {"jkt": KEY.thumbprint()}
    form = {"access_token_format": "opaque"}
    proof = by(house).proof("POST", TOKEN)
    again = (await refresh(house, reply.json()["refresh_token"], proof, **form)).json()
    assert (again["access_token"][:6], again["token_type"]) == ("ww_at_", "DPoP")


async def test_without_a_proof_nothing_is_bound(house: House) -> None:
    tokens = (await mint(house)).json()
    assert tokens["token_type"] == "Bearer"
    assert (await me(house, tokens["access_token"], scheme="Bearer")).status_code == 200
    assert (await me(house, tokens["access_token"])).status_code == 401


async def test_a_bound_family_wants_its_key(house: House) -> None:
    """R-9449-7: with another key or none there is no rotation, and with its own there is."""
    tokens = await bound(house)
    before = await house.state()
    for proofs, error in (
        ([], "invalid_dpop_proof"),
        ([by(house, OTHER).proof("POST", TOKEN)], "invalid_grant"),
        ([by(house).proof("GET", TOKEN)], "invalid_dpop_proof"),
        ([by(house).proof("POST", f"{AUDIENCE}/oauth/tokens")], "invalid_dpop_proof"),
        ([by(house).proof("POST", "https://localhost/oauth/token")], "invalid_dpop_proof"),
        ([by(house).proof("POST", TOKEN), by(house).proof("POST", TOKEN)], "invalid_dpop_proof"),
        (["x"], "invalid_dpop_proof"),
    ):
        reply = await refresh(house, tokens["refresh_token"], *proofs)
        assert (reply.status_code, reply.json()["error"]) == (400, error)
        assert tokens["refresh_token"] not in reply.text
    assert await house.state() == before
    reply = await refresh(house, tokens["refresh_token"], by(house).proof("POST", TOKEN))
    assert (reply.status_code, reply.json()["token_type"]) == (200, "DPoP")
    assert (await house.ww.access.unproven(reply.json()["access_token"])).jkt == KEY.thumbprint()


async def test_a_proof_binds_the_access_token_of_a_family_that_is_not(house: House) -> None:
    tokens = (await mint(house)).json()
    reply = await refresh(house, tokens["refresh_token"], by(house).proof("POST", TOKEN))
    assert reply.json()["token_type"] == "DPoP"
    again = await refresh(house, reply.json()["refresh_token"])
    assert (again.status_code, again.json()["token_type"]) == (200, "Bearer")


async def test_a_replayed_proof(house: House) -> None:
    tokens = (await mint(house)).json()
    once = by(house).proof("POST", TOKEN)
    first = await refresh(house, tokens["refresh_token"], once)
    assert first.status_code == 200
    again = await refresh(house, first.json()["refresh_token"], once)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_dpop_proof")


async def test_nonces() -> None:
    async with open_house(binding=BindingPolicy(nonce=True)) as house:
        reply = await mint(house, by(house).proof("POST", MINT))
        assert (reply.status_code, reply.json()["error"]) == (400, "use_dpop_nonce")
        nonce = reply.headers["dpop-nonce"]
        tokens = (await mint(house, by(house).proof("POST", MINT, nonce=nonce))).json()
        token = tokens["access_token"]
        reply = await me(house, token, by(house).proof("GET", f"{ISSUER}/api/me", token=token))
        assert reply.status_code == 401
        assert 'error="use_dpop_nonce"' in reply.headers["www-authenticate"]
        proof = by(house).proof("GET", f"{ISSUER}/api/me", token=token, nonce=reply.headers["dpop-nonce"])
        assert (await me(house, token, proof)).status_code == 200


async def test_introspection_names_the_key(house: House) -> None:
    """R-9449-9: whoever asks checks the proof itself."""
    tokens = await bound(house)
    said = (await house.introspect(tokens["access_token"])).json()
    assert (said["active"], said["token_type"], said["cnf"]) == (True, "DPoP", {"jkt": KEY.thumbprint()})
    refreshing = (await house.introspect(tokens["refresh_token"])).json()
    assert (refreshing["active"], refreshing["token_type"]) == (True, "refresh_token")
    loose = (await house.introspect(house.ww.access.issue("alice").token)).json()
    assert (loose["token_type"], "cnf" in loose) == ("Bearer", False)


async def test_bound_tokens_are_revoked_without_a_proof(house: House) -> None:
    tokens = await bound(house)
    assert (await house.form("/oauth/revoke", token=tokens["refresh_token"])).status_code == 200
    assert (await house.introspect(tokens["access_token"])).json() == {"active": False}


@pytest.mark.parametrize("policy", ["observe", "step_up", "end_session"])
async def test_a_refresh_from_another_device(policy: Any) -> None:
    signals = BindingPolicy(fingerprint=policy, signals=("agent",))
    async with open_house(binding=signals) as house:
        cookie = await house.sign_in(headers=FIREFOX)
        tokens = (await house.ask("POST", "/account/tokens", cookie=cookie, headers=FIREFOX, json={})).json()
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        before = await house.state()
        reply = await house.ask("POST", "/oauth/token", data=fields, headers=CURL, origin=None)
        if policy == "observe":
            assert reply.status_code == 200
            return
        assert (reply.status_code, reply.json()["error"]) == (403, "insufficient_user_authentication")
        if policy == "step_up":
            assert await house.state() == before
        reply = await house.ask("POST", "/oauth/token", data=fields, headers=FIREFOX, origin=None)
        assert reply.status_code == (200 if policy == "step_up" else 400)
        page = await house.ask("GET", "/account/session", cookie=cookie, headers=FIREFOX)
        assert page.status_code == (200 if policy == "step_up" else 401)


async def test_high_risk() -> None:
    """Sessions are bound to their device, access tokens live five minutes, and a sign-in counts for fifteen."""
    async with open_house(profile="high_risk") as house:
        reply = await house.ask("POST", "/account/sign-in", json={"username": "alice", "password": PASSWORD})
        session, device = [line.partition(";")[0] for line in reply.headers.get_list("set-cookie")]
        cookies = [("cookie", f"{session}; {device}")]
        tokens = (await house.ask("POST", "/account/tokens", headers=cookies, json={})).json()
        assert tokens["expires_in"] == 300
        stolen = await house.ask("GET", "/account/session", headers=[("cookie", session)])
        assert (stolen.status_code, stolen.json()["error"]) == (403, "insufficient_user_authentication")
        seen = await house.ask("GET", "/account/session", headers=cookies)
        assert seen.status_code == 200
        newest = (await house.refresh(tokens["refresh_token"])).status_code
        assert newest == 403, "a refresh from a device without its name"
        house.clock.advance(901)
        stale = await house.ask("GET", "/account/session", headers=cookies)
        assert (stale.status_code, stale.json()["error"]) == (403, "insufficient_user_authentication")
        assert stale.headers["www-authenticate"].endswith('max_age="900"')
