"""F-12, F-13: every connection to PostgreSQL is in use; and a table is locked by a migration that takes its time."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from tests.faults.journal import Journal, clock, columns, ms, recovered, times
from tests.faults.load import Load, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Watchword

POOL, CLIENTS = 5, 200
PURPOSE = "password-reset"
TIMEOUT, MIGRATION = 0.5, 3.0
"""Seconds."""


async def exhausted(place: Setting) -> Row:
    slow, reads = Journal(), Journal()
    where = place.where()
    where["url"] += f"&pool_size={POOL}"
    waiting, unready = [0], 0
    async with place.watchword(where) as ww:
        pool = await people(ww, 5)
        for turn in range(place.pick(1, 10)):
            tokens = [(await ww.one_time.issue(f"user-{turn}-{n}", purpose=PURPOSE)).token for n in range(CLIENTS)]
            herd = [asyncio.create_task(_redeem(ww, slow, token)) for token in tokens]
            while not all(one.done() for one in herd):
                waiting.append(sum(not one.done() for one in herd) - POOL)
                for who in pool:
                    reads.does("verify", who.key, lambda who=who: ww.access.verify(who.access))  # type: ignore[misc]
                unready += not ww.view.fresh()
                await asyncio.sleep(0.05)
            for who in pool:
                issued = await reads.did("rotate", who.key, ww.refresh.rotate(who.refresh))  # all is well at once
                who.refresh = who.refresh if issued is None else issued.token
        refused = [op.ended - op.began for op in slow.ops if op.status == 503]
    found = columns([slow, reads], bound=5)
    found["more"] |= {
        "redeemed": sum(op.status == 200 for op in slow.ops),
        "refused": len(refused),
        "refused_after_ms": ms(max(refused, default=float("inf"))),
        "queue": max(waiting),
        "others_failed": sum(op.status != 200 for op in reads.ops),
        "stale": unready,
    }
    return place.row(**found | times(op.ended - op.began for op in slow.ops))


async def _redeem(ww: Watchword, journal: Journal, token: str) -> None:
    def effect(connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT pg_sleep(1)")

    await journal.did("redeem", "", ww.one_time.redeem(token, purpose=PURPOSE, effect=effect))


async def migrating(place: Setting) -> Row:
    where = place.where()
    where["url"] += f"&timeout={TIMEOUT:g}"
    locked: list[tuple[float, float]] = []
    async with place.watchword(where) as ww:
        load = Load(ww, await people(ww, 40), rate=100, seed=place.seed)
        load.begin()
        for _ in range(place.pick(1, 10)):
            await asyncio.sleep(place.pick(0.3, 2))
            locked.append(await asyncio.to_thread(_migrate, place, place.pick(1.5, MIGRATION)))
        await asyncio.sleep(1)
        journal = await load.end()
    found = columns([journal], bound=5)
    during = [op for op in journal.ops for begins, ends in locked if begins <= op.began < ends]
    found["more"] |= {
        "during": len(during),
        "refused": sum(op.status == 503 for op in during),
        "verify_failed": sum(op.status == 503 for op in during if op.verb == "verify"),
    }
    return place.row(t_recover_ms=recovered(journal.ops, locked[-1][1]), **found)


def _migrate(place: Setting, seconds: float) -> tuple[float, float]:
    """Hold the table as a migration does that takes so long; from when until when."""
    with place.postgres.connect(place.place(place.postgres.schema)) as other:
        with other.transaction():
            other.execute("ALTER TABLE watchword_records ADD COLUMN IF NOT EXISTS later TEXT")
            began = clock.monotonic()
            other.execute("SELECT pg_sleep(%s)", (seconds,))
        return began, clock.monotonic()


FAULTS = (
    Fault(
        id="F-12",
        what="every connection in use",
        injected=f"{CLIENTS} clients redeem at once, each with an effect of 1 s in its transaction, pool_size={POOL}",
        expected="who gets no connection within the timeout of the URL (2 s) is 503, with nothing done; the feed has a"
        " connection to itself, so the lease holds and tokens verify all the while",
        run=exhausted,
        stores=("postgres",),
        targets=(
            Target("other_5xx", 0),
            Target("others_failed", 0),
            Target("stale", 0),
            Target("refused_after_ms", 50),
            Target("queue", 2 * POOL),
        ),
        misses={
            "refused_after_ms": "a free connection is waited for as long as for any other answer",
            "queue": "the queue is bounded by that time, not by a number: a hundred refreshes at once are all answered",
        },
        words={
            "refused_after_ms": "the longest that a client waited for its 503",
            "queue": "clients that waited for a connection at once",
            "others_failed": "verifications meanwhile, and rotations right afterwards, that were not answered",
            "stale": "looks at the lease that found none",
        },
    ),
    Fault(
        id="F-13",
        what="a migration that holds a table",
        injected=f"ALTER TABLE in a transaction that stays open for {MIGRATION:g} s, under 100 operations/s of mixed"
        f" load; timeout={TIMEOUT:g} in the URL",
        expected="what needs the table is 503 within a wait for a connection and one for the lock; tokens verify;"
        " afterwards all is well",
        run=migrating,
        stores=("postgres",),
        targets=(
            Target("other_5xx", 0),
            Target("max_ms", 2000),
            Target("verify_failed", 0),
            Target("wrong_rejects", 0),
            Target("refused", 1, least=True),
            Target("t_recover_ms", 2000),
        ),
        words={"during": "operations begun while the table was held"},
    ),
)
