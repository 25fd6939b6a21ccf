"""F-02: Redis answers late, behind a proxy that delays, and then not at all for a while (CLIENT PAUSE)."""

from __future__ import annotations

import asyncio

from tests.faults.carrier import copies
from tests.faults.journal import Op, clock, columns, detected, ms, recovered, times
from tests.faults.load import Load, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting

DELAYS = (0.005, 0.05, 0.2, 1.0)
BOUND = 1.0
MIX = {"verify": 5, "session": 3, "start": 3, "rotate": 2, "revoke": 1}
ASKING = ("session", "start", "rotate", "revoke")
"""Verbs that always ask the store."""


async def run(place: Setting) -> Row:
    proxy, phases = place.proxy(), {}
    there = place.where(port=proxy.port, timeout=0.1)
    async with place.watchword(there, max_staleness=BOUND, session_near=False) as ww:
        load = Load(ww, await people(ww, 100), rate=200, seed=place.seed, mix=MIX)
        load.begin()
        seconds = place.pick(0.7, 5)
        for delay in (0.0, *DELAYS):
            proxy.delay(delay / 2)
            began = clock.monotonic()
            await asyncio.sleep(seconds)
            phases[delay] = began, clock.monotonic()
        proxy.heal()
        await asyncio.sleep(1)
        with place.valkey.client() as client:
            client.execute_command("CLIENT", "PAUSE", place.pick(1000, 10_000), "ALL")
        paused = clock.monotonic()
        await asyncio.sleep(place.pick(1, 10))
        up = clock.monotonic()
        await asyncio.sleep(place.pick(1.5, 3))
        journal = await load.end()
    found = columns([journal], bound=BOUND, verbs=ASKING)
    base = _p99(journal.ops, phases[0.0])
    for delay in DELAYS:
        found["more"][f"added_p99_at_{ms(delay):g}_ms"] = round(_p99(journal.ops, phases[delay]) - base, 3)
    found["more"]["added_p99_paused_ms"] = round(_p99(journal.ops, (paused, up)) - base, 3)
    found["more"] |= {"most_at_once": journal.most_at_once, **copies(ww.store)}
    return place.row(t_detect_ms=detected(journal.ops, paused), t_recover_ms=recovered(journal.ops, up), **found)


def _p99(ops: list[Op], phase: tuple[float, float]) -> float:
    began, ended = phase
    took = [op.ended - op.began for op in ops if began <= op.began < ended and op.verb in ASKING]
    return times(took).get("p99_ms", 0.0)


FAULTS = (
    Fault(
        id="F-02",
        what="Redis slow",
        injected="a proxy adds 5, 50, 200 and 1000 ms to each round trip, then CLIENT PAUSE; the store's timeout is"
        " 100 ms; two of five operations write",
        expected="what takes longer than the timeout is 503, soon; the event loop is never held up. Beside SQL nothing"
        " is 503: what Redis has not answered in 100 ms is asked of the record",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("added_p99_at_200_ms", 120),
            Target("added_p99_at_1000_ms", 120),
            Target("added_p99_paused_ms", 120),
            Target("loop_lag_ms", 50),
            Target("other_5xx", 0),
            Target("503", 0, over=(BESIDE,)),
            Target("hits", 1, least=True, over=(BESIDE,)),
        ),
        words={
            "added_p99_at_50_ms": "p99 of what asks the store with so much delay, less the p99 without any; an"
            " operation asks several times, and each waits for its own timeout",
            "hits": "lookups that Redis answered, where it stands beside SQL",
        },
    ),
)
