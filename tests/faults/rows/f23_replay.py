"""F-23: a refresh token that was rotated comes again, too late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from tests.faults.journal import Journal, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import FrozenClock, Issued, Watchword
from watchword.errors import TokenReusedError
from watchword.revocation.feed import catch_up

GRACE, HOUR = 10, 3600


@dataclass
class World:
    """One family, and the nodes that it is rotated at. ``tokens``: its generations, the oldest first."""

    place: Setting
    clock: FrozenClock
    stack: AsyncExitStack
    nodes: list[Watchword]
    tokens: list[Issued]

    async def rotate(self, times: int = 1) -> None:
        for _ in range(times):
            node = self.nodes[len(self.tokens) % len(self.nodes)]
            self.tokens.append(await node.refresh.rotate(self.tokens[-1].token))

    async def wait(self, seconds: float) -> None:
        """Time goes by, and the nodes have heard."""
        self.clock.advance(seconds)
        for node in self.nodes:
            await catch_up(node.store, node.view)

    async def restart(self) -> None:
        """All nodes end, and others come: what they kept in memory is gone."""
        await self.stack.aclose()
        self.nodes = [await self.stack.enter_async_context(self.place.watchword(clock=self.clock)) for _ in self.nodes]


async def _past_grace(world: World) -> None:
    await world.rotate()
    await world.wait(GRACE + 1)


async def _successor_used(world: World) -> None:
    await world.rotate()
    await world.wait(1)
    await world.rotate()


async def _one_second(world: World) -> None:
    await world.rotate(2)


async def _grandparent(world: World) -> None:
    await world.rotate(3)
    await world.wait(1)


async def _set_forward(world: World) -> None:
    await world.rotate()
    world.clock.set_wall(world.clock.now() + HOUR)


async def _set_back(world: World) -> None:
    await world.rotate()
    await world.wait(2 * GRACE)
    for node in world.nodes:  # each has seen the time
        await node.refresh.family_of(world.tokens[-1].token)
    world.clock.set_wall(world.clock.now() - HOUR)


async def _used_and_set_back(world: World) -> None:
    await world.rotate(2)
    world.clock.set_wall(world.clock.now() - HOUR)


Case = Callable[[World], Awaitable[None]]
CASES: dict[str, Case] = {
    "past the grace": _past_grace,
    "its successor was used": _successor_used,
    "twice in one second": _one_second,
    "three generations old": _grandparent,
    "the clock an hour on": _set_forward,
    "the clock an hour back": _set_back,
    "its successor used, the clock an hour back": _used_and_set_back,
}


async def run(place: Setting) -> Row:
    journal, found = Journal(), Counter[str]()
    for turn in range(place.pick(1, 20)):
        for name, case in CASES.items():
            for restarted in (False, True) if place.store != "memory" else (False,):
                async with AsyncExitStack() as stack:
                    world = await _world(place, stack, f"{turn} {name} {restarted}")
                    await case(world)
                    if restarted:
                        await world.restart()
                    await _replay(world, journal, found)
    row = columns([journal], bound=0)
    row["wrong_accepts"] += found["alive"]
    row["more"] |= {name: found[name] for name in ("replays", "not_seen_as_reuse", "not_in_the_trail", "alive")}
    return place.row(**row)


async def _world(place: Setting, stack: AsyncExitStack, subject: str) -> World:
    clock = FrozenClock()
    number = 1 if place.store == "memory" else 2
    nodes = [await stack.enter_async_context(place.watchword(clock=clock)) for _ in range(number)]
    session = await nodes[0].sessions.start(subject)
    first = await nodes[0].refresh.issue(subject, client_id="app", session_id=session.session_id, rev=session.rev)
    return World(place, clock, stack, nodes, [first])


async def _replay(world: World, journal: Journal, found: Counter[str]) -> None:
    """The first token comes again; then all of the family's tokens are tried at each node that has heard."""
    ww, first = world.nodes[-1], world.tokens[0]
    access = [ww.access.issue(one.subject, family_id=one.family_id, rev=one.rev).token for one in world.tokens]
    found["replays"] += 1
    try:
        await ww.refresh.rotate(first.token)
    except TokenReusedError:
        pass
    else:
        found["not_seen_as_reuse"] += 1
    trail = [row.name for row in await ww.events(subject=first.subject)]
    found["not_in_the_trail"] += "refresh_reused" not in trail
    for node in reversed(world.nodes):
        await catch_up(node.store, node.view)
        for token in access:
            journal.does("access", "", partial(node.access.verify, token))
        for one in reversed(world.tokens):
            await journal.did("refresh", "", node.refresh.rotate(one.token))
    found["alive"] = sum(op.status == 200 for op in journal.ops)


FAULTS = (
    Fault(
        id="F-23",
        what="a rotated refresh token replayed",
        injected=f"a token comes again: {', '.join(CASES)}; by a stopped clock, at another node than it was rotated"
        " at; each also after all nodes were restarted (not in memory)",
        expected="generations are counted and not timed: it is reuse, it is in the trail, and nothing of the family"
        " is good at any node that has heard",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(Target("alive", 0), Target("not_seen_as_reuse", 0), Target("not_in_the_trail", 0)),
        words={"alive": "refresh and access tokens of the family that were good after the replay"},
    ),
)
