"""F-24: a refresh token is rotated while what it belongs to is ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.journal import Journal, Op, columns
from tests.faults.race import Act, Arena, Start, arena
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Issued, Watchword
from watchword.revocation.feed import catch_up

AROUND = 0.005
"""Seconds by which the end begins before the first rotation, at most; it begins twice that after it, at most."""
LONGEST = 100
ENDS: dict[str, Callable[[Watchword, Issued], Awaitable[object]]] = {
    "its token revoked": lambda ww, one: ww.revoke(token=one.token),
    "its family revoked": lambda ww, one: ww.revoke(family=one.family_id),
    "its session revoked": lambda ww, one: ww.revoke(session=one.session_id),
    "its subject revoked": lambda ww, one: ww.revoke(subject=one.subject),
    "signed out": lambda ww, one: ww.sessions.end(one.session_id or ""),
    "disabled": lambda ww, one: ww.subject_changed(one.subject, "disabled"),
    "a new password": lambda ww, one: ww.subject_changed(one.subject, "password"),
    "a device lost": lambda ww, one: ww.subject_changed(one.subject, "device_lost"),
}
Pair = tuple[str, str]
"""A refresh token and an access token that came with it."""


async def run(place: Setting) -> Row:
    journal, found = Journal(), Counter[str]()
    async with arena(place) as nodes:
        for _ in range(place.pick(1, -(-1000 // (len(nodes.nodes) * len(ENDS))))):
            for way in nodes.nodes:
                for name in ENDS:
                    found["rounds"] += 1
                    await _round(place, nodes, way, name, journal, found)
    row = columns([journal], bound=0, verbs=("rotate",))
    row["wrong_accepts"] += found["survivors"]
    row["more"] |= {name: found[name] for name in ("rounds", "overlapped", "born", "born_after_return", "survivors")}
    return place.row(**row)


async def _round(place: Setting, nodes: Arena, way: str, name: str, journal: Journal, found: Counter[str]) -> None:
    number = found["rounds"]
    first = await nodes.alone(way, _sign_in(f"user-{number}", f"client-{number}"))
    mine, before = Journal(), len(journal.strange)
    starts = [
        Start(0, _end(name, first, mine), place.random.uniform(0, 2 * AROUND)),
        Start(1, _go_on(first, mine), place.random.uniform(0, AROUND)),
    ]
    _, born = await nodes.together(way, starts)
    journal.ops += mine.ops
    journal.strange += mine.strange
    assert len(journal.strange) == before, journal.strange
    [ended] = [op for op in mine.ops if op.verb == "end"]
    good = [op for op in mine.ops if op.verb == "rotate" and op.status == 200]
    found["overlapped"] += any(_overlap(op, ended) for op in mine.ops if op.verb == "rotate")
    found["born"] += len(good)
    found["born_after_return"] += sum(op.ended > ended.ended for op in good)
    pairs = [(first.token, ""), *born]
    for node in (0, 1):
        found["survivors"] += await nodes.alone(way, _alive(pairs, hear=node > 0), node=node)


def _sign_in(subject: str, client: str) -> Act:
    async def sign_in(ww: Watchword) -> Issued:
        session = await ww.sessions.start(subject)
        return await ww.refresh.issue(subject, client_id=client, session_id=session.session_id, rev=session.rev)

    return sign_in


def _end(name: str, first: Issued, journal: Journal) -> Act:
    async def end(ww: Watchword) -> None:
        await journal.did("end", "", ENDS[name](ww, first))

    return end


def _go_on(first: Issued, journal: Journal) -> Act:
    """Rotate, and rotate what came, until refused; an access token with each, as a server gives."""

    async def go_on(ww: Watchword) -> list[Pair]:
        pairs, token = [], first.token
        for _ in range(LONGEST):
            one = await journal.did("rotate", "", ww.refresh.rotate(token))
            if one is None:
                break
            token = one.token
            access = ww.access.issue(one.subject, session_id=one.session_id, family_id=one.family_id, rev=one.rev)
            pairs.append((token, access.token))
        return pairs

    return go_on


def _alive(pairs: list[Pair], *, hear: bool) -> Act:
    """How many of them are good. The newest refresh token first, because an old one ends its family."""

    async def alive(ww: Watchword) -> int:
        if hear:
            await catch_up(ww.store, ww.view)
        journal = Journal()
        for _, access in pairs[1:]:
            journal.does("access", "", partial(ww.access.verify, access))
        for refresh, _ in reversed(pairs):
            await journal.did("refresh", "", ww.refresh.rotate(refresh))
        return sum(op.status == 200 for op in journal.ops)

    return alive


def _overlap(one: Op, other: Op) -> bool:
    return one.began < other.ended and other.began < one.ended


FAULTS = (
    Fault(
        id="F-24",
        what="a refresh races its end",
        injected="a token is rotated on and on, each time with an access token, while another task, thread or node"
        f" ends it, at a moment from {AROUND * 1000:g} ms before to {AROUND * 2000:g} ms after the first rotation:"
        f" {', '.join(ENDS)}",
        expected="once that has returned, nothing of the family is good, born earlier or later; at another node, once"
        " it has heard",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(
            Target("survivors", 0),
            Target("other_5xx", 0),
            Target("overlapped", 1, least=True, over=("redis", "postgres", "sqlite")),
        ),
        words={
            "overlapped": "rounds in which a rotation was under way while the end was; in memory either takes"
            " microseconds, and none need meet",
            "born": "tokens that were made by then",
            "born_after_return": "of them those whose rotation returned after the end had",
            "survivors": "refresh and access tokens that were good afterwards, at either node",
        },
    ),
)
