"""Open websockets and their watcher: what ends one, what does not, and what an application sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import KeysUnavailableError, TokenRevokedError
from watchword.integrations.asgi import Auth, Receive, Scope, Send
from watchword.integrations.sockets import SocketEndedError
from watchword.integrations.watcher import Watcher
from watchword.principal import Principal
from watchword.revocation.event import event
from watchword.stores.base import Feed
from watchword.web.cookies import SESSION_COOKIE

OWN = {"host": "app.example", "origin": "https://app.example"}
Body = Callable[[Receive, Send], Awaitable[object]]


class Client:
    """The server's side of one socket: what the application sent, and what it can be sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.slow = False
        """It reads nothing that the application says."""

    async def send(self, message: Any) -> None:
        if self.slow and message["type"] == "websocket.send":
            await asyncio.Event().wait()
        if message["type"] == "websocket.bytes":
            raise TimeoutError("of the server")
        self.sent.append(dict(message))

    @property
    def codes(self) -> list[int]:
        return [one["code"] for one in self.sent if one["type"] == "websocket.close"]


async def settled() -> None:
    """All that is due on this loop has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


def bearer(ww: Watchword, subject: str = "ada", **how: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {ww.access.issue(subject, **how).token}"}


async def session(ww: Watchword) -> dict[str, str]:
    return OWN | {"cookie": f"{SESSION_COOKIE}={(await ww.sessions.start('ada', roles=['admin'])).token}"}


async def listens(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


@asynccontextmanager
async def opened(
    auth: Auth, headers: dict[str, str], body: Body = listens, *, slow: bool = False, **rule: Any
) -> AsyncIterator[tuple[Client, asyncio.Task[None]]]:
    """A socket whose application has asked for its caller, and then does ``body``."""
    client = Client()
    client.slow = slow

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.require(**rule)
        await send({"type": "websocket.accept"})
        await body(receive, send)

    pairs = [(name.encode(), value.encode()) for name, value in ({"host": "app.example"} | headers).items()]
    scope = {"type": "websocket", "scheme": "wss", "path": "/", "headers": pairs}
    running = asyncio.ensure_future(auth.attach(app)(scope, client.incoming.get, client.send))
    await settled()
    try:
        yield client, running
    finally:
        client.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        with suppress(asyncio.CancelledError):
            running.cancel()
            await running


def watcher(auth: Auth) -> Watcher:
    return auth.watchers.here()


Then = Callable[[Watchword, str], Awaitable[object]]
ENDS: dict[str, Then] = {
    "token": lambda ww, token: ww.revoke(token=token),
    "session": lambda ww, token: ww.revoke(session="the-session"),
    "subject": lambda ww, token: ww.revoke(subject="ada"),
    "client": lambda ww, token: ww.revoke(client="web"),
    "everything": lambda ww, token: ww.revoke(everything=True),
    "key": lambda ww, token: ww.revoke(key=ww.ring.active("sign").kid),
    "password": lambda ww, token: ww.subject_changed("ada", "password"),
    "roles": lambda ww, token: ww.subject_changed("ada", "roles", roles=[]),
}


@pytest.mark.parametrize("what", ENDS)
async def test_a_revocation_closes_the_sockets_that_it_stops_and_no_other(ww: Watchword, what: str) -> None:
    auth = Auth(ww)
    mine = bearer(ww, session_id="the-session", client_id="web")
    other = {"authorization": f"Bearer {(await ww.opaque_access.issue('eve')).token}"}
    async with opened(auth, mine) as (client, running), opened(auth, other) as (bystander, _):
        assert len(watcher(auth)) == 2
        await ENDS[what](ww, mine["authorization"].removeprefix("Bearer "))
        await settled()
        assert client.codes == [1008]
        assert running.done()
        assert bystander.codes == ([1008] if what == "everything" else [])


async def test_a_session_ends_its_sockets_also_when_it_is_rotated_or_its_roles_change(ww: Watchword) -> None:
    auth = Auth(ww)
    for then in (
        lambda token: ww.sessions.end(token),
        lambda token: ww.sessions.rotate(token),
        lambda _: ww.subject_changed("ada", "roles", roles=["reader"]),
    ):
        headers = await session(ww)
        async with opened(auth, headers, role="admin") as (client, _):
            await then(headers["cookie"].partition("=")[2])
            await settled()
            assert client.codes == [1008]


async def test_other_news_leave_a_session_and_its_socket_alone(ww: Watchword) -> None:
    auth, headers = Auth(ww), await session(ww)
    async with opened(auth, headers) as (client, _):
        await ww.sessions.update(headers["cookie"].partition("=")[2], data={"n": 1})
        await ww.subject_changed("eve", "roles", roles=["reader"])
        await ww.revoke(subject="eve")
        await settled()
        assert client.codes == []


@pytest.mark.parametrize("what", ["subject", "key"])
async def test_a_revocation_beside_the_handshake_is_not_missed(ww: Watchword, what: str) -> None:
    """It is heard after the caller was judged, and before the socket is watched."""
    auth = Auth(ww)
    real = auth._authenticator.authenticate

    async def slow(connection: Any, **how: Any) -> Principal | None:
        who = await real(connection, **how)
        auth._authenticator.authenticate = real  # type: ignore[method-assign]
        await ENDS[what](ww, "")
        await settled()
        return who

    auth._authenticator.authenticate = slow  # type: ignore[method-assign]
    async with opened(auth, bearer(ww)) as (client, _):
        await settled()
        assert client.codes == [1008]


# What the application sees


async def test_receive_gives_a_disconnect_and_later_sends_fail_cleanly(ww: Watchword) -> None:
    auth, seen = Auth(ww), []

    async def body(receive: Receive, send: Send) -> None:
        seen.append(await receive())
        seen.append(await receive())
        seen.append(await receive())
        with pytest.raises(SocketEndedError, match="not good any more"):
            await send({"type": "websocket.send", "text": "still there?"})
        await send({"type": "websocket.close", "code": 1000})

    async with opened(auth, bearer(ww), body) as (client, running):
        client.incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
        await settled()
        await ww.revoke(subject="ada")
        await settled()
        running.result()
        assert [one["type"] for one in seen] == ["websocket.receive", *2 * ["websocket.disconnect"]]
        assert seen[1]["code"] == 1008
        assert [one["type"] for one in client.sent] == ["websocket.accept", "websocket.close"]


async def test_a_send_that_waits_for_a_slow_client_is_given_up(ww: Watchword) -> None:
    auth = Auth(ww)

    async def body(receive: Receive, send: Send) -> None:
        with pytest.raises(SocketEndedError):
            await send({"type": "websocket.send", "text": "a lot"})

    async with opened(auth, bearer(ww), body, slow=True) as (client, running):
        assert not running.done()
        await ww.revoke(subject="ada")
        await settled()
        running.result()
        assert client.codes == [1008]


async def test_a_timeout_of_the_application_is_its_own(ww: Watchword) -> None:
    auth = Auth(ww)

    async def body(receive: Receive, send: Send) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        assert (await receive())["type"] == "websocket.receive"

    async with opened(auth, bearer(ww), body) as (client, running):
        client.incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
        await settled()
        running.result()
        assert client.codes == []


async def test_so_is_one_of_the_server(ww: Watchword) -> None:
    auth = Auth(ww)

    async def body(receive: Receive, send: Send) -> None:
        with pytest.raises(TimeoutError, match="of the server"):
            await send({"type": "websocket.bytes"})

    async with opened(auth, bearer(ww), body) as (_, running):
        running.result()


async def test_a_handshake_that_is_not_accepted_yet_is_refused(ww: Watchword) -> None:
    auth, client = Auth(ww), Client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.require()
        await ww.revoke(subject="ada")
        await settled()
        with pytest.raises(SocketEndedError):
            await send({"type": "websocket.accept"})

    pairs = [(name.encode(), value.encode()) for name, value in ({"host": "app.example"} | bearer(ww)).items()]
    scope = {"type": "websocket", "scheme": "wss", "path": "/", "headers": pairs}
    await auth.attach(app)(scope, client.incoming.get, client.send)
    assert client.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# Time


async def test_a_socket_ends_with_its_token(ww: Watchword, clock: FrozenClock) -> None:
    auth = Auth(ww)
    async with opened(auth, bearer(ww, lifetime=timedelta(seconds=60))) as (client, _):
        watch = watcher(auth)
        clock.advance(59)
        watch._on_time()
        await settled()
        assert client.codes == []
        clock.advance(1)
        watch._on_time()
        await settled()
        assert client.codes == [1008]


async def test_a_session_that_is_used_elsewhere_keeps_its_socket_and_a_socket_keeps_no_session(
    ww: Watchword, clock: FrozenClock
) -> None:
    auth, headers = Auth(ww), await session(ww)
    async with opened(auth, headers) as (client, _):
        watch = watcher(auth)
        clock.advance(20 * 60)
        await ww.sessions.authenticate(headers["cookie"].partition("=")[2])  # a request of the same browser
        clock.advance(10 * 60)
        watch._on_time()
        await settled()
        assert client.codes == []
        clock.advance(20 * 60 - 1)
        watch._on_time()
        await settled()
        assert client.codes == []
        clock.advance(1)
        watch._on_time()
        await settled()
        assert client.codes == [1008]


async def test_the_timer_is_for_what_comes_first(ww: Watchword) -> None:
    auth = Auth(ww)
    async with opened(auth, bearer(ww, lifetime=timedelta(seconds=3))):
        watch = watcher(auth)
        assert watch._timer is not None
        assert 2 < watch._timer.when() - asyncio.get_running_loop().time() <= 3
    async with opened(auth, bearer(ww)):
        timer = watcher(auth)._timer
        assert timer is not None
        assert 4 < timer.when() - asyncio.get_running_loop().time() <= 5  # the lease


# Past the lease


@pytest.fixture
def silent(ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Nothing is heard any more, nor pulled; so many seconds pass."""

    def fall_silent(seconds: float) -> None:
        monkeypatch.setattr(ww.view, "pull", None)
        monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
        clock.advance(seconds)

    return fall_silent


async def test_without_a_word_it_is_closed_and_may_come_again(ww: Watchword, silent: Callable[[float], None]) -> None:
    auth = Auth(ww)
    async with opened(auth, bearer(ww)) as (client, _):
        watch = watcher(auth)
        silent(4.5)
        watch._on_time()
        await settled()
        assert client.codes == []
        silent(1)
        watch._on_time()
        await settled()
        assert client.codes == [1013]


async def test_a_new_life_of_the_feed_closes_what_it_revokes_and_nothing_else(
    ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In between there is no lease, and the old one vouches until it would have ended."""
    auth, view, kid = Auth(ww), ww.view, ww.ring.active("sign").kid
    headers, ours = await session(ww), bearer(ww)
    async with opened(auth, headers) as (browser, _), opened(auth, ours) as (client, _):
        monkeypatch.setattr(view, "pull", None)
        fact = replace(event("key", kid, now=clock.now()), seq=1)
        view.hear(Feed("another", 1, [fact]), asked_after=0, sent_at=clock.monotonic(), complete=False)
        await settled()
        assert not view.fresh()
        assert (browser.codes, client.codes) == ([], [])
        view.hear(Feed("another", 1), asked_after=1, sent_at=clock.monotonic())
        watcher(auth)._on_time()
        await settled()
        assert (browser.codes, client.codes) == ([], [1008])


@pytest.fixture
def lenient(clock: FrozenClock) -> Watchword:
    name = "https://app.example"
    return Watchword("memory:", issuer=name, audience=name, clock=clock, open_for=timedelta(seconds=30))


async def test_a_route_of_low_risk_stays_open_for_its_window(
    lenient: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lenient as ww:
        auth, cookie = Auth(ww), await session(ww)
        async with (
            opened(auth, bearer(ww), on_stale="open") as (low, _),
            opened(auth, bearer(ww)) as (high, _),
            opened(auth, cookie, on_stale="open") as (browser, _),
        ):
            watch = watcher(auth)
            monkeypatch.setattr(ww.view, "pull", None)
            monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
            clock.advance(6)
            watch._on_time()
            await settled()
            assert (low.codes, high.codes, browser.codes) == ([], [1013], [1013])
            clock.advance(30)
            watch._on_time()
            await settled()
            assert low.codes == [1013]


async def test_the_strictest_question_counts(lenient: Watchword, clock: FrozenClock) -> None:
    async with lenient as ww:
        auth = Auth(ww)

        async def body(receive: Receive, send: Send) -> None:
            await auth.require(privileged=True)
            await auth.require(on_stale="open")
            await listens(receive, send)

        async with opened(auth, bearer(ww), body, on_stale="open"):
            [socket] = watcher(auth)._open
            assert socket.word == "closed"


async def test_where_the_store_is_asked_it_is_asked_again(ww: Watchword, clock: FrozenClock) -> None:
    auth = Auth(ww)
    async with (
        opened(auth, bearer(ww), on_stale="ask") as (client, _),
        opened(auth, await session(ww), on_stale="ask") as (browser, _),
    ):
        watch = watcher(auth)
        ww.view.pull = None
        clock.advance(6)
        watch._on_time()
        await settled()
        assert (client.codes, browser.codes) == ([], [])
        assert 4 < watch._next - clock.monotonic() <= 5
        await _elsewhere(ww)
        clock.advance(5)
        watch._on_time()
        await settled()
        assert (client.codes, browser.codes) == ([1008], [1008])


async def _elsewhere(ww: Watchword, what: str = "subject") -> None:
    """A revocation that this view does not hear of."""
    await ww.store.append(event(what, "ada", now=ww.clock.now()))


@pytest.mark.parametrize("what", ["subject", "roles"])
async def test_without_a_lease_all_are_asked_about_every_five_seconds(clock: FrozenClock, what: str) -> None:
    name, never = "https://app.example", timedelta(0)
    async with Watchword("memory:", issuer=name, audience=name, clock=clock, max_staleness=never, on_stale="ask") as ww:
        auth = Auth(ww)
        async with (
            opened(auth, bearer(ww), privileged=True, on_stale="closed") as (client, _),
            opened(auth, await session(ww), privileged=True, on_stale="closed") as (browser, _),
        ):
            watch = watcher(auth)
            assert watch._timer is not None
            assert 4 < watch._timer.when() - asyncio.get_running_loop().time() <= 5
            clock.advance(5)
            watch._on_time()
            await settled()
            assert (client.codes, browser.codes) == ([], [])
            await _elsewhere(ww, what)
            clock.advance(5)
            watch._on_time()
            await settled()
            assert (client.codes, browser.codes) == ([1008], [1008])


async def test_a_store_that_does_not_answer_is_not_the_clients_fault(
    ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = Auth(ww)
    async with opened(auth, await session(ww)) as (client, _):

        async def fails(*_: Any, **__: Any) -> Any:
            raise KeysUnavailableError

        watch = watcher(auth)
        monkeypatch.setattr(ww.sessions, "list", fails)
        clock.advance(30 * 60)
        watch._on_time()
        await settled()
        assert client.codes == [1013]


async def test_whoever_has_left_is_not_closed_when_the_answer_comes(ww: Watchword, clock: FrozenClock) -> None:
    auth, answered = Auth(ww), asyncio.Event()

    async def refuses(*_: Any, **__: Any) -> Any:
        await answered.wait()
        raise TokenRevokedError

    async with opened(auth, bearer(ww)) as (client, running), opened(auth, bearer(ww, "eve")):
        auth._authenticator.authenticate = refuses  # type: ignore[method-assign]
        clock.advance(15 * 60)
        watcher(auth)._on_time()
        client.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await settled()
        assert running.done()
        answered.set()
        await settled()
        assert client.codes == []


# Others' tokens


async def test_a_caller_of_another_issuer_is_presented_again(ww: Watchword, clock: FrozenClock) -> None:
    auth, known = Auth(ww), True
    who = replace(ww.access.verify(ww.access.issue("ada").token), issuer="https://id.example", rev=None)

    async def theirs(connection: Any, **how: Any) -> Principal:
        if not known:
            raise TokenRevokedError
        return who

    auth._authenticator.authenticate = theirs  # type: ignore[method-assign]
    async with opened(auth, bearer(ww)) as (client, _):
        watch = watcher(auth)
        await ww.revoke(subject="ada")  # ours, and not theirs
        clock.advance(5)
        watch._on_time()
        await settled()
        assert client.codes == []
        known = False
        clock.advance(5)
        watch._on_time()
        await settled()
        assert client.codes == [1008]


# What it costs


async def test_a_request_has_no_watcher_and_the_last_socket_takes_it_along(ww: Watchword) -> None:
    auth = Auth(ww)
    before = ww.view.listeners

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.require()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def nothing(message: Any) -> None:
        pass

    pairs = [(name.encode(), value.encode()) for name, value in bearer(ww).items()]
    get = {"type": "http", "method": "GET", "scheme": "https", "path": "/", "headers": [(b"host", b"a"), *pairs]}
    await auth.attach(page)(get, asyncio.Queue().get, nothing)
    assert (len(auth.watchers), ww.view.listeners) == (0, before)

    async with opened(auth, bearer(ww)), opened(auth, bearer(ww)):
        assert (len(auth.watchers), len(ww.view.listeners)) == (1, len(before) + 1)
    assert (len(auth.watchers), ww.view.listeners) == (0, before)


async def test_a_socket_that_nobody_asked_about_is_not_watched(ww: Watchword) -> None:
    auth, client = Auth(ww), Client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await auth.optional() is None
        assert len(auth.watchers) == 0

    scope = {"type": "websocket", "scheme": "wss", "path": "/", "headers": [(b"host", b"app.example")]}
    await auth.attach(app)(scope, client.incoming.get, client.send)


async def test_two_thousand_sockets_are_looked_at_in_one_pass(ww: Watchword) -> None:
    auth, ends = Auth(ww), []
    headers = [bearer(ww, f"user-{number}") for number in range(2000)]
    clients = [Client() for _ in headers]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await auth.require()
        await send({"type": "websocket.accept"})
        await listens(receive, send)
        ends.append(scope["path"])

    attached = auth.attach(app)
    tasks = []
    for number, (client, one) in enumerate(zip(clients, headers, strict=True)):
        pairs = [(b"host", b"app.example"), (b"authorization", one["authorization"].encode())]
        scope = {"type": "websocket", "scheme": "wss", "path": f"/{number}", "headers": pairs}
        tasks.append(asyncio.ensure_future(attached(scope, client.incoming.get, client.send)))
    await settled()
    watch, passes = watcher(auth), 0
    assert len(watch) == 2000
    look = watch._look

    def counted() -> None:
        nonlocal passes
        passes += 1
        look()

    watch._look = counted  # type: ignore[method-assign]
    for number in range(0, 2000, 20):
        await ww.revoke(subject=f"user-{number}")
    await settled()
    assert sorted(ends, key=lambda path: int(path[1:])) == [f"/{number}" for number in range(0, 2000, 20)]
    assert len(watch) == 1900
    assert passes <= 100
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(auth.watchers) == 0
