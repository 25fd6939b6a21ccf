"""F-22: one refresh token is rotated by many at once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.faults.journal import Journal, columns, times
from tests.faults.race import Act, Arena, arena
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Issued, Watchword

NUMBERS = (2, 5, 10, 25, 50, 100)


async def run(place: Setting) -> Row:
    within, strict, found = Journal(), Journal(), Counter[str]()
    async with arena(place) as nodes:
        turns = place.pick(1, -(-1000 // (len(NUMBERS) * len(nodes.nodes))))
        for _ in range(turns):
            for way in nodes.nodes:
                for number in NUMBERS:
                    await _within(nodes, way, number, within, found)
    async with arena(place, refresh_grace=timedelta(0)) as nodes:
        for _ in range(place.pick(1, 10)):
            for way in nodes.nodes:
                for number in NUMBERS:
                    await _strict(nodes, way, number, strict, found)
    row = columns([within], bound=0)
    row["ops"] += len(strict.ops)
    row["wrong_accepts"] += found["more_successors"] + found["strict_alive"]
    hundred = [op.ended - op.began for op in within.ops if op.verb == "rotate" and op.key.endswith("×100")]
    names = ("rounds", "more_successors", "not_200", "families_dead", "strict_rounds", "strict_not_one", "strict_alive")
    row["more"] |= {name: found[name] for name in names} | {
        "strict_5xx": len(strict.strange) + sum(op.status == 503 for op in strict.ops),
        "p99_of_100_ms": times(hundred)["p99_ms"],
    }
    return place.row(**row)


async def _within(nodes: Arena, way: str, number: int, journal: Journal, found: Counter[str]) -> None:
    """All are given the same successor, and it is good."""
    first = await nodes.alone(way, _issue)
    got = await nodes.all(way, number, rotation(journal, "rotate", first.token, f"{first.family_id} ×{number}"))
    successors = {one.token for one in got if one is not None}
    found["rounds"] += 1
    found["not_200"] += got.count(None)
    found["more_successors"] += max(0, len(successors) - 1)
    for token in list(successors)[:1]:
        found["families_dead"] += await nodes.alone(way, rotation(journal, "next", token), node=1) is None


async def _strict(nodes: Arena, way: str, number: int, journal: Journal, found: Counter[str]) -> None:
    """Without a grace one is given a successor, and the others end the family: it cannot be told who is the thief."""
    first = await nodes.alone(way, _issue)
    got = await nodes.all(way, number, rotation(journal, "strict", first.token))
    won = [one for one in got if one is not None]
    found["strict_rounds"] += 1
    found["strict_not_one"] += len(won) != 1
    for one in won:
        found["strict_alive"] += await nodes.alone(way, rotation(journal, "next", one.token)) is not None


def rotation(journal: Journal, verb: str, token: str, key: str = "") -> Act:
    async def rotate(ww: Watchword) -> Issued | None:
        return await journal.did(verb, key, ww.refresh.rotate(token))

    return rotate


async def _issue(ww: Watchword) -> Issued:
    return await ww.refresh.issue("user-7", client_id="app")


FAULTS = (
    Fault(
        id="F-22",
        what="parallel refreshes of one token",
        injected="2, 5, 10, 25, 50 and 100 at once rotate one refresh token: tasks at one node and at two, threads"
        " at one node and at two (in memory there is no second node); the same without a grace",
        expected="within the grace all are given the very same successor, and the family goes on; without one"
        " exactly one wins, and the family is dead",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(
            Target("more_successors", 0),
            Target("not_200", 0),
            Target("families_dead", 0),
            Target("other_5xx", 0),
            Target("strict_not_one", 0),
            Target("strict_alive", 0),
            Target("strict_5xx", 0),
            Target("p99_of_100_ms", 500),
        ),
        words={
            "rounds": "tokens that were rotated by many, with a grace",
            "more_successors": "successors of a token past its first",
            "not_200": "of those within the grace, who was refused or failed",
            "strict_not_one": "rounds without a grace in which not exactly one was given a successor",
            "strict_alive": "families that went on after their token was used by many without a grace",
            "p99_of_100_ms": "of a rotation where a hundred were at once",
        },
    ),
)
