"""Records kept near two processes on one store: what one writes the other refuses or sees, however it hears of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from watchword import blocking
from watchword.clock import FrozenClock
from watchword.errors import StoreUnavailableError, TokenError, TokenRevokedError, UnavailableError
from watchword.principal import Principal
from watchword.revocation.event import event
from watchword.revocation.feed import catch_up
from watchword.revocation.view import View
from watchword.stores.base import Store, open_store
from watchword.stores.memory import MemoryStore
from watchword.tokens.api_keys import ApiKeys
from watchword.tokens.base import Issued
from watchword.tokens.opaque_access import OpaqueAccessTokens
from watchword.tokens.roles import Roles
from watchword.tokens.session_rows import TOUCH_EVERY
from watchword.tokens.sessions import Sessions

pytestmark = pytest.mark.anyio

NOW, BOUND = 1_800_000_000, 5.0
STORES = ["memory", "sqlite", "postgres", "valkey"]
OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


class Counted:
    """A store whose calls are counted, whose feed can be cut off, and which can be away altogether."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: list[str] = []
        self.deaf = self.away = False
        self.held: asyncio.Event | None = None
        """What a ``get`` waits for before it is sent."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def called(*args: Any, **more: Any) -> Any:
            self.calls.append(name)
            if self.away or (self.deaf and name.startswith("tail")):
                raise StoreUnavailableError
            return self._late(found, *args, **more) if name == "get" and self.held else found(*args, **more)

        return called

    async def _late(self, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        assert self.held is not None
        await self.held.wait()
        return await verb(*args, **more)


class Node:
    """One process: it hears the feed when it is told to, and never by itself."""

    def __init__(self, store: Store, clock: FrozenClock) -> None:
        self.counted = Counted(store)
        self.store: Any = self.counted
        self.clock = clock
        self.view = View(clock=clock, max_staleness=timedelta(seconds=BOUND))
        self.sessions = Sessions(self.store, view=self.view, limit=2)
        self.opaque_access = OpaqueAccessTokens(self.store, audience="https://api.test", view=self.view)
        self.api_keys = ApiKeys(self.store, view=self.view)
        self.roles = Roles(self.store, self.view, clock, api_keys=self.api_keys)
        for kind in (self.sessions, self.opaque_access, self.api_keys):
            kind.near.signal = None if store.pulls_inline else asyncio.Event  # as Watchword does

    async def hear(self) -> None:
        await catch_up(self.store, self.view)

    async def revoke(self, what: str, value: str) -> None:
        await self.store.append(event(what, value, now=self.clock.now()))
        await self.hear()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in ("postgres", "valkey"):
        fresh: str = request.getfixturevalue(request.param).fresh()
        return fresh
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def two(place: str, clock: FrozenClock) -> AsyncIterator[tuple[Node, Node]]:
    stores = [open_store(place)]
    stores += stores if isinstance(stores[0], MemoryStore) else [open_store(place)]
    for store in stores:
        await store.open()
    nodes = Node(stores[0], clock), Node(stores[1], clock)
    for node in nodes:
        await node.hear()
    yield nodes
    for store in stores:
        await store.close()


@pytest.fixture
def one(two: tuple[Node, Node]) -> Node:
    return two[0]


@pytest.fixture
def other(two: tuple[Node, Node]) -> Node:
    return two[1]


async def verdict(node: Node, token: str) -> Any:
    """The Principal, or the class of the refusal."""
    try:
        return await node.sessions.authenticate(token)
    except (TokenError, UnavailableError) as error:
        return type(error)


ENDS: dict[str, Callable[[Node, Issued], Awaitable[Any]]] = {
    "end": lambda node, issued: node.sessions.end(str(issued.session_id)),
    "end_all": lambda node, issued: node.sessions.end_all("user-7"),
    "rotate": lambda node, issued: node.sessions.rotate(issued.token),
    "replaces": lambda node, issued: node.sessions.start("user-7", replaces=issued.token),
    "limit": lambda node, issued: _two_more(node),
    "revoke session": lambda node, issued: node.revoke("session", str(issued.session_id)),
    "password": lambda node, issued: node.revoke("subject", "user-7"),
    "everything": lambda node, issued: node.revoke("everything", ""),
}


async def _two_more(node: Node) -> None:
    for _ in range(2):
        await node.sessions.start("user-7")


@pytest.mark.parametrize("end", ENDS)
async def test_what_ended_is_refused_as_soon_as_it_is_heard(one: Node, other: Node, end: str) -> None:
    issued = await one.sessions.start("user-7")
    for node in (one, other):
        assert isinstance(await verdict(node, issued.token), Principal)
    await ENDS[end](one, issued)
    assert await verdict(one, issued.token) is TokenRevokedError
    assert isinstance(await verdict(other, issued.token), Principal), "it was kept, and nothing has been heard"
    await other.hear()
    for node in (one, other):
        assert await verdict(node, issued.token) is TokenRevokedError
    other.sessions.near.clear()
    assert await verdict(other, issued.token) is TokenRevokedError


@pytest.mark.parametrize("older", [False, True], ids=["new row", "row of an older version"])
async def test_a_rotation_ends_one_token_and_never_its_successor(one: Node, other: Node, older: bool) -> None:
    tokens = [(await one.sessions.start("user-7")).token]
    if older:
        (record,) = await one.store.find("session", now=NOW)
        content = {name: value for name, value in record.data.items() if name != "token_id"}
        assert await one.store.swap(replace(record, data=content), version=record.version)
    for _ in range(3):
        assert isinstance(await verdict(other, tokens[-1]), Principal)
        tokens.append((await one.sessions.rotate(tokens[-1])).token)
        for node in (one, other):
            await node.hear()
            assert isinstance(await verdict(node, tokens[-1]), Principal)
            assert {await verdict(node, token) for token in tokens[:-1]} == {TokenRevokedError}
    found = [await verdict(one, tokens[-1]), await verdict(other, tokens[-1])]
    assert len({who.token_id for who in found} - {found[0].session_id}) == 1


@pytest.mark.parametrize("deaf", [False, True], ids=["starved", "deaf"])
@pytest.mark.parametrize("end", ENDS)
async def test_past_the_bound_nothing_that_ended_is_accepted(
    one: Node, other: Node, clock: FrozenClock, end: str, deaf: bool
) -> None:
    """The follower never runs; ``deaf``: nor is the feed to be had. The record was read at the last moment."""
    issued = await one.sessions.start("user-7")
    await other.hear()
    clock.advance(BOUND - 0.5)
    await verdict(other, issued.token)
    await one.hear()
    await ENDS[end](one, issued)
    other.counted.deaf = deaf
    clock.advance(0.499)
    assert isinstance(await verdict(other, issued.token), Principal), "within the bound"
    clock.advance(0.001)
    rowless = end in ("revoke session", "password", "everything")
    assert await verdict(other, issued.token) is (StoreUnavailableError if deaf and rowless else TokenRevokedError)


async def test_new_data_and_roles_are_seen_when_the_notice_is(one: Node, other: Node) -> None:
    issued = await one.sessions.start("user-7", data={"n": 0}, roles=["a"])
    for number in range(1, 4):
        await verdict(other, issued.token)
        await one.sessions.update(issued.token, data={"n": number}, roles=[f"r{number}"])
        assert (await one.sessions.authenticate(issued.token)).claims["n"] == number, "the writer sees it at once"
        assert (await other.sessions.authenticate(issued.token)).claims["n"] == number - 1
        assert (await other.sessions.authenticate(issued.token, current=True)).claims["n"] == number
        await other.hear()
        who = await other.sessions.authenticate(issued.token)
        assert who.claims["n"] == number
        assert who.roles == {f"r{number}"}


async def test_without_the_notice_new_data_are_seen_within_the_bound(
    one: Node, other: Node, clock: FrozenClock
) -> None:
    issued = await one.sessions.start("user-7", data={"n": 0})
    await verdict(other, issued.token)
    one.sessions.near._view = None  # a process that keeps no sessions announces nothing
    await one.sessions.update(issued.token, data={"n": 1})
    clock.advance(BOUND - 0.1)
    await other.hear()
    assert (await other.sessions.authenticate(issued.token)).claims["n"] == 0
    clock.advance(0.1)
    assert (await other.sessions.authenticate(issued.token)).claims["n"] == 1


async def test_a_session_that_was_spared_is_spared_everywhere(one: Node, other: Node) -> None:
    """Its row was written together with the cut-off; the copy there is older than that."""
    kept, ended = await one.sessions.start("user-7"), await one.sessions.start("user-7")
    for issued in (kept, ended):
        await verdict(other, issued.token)
    fact = event("signed_in", "user-7", now=NOW)
    assert await one.sessions.outlive(fact, str(kept.session_id))
    await one.hear()
    await other.hear()
    for node in (one, other):
        assert isinstance(await verdict(node, kept.token), Principal)
        assert await verdict(node, ended.token) is TokenRevokedError


async def test_no_copy_outlives_a_minute(one: Node, other: Node, clock: FrozenClock) -> None:
    other.view.max_staleness = 3600
    await other.hear()
    issued = await one.sessions.start("user-7", data={"n": 0})
    await verdict(other, issued.token)
    one.sessions.near._view = None
    await one.sessions.update(issued.token, data={"n": 1})
    clock.advance(59)
    assert (await other.sessions.authenticate(issued.token)).claims["n"] == 0
    clock.advance(1)
    assert (await other.sessions.authenticate(issued.token)).claims["n"] == 1


async def test_a_change_of_roles_is_read_once_and_kept(one: Node, other: Node) -> None:
    issued = await one.sessions.start("user-7", roles=["clerk"])
    await verdict(other, issued.token)
    await one.roles.set("user-7", ["admin"])
    await other.hear()
    other.counted.calls.clear()
    for _ in range(3):
        assert (await other.sessions.authenticate(issued.token)).roles == {"admin"}
    assert other.counted.calls == ["get"]
    await one.roles.set("user-7", [])
    await other.hear()
    assert (await other.sessions.authenticate(issued.token)).roles == frozenset()


async def test_the_earlier_end_of_a_rotated_key_is_seen_when_the_notice_is(
    one: Node, other: Node, clock: FrozenClock
) -> None:
    key = await one.api_keys.issue("user-7")
    await other.api_keys.authenticate(key.token)
    await one.api_keys.rotate(key.token_id, overlap=timedelta(seconds=60))
    assert (await other.api_keys.authenticate(key.token)).expires_at > NOW + 60
    await other.hear()
    assert (await other.api_keys.authenticate(key.token)).expires_at == NOW + 60


async def test_a_feed_that_begins_anew_has_everything_forgotten(one: Node, other: Node) -> None:
    """Notices may have been missed: after a restore, a flush, a fail-over, or while the process was closed."""
    issued = await one.sessions.start("user-7")
    await verdict(other, issued.token)
    assert len(other.sessions.near) == 1
    other.view.forget()
    assert len(other.sessions.near) == 0
    await other.hear()
    await verdict(other, issued.token)
    other.view.seq += 1  # the feed went back by one
    await other.hear()
    assert len(other.sessions.near) == 0


@pytest.mark.parametrize("verb", ["update", "rotate", "end"])
async def test_a_write_of_which_nobody_knows_what_became_is_taken_for_done(one: Node, verb: str) -> None:
    """The commit happened and its answer was lost."""
    issued = await one.sessions.start("user-7", data={"n": 0})
    await verdict(one, issued.token)
    swap = one.counted._store.swap

    async def lost(*args: Any, **more: Any) -> bool:
        await swap(*args, **more)
        raise StoreUnavailableError

    one.counted._store.swap = lost  # type: ignore[method-assign]
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "update": lambda: one.sessions.update(issued.token, data={"n": 1}),
        "rotate": lambda: one.sessions.rotate(issued.token),
        "end": lambda: one.sessions.end(str(issued.session_id)),
    }
    with pytest.raises(StoreUnavailableError):
        await calls[verb]()
    one.counted._store.swap = swap  # type: ignore[method-assign]
    found = await verdict(one, issued.token)
    assert found is TokenRevokedError or found.claims["n"] == 1


# what it costs


async def _tokens(node: Node) -> dict[str, tuple[Any, str]]:
    return {
        "sessions": (node.sessions, (await node.sessions.start("user-7")).token),
        "opaque_access": (node.opaque_access, (await node.opaque_access.issue("user-7")).token),
        "api_keys": (node.api_keys, (await node.api_keys.issue("user-7")).token),
    }


async def test_a_warm_request_calls_no_store_and_a_cold_one_calls_once(one: Node, other: Node) -> None:
    for kind, token in (await _tokens(one)).values():
        part = getattr(other, {ApiKeys: "api_keys", Sessions: "sessions"}.get(type(kind), "opaque_access"))
        other.counted.calls.clear()
        for _ in range(100):
            await part.authenticate(token)
        assert other.counted.calls == ["get"]
        assert (part.near.hits, part.near.misses, len(part.near)) == (99, 1, 1)


@pytest.mark.parametrize("near", [True, False])
async def test_the_way_out_reads_each_time(one: Node, clock: FrozenClock, near: bool) -> None:
    sessions = Sessions(one.store, view=one.view, near=near)
    token = (await sessions.start("user-7")).token
    one.counted.calls.clear()
    for _ in range(5):
        await sessions.authenticate(token, current=near)
    assert one.counted.calls == ["get"] * 5
    one.counted.calls.clear()
    before = one.view.seq
    await sessions.update(token, data={"a": 1})
    assert await one.store.append() == before + near


@pytest.mark.parametrize("kind", ["sessions", "opaque_access", "api_keys"])
async def test_many_who_ask_at_once_share_one_read(one: Node, other: Node, kind: str) -> None:
    token = (await _tokens(one))[kind][1]
    other.counted.calls.clear()
    found = await asyncio.gather(*(getattr(other, kind).authenticate(token) for _ in range(100)))
    assert {who.subject for who in found} == {"user-7"}
    assert other.counted.calls == ["get"]


async def test_many_who_ask_for_what_nobody_has_share_one_read_and_its_answer(one: Node) -> None:
    guess = "ww_ss_" + "A" * 43
    found = await asyncio.gather(*(verdict(one, guess) for _ in range(100)))
    assert len(set(found)) == 1
    assert one.counted.calls.count("get") == (1 if one.sessions.near.signal else 100), "inline, each is done at once"
    assert len(one.sessions.near) == 0


async def _waiting(node: Node, token: str, number: int) -> list[asyncio.Task[Any]]:
    """So many that ask for one record, one after the other, while its read is held up."""
    assert node.counted.held is not None
    tasks = [asyncio.create_task(node.sessions.authenticate(token)) for _ in range(number)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


@pytest.fixture
async def held(one: Node, other: Node) -> str:
    """A token whose record the other process asks for in vain, until ``held`` is set."""
    issued = await one.sessions.start("user-7", data={"n": 0})
    other.counted.calls.clear()
    other.counted.held = asyncio.Event()
    other.sessions.near.signal = asyncio.Event
    return issued.token


async def test_who_is_cancelled_takes_nobody_along(other: Node, held: str) -> None:
    tasks = await _waiting(other, held, 10)
    assert other.counted.calls == ["get"]
    tasks[0].cancel()  # the one who reads
    tasks[3].cancel()
    await asyncio.sleep(0)
    assert other.counted.held is not None
    other.counted.held.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found].count(Principal) == 8
    assert [number for number, one in enumerate(found) if isinstance(one, asyncio.CancelledError)] == [0, 3]
    assert other.counted.calls == ["get", "get"], "one of those who waited read anew, once"


async def test_an_error_is_shared_and_not_remembered(other: Node, held: str) -> None:
    tasks = await _waiting(other, held, 10)
    held_up, other.counted.held = other.counted.held, None

    async def fail(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError

    other.counted._store.get = fail  # type: ignore[method-assign]
    assert held_up is not None
    held_up.set()
    await asyncio.sleep(0)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    del other.counted._store.get
    assert {type(one) for one in found} <= {StoreUnavailableError, Principal}
    assert other.counted.calls == ["get"]
    other.counted.held = None
    assert isinstance(await verdict(other, held), Principal)


@pytest.mark.parametrize("how", ["update", "notice"])
async def test_an_answer_older_than_a_change_is_kept_nowhere(one: Node, other: Node, held: str, how: str) -> None:
    """It was read before the change, and comes after it was heard."""
    get = other.counted._store.get
    late, read = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> Any:
        found = await get(*args, **more)
        read.set()
        await late.wait()
        return found

    other.counted.held = None
    other.counted._store.get = slow  # type: ignore[method-assign]
    early = asyncio.create_task(other.sessions.authenticate(held))
    await read.wait()
    other.counted._store.get = get  # type: ignore[method-assign]
    if how == "update":
        await other.sessions.update(held, data={"n": 1})
    else:
        await one.sessions.update(held, data={"n": 1})
        await other.hear()
    assert (await other.sessions.authenticate(held)).claims["n"] == 1, "nobody who comes later waits for the old answer"
    late.set()
    assert (await early).claims["n"] == 0, "it began before the change"
    assert (await other.sessions.authenticate(held)).claims["n"] == 1


# touches


async def _keep_in_use(node: Node, token: str, seconds: int) -> None:
    for _ in range(seconds):
        node.clock.advance(1)
        await node.hear()
        await node.sessions.authenticate(token)


async def test_a_session_in_use_is_noted_once_a_minute(one: Node) -> None:
    token = (await one.sessions.start("user-7")).token
    await _keep_in_use(one, token, 10 * TOUCH_EVERY)
    assert one.counted.calls.count("swap") == 10


async def test_of_many_requests_at_once_one_is_noted(one: Node) -> None:
    token = (await one.sessions.start("user-7")).token
    await _keep_in_use(one, token, TOUCH_EVERY - 1)
    one.clock.advance(1)
    await asyncio.gather(*(one.sessions.authenticate(token) for _ in range(50)))
    assert one.counted.calls.count("swap") == 1
    (info,) = await one.sessions.list("user-7")
    assert info.last_seen == NOW + TOUCH_EVERY
    one.counted.calls.clear()
    assert (await one.sessions.authenticate(token)).expires_at == info.expires_at == NOW + TOUCH_EVERY + 1800
    assert one.counted.calls == [], "what was written is kept"


async def test_a_note_that_fails_fails_no_request_and_extends_nothing(one: Node) -> None:
    token = (await one.sessions.start("user-7")).token
    await _keep_in_use(one, token, TOUCH_EVERY - 1)
    one.clock.advance(1)
    one.counted.away = True
    for _ in range(5):
        who = await one.sessions.authenticate(token)
        assert who.expires_at == NOW + 1800
    assert one.counted.calls[-1] == "swap"
    assert one.counted.calls.count("swap") == 1, "nor is a store that is away asked at each request"


async def test_a_request_elsewhere_keeps_a_session_alive_here(one: Node, other: Node, clock: FrozenClock) -> None:
    """I13: the copy here says that it has ended; the store knows better, and is asked before anybody is sent away."""
    one.view.max_staleness = other.view.max_staleness = 60
    token = (await one.sessions.start("user-7")).token
    clock.advance(1799 - TOUCH_EVERY // 2)
    for node in (one, other):
        await node.hear()
    other.sessions.near.clear()
    kept = await other.sessions.near.get(other.sessions._key(token), now=clock.now())
    assert kept is not None
    await one.sessions.authenticate(token)
    clock.advance(31)
    for node in (one, other):
        await node.hear()
    who = await other.sessions.authenticate(token)
    assert who.expires_at == NOW + 1769 + 1800
    clock.advance(1799 - 31)
    for node in (one, other):
        await node.hear()
    assert isinstance(await verdict(one, token), Principal)


# threads


@pytest.mark.parametrize("away", [False, True])
def test_many_threads_that_ask_at_once_share_one_read(place: str, tmp_path: Path, away: bool) -> None:
    """Over a network; in memory and in a file a read is done before another could wait for it."""
    number, reads = 8, []
    with ExitStack() as stack:
        ww = stack.enter_context(blocking.Watchword(place, keys=tmp_path / "app.keys", **OPTIONS))
        token = ww.sessions.start("user-7").token
        core = ww._opened()
        get, near = core.store.get, core.sessions.near
        everybody = threading.Barrier(number)

        async def slow(*args: Any, **more: Any) -> Any:
            reads.append(threading.get_ident())
            if near.signal is not None:  # until all the others have looked, and found nothing
                for _ in range(5000):
                    if near.misses == number:
                        break
                    threading.Event().wait(0.001)
            if away:
                raise StoreUnavailableError
            return await get(*args, **more)

        def ask() -> Any:
            everybody.wait()
            try:
                return ww.sessions.authenticate(token).subject
            except StoreUnavailableError:
                return None

        core.store.get = slow  # type: ignore[method-assign]
        pool = stack.enter_context(ThreadPoolExecutor(number))
        found = list(pool.map(lambda _: ask(), range(number)))
        assert set(found) == {None if away else "user-7"}
        assert len(reads) == 1 or near.signal is None
        core.store.get = get  # type: ignore[method-assign]
        assert ww.sessions.authenticate(token).subject == "user-7"
