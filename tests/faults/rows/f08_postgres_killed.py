"""F-08: PostgreSQL is killed again and again while refresh tokens are rotated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.faults.families import Families, families
from tests.faults.journal import Journal, Op, clock, columns, detected, recovered
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.services.postgres import Postgres

RATE, CLIENTS = 50, 25
DOWN = 1.0
"""Seconds for which the server is away at the most."""
KILLS: dict[str, Callable[[Postgres], None]] = {
    "backend": Postgres.kill_backend,  # which returns when the server is back by itself
    "immediate": lambda server: server.stop(kill=True),
    "postmaster": Postgres.kill,
}


async def run(place: Setting) -> Row:
    server, journal, began, back = place.postgres, Journal(), [], []
    kills = [place.random.choice([*KILLS]) for _ in range(place.pick(0, 197))] + [*KILLS]
    async with place.watchword() as one, place.watchword() as two:
        clients = Families([one, two], await families(one, CLIENTS), journal, rate=RATE)
        clients.begin()
        for way in kills:
            await asyncio.sleep(0.2 + 0.3 * place.random.random())
            began.append(clock.monotonic())
            await asyncio.to_thread(KILLS[way], server)
            if way != "backend":
                await asyncio.sleep(DOWN * place.random.random())
                await asyncio.to_thread(server.start)
            back.append(clock.monotonic())
            await _served(journal, back[-1], CLIENTS)
        await clients.end()
    found = columns([journal], bound=5)
    found["more"] |= {"kills": len(kills), **clients.figures()}
    until = [*began[1:], float("inf")]
    spans = [[op for op in journal.ops if start <= op.ended < end] for start, end in zip(began, until, strict=True)]
    told = [detected(ops, since) for ops, since in zip(spans, began, strict=True)]
    well = [recovered(ops, since) for ops, since in zip(spans, back, strict=True)]
    return place.row(
        t_detect_ms=max((one for one in told if one is not None), default=None),
        t_recover_ms=max(float("inf") if one is None else one for one in well),
        **found,
    )


async def _served(journal: Journal, since: float, number: int) -> None:
    """Wait for so many good answers in a row: each kill meets a load at work, and nodes that know that all is well."""
    last: list[Op] = []
    async with asyncio.timeout(30):
        while len(last) < number or any(op.status != 200 or op.began < since for op in last):
            await asyncio.sleep(0.01)
            last = journal.ops[-number:]


FAULTS = (
    Fault(
        id="F-08",
        what="PostgreSQL killed while tokens are rotated",
        injected="a kill of one of three sorts (-9 to a working backend, so that the server restarts all; `immediate`;"
        f" -9 to the postmaster; a start within a second) under {RATE} rotations/s of {CLIENTS} clients at two nodes;"
        " each presents its token until it is answered",
        expected="a rotation is committed, or 503; the same token again inside the grace gives the same successor; no"
        " family has two, and none is lost",
        run=run,
        stores=("postgres",),
        targets=(
            Target("two_successors", 0),
            Target("families_lost", 0),
            Target("wrong_rejects", 0),
            Target("other_5xx", 0),
            Target("t_recover_ms", 5000),
        ),
        words={
            "rotated": "tokens that were answered with a successor",
            "retried": "of them, at a later try",
            "unknown": "answers that left open whether the commit was done",
            "t_recover_ms": "the longest of all kills, from when the server takes connections again; none where the"
            " next kill came first, as when a lease ran out because its follower, which asks once a second after a"
            " failure, had met the server away each time",
        },
    ),
)
