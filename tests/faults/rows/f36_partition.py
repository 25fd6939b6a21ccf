"""F-36: a verifier is cut off from the feed, one way or both, while another process revokes."""

from __future__ import annotations

import asyncio

from tests.faults.journal import clock, columns, detected, recovered
from tests.faults.load import READS, Load, Worker, people
from tests.faults.proxy import Way
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting

NEVER = 1e9
"""Milliseconds."""
WAYS: tuple[Way, ...] = ("up", "down", "both")


async def run(place: Setting) -> Row:
    bound, proxy, cuts = place.pick(0.5, 2.0), place.proxy(), []
    async with place.watchword() as ww:
        pool = await people(ww, place.pick(60, 1600))
        words = {"where": place.where(port=proxy.port), "max_staleness": bound, "rate": 200, "mix": READS}
        other = await Worker.start(place, pool, "cut off", **words)
        here = Load(ww, pool, rate=place.pick(6, 4), mix={"revoke": 1}, seed=place.seed)
        await other.begin()
        here.begin()
        for seconds in place.pick((1.0,), (1.0, 5.0, 60.0)):
            for way in WAYS:
                await asyncio.sleep(place.pick(0.4, 3))
                began = clock.monotonic()
                proxy.stall(way)
                await asyncio.sleep(seconds)
                cuts.append((began, clock.monotonic()))
                proxy.heal()
        await asyncio.sleep(place.pick(0.6, 3))
        journals = [await here.end(), await other.end()]
    found, ops = columns(journals, bound=bound, verbs=("verify", "session")), journals[1].ops
    detect = [detected(ops, began) or 0.0 for began, _ in cuts]
    nexts = [began for began, _ in cuts[1:]] + [float("inf")]
    recover = [
        recovered([op for op in ops if op.ended < end], healed) or NEVER
        for (_, healed), end in zip(cuts, nexts, strict=True)
    ]
    found["more"] |= {"bound_ms": bound * 1000, "partitions": len(cuts)}
    return place.row(t_detect_ms=max(detect), t_recover_ms=max(recover), **found)


FAULTS = (
    Fault(
        id="F-36",
        what="the feed partitioned",
        injected="a proxy stalls what a verifier asks, what it is told, or both, while another process revokes",
        expected="no acceptance begins later than max_staleness (`bound_ms`) after the revocation returned; past the"
        " lease the verifier is 503; it goes on when the feed is back",
        run=run,
        stores=("redis", "postgres"),
        targets=(Target("other_5xx", 0), Target("t_recover_ms", 2000)),
        words={
            "stale_max_ms": "the latest acceptance after a revocation's return, over all that were revoked",
            "stale_p50_ms": "the same for the median of them",
        },
    ),
)
