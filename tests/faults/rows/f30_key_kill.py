"""F-30: a signing key is compromised and revoked; every verifier drops it by the feed, whatever it has kept."""

from __future__ import annotations

import asyncio

from tests.faults.journal import Op, clock, columns, ms
from tests.faults.load import Load, Worker, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword.errors import TokenRevokedError, UnknownKeyError


async def run(place: Setting) -> Row:
    bound = place.pick(1.0, 5.0)
    async with place.watchword() as ww:
        pool = await people(ww, 40)
        kid = ww.ring.active("sign").kid
        words = {"max_staleness": bound, "rate": place.pick(200, 500), "mix": {"verify": 1}}
        others = [await Worker.start(place, pool, f"verifier {n}", **words) for n in range(place.pick(1, 3))]
        for one in others:
            await one.begin()
        here = Load(ww, pool, rate=100, mix={"verify": 1})
        here.begin()
        await asyncio.sleep(place.pick(1, 5))
        began = clock.monotonic()
        await ww.revoke(key=kid)
        returned = clock.monotonic()
        late = 0
        for who in pool:
            try:
                ww.access.verify(who.access)
                late += 1
            except (TokenRevokedError, UnknownKeyError):
                pass
        await asyncio.sleep(bound + 1)
        journals = [await here.end(), *[await one.end() for one in others]]
    for who in pool:
        journals[0].ops.append(Op("revoke", who.key, began, returned, 200))
    found = columns(journals, bound=bound, verbs=("verify",))
    found["wrong_accepts"] += late
    last = [op.began - returned for one in journals[1:] for op in one.ops if op.status == 200]
    found["more"] |= {"last_accept_ms": ms(max(last)), "verifiers": len(others)}
    return place.row(**found)


FAULTS = (
    Fault(
        id="F-30",
        what="a key killed in an emergency",
        injected="revoke(key=…) in one process, while others verify tokens of that key that they have verified before",
        expected="no other process accepts one past max_staleness, and the one that revoked accepts none at all",
        run=run,
        stores=("redis", "postgres", "sqlite"),
        targets=(Target("last_accept_ms", 5000), Target("other_5xx", 0)),
        words={"last_accept_ms": "from the return to the last acceptance anywhere; less than 0 is before it"},
    ),
)
