"""F-21: a verifier is stopped (SIGSTOP), what it would accept is revoked, and it goes on (SIGCONT)."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.journal import Journal, Op, clock, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from tests.faults.verifier import Verifier

BOUND = 0.2


async def run(place: Setting) -> Row:
    here, other, after, rounds = Journal(name="here"), Journal(name="stopped"), 0, 0
    async with place.watchword() as ww:
        where = place.where()
        verifier = await asyncio.to_thread(
            lambda: Verifier(where["url"], place.keys, BOUND, carrier=where.get("carrier", ""))
        )
        place.ending.callback(verifier.close)
        pauses = place.pick([1.0], [30.0]) + [BOUND] * place.pick(9, 350)
        most = 3 * len(pauses) + 20
        while pauses and rounds < most:
            rounds, key = rounds + 1, f"session-{rounds}"
            token = ww.access.issue("user-7", session_id=key).token
            if not await asyncio.to_thread(verifier.begins, "greedy", token):
                continue
            verifier.process.send_signal(signal.SIGSTOP)
            await here.did("revoke", key, ww.revoke(session=key))
            await asyncio.sleep(pauses[0])
            resumed = clock.monotonic()
            verifier.process.send_signal(signal.SIGCONT)
            last, first, refused, status = await asyncio.to_thread(verifier.verdict)
            other.ops += [Op("verify", key, last, last, 200), Op("verify", key, first, refused, status)]
            after += last >= resumed
            if refused >= resumed:  # else its lease had run out before the signal reached it
                pauses.pop(0)
    found = columns([here, other], bound=BOUND, verbs=("revoke",))
    found["wrong_accepts"] += after
    found["more"] |= {"tried": rounds, "rounds_left": len(pauses), "accepts_after_resume": after}
    return place.row(**found)


FAULTS = (
    Fault(
        id="F-21",
        what="a process paused",
        injected="SIGSTOP to a process that verifies without a break; a revocation meanwhile; SIGCONT when"
        f" max_staleness ({BOUND * 1000:g} ms) has passed",
        expected="its first verification after that finds the lease at its end, and refuses",
        run=run,
        stores=("redis", "postgres", "sqlite", BESIDE),
        targets=(Target("accepts_after_resume", 0), Target("rounds_left", 0)),
        words={
            "tried": "pauses, with those that came when the lease had run out by itself",
            "rounds_left": "of 1,000 that were to count",
        },
    ),
)
