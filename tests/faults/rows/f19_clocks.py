"""F-19, F-20: nodes whose wall clocks disagree, and a wall clock that jumps while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.faults.clocks import SkewedClock
from tests.faults.journal import clock, columns
from tests.faults.load import READS, Load, Worker, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import FrozenClock, Issued, Watchword
from watchword.errors import WatchwordError
from watchword.revocation.feed import catch_up

NOW, LIFE, LEEWAY, HOUR = 1_800_000_000, 900, 10, 3600
SKEWS = tuple(sign * by for by in (1, 10, 11, 15, 60, 300, 899, 900, 901) for sign in (1, -1))
BOUND = 1.0


@dataclass
class Tally:
    """What was accepted and refused, beside what should have been."""

    ops: int = 0
    wrong_accepts: int = 0
    wrong_rejects: int = 0

    async def see(self, doing: Awaitable[object], *, good: bool) -> None:
        self.ops += 1
        try:
            await doing
        except WatchwordError:
            self.wrong_rejects += good
        else:
            self.wrong_accepts += not good


async def verified(node: Watchword, token: str) -> object:
    return node.access.verify(token)


async def skewed(place: Setting) -> Row:
    tally = Tally()
    for skew in SKEWS:
        here, there = (place.watchword(clock=FrozenClock(now)) for now in (NOW, NOW + skew))
        async with here, there:
            await _one_skew(tally, here, there, skew)
    row = place.row(ops=tally.ops, wrong_accepts=tally.wrong_accepts, wrong_rejects=tally.wrong_rejects)
    found = await _under_load(place)
    row.ops += found["ops"]
    row.wrong_accepts += found["wrong_accepts"]
    row.wrong_rejects += found["wrong_rejects"]
    for name in ("http", "p50_ms", "p99_ms", "max_ms", "rss_peak_mb"):
        setattr(row, name, found[name])
    row.more = {"skews": len(SKEWS), "exact": tally.ops, **found["more"]}
    return row


async def _one_skew(tally: Tally, here: Watchword, there: Watchword, skew: int) -> None:
    """Every boundary is exact: a token is good there from LEEWAY before its birth until its end."""
    inside = -LEEWAY <= skew < LIFE
    session = await here.sessions.start("user-7")
    token = here.access.issue("user-7", session_id=session.session_id).token
    refresh = await here.refresh.issue("user-7", client_id="app")
    await tally.see(verified(there, token), good=inside)
    await tally.see(there.sessions.authenticate(session.token), good=True)
    await tally.see(there.refresh.rotate(refresh.token, client_id="app"), good=True)
    await here.revoke(subject="user-7")
    await catch_up(there.store, there.view)
    for node in (here, there):
        await tally.see(verified(node, token), good=False)
        await tally.see(node.sessions.authenticate(session.token), good=False)
    after = there.access.issue("user-7").token  # a cut-off is a position in the feed: no clock makes this one older
    await tally.see(verified(there, after), good=True)
    await tally.see(verified(here, after), good=-LEEWAY <= -skew < LIFE)


async def _under_load(place: Setting) -> dict[str, Any]:
    """Two processes, a minute before and after: what one revokes, the others refuse within the bound."""
    async with place.watchword(max_staleness=BOUND) as ww:
        pool = await people(ww, place.pick(40, 400))
        words = {"max_staleness": BOUND, "rate": 100}
        others = [
            await Worker.start(place, pool, "ahead", skew=60.0, mix=READS, **words),
            await Worker.start(place, pool, "behind", skew=-60.0, mix={"session": 1}, **words),
        ]
        here = Load(ww, pool, rate=10, mix={"revoke": 1}, seed=place.seed)
        for one in others:
            await one.begin()
        here.begin()
        await asyncio.sleep(place.pick(1.5, 30))
        return columns([await here.end(), *[await one.end() for one in others]], bound=BOUND)


Make = Callable[[Watchword], Awaitable[str]]
Present = Callable[[Watchword, str], Awaitable[object]]


async def _link(ww: Watchword) -> str:
    return (await ww.one_time.issue(f"user-{clock.monotonic()}", purpose="password-reset")).token


KINDS: dict[str, tuple[Make, Present]] = {
    "session": (lambda ww: _token(ww.sessions.start("user-7")), lambda ww, token: ww.sessions.authenticate(token)),
    "refresh": (
        lambda ww: _token(ww.refresh.issue("user-7", client_id="app", ends_at=ww.clock.now() + LIFE)),
        lambda ww, token: ww.refresh.rotate(token, client_id="app"),
    ),
    "opaque_access": (
        lambda ww: _token(ww.opaque_access.issue("user-7")),
        lambda ww, token: ww.opaque_access.authenticate(token),
    ),
    "api_key": (
        lambda ww: _token(ww.api_keys.issue("user-7", lifetime=timedelta(seconds=LIFE))),
        lambda ww, token: ww.api_keys.authenticate(token),
    ),
    "one_time": (_link, lambda ww, token: ww.one_time.redeem(token, purpose="password-reset")),
}
"""What a record stands behind: how to get one that has ended within the hour, and how it is shown."""


async def _token(issuing: Awaitable[Issued]) -> str:
    return (await issuing).token


async def jumping(place: Setting) -> Row:
    """Under load the clock jumps by an hour, forth and back; then credentials see their end, and it jumps back."""
    wall = SkewedClock()
    async with place.watchword(max_staleness=BOUND, clock=wall) as ww:
        pool = await people(ww, 100)
        load = Load(ww, pool, rate=100, mix={"session": 2, "start": 1, "issue": 1}, seed=place.seed)
        load.begin()
        for jump in [-HOUR, HOUR, 60, -60] * place.pick(1, 10):
            await asyncio.sleep(place.pick(0.3, 1))
            wall.jump(jump)
        await asyncio.sleep(place.pick(0.3, 1))
        found = columns([await load.end()], bound=BOUND)
    found["more"]["lease_lost"] = found["http"].get("503", 0)
    back = {f"{name}_again": await _comes_back(place, make, present) for name, (make, present) in KINDS.items()}
    revoked = await _revoked_and_forgotten(place)
    found["more"] |= {"resurrected": sum(back.values()), **back, "revoked_again": revoked}
    found["ops"] += 2 * len(back) + 1
    found["wrong_accepts"] += sum(back.values()) + revoked
    return place.row(**found)


async def _comes_back(place: Setting, make: Make, present: Present) -> int:
    """1 if what had ended by this node's clock is good again when the clock goes back."""
    wall = FrozenClock(NOW)
    async with place.watchword(clock=wall) as ww:
        token = await make(ww)
        wall.set_wall(NOW + HOUR)
        assert await _refused(present(ww, token))
        wall.set_wall(NOW)
        return int(not await _refused(present(ww, token)))


async def _revoked_and_forgotten(place: Setting) -> int:
    """1 if a revoked access token is good again after its revocation had its end in sight of a clock gone wrong."""
    wall = FrozenClock(NOW)
    async with place.watchword(clock=wall) as ww:
        token = ww.access.issue("user-7").token
        await ww.revoke(token=token)
        wall.set_wall(NOW + HOUR)
        await catch_up(ww.store, ww.view)
        wall.set_wall(NOW)
        return int(not await _refused(verified(ww, token)))


async def _refused(doing: Awaitable[object]) -> bool:
    try:
        await doing
    except WatchwordError:
        return True
    return False


STORES = ("redis", "postgres", "sqlite")
FAULTS = (
    Fault(
        id="F-19",
        what="nodes whose clocks disagree",
        injected="a wall clock for each node, 15 minutes ahead to as much behind, each boundary to the second;"
        " then two processes a minute ahead and behind, under load, while a third revokes",
        expected="a token is good from 10 s before its birth to its end by the clock of who is asked, sessions and"
        " refresh tokens are good everywhere, and a revocation or a cut-off holds everywhere, whatever the clocks say",
        run=skewed,
        stores=STORES,
        targets=(Target("wrong_rejects", 0), Target("other_5xx", 0)),
        words={"exact": "acceptances and refusals that were compared with what the clocks should give"},
    ),
    Fault(
        id="F-20",
        what="a wall clock that jumps",
        injected="the node's clock jumps an hour back and forth under load; then past the end of each credential, and"
        " back; by the Clock that a node is given, for the machine has no libfaketime",
        expected="no lease is lost, for leases know no wall clock; what had ended by a node's clock stays ended there",
        run=jumping,
        stores=STORES,
        targets=(Target("resurrected", 0), Target("revoked_again", 0), Target("lease_lost", 0), Target("other_5xx", 0)),
        words={
            "resurrected": "of session, refresh, opaque_access, api_key and one_time, those that were good again",
            "revoked_again": "a revoked access token that was accepted after its revocation had been forgotten",
        },
    ),
)
