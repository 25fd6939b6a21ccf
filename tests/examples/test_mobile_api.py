"""examples/mobile_api: the client half against the API, over a network and a storage that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from keyring.errors import PasswordSetError

from examples.mobile_api.api import make_app
from examples.mobile_api.client import PAUSES, Client, OfflineError, SignInAgainError
from examples.mobile_api.tour import BadNetwork, MemoryKeyring
from watchword import FrozenClock, Watchword
from watchword.crypto.passwords import hash_password

NAME = "https://notes.example"
PASSWORD = "correct horse battery staple"
HASHED = hash_password(PASSWORD)


class World:
    """The API, one device of ada, and what is between them."""

    def __init__(self, ww: Watchword, clock: FrozenClock, network: BadNetwork, http: httpx2.AsyncClient) -> None:
        self.ww, self.clock, self.network, self.http = ww, clock, network, http
        self.storage = MemoryKeyring()

    def client(self) -> Client:
        """The application, just started."""
        return Client(self.http, account="ada", device="Pixel 9", storage=self.storage, pauses=(0.0, 0.0, 0.0))

    @property
    def kept(self) -> str | None:
        return next(iter(self.storage.kept.values()), None)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FrozenClock()
    async with Watchword("memory:", issuer=NAME, audience=NAME, clock=clock) as ww:
        network = BadNetwork(httpx2.ASGITransport(make_app(ww, {"ada": HASHED})))
        async with httpx2.AsyncClient(base_url=NAME, transport=network) as http:
            yield World(ww, clock, network, http)


async def status(client: Client) -> int:
    return (await client.request("GET", "/notes")).status_code


async def test_the_storage_holds_the_refresh_token_alone(world: World) -> None:
    await world.client().sign_in(PASSWORD)
    assert list(world.storage.kept) == [("notes.example", "ada")]
    assert str(world.kept).startswith("ww_rt_")


async def test_a_wrong_password_keeps_nothing(world: World) -> None:
    with pytest.raises(httpx2.HTTPStatusError, match="401"):
        await world.client().sign_in("wrong horse battery staple")
    assert world.kept is None


async def test_the_sixth_guess_in_a_minute_has_to_wait(world: World) -> None:
    for _ in range(5):
        with pytest.raises(httpx2.HTTPStatusError, match="401"):
            await world.client().sign_in("wrong horse battery staple")
    with pytest.raises(httpx2.HTTPStatusError, match="429"):
        await world.client().sign_in(PASSWORD)


async def test_an_expired_access_token_is_replaced_unseen(world: World) -> None:
    client = world.client()
    await client.sign_in(PASSWORD)
    before = world.kept
    world.clock.advance(3600)
    assert await status(client) == 200
    assert world.kept != before


async def test_requests_at_once_refresh_once(world: World) -> None:
    await world.client().sign_in(PASSWORD)
    client = world.client()
    assert await asyncio.gather(*(status(client) for _ in range(20))) == [200] * 20
    world.clock.advance(3600)
    assert await asyncio.gather(*(status(client) for _ in range(20))) == [200] * 20
    assert world.network.asked["/token"] == 2


async def test_two_processes_on_one_storage_stay_signed_in_within_the_grace(world: World) -> None:
    """Each has a lock of its own; the server gives both the same successor."""
    await world.client().sign_in(PASSWORD)
    both = await asyncio.gather(status(world.client()), status(world.client()))
    assert list(both) == [200, 200]
    assert await status(world.client()) == 200


async def test_a_lost_answer_is_asked_for_again_and_is_the_same(world: World) -> None:
    await world.client().sign_in(PASSWORD)
    spent = world.kept
    world.network.lose = 2
    assert await status(world.client()) == 200
    assert world.network.asked["/token"] == 3
    [family] = await world.ww.refresh.list("ada")
    assert (await world.ww.refresh.authenticate(world.kept)).token_id == f"{family.family_id}.2"  # rotated once
    assert world.kept != spent


async def test_offline_forgets_nothing(world: World) -> None:
    await world.client().sign_in(PASSWORD)
    spent, world.network.lose = world.kept, 3
    with pytest.raises(OfflineError):
        await status(world.client())
    assert world.kept == spent
    world.clock.advance(9)
    assert await status(world.client()) == 200


async def test_an_answer_lost_for_longer_than_the_grace_ends_the_sign_in(world: World) -> None:
    """The limit: a phone that comes back late with a spent token cannot be told from a thief."""
    await world.client().sign_in(PASSWORD)
    world.network.lose = 3
    with pytest.raises(OfflineError):
        await status(world.client())
    world.clock.advance(11)
    with pytest.raises(SignInAgainError):
        await status(world.client())
    assert world.kept is None
    assert await world.ww.refresh.list("ada") == []


def test_the_attempts_are_over_within_the_grace() -> None:
    assert sum(PAUSES) + 2 * len(PAUSES) < 10


async def test_a_device_that_was_signed_out_elsewhere_is_told_to_sign_in_again(world: World) -> None:
    phone = world.client()
    await phone.sign_in(PASSWORD)
    storage = MemoryKeyring()
    tablet = Client(world.http, account="ada", device="iPad", storage=storage)
    await tablet.sign_in(PASSWORD)
    [lost] = [one for one in (await tablet.request("GET", "/devices")).json() if not one["current"]]
    assert lost["label"] == "Pixel 9"
    assert (await tablet.request("DELETE", f"/devices/{lost['handle']}")).status_code == 204
    with pytest.raises(SignInAgainError):
        await status(phone)
    assert world.kept is None
    assert await status(tablet) == 200


async def test_what_is_not_yours_cannot_be_ended(world: World) -> None:
    theirs = await world.ww.refresh.issue("grace", client_id="notes-app")
    client = world.client()
    await client.sign_in(PASSWORD)
    assert (await client.request("DELETE", f"/devices/{theirs.family_id}")).status_code == 404
    assert len(await world.ww.refresh.list("grace")) == 1


async def test_a_storage_that_fails_hands_out_no_access(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the successor lost, the sign-in is good for the grace only; better heard of now than then."""

    def locked(*_: str) -> None:
        raise PasswordSetError("the keyring is locked")

    await world.client().sign_in(PASSWORD)
    client = world.client()
    monkeypatch.setattr(world.storage, "set_password", locked)
    with pytest.raises(PasswordSetError):
        await status(client)
    assert world.network.asked["/notes"] == 0
    monkeypatch.undo()
    assert await status(client) == 200
    assert world.network.asked["/token"] == 2


async def test_signing_out_empties_the_storage_also_when_nobody_answers(world: World) -> None:
    client = world.client()
    await client.sign_in(PASSWORD)
    token = world.kept
    await client.sign_out()
    assert world.kept is None
    assert (await world.http.post("/token", json={"refresh_token": token})).status_code == 401
    await client.sign_in(PASSWORD)
    world.network.lose = 3
    await world.client().sign_out()
    assert world.kept is None
    with pytest.raises(SignInAgainError):
        await status(world.client())
