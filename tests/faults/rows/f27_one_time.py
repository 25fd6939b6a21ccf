"""F-27: a hundred use one link at once."""

from __future__ import annotations

from collections import Counter

from tests.faults.journal import Journal, columns
from tests.faults.race import MOST, Act, arena
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Watchword

OTHER = "email-verification"


async def run(place: Setting) -> Row:
    journal, found = Journal(), Counter[str]()
    async with arena(place) as nodes:
        for turn in range(place.pick(1, -(-1000 // len(nodes.nodes)))):
            for way in nodes.nodes:
                subject, purpose = f"user-{turn}-{way}", "password-reset"
                token = (await nodes.alone(way, _issue(subject, purpose))).token
                other = (await nodes.alone(way, _issue(subject, OTHER))).token
                won = await nodes.all(way, MOST, _use(token, purpose, journal))
                found["rounds"] += 1
                found["not_exactly_one"] += sum(won) != 1
                found["others_touched"] += await nodes.alone(way, _use(other, OTHER, journal)) is not True
    row = columns([journal], bound=0, verbs=("redeem",))
    row["wrong_accepts"] += found["not_exactly_one"]
    row["more"] |= {name: found[name] for name in ("rounds", "not_exactly_one", "others_touched")}
    return place.row(**row)


def _issue(subject: str, purpose: str) -> Act:
    return lambda ww: ww.one_time.issue(subject, purpose=purpose)


def _use(token: str, purpose: str, journal: Journal) -> Act:
    async def use(ww: Watchword) -> bool:
        return await journal.did("redeem", "", ww.one_time.redeem(token, purpose=purpose)) is not None

    return use


FAULTS = (
    Fault(
        id="F-27",
        what="one link used by a hundred",
        injected=f"{MOST} redeem one token at once, as tasks and threads, over one node and two;"
        " another of the same subject, for another purpose, waits",
        expected="one gets in, the others are told that it was used; the other token is as good as before",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(Target("not_exactly_one", 0), Target("others_touched", 0), Target("other_5xx", 0)),
    ),
)
