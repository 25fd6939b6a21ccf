"""Records kept near, in every order: no answer that is older than a change is kept, here or on another node."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.properties.test_interleavings import SEEDS, World, classes
from watchword.errors import TokenRevokedError
from watchword.principal import Principal
from watchword.revocation.feed import catch_up
from watchword.tokens.base import Issued

CHANGES: dict[str, Callable[[World, Issued], Coroutine[Any, Any, Any]]] = {
    "update": lambda world, issued: world.sessions.update(issued.token, data={"n": 1}),
    "rotate": lambda world, issued: world.sessions.rotate(issued.token),
    "end": lambda world, issued: world.sessions.end(str(issued.session_id)),
    "revoke": lambda world, issued: world.revoke("subject", "u"),
}


def is_seen(world: World, token: str, change: str) -> bool:
    """Whether one more request there meets the change."""
    (found,) = world.together(world.sessions.authenticate(token))
    if change == "update":
        return isinstance(found, Principal) and found.claims == {"n": 1}
    return isinstance(found, TokenRevokedError)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_returned_is_seen_here(change: str) -> None:
    orders = set()
    for seed in SEEDS:
        world = World(seed)
        first = world.done(world.sessions.start("u", data={"n": 0}))
        if seed % 2:
            world.done(world.sessions.authenticate(first.token))
        done, *found = world.together(
            CHANGES[change](world, first), *(world.sessions.authenticate(first.token) for _ in range(3))
        )
        assert not isinstance(done, Exception)
        assert classes(found) <= {Principal, TokenRevokedError}
        orders.add((len(world.sessions.near), *(type(one) for one in found)))
        assert is_seen(world, first.token, change), seed
    assert len(orders) > 1, "many orders were tried"


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_returned_is_seen_there_once_it_was_heard(change: str) -> None:
    """The other node reads the row and hears of its change at the same time."""
    for seed in SEEDS:
        world = World(seed)
        node = world.node()
        first = world.done(world.sessions.start("u", data={"n": 0}))
        if seed % 2:
            node.done(node.sessions.authenticate(first.token))
        world.together(
            CHANGES[change](world, first),
            catch_up(node.store, node.view),
            *(node.sessions.authenticate(first.token) for _ in range(3)),
        )
        node.done(catch_up(node.store, node.view))
        assert is_seen(node, first.token, change), seed
        node.clock.advance(4)
        assert is_seen(node, first.token, change), seed


@pytest.mark.parametrize("change", CHANGES)
def test_past_the_bound_it_is_seen_there_whatever_was_heard(change: str) -> None:
    for seed in SEEDS[:100]:
        world = World(seed)
        node = world.node()
        first = world.done(world.sessions.start("u", data={"n": 0}))
        world.together(CHANGES[change](world, first), *(node.sessions.authenticate(first.token) for _ in range(3)))
        node.clock.advance(5)
        assert is_seen(node, first.token, change), seed


def test_those_who_ask_at_once_share_one_read() -> None:
    for seed in SEEDS[:100]:
        world = World(seed)
        first = world.done(world.sessions.start("u"))
        reads: list[Any] = []
        get = world.store.get

        async def counted(*args: Any, get: Any = get, reads: list[Any] = reads, **more: Any) -> Any:
            reads.append(args)
            return await get(*args, **more)

        world.store.get = counted  # type: ignore[method-assign]
        found = world.together(*(world.sessions.authenticate(first.token) for _ in range(5)))
        assert classes(found) == {Principal}
        assert len(reads) == 1
