"""F-01: Redis is killed under a mixed load, and started again."""

from __future__ import annotations

import asyncio

from tests.faults.carrier import hits
from tests.faults.journal import clock, columns, detected, recovered, times
from tests.faults.load import Load, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting

BOUND = 1.0


async def run(place: Setting) -> Row:
    server = place.valkey
    async with place.watchword(place.where(timeout=0.1), max_staleness=BOUND, session_near=False) as ww:
        load = Load(ww, await people(ww, place.pick(40, 200)), rate=200, seed=place.seed)
        load.begin()
        await asyncio.sleep(place.pick(0.5, 5))
        await asyncio.to_thread(server.kill)
        down = clock.monotonic()
        await asyncio.sleep(place.pick(2, 10))
        await asyncio.to_thread(server.start)
        up, before = clock.monotonic(), hits(ww.store)
        await asyncio.sleep(place.pick(2, 5))
        journal, after = await load.end(), hits(ww.store)
    found = columns([journal], bound=BOUND)
    during = [op for op in journal.ops if down <= op.began < up]
    found |= times(op.ended - op.began for op in during)
    found["more"] |= {"most_at_once": journal.most_at_once, "during": len(during)}
    if before is not None and after is not None:
        found["more"]["hits_after"] = after - before
    stale = [op for op in during if op.verb == "verify" and op.status == 200]
    found["more"]["verified_ms_into_it"] = round(1000 * max((op.began - down for op in stale), default=0), 1)
    return place.row(t_detect_ms=detected(journal.ops, down), t_recover_ms=recovered(journal.ops, up), **found)


FAULTS = (
    Fault(
        id="F-01",
        what="Redis down",
        injected="kill -9 under 200 operations/s of mixed load, later started again; max_staleness 1 s;"
        " sessions are read for each request",
        expected="tokens verify in process until the lease ends, then 503; what needs the store is 503 at once; nothing"
        " is 500; nothing piles up. Beside SQL nothing is 503: the record answers, and Redis is used again once it is"
        " back",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("p99_ms", 150),
            Target("other_5xx", 0),
            Target("503", 0, over=(BESIDE,)),
            Target("hits_after", 1, least=True, over=(BESIDE,)),
            Target("t_recover_ms", 2000),
        ),
        words={
            "verified_ms_into_it": "how long into the outage a token was verified",
            "during": "operations in it",
            "hits_after": "lookups that Redis answered after it had come back, where it stands beside SQL",
        },
    ),
)
