"""F-38: a verifier reads the feed at a kilobyte a second while others revoke as fast as they can."""

from __future__ import annotations

import asyncio

from tests.faults.journal import clock, columns, recovered
from tests.faults.load import READS, Worker, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword.revocation.event import event

BATCH = 100


async def run(place: Setting) -> Row:
    bound, proxy, number = 1.0, place.proxy(), place.pick(5000, 100_000)
    async with place.watchword() as ww:
        pool = await people(ww, 40)
        words = {"where": place.where(port=proxy.port), "max_staleness": bound, "rate": 100, "mix": READS}
        other = await Worker.start(place, pool, "slow", **words)
        await other.begin()
        await asyncio.sleep(0.3)
        before = place.server_mb()
        proxy.throttle(1000, "down")
        began, now = clock.monotonic(), ww.clock.now()
        for first in range(0, number, BATCH):
            names = range(first, first + BATCH)
            await ww.store.append(*(event("session", f"gone-{n}", now=now) for n in names))
        ended = clock.monotonic()
        await asyncio.sleep(max(0.0, began + 2 * bound - ended))
        grown = place.server_mb() - before
        proxy.heal()
        healed = clock.monotonic()
        await asyncio.sleep(place.pick(2.0, 6.0))
        journals = [await other.end()]
    found = columns(journals, bound=bound)
    found["more"] |= {
        "entries": number,
        "revoked_per_s": round(number / (ended - began)),
        "server_grown_mb": round(grown, 1),
        "per_entry_bytes": round(grown * (1 << 20) / number),
    }
    return place.row(t_recover_ms=recovered(journals[0].ops, healed), **found)


FAULTS = (
    Fault(
        id="F-38",
        what="a slow consumer of the feed",
        injected="a proxy passes 1 kB/s of what a verifier is told, while revocations are written in batches",
        expected="the verifier is 503 past its lease, the server keeps nothing for it, and it is whole soon after",
        run=run,
        stores=("redis", "postgres"),
        targets=(Target("server_grown_mb", 50), Target("other_5xx", 0), Target("t_recover_ms", 5000)),
        words={"server_grown_mb": "memory of the store's server after it less before it, the revocations included"},
    ),
)
