"""examples/service_to_service: the ledger against billing's real feed and documents, with a clock that we move."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from examples.service_to_service.billing import BILLING, Serving
from examples.service_to_service.billing import make_app as billing_app
from examples.service_to_service.ledger import LEDGER, Billing
from examples.service_to_service.ledger import make_app as ledger_app
from watchword import FrozenClock, KeyRing, ServiceTokens, Watchword
from watchword.integrations.revocations import SCOPE

WRITE = ["entries:write"]


class World:
    def __init__(self, ww: Watchword, clock: FrozenClock, billing: Billing, http: httpx2.AsyncClient) -> None:
        self.ww, self.clock, self.billing, self.http = ww, clock, billing, http

    async def show(self, *headers: tuple[str, str]) -> int:
        return (await self.http.post("/entries", json={"amount": 1}, headers=list(headers))).status_code


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock, serving = FrozenClock(), Serving()
    async with Watchword("memory:", issuer=serving.url, audience=BILLING, clock=clock) as ww:
        serving.app = billing_app(ww)
        await serving.start()
        key = await ww.api_keys.issue("ledger", scopes=[SCOPE])
        billing = Billing(serving.url, feed_key=key.token, clock=clock)
        async with (
            billing.followed(),
            httpx2.AsyncClient(base_url="https://ledger", transport=httpx2.ASGITransport(ledger_app(billing))) as http,
        ):
            yield World(ww, clock, billing, http)
        await serving.stop()


@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_a_token_for_the_ledger_is_good_for_five_minutes(world: World, format: str) -> None:
    token = world.ww.service.issue("billing", audience=LEDGER, scopes=WRITE, format=format).token
    assert await world.show(bearer(token)) == 201
    world.clock.set_wall(world.clock.now() + 300)  # the wall clock alone: the lease is of the other
    assert await world.show(bearer(token)) == 401


def _forged(ww: Watchword, format: str | None = None) -> str:
    own = ServiceTokens(KeyRing.generate("ES256", "v4.public"), issuer=ww.issuer, audience=BILLING, clock=ww.clock)
    return own.issue("billing", audience=LEDGER, scopes=WRITE, format=format).token


REFUSED: dict[str, tuple[int, Callable[[Watchword], str]]] = {
    "for another service": (401, lambda ww: ww.service.issue("b", audience="https://mail", scopes=WRITE).token),
    "without the scope": (403, lambda ww: ww.service.issue("b", audience=LEDGER).token),
    "of a user": (401, lambda ww: ww.access.issue("ada", audience=LEDGER, scopes=WRITE).token),
    "signed by somebody else": (401, _forged),
    "no token": (401, lambda ww: "abc"),
    "nearly a PASETO": (401, lambda ww: "v4.public.abc"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_refused(world: World, what: str) -> None:
    status, token = REFUSED[what]
    assert await world.show(bearer(token(world.ww))) == status


async def test_nothing_or_two_at_once(world: World) -> None:
    good = world.ww.service.issue("billing", audience=LEDGER, scopes=WRITE).token
    assert await world.show() == 401
    assert await world.show(bearer(good), bearer(good)) == 400


async def test_billing_that_never_answered_is_503_and_not_401() -> None:
    serving = Serving()
    billing = Billing(serving.url, feed_key="sk_live_not-a-real-one", clock=FrozenClock())
    serving.close()
    app = ledger_app(billing)
    ring = KeyRing.generate("ES256", "v4.public")
    tokens = ServiceTokens(ring, issuer=serving.url, audience=BILLING)
    async with (
        billing.followed(),
        httpx2.AsyncClient(base_url="https://ledger", transport=httpx2.ASGITransport(app)) as http,
    ):
        for format in ("jwt", "paseto"):
            token = tokens.issue("billing", audience=LEDGER, scopes=WRITE, format=format).token
            answer = await http.post("/entries", json={}, headers=[bearer(token)])
            assert answer.status_code == 503


@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_a_key_that_is_new_is_fetched_and_invented_ones_only_once(world: World, format: str) -> None:
    ring = world.ww.ring
    before = ring.active("sign", format=format)
    await world.ww.revoke(key=before.kid)
    fresh = world.ww.service.issue("billing", audience=LEDGER, scopes=WRITE, format=format).token
    assert await world.show(bearer(fresh)) == 201
    keys = [door.keys.metrics for door in world.billing.doors.values()]
    fetched = [one.fetches for one in keys]
    for _ in range(5):
        assert await world.show(bearer(_forged(world.ww, format))) == 401
    assert [one.fetches for one in keys] == fetched  # the cooldown began with the new key


@pytest.mark.parametrize("format", ["jwt", "paseto"])
async def test_a_revoked_token_and_the_silence_of_billing(world: World, format: str) -> None:
    lost, other = (
        world.ww.service.issue("billing", audience=LEDGER, scopes=WRITE, format=format).token for _ in range(2)
    )
    follower = world.billing.issuer.follower
    assert follower is not None
    await world.ww.revoke(token=lost)
    while follower.view.seq < world.ww.view.seq:
        await follower.tick()  # what is under way may have been asked before
    assert (await world.show(bearer(lost)), await world.show(bearer(other))) == (401, 201)
    world.clock.advance(6)
    assert await world.show(bearer(other)) == 503


def test_the_ledger_has_nothing_secret() -> None:
    """It cannot issue: it has public keys, and an API key for one thing."""
    source = Path("examples/service_to_service/ledger.py").read_text()
    assert not re.search(r"\.issue\(|KeyRing\.(generate|load)|\.keys\b.*app\.db|Watchword\(", source)
