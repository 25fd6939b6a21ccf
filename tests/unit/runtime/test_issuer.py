"""Issuers found by discovery: whose metadata count, where they are looked for, and whose keys they lead to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from tests.faults.key_server import KeyServer, answer, document, key_server
from watchword.clock import FrozenClock
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, KeysUnavailableError, SignatureError, TokenError, UnknownKeyError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.runtime.issuer import Issuer, Issuers, jwks_uri_of, well_known
from watchword.runtime.ticker import drive
from watchword.tokens.access import AccessTokens

AUDIENCE = "https://api.example"


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


class House:
    """An issuer on the server: metadata, keys, and the tokens it writes."""

    def __init__(self, server: KeyServer, path: str = "", *, clock: FrozenClock | None = None) -> None:
        self.server, self.path = server, path
        self.clock = clock or FrozenClock()
        self.url = server.url(path)
        self.ring = KeyRing.generate("ES256", clock=self.clock)
        self.metadata: dict[str, Any] = {"issuer": self.url, "jwks_uri": server.url(f"{path}/keys")}
        self.place = f"{path}/.well-known/openid-configuration"
        self.publish()

    def publish(self) -> None:
        for missing in well_known(self.url):
            self.server.on[missing.removeprefix(self.server.url(""))] = answer(b"{}", status="404 Not Found")
        self.server.on[self.place] = document(self.metadata)
        self.server.on[f"{self.path}/keys"] = document(self.ring.jwks())

    def token(self, ring: KeyRing | None = None, issuer: str | None = None) -> str:
        return AccessTokens(ring or self.ring, issuer=issuer or self.url, audience=AUDIENCE).issue("user-7").token

    def found(self, **more: Any) -> Issuer:
        return Issuer.discover(self.url, audience=AUDIENCE, clock=self.clock, allow_loopback=True, **more)


@pytest.mark.parametrize(
    ("issuer", "places"),
    [
        (
            "https://id.example",
            [
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ],
        ),
        (
            "https://id.example/",
            [
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ],
        ),
        (
            "https://id.example:8443/realms/shop",
            [
                "https://id.example:8443/realms/shop/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/shop",
                "https://id.example:8443/.well-known/openid-configuration/realms/shop",
            ],
        ),
    ],
)
def test_where_metadata_are_looked_for(issuer: str, places: list[str]) -> None:
    assert well_known(issuer) == places


@pytest.mark.parametrize(
    "said",
    [
        "https://id.example/",
        "https://ID.example",
        "http://id.example",
        "https://id.example:443",
        None,
        7,
        ["https://id.example"],
    ],
)
def test_metadata_of_another_issuer(said: Any) -> None:
    body = json.dumps({"issuer": said, "jwks_uri": "https://id.example/keys"}).encode()
    with pytest.raises(ConfigurationError):
        jwks_uri_of(body, "https://id.example")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"issuer": "https://id.example"}', b'{"issuer": "https://id.example", "jwks_uri": 7}']
)
def test_metadata_that_are_none(body: bytes) -> None:
    with pytest.raises(ConfigurationError):
        jwks_uri_of(body, "https://id.example")


@pytest.mark.parametrize(
    "url",
    ["http://id.example", "https://id.example/?a=b", "https://id.example/#f", "https://u@id.example", "id.example", ""],
)
def test_urls_that_are_no_issuer(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Issuer.discover(url, audience=AUDIENCE)


@pytest.mark.parametrize("which", range(3))
async def test_found_and_verified(server: KeyServer, which: int) -> None:
    house = House(server, "/realms/shop")
    house.place = well_known(house.url)[which].removeprefix(server.url(""))
    house.publish()
    async with house.found() as issuer:
        who = issuer.verify(house.token())
        assert (who.subject, who.issuer, who.kind) == ("user-7", house.url, "access")
        with pytest.raises(TokenError):
            issuer.verify(house.token(issuer=f"{house.url}/"))
    assert server.asked["/realms/shop/keys"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "x"},
        {"jwks_uri": "http://user@127.0.0.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
async def test_wrong_metadata_stop_the_opening(server: KeyServer, change: dict[str, Any]) -> None:
    house = House(server)
    house.metadata |= change
    house.publish()
    issuer = house.found()
    with pytest.raises(ConfigurationError) as raised:
        await issuer.open()
    assert raised.value is issuer.refresh.last_error
    with pytest.raises(KeysUnavailableError):
        issuer.verify(house.token())
    await issuer.close()
    assert server.asked["/keys"] == 0


async def test_metadata_that_lead_inside_lead_nowhere(server: KeyServer) -> None:
    house = House(server)
    house.metadata["jwks_uri"] = "https://169.254.169.254/latest/meta-data"
    house.publish()
    async with house.found() as issuer:
        assert issuer.refresh.last_error is not None
        assert issuer.refresh.last_error.reason == "address_refused"
        with pytest.raises(KeysUnavailableError):
            issuer.verify(house.token())


async def test_an_issuer_that_is_down_is_503_until_it_is_not(server: KeyServer) -> None:
    house = House(server)
    server.on["/.well-known/openid-configuration"] = answer(b"", status="500 Oops")
    server.on["/.well-known/oauth-authorization-server"] = answer(b"", status="500 Oops")
    async with house.found() as issuer:
        with pytest.raises(KeysUnavailableError):
            issuer.verify(house.token())
        with pytest.raises(KeysUnavailableError):
            await issuer.authenticate(house.token())
        house.publish()
        house.clock.advance(5)
        assert (await issuer.authenticate(house.token())).subject == "user-7"


async def test_a_new_key_is_waited_for_and_a_moved_document_is_found_again(server: KeyServer) -> None:
    house = House(server)
    async with house.found() as issuer:
        house.ring = KeyRing.generate("ES256", clock=house.clock)
        house.publish()
        with pytest.raises(UnknownKeyError):
            issuer.verify(house.token())
        house.clock.advance(30)
        assert (await issuer.authenticate(house.token())).subject == "user-7"
        server.on["/keys"] = answer(b"", status="410 Gone")
        server.on["/new"] = document(house.ring.jwks())
        server.on[house.place] = document({"issuer": house.url, "jwks_uri": server.url("/new")})
        house.clock.advance(3600)
        await issuer.refresh.tick()
        assert issuer.keys.state == "stale"
        house.clock.advance(60)
        await issuer.refresh.tick()
        assert issuer.keys.state == "fresh"
        assert server.asked["/new"] == 1


def test_on_threads(server: KeyServer) -> None:
    house = House(server)
    issuer = Issuer(house.url, audience=AUDIENCE, jwks_uri=server.url("/keys"), clock=house.clock, allow_loopback=True)
    issuer.open_blocking()
    try:
        assert issuer.verify(house.token()).subject == "user-7"
        assert drive(issuer.authenticate(house.token())).subject == "user-7"
        with pytest.raises(UnknownKeyError):
            drive(issuer.authenticate(house.token(KeyRing.generate("ES256", clock=house.clock))))
    finally:
        issuer.close_blocking()
    assert server.asked[house.place] == 0
    assert "fresh" in repr(issuer)


def test_unopened_it_fetches_when_it_is_asked_for_the_first_time(server: KeyServer) -> None:
    house = House(server)
    assert drive(house.found().authenticate(house.token())).subject == "user-7"


async def test_several_each_with_its_own_keys(server: KeyServer) -> None:
    clock = FrozenClock()
    one, other = House(server, "/one", clock=clock), House(server, "/other", clock=clock)
    async with Issuers(one.found(), other.found()) as issuers:
        assert issuers.verify(one.token()).issuer == one.url
        assert (await issuers.authenticate(other.token())).issuer == other.url
        for crossed in (one.token(other.ring), other.token(one.ring)):
            with pytest.raises(TokenError):
                issuers.verify(crossed)
        assert (server.asked["/one/keys"], server.asked["/other/keys"]) == (1, 1)
        other.ring = KeyRing.generate("ES256", clock=clock)
        other.publish()
        assert (await issuers.authenticate(other.token())).issuer == other.url
        clock.advance(60)
        with pytest.raises(UnknownKeyError):
            issuers.verify(one.token(KeyRing(KeyRing.of(Key.generate("ES256"))), one.url))
    with pytest.raises(ConfigurationError):
        Issuers()
    with pytest.raises(ConfigurationError):
        Issuers(one.found(), one.found())


async def test_nonsense_is_a_token_error(server: KeyServer) -> None:
    house = House(server)
    async with house.found() as issuer:
        for untrusted in ("", "a.b.c", "x" * 9000, None, b"\xff", f"{b64url(b'{}')}.e30.e30", "v4.public.AAAA"):
            with pytest.raises(TokenError):
                await issuer.authenticate(untrusted)
    assert server.asked["/keys"] == 1


async def test_an_outage_of_one_does_not_hide_the_new_keys_of_another(server: KeyServer) -> None:
    clock = FrozenClock()
    down, up = House(server, "/down", clock=clock), House(server, "/up", clock=clock)
    for place in (*well_known(down.url), down.server.url("/down/keys")):
        server.on[place.removeprefix(server.url(""))] = answer(b"", status="500 Oops")
    async with Issuers(down.found(), up.found()) as issuers:
        up.ring = KeyRing.generate("ES256", clock=clock)
        up.publish()
        assert (await issuers.authenticate(up.token())).issuer == up.url
        clock.advance(60)
        up.ring = KeyRing.generate("ES256", clock=clock)
        up.publish()
        with pytest.raises(KeysUnavailableError):
            issuers.verify(up.token())
        await issuers._issuers[1].refresh.tick()
        assert issuers.verify(up.token()).issuer == up.url


async def test_who_has_a_known_key_never_waits_for_a_server_that_is_out(server: KeyServer) -> None:
    """F-31: the server stalls, a fetch is under way all the time, and nobody with a good token notices."""
    house = House(server)
    async with house.found() as issuer:
        tokens = [house.token() for _ in range(200)]
        began = Event()

        def stall(client: socket.socket) -> None:
            began.set()
            server.stall(client)

        server.on["/keys"] = stall
        house.clock.advance(4 * 60)
        fetching = asyncio.ensure_future(issuer.refresh.tick())
        await asyncio.to_thread(began.wait, 5)
        for token in tokens:
            verifying = issuer.authenticate(token)
            with pytest.raises(StopIteration):
                verifying.send(None)  # one step to the end: it awaited nothing
            assert issuer.verify(token).subject == "user-7"
        forged = tokens[0][:-6] + "AAAAAA"
        with pytest.raises(SignatureError):
            await issuer.authenticate(forged)
        assert issuer.keys.in_flight
        assert not fetching.done()
        assert server.asked["/keys"] == 2
        server.over.set()
        await fetching


async def test_metadata_are_read_again_once_a_day(server: KeyServer) -> None:
    """An issuer that moves its keys may leave the old document where it was."""
    house = House(server)
    async with house.found() as issuer:
        for _ in range(3):
            house.clock.advance(3600)
            await issuer.refresh.tick()
        assert server.asked[house.place] == 1
        moved = KeyRing.generate("ES256", clock=house.clock)
        server.on["/moved"] = document(moved.jwks())
        server.on[house.place] = document({"issuer": house.url, "jwks_uri": server.url("/moved")})
        house.clock.advance(86_400)
        await issuer.refresh.tick()
        assert issuer.verify(house.token(moved)).subject == "user-7"
        for place in well_known(house.url):
            server.on[place.removeprefix(server.url(""))] = answer(b"", status="500 Oops")
        house.clock.advance(86_400)
        await issuer.refresh.tick()
        assert issuer.keys.state == "fresh"
        assert server.asked["/moved"] == 2
        server.on[house.place] = document({"issuer": "https://other.example", "jwks_uri": server.url("/keys")})
        house.clock.advance(86_400)
        await issuer.refresh.tick()
        assert issuer.keys.state == "stale"


async def test_several_are_opened_all_or_none(server: KeyServer) -> None:
    clock = FrozenClock()
    good, bad = House(server, "/good", clock=clock), House(server, "/bad", clock=clock)
    bad.metadata["issuer"] = "x"
    bad.publish()
    issuers, before = [bad.found(), good.found()], asyncio.all_tasks()
    with pytest.raises(ConfigurationError):
        await Issuers(*issuers).open()
    assert [one._tickers for one in issuers] == [[], []]
    assert asyncio.all_tasks() == before
