"""revocation: how soon the others hear of it, what a request pays to know, and what many revocations cost.

The lag is that of two Watchwords on one event loop, from the moment ``revoke`` returned to the other's refusal. What a
request pays is wall time, one after the other; the growth is CPU time.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from contextlib import ExitStack
from datetime import timedelta
from importlib import import_module
from typing import Any

from ...app import Watchword
from ...errors import TokenRevokedError
from ...keys.key import Key
from ...keys.ring import KeyRing
from ...tokens.access import AccessTokens
from .base import AUDIENCE, ISSUER, Ask, Entry, Plan, Steps, measured, row_of
from .peers import Material
from .places import Place, places
from .result import Row, Section, Table
from .sights import principals, revoked, view_of
from .stores import opened

PATIENCE = 10.0
"""Seconds after which a revocation that was not heard of is an error."""
GOLDEN = 0.618
"""Whose multiples spread evenly."""
KNOWN = 32
TOKENS = 64
REVOKED = 1000
TRACED = 100
"""So much of the largest size is built under tracemalloc, which takes ten times as long."""
VIEW = "the View"


def section(ask: Ask) -> Section:
    """Three tables. A million entries take about 150 MB; half a minute of the longest run, and 10 s for each lag."""
    not_run: list[str] = []
    setting = ask.setting
    with ExitStack() as stack:
        where = [place for place in stack.enter_context(places(ask, not_run)) if place.id != "memory"]
        runner = stack.enter_context(asyncio.Runner())
        of = len(where) * setting.lags + 1 + setting.rounds + len(setting.sizes) + setting.rounds
        steps = Steps(ask, "revocation", of)
        tables = [
            *_lag(where, setting.lags, runner, steps, not_run),
            measured(_blocklist(where, ask, runner, stack, steps, not_run), setting, steps, runner),
            measured(_growth(setting.sizes, steps), setting, steps),
        ]
        steps.over()
    return Section(
        id="revocation",
        title="Revocation",
        words="How soon a revocation is known elsewhere, and what every request pays for knowing of all there were.",
        tables=tables,
        not_run=not_run,
    )


def _lag(where: list[Place], count: int, runner: asyncio.Runner, steps: Steps, not_run: list[str]) -> list[Table]:
    rows: list[Row] = []
    for place in where:
        try:
            rows.append(row_of(place.name, _lags(place, count, runner, steps), ours=True))
        except TimeoutError:
            not_run.append(f"The feed of {place.name}: a revocation was not heard of in {PATIENCE:g} s.")
    note = "Two Watchwords of one process; SQLite is looked at every 20 ms, the servers tell of each commit."
    title = "After revoke() has returned, until the other refuses"
    over = rows[0].name if rows else ""
    return [Table(id="revocation.lag", title=title, rows=rows, over=over, unit="ms", note=note)] if rows else []


def _lags(place: Place, count: int, runner: asyncio.Runner, steps: Steps) -> list[float]:
    """Milliseconds. Raises: TimeoutError."""
    ring, found = KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac")), []
    with ExitStack() as stack:
        one, other = (opened(place.url, runner, stack, ring=ring) for _ in range(2))
        for number in range(count):
            steps(f"The feed of {place.name}")
            found.append(runner.run(_one_lag(one, other, f"lag-{number}", number * GOLDEN % 1 / 20)))
    return found


async def _one_lag(one: Watchword, other: Watchword, session: str, wait: float) -> float:
    """Milliseconds. ``wait``: seconds beforehand, so that revocations come at any moment between two looks."""
    token = one.access.issue("ada", session_id=session).token
    other.access.verify(token)
    await asyncio.sleep(wait)
    await one.revoke(session=session)
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        while not _refuses(other, token):  # noqa: ASYNC110 - what is timed is that it refuses
            await asyncio.sleep(0)
    return (time.perf_counter() - began) * 1000


def _refuses(ww: Watchword, token: str) -> bool:
    try:
        ww.access.verify(token)
    except TokenRevokedError:
        return True
    return False


def _blocklist(
    where: list[Place],
    ask: Ask,
    runner: asyncio.Runner,
    stack: ExitStack,
    steps: Steps,
    not_run: list[str],
) -> Plan:
    steps(f"{REVOKED} revocations")
    key, mac = Key.generate("ES256"), Key.generate("HS256", use="mac")
    cases: list[Entry] = []
    for place in where:
        ring = KeyRing.of(key, mac)
        asks = opened(place.url, runner, stack, ring=ring, max_staleness=timedelta(0), on_stale="ask")
        tokens = [(asks.access.issue(f"user-{n}", session_id=f"session-{n}").token,) for n in range(KNOWN)]
        if not cases:
            hears = opened(place.url, runner, stack, ring=ring)
            cases.append(Entry(VIEW, hears.access.authenticate, tokens, ours=True, note="no read at all"))
        runner.run(_revoke(asks, REVOKED))
        cases.append(Entry(f"a read of {place.name}", asks.access.authenticate, tokens, ours=True))
        if place.id == "redis":
            cases += _habit(place.url, Material(key=key), [token for (token,) in tokens], runner, stack, not_run)
    return Plan(
        id="revocation.blocklist",
        title="A blocklist that is read for each request, and the View",
        cases=cases,
        over=VIEW,
        note=f"A token that was seen before; {REVOKED} revocations. Ours asks for all that a token belongs to.",
        waits=True,
    )


async def _revoke(ww: Watchword, count: int) -> None:
    for first in range(0, count, KNOWN):
        await asyncio.gather(*(ww.revoke(session=f"gone-{n}") for n in range(first, min(first + KNOWN, count))))


def _habit(
    url: str,
    material: Material,
    tokens: list[str],
    runner: asyncio.Runner,
    stack: ExitStack,
    not_run: list[str],
) -> list[Entry]:
    """What people write: PyJWT, and a GET of the token's id."""
    try:
        pyjwt, redis = import_module("jwt"), import_module("redis.asyncio")
    except ImportError:
        not_run.append("PyJWT and redis.asyncio beside ours want PyJWT: pip install PyJWT.")
        return []
    client = redis.from_url(url.partition("?")[0])
    stack.callback(lambda: runner.run(client.aclose()))
    key = pyjwt.get_algorithm_by_name(material.alg).prepare_key(material.verifying)
    checks: dict[str, Any] = {"algorithms": [material.alg], "issuer": ISSUER, "audience": AUDIENCE}

    async def read(token: str) -> Any:
        claims = pyjwt.decode(token, key, **checks)
        if await client.get(f"watchword_bench:{claims['jti']}"):
            raise PermissionError
        return claims

    return [Entry("PyJWT, and a GET through redis.asyncio", read, [(token,) for token in tokens])]


def _growth(sizes: tuple[int, ...], steps: Steps) -> Plan:
    """The check alone, and the whole of a token that was seen before, over entries."""
    ring = KeyRing.of(Key.generate("ES256"))
    checks, whole = [], []
    for size in sizes:
        steps(f"{size:,} revocations")
        view = view_of(revoked(size))
        checks.append(Entry("the check alone", view.check, principals(view, size // 6), ours=True, at=size))
        access = AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE, view=view)
        ids: dict[str, Any] = {"session_id": "s" * 22, "family_id": "f" * 22}
        tokens = [(access.issue(f"user {number}", **ids).token,) for number in range(TOKENS)]
        for (token,) in tokens:
            access.verify(token)
        whole.append(Entry("a token seen before", access.verify, tokens, ours=True, at=size))
    return Plan(
        id="revocation.growth",
        title="What a check costs as revocations grow",
        cases=[*checks, *whole],
        over="the check alone",
        note=f"Memory: {_bytes(max(sizes) // TRACED):.0f} bytes an entry.",
    )


def _bytes(size: int) -> float:
    """Of one entry in a view that holds so many."""
    gc.collect()
    tracemalloc.start()
    try:
        view = view_of(revoked(size))
        return tracemalloc.get_traced_memory()[0] / len(view)
    finally:
        tracemalloc.stop()
