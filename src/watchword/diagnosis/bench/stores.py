"""stores: the round trip to where records are kept: a session read, a record written, 32 of them at once.

Wall time, one call after the other, so what is waited for counts. Each store holds a thousand sessions of about half
a kilobyte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import count, cycle, islice
from typing import Any

from ...app import Watchword
from ...clock import SystemClock
from ...keys.key import Key
from ...keys.ring import KeyRing
from ...stores.base import Record
from .base import AUDIENCE, ISSUER, Ask, Entry, Plan, Steps, measured
from .places import Place, places
from .result import Section

SESSIONS = 1000
AT_ONCE = 32
DATA = {"plan": "pro", "cart": [1, 2, 3]}
KIND = "watchword_bench"
HOUR = timedelta(hours=1)


def section(ask: Ask) -> Section:
    """Two tables, and two more for each store; a few MiB in each, and half a minute of the longest run at most."""
    not_run: list[str] = []
    with ExitStack() as stack:
        where = stack.enter_context(places(ask, not_run))
        runner = stack.enter_context(asyncio.Runner())
        steps = Steps(ask, "stores", len(where) + (1 + 2 * len(where)) * ask.setting.rounds)
        houses = []
        for place in where:
            steps(f"{SESSIONS} sessions in {place.name}")
            houses.append((place, opened(place.url, runner, stack)))
        plans = _plans([(place, ww, runner.run(_filled(ww))) for place, ww in houses])
        tables = [measured(plan, ask.setting, steps, runner) for plan in plans]
        steps.over()
    return Section(
        id="stores",
        title="Stores",
        words="How long the application waits for a store, and what is gained where many ask at the same time.",
        tables=tables,
        not_run=not_run,
    )


def opened(url: str, runner: asyncio.Runner, stack: ExitStack, **options: Any) -> Watchword:
    """A whole Watchword, open on this loop and closed by the stack. What it heard is good for an hour: nobody asks."""
    options.setdefault("ring", KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac")))
    options.setdefault("max_staleness", HOUR)
    ww = Watchword(url, issuer=ISSUER, audience=AUDIENCE, **options)
    stack.callback(lambda: runner.run(ww.close()))  # before it is open: a Ctrl-C comes when it likes
    runner.run(ww.open())
    return ww


async def _filled(ww: Watchword) -> list[tuple[str]]:
    """The tokens of as many sessions, which were started as an application does it, 32 at a time."""
    tokens: list[tuple[str]] = []
    numbers = iter(range(SESSIONS))
    while some := list(islice(numbers, AT_ONCE)):
        started = (ww.sessions.start(f"user-{number}", data=DATA, roles=["admin"]) for number in some)
        tokens += [(one.token,) for one in await asyncio.gather(*started)]
    return tokens


Call = Callable[[], Awaitable[object]]
Filled = tuple[Place, Watchword, list[tuple[str]]]


def _plans(filled: list[Filled]) -> list[Plan]:
    reading = [
        Entry(place.name, partial(ww.sessions.authenticate, current=True), tokens, ours=True)
        for place, ww, tokens in filled
    ]
    writing = [Entry(place.name, _writing(ww, "alone"), ours=True) for place, ww, _ in filled]
    return [
        Plan(id="stores.read", title="A session, read", cases=reading, over="memory", waits=True),
        Plan(
            id="stores.write",
            title="A record, replaced",
            cases=writing,
            over="memory",
            note="Memory waits for nothing, SQLite for the disk of TMPDIR, the servers for what they are set to.",
            waits=True,
        ),
        *(_reads_at_once(*one) for one in filled),
        *(_writes_at_once(place, ww) for place, ww, _ in filled if place.id != "memory"),
    ]


def _writing(ww: Watchword, key: str) -> Call:
    """One record, again and again: nothing grows."""
    versions = count()

    async def write() -> None:
        version = next(versions)
        record = Record(kind=KIND, key=key, data=DATA, expires_at=SystemClock().now() + 3600)
        if version == 0:
            await ww.store.put(record)
        elif not await ww.store.swap(record, version=version):
            raise AssertionError("somebody else wrote this record")

    return write


def _reads_at_once(place: Place, ww: Watchword, tokens: list[tuple[str]]) -> Plan:
    reads = [partial(ww.sessions.authenticate, token, current=True) for (token,) in tokens]
    turning = cycle(reads)
    calls: list[Call] = [lambda: next(turning)(), lambda: _together(islice(turning, AT_ONCE))]
    return _at_once("coalesced", f"A session read from {place.name}", place, calls)


def _writes_at_once(place: Place, ww: Watchword) -> Plan:
    writes = [_writing(ww, f"{number} of {AT_ONCE}") for number in range(AT_ONCE)]
    turning = cycle(writes)
    calls: list[Call] = [lambda: next(turning)(), lambda: _together(writes)]
    return _at_once("coalesced_writes", f"A record written to {place.name}", place, calls)


async def _together(calls: Iterable[Call]) -> None:
    await asyncio.gather(*(call() for call in calls))


def _at_once(id: str, title: str, place: Place, calls: list[Call]) -> Plan:
    one, many = calls
    cases = [
        Entry("one after the other", one, ours=True),
        Entry(f"{AT_ONCE} at once", many, ours=True, per=AT_ONCE),
    ]
    return Plan(
        id=f"stores.{id}.{place.id}",
        title=f"{title}: one after the other, and {AT_ONCE} at once",
        cases=cases,
        over=cases[0].name,
        note=f"The time of {AT_ONCE} that share what they can, divided by {AT_ONCE}.",
        waits=True,
    )
