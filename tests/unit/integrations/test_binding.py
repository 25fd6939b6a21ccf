"""Bound tokens and devices in an ASGI application: the same words, and the last stage of the corridor behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.integrations.test_asgi import FIREFOX, members, site
from watchword import FrozenClock, Key, Watchword
from watchword.authn.binding import BindingPolicy
from watchword.authn.fingerprint import DEVICE_COOKIE
from watchword.authn.prover import Prover
from watchword.integrations.asgi import Auth

from .conftest import Call

NAMES: Any = {"issuer": "https://app.example", "audience": "https://api.example"}
ORIGIN = {"origin": "https://app.example"}


@pytest.fixture
async def watching(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", clock=clock, binding=BindingPolicy(fingerprint="step_up"), **NAMES) as made:
        yield made


async def test_a_bound_token_and_its_proof(ww: Watchword, call: Call, clock: FrozenClock) -> None:
    prover, app = Prover(Key.generate("ES256"), clock=clock), members(Auth(ww))
    token = ww.access.issue("ada", bind=prover.jkt).token
    headers = {"authorization": f"DPoP {token}"}
    proof = prover.proof("GET", "https://app.example/me?page=2", token=token)
    assert (await call(app, "GET /me", headers | {"dpop": proof})).text == "ada"
    for bad in (headers | {"dpop": proof}, headers, {"authorization": f"Bearer {token}"}):
        reply = await call(app, "GET /me", bad)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("DPoP ")
    fresh = prover.proof("POST", "https://app.example/logout", token=token)
    assert (await call(app, "POST /logout", headers | {"dpop": fresh})).text == "bye"
    again = prover.proof("GET", "https://app.example/me", token=token)
    refused = await call(app, "GET /me", headers | {"dpop": again})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token"), "signing out has stopped it"


async def test_one_request_asks_twice_with_one_proof(ww: Watchword, call: Call, clock: FrozenClock) -> None:
    auth, prover = Auth(ww), Prover(Key.generate("ES256"), clock=clock)

    async def twice() -> str:
        return (await auth.require()).subject + (await auth.require()).subject

    token = ww.access.issue("ada", bind=prover.jkt).token
    proof = prover.proof("GET", "https://app.example/twice", token=token)
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    assert (await call(site(auth, twice=twice), "GET /twice", headers)).text == "adaada"
    assert (await call(site(auth, twice=twice), "GET /twice", headers)).status_code == 401


async def test_two_applications_of_one_process_share_what_they_have_seen(
    ww: Watchword, call: Call, clock: FrozenClock
) -> None:
    prover = Prover(Key.generate("ES256"), clock=clock)
    token = ww.access.issue("ada", bind=prover.jkt).token
    headers = {"authorization": f"DPoP {token}", "dpop": prover.proof("GET", "https://app.example/me", token=token)}
    assert (await call(members(Auth(ww)), "GET /me", headers)).status_code == 200
    assert (await call(members(Auth(ww)), "GET /me", headers)).status_code == 401


async def test_a_session_and_its_device(watching: Watchword, call: Call) -> None:
    app = members(Auth(watching))
    at_home = ORIGIN | {"user-agent": FIREFOX}
    reply = await call(app, "POST /login", at_home)
    lines = [line.partition(";")[0] for line in reply.headers.get_list("set-cookie")]
    session, device = lines
    assert device.startswith(f"{DEVICE_COOKIE}=")
    assert (await call(app, "GET /me", at_home | {"cookie": f"{session}; {device}"})).text == "ada"
    for stolen in ({"cookie": session}, {"cookie": f"{session}; {device}", "user-agent": "curl/8"}):
        reply = await call(app, "GET /me", at_home | stolen)
        assert (reply.status_code, reply.json()["error"]) == (403, "insufficient_user_authentication")
        assert "max_age" not in reply.headers["www-authenticate"]
    again = await call(app, "POST /login", at_home | {"cookie": device})
    assert len(again.headers.get_list("set-cookie")) == 1, "a device keeps its name"


async def test_a_session_without_a_fingerprint_goes_on(watching: Watchword, call: Call) -> None:
    """It began before fingerprints were taken."""
    issued = await watching.sessions.start("ada")
    cookie = {"cookie": f"{Auth(watching).cookie.name}={issued.token}"}
    assert (await call(members(Auth(watching)), "GET /me", cookie)).text == "ada"


async def test_ending_what_a_caller_has(ww: Watchword) -> None:
    session = await ww.sessions.start("ada")
    await ww.end(await ww.sessions.authenticate(session.token))
    assert await ww.sessions.list("ada") == []
    for token in (
        ww.access.issue("ada", session_id="elsewhere").token,
        ww.access.issue("ada", family_id="f-1").token,
    ):
        await ww.end(ww.access.verify(token))
        with pytest.raises(Exception, match="revoked"):
            ww.access.verify(token)
    loose = ww.access.verify(ww.access.issue("ada").token)
    await ww.end(loose)


async def test_high_risk_wants_a_recent_sign_in(call: Call, clock: FrozenClock) -> None:
    async with Watchword("memory:", clock=clock, profile="high_risk", **NAMES) as ww:
        prover, app = Prover(Key.generate("ES256"), clock=clock), members(Auth(ww))
        for age, status in ((900, 200), (901, 403), (None, 403)):
            signed_in = None if age is None else clock.now() - age
            token = ww.access.issue("ada", bind=prover.jkt, auth_time=signed_in).token
            proof = prover.proof("GET", "https://app.example/me", token=token)
            reply = await call(app, "GET /me", {"authorization": f"DPoP {token}", "dpop": proof})
            assert reply.status_code == status
        auth = Auth(ww)

        async def hour() -> str:
            return (await auth.require(fresh=timedelta(hours=1))).subject

        token = ww.access.issue("ada", bind=prover.jkt, auth_time=clock.now() - 3000).token
        proof = prover.proof("GET", "https://app.example/hour", token=token)
        said = {"authorization": f"DPoP {token}", "dpop": proof}
        assert (await call(site(auth, hour=hour), "GET /hour", said)).text == "ada", "a route may say otherwise"
