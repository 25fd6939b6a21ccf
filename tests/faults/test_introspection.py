"""A resource server asks our own server over loopback; then that server fails, stalls, lies and goes away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest

from tests.faults.key_server import Behave, KeyServer, answer, document, endless, key_server, reset
from tests.unit.test_blocking import in_a_child
from watchword import FrozenClock, Issued, Watchword
from watchword.authn.authenticator import Authenticator
from watchword.cli.listening import listen, serving
from watchword.config import ClientSettings, ServerSettings, Settings
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    UnavailableError,
    WatchwordError,
    WrongAudienceError,
    WrongIssuerError,
)
from watchword.runtime import introspection
from watchword.runtime.introspection import Introspection
from watchword.runtime.ticker import drive
from watchword.server.app import create_app
from watchword.web.messages import Connection

ISSUER, API, LEDGER = "https://as.test", "https://api.test", "https://ledger.test"
SECRET = "a secret: of the orders-api/+%&é"
TOKEN = "ww_at_" + "A" * 43


class House:
    """The real server on a socket, and what it shares with the resource servers of the test: the clock."""

    def __init__(self, ww: Watchword, clock: FrozenClock, port: int) -> None:
        self.ww, self.clock, self.port = ww, clock, port
        self.url = f"http://127.0.0.1:{port}/oauth/introspect"

    def issue(self, **more: Any) -> Issued:
        return drive(self.ww.opaque_access.issue("user-7", scopes=["orders:read"], **more))

    def client(self, **more: Any) -> Introspection:
        return client_of(self.url, self.clock, **more)


def client_of(url: str, clock: FrozenClock, **more: Any) -> Introspection:
    ours = {"client_id": "orders-api", "client_secret": SECRET, "issuer": ISSUER, "audience": API}
    return Introspection(url, clock=clock, allow_loopback=True, **(ours | more))


@pytest.fixture(scope="module")
def server() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def house(clock: FrozenClock) -> Iterator[House]:
    digest = sha256(SECRET.encode()).hexdigest()
    clients = tuple(
        ClientSettings(id=name, secret_sha256=digest, audience=audience)
        for name, audience in (("orders-api", API), ("backend", None))
    )
    settings = Settings(url="memory:", issuer=ISSUER, audience=API, server=ServerSettings(clients=clients))
    ww = Watchword("memory:", issuer=ISSUER, audience=API, clock=clock)
    sockets = listen("127.0.0.1", 0)
    with serving(create_app(settings, ww), sockets):
        yield House(ww, clock, sockets[0].getsockname()[1])


async def test_our_own_server_says_whose_token_it_is(house: House) -> None:
    issued = house.issue(session_id="s-1", client_id="mobile", roles=["r"])
    async with house.client() as tokens:
        who = await tokens.authenticate(issued.token)
        assert (who.subject, who.kind, who.token_id) == ("user-7", "opaque_access", issued.token_id)
        assert (who.session_id, who.client_id, who.issuer) == ("s-1", "mobile", ISSUER)
        assert (who.expires_at, who.scopes, who.roles) == (issued.expires_at, issued.scopes, issued.roles)
        corridor = Authenticator([tokens])
        headers = [(b"authorization", b"Bearer " + issued.token.encode())]
        assert await corridor.authenticate(Connection(method="GET", scheme="https", headers=headers)) == who
        with pytest.raises(ConfigurationError, match="revoked there"):
            await tokens.revocation_of(issued.token)


async def test_signed_tokens_can_be_asked_for_as_well(house: House) -> None:
    token = house.ww.access.issue("user-7").token
    async with house.client(starts=["eyJ"]) as tokens:
        assert (await tokens.authenticate(token)).subject == "user-7"


async def test_a_revocation_takes_hold_within_the_bound(house: House) -> None:
    issued = house.issue()
    async with house.client(max_staleness=timedelta(seconds=5)) as tokens:
        await tokens.authenticate(issued.token)
        assert drive(house.ww.opaque_access.revoke(issued.token_id))
        house.clock.advance(4.9)
        await tokens.authenticate(issued.token)
        house.clock.advance(0.1)
        with pytest.raises(TokenNotFoundError):
            await tokens.authenticate(issued.token)
    async with house.client(max_staleness=timedelta(0)) as strict:
        other = house.issue()
        await strict.authenticate(other.token)
        assert drive(house.ww.opaque_access.revoke(other.token_id))
        with pytest.raises(TokenNotFoundError):
            await strict.authenticate(other.token)


async def test_a_refresh_token_or_one_for_another_audience_opens_nothing(house: House) -> None:
    refresh = drive(house.ww.refresh.issue("user-7", client_id="c")).token
    elsewhere = house.issue(audience=LEDGER).token
    async with house.client(starts=[""]) as tokens, house.client(client_id="backend", starts=[""]) as told_all:
        for token in (refresh, elsewhere):
            with pytest.raises(TokenNotFoundError):
                await tokens.authenticate(token)
        with pytest.raises(WrongAudienceError):
            await told_all.authenticate(elsewhere)
        with pytest.raises(TokenError):
            await told_all.authenticate(refresh)


async def test_another_issuer_than_the_one_that_was_asked_for(house: House) -> None:
    async with house.client(issuer="https://other.test") as tokens:
        with pytest.raises(WrongIssuerError):
            await tokens.authenticate(house.issue().token)


async def test_who_does_not_prove_itself_hears_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    token = house.issue().token
    async with house.client(client_secret="wrong") as tokens:
        with pytest.raises(UnavailableError, match="status 401") as caught:
            await tokens.authenticate(token)
    for text in (caplog.text, repr(caught.value), repr(tokens)):
        assert token not in text
        assert "wrong" not in text
        assert SECRET not in text


@pytest.mark.parametrize("number", [2, 100])
async def test_of_many_requests_with_one_token_one_asks(server: KeyServer, clock: FrozenClock, number: int) -> None:
    path = f"/once/{number}"
    server.on[path] = document(said(clock))
    async with client_of(server.url(path), clock) as tokens:
        found = await asyncio.gather(*(tokens.authenticate(TOKEN) for _ in range(number)))
        assert len({id(who) for who in found}) == 1
        assert server.asked[path] == 1
        await asyncio.gather(*(tokens.authenticate(TOKEN[:-1] + end) for end in "QUY"))
        assert server.asked[path] == 4
        clock.advance(5)
        await asyncio.gather(*(tokens.authenticate(TOKEN) for _ in range(number)))
        assert server.asked[path] == 5


def test_of_many_threads_with_one_token_one_asks(server: KeyServer, clock: FrozenClock) -> None:
    server.on["/threads"] = document(said(clock))
    tokens, barrier = client_of(server.url("/threads"), clock), Barrier(32)

    def one(_: int) -> str:
        barrier.wait()
        return tokens.authenticate_blocking(TOKEN).subject

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(32))) == {"u"}
    assert server.asked["/threads"] == 1


async def test_a_refusal_is_remembered_for_a_second(server: KeyServer, clock: FrozenClock) -> None:
    server.on["/no"] = document({"active": False})
    async with client_of(server.url("/no"), clock) as tokens:
        for _ in range(10):
            with pytest.raises(TokenNotFoundError):
                await tokens.authenticate(TOKEN)
        assert server.asked["/no"] == 1
        clock.advance(1)
        with pytest.raises(TokenNotFoundError):
            await tokens.authenticate(TOKEN)
        assert server.asked["/no"] == 2


async def test_what_is_no_token_is_not_asked_for(server: KeyServer, clock: FrozenClock) -> None:
    async with client_of(server.url("/never"), clock) as tokens:
        for untrusted in ("", "eyJ", "ww_ss_" + "A" * 43, "ww_at_" + "A" * 9000, "ww_at_\n", None):
            with pytest.raises(MalformedTokenError):
                await tokens.authenticate(untrusted)
    assert server.asked["/never"] == 0


# outages


def said(clock: FrozenClock, **more: Any) -> dict[str, Any]:
    return {"active": True, "sub": "u", "aud": API, "iss": ISSUER, "exp": clock.now() + 600} | more


async def test_an_outage_fails_closed_when_the_lease_is_over(house: House, clock: FrozenClock) -> None:
    """F-01: what was heard counts until its time is over, then 503; a new token is 503 at once."""
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for one in sockets:
        one.close()  # nobody listens there now
    async with house.client() as tokens:
        known, unknown = house.issue().token, house.issue().token
        await tokens.authenticate(known)
        tokens._ask = client_of(f"http://127.0.0.1:{port}/oauth/introspect", clock)._ask
        with pytest.raises(UnavailableError) as caught:
            await tokens.authenticate(unknown)
        assert (caught.value.status, caught.value.public) == (503, "temporarily_unavailable")
        clock.advance(4.9)
        await tokens.authenticate(known)
        clock.advance(0.1)
        with pytest.raises(UnavailableError):
            await tokens.authenticate(known)
        tokens._ask = house.client()._ask
        clock.advance(introspection.PAUSE)
        await tokens.authenticate(known)
        await tokens.authenticate(unknown)


HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
FAULTS: dict[str, Callable[[KeyServer], Behave]] = {
    "reset": lambda _: reset,
    "stall": lambda server: server.stall,
    "drip": lambda server: server.drip(HEAD + "\r\n"),
    "endless": lambda _: endless(HEAD + "\r\n", b" " * 65536),
    "nothing": lambda _: lambda client: None,
    "500": lambda _: answer(b"{}", status="500 Oh"),
    "401": lambda _: answer(b'{"error":"invalid_client"}', status="401 No"),
    "302": lambda _: answer(b"", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
    "html": lambda _: answer(b'{"active":true}', kind="text/html"),
    "too large": lambda _: answer(b" " * 300_000),
    "cut off": lambda _: lambda client: client.sendall((HEAD + 'Content-Length: 99\r\n\r\n{"active":true').encode()),
}
LIES: dict[str, bytes] = {
    "no json": b"active",
    "a list": b"[]",
    "twice": b'{"active":false,"active":true}',
    "a word": b'{"active":"true"}',
    "nothing said": b"{}",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_is_503(server: KeyServer, clock: FrozenClock, fault: str) -> None:
    path = f"/fault/{fault.replace(' ', '-')}"
    server.on[path] = FAULTS[fault](server)
    async with client_of(server.url(path), clock, seconds=0.5) as tokens:
        for _ in range(20):  # a server that is down is not asked by every request
            with pytest.raises(UnavailableError) as caught:
                await tokens.authenticate(TOKEN)
            assert caught.value.status == 503
            assert TOKEN not in str(caught.value)
        assert server.asked[path] == 1
        server.on[path] = document(said(clock))
        clock.advance(introspection.PAUSE)
        assert (await tokens.authenticate(TOKEN)).subject == "u"


@pytest.mark.parametrize("status", ["400 Bad", "403 No", "404 None", "413 Long"])
async def test_a_question_that_is_refused_stops_no_other(server: KeyServer, clock: FrozenClock, status: str) -> None:
    """A stranger whose odd tokens the server, or what stands before it, will not hear of pauses nobody's questions."""
    path = f"/refused/{status[:3]}"
    async with client_of(server.url(path), clock) as tokens:
        server.on[path] = answer(b"{}", status=status)
        with pytest.raises(UnavailableError):
            await tokens.authenticate("ww_at_" + "Z" * 43)
        server.on[path] = document(said(clock))
        assert (await tokens.authenticate(TOKEN)).subject == "u"


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_no_answer_is_503_and_keeps_nothing(server: KeyServer, clock: FrozenClock, lie: str) -> None:
    path = f"/lie/{lie.replace(' ', '-')}"
    server.on[path] = answer(LIES[lie])
    async with client_of(server.url(path), clock) as tokens:
        with pytest.raises(UnavailableError):
            await tokens.authenticate(TOKEN)
        assert len(tokens.tokens) == 0


async def test_a_caller_that_gives_up_does_not_stop_the_question(server: KeyServer, clock: FrozenClock) -> None:
    server.on["/slow"] = server.drip(HEAD + "Content-Length: 2000\r\n\r\n", every=0.05)
    async with client_of(server.url("/slow"), clock, seconds=0.5) as tokens:
        impatient = asyncio.create_task(tokens.authenticate(TOKEN))
        patient = asyncio.create_task(tokens.authenticate(TOKEN))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        with pytest.raises(UnavailableError):
            await patient
    assert server.asked["/slow"] == 1


async def test_too_many_that_wait_are_refused_at_once(
    server: KeyServer, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introspection, "MOST_WAITING", 3)
    server.on["/stuck"] = server.stall
    async with client_of(server.url("/stuck"), clock, seconds=0.3) as tokens:
        asked = [asyncio.create_task(tokens.authenticate(f"ww_at_{number}")) for number in range(5)]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert [getattr(error, "reason", None) for error in done].count("overloaded") == 2
        assert all(isinstance(error, UnavailableError) for error in done)
    assert tokens._flights == {}


async def test_an_expired_token_is_expired_although_the_server_is_gone(server: KeyServer, clock: FrozenClock) -> None:
    server.on["/brief"] = document(said(clock, exp=clock.now() + 2))
    async with client_of(server.url("/brief"), clock) as tokens:
        await tokens.authenticate(TOKEN)
        server.on["/brief"] = reset
        clock.advance(2)
        with pytest.raises(TokenExpiredError):
            await tokens.authenticate(TOKEN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://as.test/oauth/introspect"},
        {"url": "ftp://as.test/"},
        {"client_id": ""},
        {"client_secret": ""},
        {"audience": ""},
        {"max_staleness": timedelta(seconds=-1)},
    ],
)
def test_what_cannot_be(wrong: dict[str, Any]) -> None:
    good = {"url": "https://as.test/i", "client_id": "c", "client_secret": "s", "issuer": ISSUER, "audience": API}
    Introspection(**good)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Introspection(**(good | wrong))


def test_the_question(server: KeyServer, clock: FrozenClock, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token nor secret in the URL, in a log line or in an error."""
    caplog.set_level(logging.DEBUG)
    server.on["/what"] = answer(b"oops", status="500 Oh")
    tokens = client_of(server.url("/what"), clock)
    with pytest.raises(WatchwordError) as caught:
        tokens.authenticate_blocking(TOKEN)
    seen = (
        caplog.text + str(caught.value) + repr(caught.value.__cause__) + repr(tokens) + json.dumps(list(server.asked))
    )
    assert TOKEN not in seen
    assert SECRET not in seen


def test_a_forked_child_asks_for_itself(server: KeyServer, clock: FrozenClock) -> None:
    """Neither the threads of its parent nor the questions that were under way there are ever answered in it."""
    server.on["/forked"] = document(said(clock))
    tokens = client_of(server.url("/forked"), clock, seconds=1)
    asyncio.run(tokens.authenticate(TOKEN))
    other = "ww_at_" + "B" * 43
    with tokens._lock:
        tokens._begin(tokens.tokens.place(other)[0])
        answers = in_a_child(lambda: asyncio.run(tokens.authenticate(other)).subject)
    assert answers() == "u"
