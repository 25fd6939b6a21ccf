"""F-14: another process holds the SQLite file's write lock."""

from __future__ import annotations

import asyncio
import sys

from tests.faults.journal import clock, columns, detected, recovered
from tests.faults.load import Load, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting

HELD, BUSY = 3.0, 0.5
"""Seconds: that the lock is held, and that the store waits for it."""
MIX = {"verify": 40, "session": 20, "rotate": 20, "start": 15, "revoke": 5}
_HOLD = """
import sqlite3, sys, time
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
file.execute("ROLLBACK")
"""


async def run(place: Setting) -> Row:
    locked: list[tuple[float, float]] = []
    async with place.watchword() as ww:
        load = Load(ww, await people(ww, 40), rate=100, mix=MIX, seed=place.seed)
        load.begin()
        for _ in range(place.pick(1, 10)):
            await asyncio.sleep(place.pick(0.3, 2))
            locked.append(await _hold(place, place.pick(1.5, HELD)))
        await asyncio.sleep(1)
        journal = await load.end()
    found = columns([journal], bound=5)
    during = [op for op in journal.ops for begins, ends in locked if begins <= op.began < ends - 2 * BUSY]
    writes = [op for op in during if op.verb in ("rotate", "start", "revoke")]
    refused = [op.ended - op.began for op in writes if op.status == 503]
    found["more"] |= {
        "writes": len(writes),
        "refused": len(refused),
        "refused_early": sum(took < 0.9 * BUSY for took in refused),
        "reads_failed": sum(op.status == 503 for op in during if op not in writes),
    }
    return place.row(
        t_detect_ms=detected(journal.ops, locked[0][0]), t_recover_ms=recovered(journal.ops, locked[-1][1]), **found
    )


async def _hold(place: Setting, seconds: float) -> tuple[float, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _HOLD, str(place.folder / "app.db"), str(seconds)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    began = clock.monotonic()
    assert await process.wait() == 0
    return began, clock.monotonic()


FAULTS = (
    Fault(
        id="F-14",
        what="SQLite locked by another process",
        injected=f"another process holds BEGIN IMMEDIATE for {HELD:g} s, under 100 operations/s of mixed load",
        expected=f"a write waits {BUSY * 1000:g} ms and is 503; reads go on, and so does the event loop; afterwards all"
        " is well",
        run=run,
        stores=("sqlite",),
        targets=(
            Target("other_5xx", 0),
            Target("refused", 1, least=True),
            Target("refused_early", 0),
            Target("reads_failed", 0),
            Target("max_ms", 2000),
            Target("wrong_rejects", 0),
            Target("t_recover_ms", 2000),
        ),
        words={
            "writes": "begun while the lock was held, and for long enough",
            "refused_early": "before the wait was over, as SQLite does it for what it takes for a deadlock",
        },
    ),
)
