"""F-39: very many subjects are revoked, then everything, while another process verifies."""

from __future__ import annotations

import asyncio

from tests.faults.journal import Op, clock, columns, ms, times
from tests.faults.load import Load, Worker, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword.revocation.event import LONGEST_LIFE

AT_ONCE = 50


async def run(place: Setting) -> Row:
    bound, number = 2.0, place.pick(500, 100_000)
    async with place.watchword() as ww:
        pool = await people(ww, 40)
        words = {"max_staleness": bound, "rate": 200, "mix": {"verify": 1}}
        other = await Worker.start(place, pool, "verifier", **words)
        await other.begin()
        await asyncio.sleep(place.pick(1, 10))
        began = clock.monotonic()
        here = Load(ww, pool, rate=1)
        names = iter(range(number))

        async def revoke() -> None:
            for n in names:
                await here.journal.did("revoke", f"storm-{n}", ww.revoke(subject=f"storm-{n}"))

        await asyncio.gather(*(revoke() for _ in range(AT_ONCE)))
        ended, entries = clock.monotonic(), len(ww.view)
        await ww.revoke(everything=True)
        everything = clock.monotonic()
        for who in pool:
            here.journal.ops.append(Op("revoke", who.key, ended, everything, 200))
        await asyncio.sleep(bound)
        journals = [here.journal, await other.end()]
        purged = await ww.store.purge(now=ww.clock.now() + LONGEST_LIFE + 1000)
    verified = [op for op in journals[1].ops if op.verb == "verify"]
    calm = times(op.ended - op.began for op in verified if op.began < began).get("p99_ms", 0.0)
    storm = times(op.ended - op.began for op in verified if began <= op.began < ended).get("p99_ms", 0.0)
    found = columns(journals, bound=bound, verbs=("verify",))
    found["more"] |= {
        "entries": entries,
        "revoked_per_s": round(number / (ended - began)),
        "calm_p99_ms": calm,
        "storm_p99_ms": storm,
        "p99_ratio": round(storm / calm, 2) if calm else None,
        "purged": purged,
        "everything_ms": ms(max((op.began - everything for op in verified if op.status == 200), default=0.0)),
    }
    return place.row(**found)


FAULTS = (
    Fault(
        id="F-39",
        what="a storm of revocations",
        injected="subject after subject, 50 at a time, then everything; another process verifies all the time",
        expected="the verifier goes on at its pace, everything is dead there within max_staleness (2 s), and the feed"
        " forgets what can stop nothing any more",
        run=run,
        stores=("redis", "postgres", "sqlite"),
        targets=(Target("p99_ratio", 2), Target("everything_ms", 2000), Target("other_5xx", 0)),
        words={
            "everything_ms": "from the return of revoke(everything=True) to the other process's last acceptance; less"
            " than 0 is before it",
            "purged": "rows that the janitor removes when their time has come",
            "p99_ratio": "p99 of a verification in the storm to that before it",
        },
    ),
)
