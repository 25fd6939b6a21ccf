"""F-25: the answer to a rotation is lost, and the client tries again."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack

from tests.faults.journal import Journal, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import FrozenClock
from watchword.errors import TokenReusedError
from watchword.revocation.feed import catch_up

GRACE = 10
AGAIN = (0.1, 5, 9.9, 10, 11)
"""Seconds after the answer that was lost. The grace is counted in whole seconds and ends within the eleventh."""


async def run(place: Setting) -> Row:
    journal, found, clock = Journal(), Counter[str](), FrozenClock()
    async with AsyncExitStack() as stack:
        number = 1 if place.store == "memory" else 2
        nodes = [await stack.enter_async_context(place.watchword(clock=clock)) for _ in range(number)]
        for turn in range(place.pick(2, 200)):
            for after in AGAIN:
                issued = await nodes[0].refresh.issue(f"user-{turn}-{after}", client_id="app")
                lost = await journal.did("rotate", "", nodes[0].refresh.rotate(issued.token))
                clock.advance(after)
                for node in nodes:
                    await catch_up(node.store, node.view)
                found["retries"] += 1
                try:
                    again = await nodes[-1].refresh.rotate(issued.token)
                except TokenReusedError:
                    found["signed_out_in_grace" if after <= GRACE else "reuse_after_grace"] += 1
                    continue
                found["taken_after_grace"] += after > GRACE
                found["another_successor"] += lost is None or again.token != lost.token
                await journal.did("rotate", "", nodes[-1].refresh.rotate(again.token))
    row = columns([journal], bound=0, verbs=("rotate",))
    row["wrong_accepts"] += found["taken_after_grace"]
    names = ("retries", "signed_out_in_grace", "another_successor", "reuse_after_grace", "taken_after_grace")
    row["more"] |= {name: found[name] for name in names}
    return place.row(**row)


FAULTS = (
    Fault(
        id="F-25",
        what="the answer to a refresh lost",
        injected="a token is rotated, nobody hears of it, and it is shown again"
        f" {', '.join(map(str, AGAIN))} s later, at another node",
        expected="within the grace of 10 s the same successor, which then works; after it reuse",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(
            Target("signed_out_in_grace", 0),
            Target("another_successor", 0),
            Target("taken_after_grace", 0),
            Target("other_5xx", 0),
        ),
    ),
)
