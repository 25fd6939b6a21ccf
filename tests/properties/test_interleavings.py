"""Every store call is a point where somebody else may run; a seeded scheduler says who. No luck, no threads (I5–I7).

The store keeps its promises and answers late: after each call was made, and again after it took effect, others may
run first. It does not pull inline, so the awaited way to the feed is walked too.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from random import Random
from typing import Any

import pytest

from watchword import KeyRing
from watchword.clock import FrozenClock
from watchword.errors import (
    TokenError,
    TokenReusedError,
    TokenRevokedError,
    WatchwordError,
)
from watchword.keys.key import Key
from watchword.principal import Principal
from watchword.revocation.event import event
from watchword.revocation.feed import catch_up
from watchword.revocation.view import View
from watchword.stores.base import Audit, Effect, Event, Feed, Record
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import Issued
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sessions import Sessions

SEEDS = range(400)
MAC = Key.generate("HS256", use="mac")


class Turn:
    """Somebody else's turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class LateStore(MemoryStore):
    """A MemoryStore across a network that is fair and slow."""

    suspends = True
    pulls_inline = False

    async def put(self, *records: Record, audit: Sequence[Audit] = ()) -> None:
        await Turn()
        await super().put(*records, audit=audit)
        await Turn()

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        await Turn()
        found = await super().get(kind, key, now=now)
        await Turn()
        return found

    async def swap(
        self,
        record: Record,
        *,
        version: int,
        puts: Sequence[Record] = (),
        events: Sequence[Event] = (),
        audit: Sequence[Audit] = (),
        effect: Effect | None = None,
    ) -> bool:
        await Turn()
        done = await super().swap(record, version=version, puts=puts, events=events, audit=audit, effect=effect)
        await Turn()
        return done

    async def find(
        self, kind: str, *, now: int, subject: str | None = None, group: str | None = None, limit: int = 1000
    ) -> list[Record]:
        await Turn()
        found = await super().find(kind, now=now, subject=subject, group=group, limit=limit)
        await Turn()
        return found

    async def append(self, *events: Event, audit: Sequence[Audit] = ()) -> int:
        await Turn()
        head = await super().append(*events, audit=audit)
        await Turn()
        return head

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        await Turn()
        answer = await super().tail(after, now=now, limit=limit)
        await Turn()
        return answer

    def tail_now(self, after: int, *, now: int) -> Feed:
        raise AssertionError("this store does not pull inline")


class Bell:
    """What ``asyncio.Event`` is under a loop: whoever waits has turns until it rings."""

    def __init__(self) -> None:
        self._rang = False

    def set(self) -> None:
        self._rang = True

    async def wait(self) -> None:
        while not self._rang:
            await Turn()


class World:
    """One process: a view, the kinds, and who runs when."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.clock = FrozenClock()
        self.store = LateStore()
        self.store.open_blocking()
        self.view = View(clock=self.clock)
        self.refresh = RefreshTokens(self.store, KeyRing.of(MAC, clock=self.clock), view=self.view)
        self.sessions = Sessions(self.store, view=self.view)
        self.sessions.near.signal = Bell
        self.done(catch_up(self.store, self.view))

    def node(self) -> World:
        """Another process on the same store, which has heard what was said so far."""
        other = World()
        other.clock, other.store, other.random = self.clock, self.store, self.random
        other.view = View(clock=self.clock)
        other.refresh = RefreshTokens(self.store, KeyRing.of(MAC, clock=self.clock), view=other.view)
        other.sessions = Sessions(self.store, view=other.view)
        other.sessions.near.signal = Bell
        self.done(catch_up(other.store, other.view))
        return other

    def done(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        (result,) = self.together(coroutine)
        if isinstance(result, WatchwordError):
            raise result
        return result

    def together(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run all to their ends, one step of one at a time; what each returned, or the WatchwordError it raised."""
        results: list[Any] = [None] * len(coroutines)
        running = dict(enumerate(coroutines))
        while running:
            place = self.random.choice(list(running))
            try:
                running[place].send(None)
            except StopIteration as stop:
                results[place] = stop.value
            except WatchwordError as error:
                results[place] = error
            else:
                continue
            del running[place]
        return results

    async def revoke(self, what: str, value: str) -> int:
        """As ``Watchword.revoke`` does: it returns when the fact is durable and applied here."""
        seq = await self.store.append(event(what, value, now=self.clock.now()))
        await catch_up(self.store, self.view)
        return seq

    def rotations(self, token: str, number: int) -> list[Coroutine[Any, Any, Issued]]:
        return [self.refresh.rotate(token) for _ in range(number)]

    def family_is_live(self, token: str) -> bool:
        try:
            self.done(self.refresh.family_of(token))
        except TokenRevokedError:
            return False
        return True

    def session_is_live(self, token: str) -> bool:
        try:
            self.done(self.sessions.authenticate(token))
        except TokenRevokedError:
            return False
        return True


def issued(results: Sequence[Any]) -> list[Issued]:
    return [one for one in results if isinstance(one, Issued)]


def classes(results: Sequence[Any]) -> set[type]:
    return {type(one) for one in results}


def test_the_scheduler_tries_many_orders_and_always_the_same_ones() -> None:
    async def said(name: str, log: list[str]) -> None:
        for _ in range(3):
            await Turn()
            log.append(name)

    def order(seed: int) -> str:
        log: list[str] = []
        World(seed).together(*(said(name, log) for name in "abc"))
        return "".join(log)

    orders = [order(seed) for seed in SEEDS]
    assert len(set(orders)) > 200
    assert orders[:20] == [order(seed) for seed in SEEDS[:20]]


# refresh


@pytest.mark.parametrize("number", [2, 3, 5, 10])
def test_parallel_rotations_have_one_successor(number: int) -> None:
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.refresh.issue("u", client_id="c"))
        results = world.together(*world.rotations(first.token, number))
        assert classes(results) == {Issued}, seed
        (successor,) = {one.token for one in results}
        assert {one.token_id for one in results} == {f"{first.family_id}.2"}
        assert world.done(world.refresh.rotate(successor)).token_id.endswith(".3")
        trail = [one.name for one in world.done(world.store.audited())]
        assert trail == ["refresh_issued", "refresh_rotated", "refresh_rotated"]


@pytest.mark.parametrize("number", [2, 3, 5, 10])
def test_without_grace_one_wins_and_the_family_ends(number: int) -> None:
    for seed in SEEDS:
        world = World(seed)
        world.refresh.grace = 0
        first = world.done(world.refresh.issue("u", client_id="c"))
        results = world.together(*world.rotations(first.token, number))
        (winner,) = issued(results)
        assert classes(results) <= {Issued, TokenReusedError, TokenRevokedError}
        assert [type(one) for one in results].count(TokenReusedError) == 1
        assert not world.family_is_live(winner.token)


@pytest.mark.parametrize("what", ["family", "subject", "session", "client", "everything"])
def test_nothing_survives_a_revocation_that_returned(what: str) -> None:
    lost = set()
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.refresh.issue("u", client_id="c", session_id="s"))
        value = {"family": first.family_id, "subject": "u", "session": "s", "client": "c", "everything": ""}[what]
        *results, seq = world.together(*world.rotations(first.token, 3), world.revoke(what, str(value)))
        assert seq == 1
        assert classes(results) <= {Issued, TokenRevokedError}
        assert len({one.token for one in issued(results)}) <= 1
        for one in (first, *issued(results)):
            assert not world.family_is_live(one.token)
            assert isinstance(world.together(world.refresh.rotate(one.token))[0], TokenRevokedError)
        lost.add(len(issued(results)))
    assert len(lost) > 1, "both orders were tried"


def test_nothing_survives_on_another_node_that_has_heard_of_it() -> None:
    """The node that rotates has not heard yet: what it makes carries the old position, and dies when it hears."""
    for seed in SEEDS:
        world = World(seed)
        node = world.node()
        first = world.done(world.refresh.issue("u", client_id="c", session_id="s"))
        what, value = [("family", str(first.family_id)), ("subject", "u"), ("session", "s")][seed % 3]
        *results, _ = world.together(*node.rotations(first.token, 3), world.revoke(what, value))
        assert classes(results) <= {Issued, TokenRevokedError}
        node.done(catch_up(node.store, node.view))
        for one in (first, *issued(results)):
            assert not world.family_is_live(one.token)
            assert not node.family_is_live(one.token)


@pytest.mark.parametrize("wait", [0, 11])
def test_a_grandparent_that_comes_back_ends_it_all(wait: int) -> None:
    for seed in SEEDS:
        world = World(seed)
        session = world.done(world.sessions.start("u"))
        first = world.done(world.refresh.issue("u", client_id="c", session_id=session.session_id))
        second = world.done(world.refresh.rotate(first.token))
        third = world.done(world.refresh.rotate(second.token))
        for _ in range(wait):
            world.clock.advance(1)
            world.done(catch_up(world.store, world.view))
        replay, *results = world.together(
            world.refresh.rotate(first.token), *world.rotations(third.token, 2), world.refresh.rotate(second.token)
        )
        assert type(replay) in (TokenReusedError, TokenRevokedError)
        assert classes(results) <= {Issued, TokenReusedError, TokenRevokedError}
        assert [type(one) for one in (replay, *results)].count(TokenReusedError) == 1
        successors = {one.token for one in issued(results[:2])}
        assert len(successors) <= 1
        assert all(one.token in {third.token, *successors} for one in issued(results))
        for token in (first.token, second.token, third.token, *successors):
            assert not world.family_is_live(token)
        assert not world.session_is_live(session.token)


def test_a_chain_of_rotations_beside_retries_has_one_successor_each() -> None:
    """An honest client that retries each step while the answer is late, over three generations."""

    async def chain(refresh: RefreshTokens, token: str, tokens: list[str]) -> None:
        for _ in range(3):
            token = (await refresh.rotate(token)).token
            tokens.append(token)

    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.refresh.issue("u", client_id="c"))
        lines: list[list[str]] = [[], []]
        results = world.together(*(chain(world.refresh, first.token, line) for line in lines))
        reused = [one for one in results if one is not None]
        assert all(type(one) in (TokenReusedError, TokenRevokedError) for one in reused)
        for one, other in zip(*lines, strict=False):
            assert one == other, "I5"
        tokens = max(lines, key=len)
        assert world.family_is_live(tokens[-1] if tokens else first.token) is not bool(reused)


# sessions


@pytest.mark.parametrize("number", [2, 5, 10])
def test_of_parallel_session_rotations_one_wins(number: int) -> None:
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.sessions.start("u", data={"a": 1}))
        results = world.together(*(world.sessions.rotate(first.token) for _ in range(number)))
        (winner,) = issued(results)
        assert [type(one) for one in results].count(TokenRevokedError) == number - 1
        assert not world.session_is_live(first.token)
        assert world.done(world.sessions.authenticate(winner.token)).claims == {"a": 1}
        assert len(world.done(world.sessions.list("u"))) == 1


def test_an_end_that_returned_leaves_no_token_alive() -> None:
    orders = set()
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.sessions.start("u"))
        rotated, twice, updated, ended = world.together(
            world.sessions.rotate(first.token),
            world.sessions.rotate(first.token),
            world.sessions.update(first.token, data={"a": 1}),
            world.sessions.end(str(first.session_id)),
        )
        assert ended is True
        assert type(updated) in (Principal, TokenRevokedError)
        assert classes([rotated, twice]) <= {Issued, TokenRevokedError}
        assert len(issued([rotated, twice])) <= 1
        for one in (first, *issued([rotated, twice])):
            assert not world.session_is_live(one.token)
        assert world.done(world.sessions.list("u")) == []
        rows = world.done(world.store.find("session", now=0))
        assert {row.data["state"] for row in rows} <= {"ended", "rotated"}
        orders.add((type(rotated), type(twice), type(updated)))
    assert len(orders) > 3, "many orders were tried"


def test_an_end_all_that_returned_leaves_no_session_alive() -> None:
    for seed in SEEDS:
        world = World(seed)
        tokens = [world.done(world.sessions.start("u")).token for _ in range(3)]
        kept = world.done(world.sessions.authenticate(tokens[0])).session_id
        *rotated, _ = world.together(
            *(world.sessions.rotate(token) for token in tokens), world.sessions.end_all("u", keep=kept)
        )
        assert isinstance(rotated[0], Issued)
        assert world.session_is_live(rotated[0].token)
        for one in issued(rotated[1:]):
            assert not world.session_is_live(one.token)
        assert [one.session_id for one in world.done(world.sessions.list("u"))] == [kept]


def test_no_update_is_lost_beside_others_and_a_rotation() -> None:
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.sessions.start("u", data={"old": 1}))
        world.clock.advance(4)
        updates = [{"a": 1}, {"b": 2}, {"c": 3}]
        rotated, _, *updated = world.together(
            world.sessions.rotate(first.token),
            world.sessions.authenticate(first.token),
            *(world.sessions.update(first.token, data=one, remove=["old"]) for one in updates),
        )
        assert isinstance(rotated, Issued)
        expected: dict[str, int] = {} if classes(updated) != {TokenRevokedError} else {"old": 1}
        for data, result in zip(updates, updated, strict=True):
            assert type(result) in (Principal, TokenRevokedError)
            expected |= data if isinstance(result, Principal) else {}
        assert world.done(world.sessions.authenticate(rotated.token)).claims == expected


def test_a_touch_brings_nothing_back() -> None:
    """A request that is being checked while its session is rotated or ended writes no live row over the dead one."""
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.sessions.start("u"))
        for _ in range(15):
            world.clock.advance(4)
            world.done(catch_up(world.store, world.view))
        stops: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda world=world, first=first: world.sessions.rotate(first.token),  # type: ignore[misc]
            lambda world=world, first=first: world.sessions.end(str(first.session_id)),  # type: ignore[misc]
        ]
        touched = [world.sessions.authenticate(first.token) for _ in range(3)]
        stopped, *seen = world.together(stops[seed % 2](), *touched)
        assert not isinstance(stopped, TokenError)
        assert classes(seen) <= {Principal, TokenRevokedError}
        assert not world.session_is_live(first.token)


def test_a_sign_in_after_a_revocation_returned_is_good_and_one_before_is_not() -> None:
    async def sign_in_before_and_after(world: World) -> tuple[Issued, Issued]:
        before = await world.sessions.start("u")
        await world.revoke("subject", "u")
        return before, await world.sessions.start("u")

    for seed in SEEDS[:100]:
        world = World(seed)
        (before, after), *beside = world.together(
            sign_in_before_and_after(world), *(world.sessions.start("u") for _ in range(3))
        )
        assert not world.session_is_live(before.token)
        assert world.session_is_live(after.token)
        assert len(world.done(world.sessions.list("u"))) == 1 + sum(
            world.session_is_live(one.token) for one in issued(beside)
        )
