"""P-01, P-02: how long after a revocation has returned some other process still accepts what it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from tests.faults.clocks import SkewedClock
from tests.faults.journal import Journal, Op, clock, columns, times
from tests.faults.load import Worker, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.faults.verifier import Verifier
from watchword import Watchword

BOUND = 5.0
MIX: Mapping[str, int] = {"issue": 30, "rotate": 40, "session": 20, "start": 10}
PARTS: Mapping[str, Sequence[float]] = {"two": (0, 0), "four": (0, 0, 0, 0), "apart": (0, 60)}
"""Name -> by how many seconds each verifier's wall clock is ahead."""


async def run(place: Setting) -> Row:
    delays: list[float] = []
    more: dict[str, float] = {}
    journals: list[Journal] = []
    async with place.watchword() as ww:
        load = await Worker.start(place, await people(ww, 200), "load", rate=place.pick(50, 200), mix=MIX)
        await load.begin()
        for name, skews in PARTS.items():
            journals.append(journal := Journal(name=name))
            late = await _part(place, skews, journal)
            more |= {f"{name}_{figure}": value for figure, value in times(late).items()}
            delays += late
        done = await load.end()
    found = columns([done], bound=BOUND, verbs=())
    ops = [op for journal in journals for op in journal.ops]
    found["ops"] += len(ops)
    found["wrong_accepts"] += sum(delay > BOUND for delay in delays)
    found["more"] = {
        "revoked": len(delays),
        "other_5xx": found["more"]["other_5xx"],
        "stale": sum(op.verb == "refused" and op.status == 503 for op in ops),
        "load_failed": sum(op.status != 200 for op in done.ops),
        **more,
    }
    return place.row(**{**found, **times(delays)})


async def _part(place: Setting, skews: Sequence[float], journal: Journal) -> list[float]:
    """The last acceptance of each token by any verifier, in seconds after the return of what revoked it."""
    delays = []
    async with AsyncExitStack() as stack:
        here = [
            await stack.enter_async_context(place.watchword(clock=SkewedClock(skew))) for skew in sorted(set(skews))
        ]
        there = [await asyncio.to_thread(Verifier, place.where()["url"], place.keys, BOUND, skew) for skew in skews]
        for verifier in there:
            stack.callback(verifier.close)
        for turn in range(place.pick(12, 400)):
            token, named = _token(here[0], f"{journal.name}-{turn}", turn)
            await _each(there, "watch", "steady", token)
            began = clock.monotonic()
            await here[turn % len(here)].revoke(**named)
            returned = clock.monotonic()
            verdicts = await _each(there, "verdict")
            journal.ops.append(Op("revoke", str(turn), began, returned, 200))
            journal.ops += [Op("refused", str(turn), first, ended, status) for _, first, ended, status in verdicts]
            delays.append(max(0.0, *(last - returned for last, *_ in verdicts)))
    return delays


def _token(ww: Watchword, name: str, turn: int) -> tuple[str, dict[str, Any]]:
    """Somebody's access token, and one of the words by which it is revoked."""
    token = ww.access.issue(name, session_id=name, format=("jwt", "paseto")[turn % 2]).token
    return token, ({"token": token}, {"session": name}, {"subject": name})[turn % 3]


async def _each(there: Sequence[Verifier], verb: str, *words: str) -> list[Any]:
    return await asyncio.gather(*(asyncio.to_thread(getattr(one, verb), *words) for one in there))


WORDS = {
    "p99_ms": "the last acceptance by any of the verifiers, after the return of the revocation; of all three parts",
    "two_p99_ms": "the same where there are two verifiers; `four_…` and `apart_…` are the other parts",
    "stale": "refusals because a verifier had heard nothing for its `max_staleness`",
    "load_failed": "operations of the load that were not answered 200",
}


def _fault(id_: str, where: str, stores: tuple[str, ...], most: float) -> Fault:
    return Fault(
        id=id_,
        what=f"propagation of a revocation, over a {where}",
        injected="two and four processes verify a token, each a thousand times a second, while another loads the store"
        " with tokens issued, sessions and rotations; one process revokes the token, its session or its subject;"
        " the same with two verifiers, and with two revokers, whose wall clocks are a minute apart",
        expected="the others refuse within milliseconds, whatever their wall clocks say",
        run=run,
        stores=stores,
        targets=(*(Target(f"{name}_p99_ms", most) for name in PARTS), Target("other_5xx", 0), Target("stale", 0)),
        words=WORDS,
    )


FAULTS = (
    _fault("P-01", "server", ("redis", "postgres"), 50),
    _fault("P-02", "file", ("sqlite",), 100),
)
