"""F-07: connections stand and nothing comes through them; and what comes late is nobody else's."""

from __future__ import annotations

import asyncio

from tests.faults.carrier import copies, used_again
from tests.faults.journal import Journal, clock, columns, detected
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from watchword.stores.base import Record, Store

RECORDS = 50


async def run(place: Setting) -> Row:
    proxy, journal, mixed = place.proxy(), Journal(), 0
    detect, recover, again = [0.0], [0.0], [0.0]
    async with place.watchword(place.where(port=proxy.port)) as ww:
        await ww.store.put(*(Record(kind="session", key=f"k{n}", data={"n": n}) for n in range(RECORDS)))
        for round_ in range(place.pick(2, 40)):
            mixed += await _ask(ww.store, journal, RECORDS)
            if round_ % 2:
                proxy.half_open()
            else:
                proxy.stall("down")  # what is asked is done, and its answer held
            began = clock.monotonic()
            mixed += await _ask(ww.store, journal, 7)
            await asyncio.sleep(place.pick(0.05, 0.2))
            mixed += await _ask(ww.store, journal, 7)
            detect.append(detected(journal.ops, began) or 0.0)
            proxy.heal()  # late answers come now
            recover.append(await journal.served(lambda: ww.store.get("session", "k0", now=0)))
            again.append(await used_again(ww.store, lambda: _ask(ww.store, journal, 1)))
            mixed += await _ask(ww.store, journal, RECORDS)
    found = columns([journal], bound=5)
    found["more"] |= {"mixed_up": mixed, "connections": proxy.connections, **copies(ww.store)}
    if copies(ww.store):
        found["more"]["used_again_ms"] = max(again)
    return place.row(t_detect_ms=max(detect), t_recover_ms=max(recover), **found)


async def _ask(store: Store, journal: Journal, number: int) -> int:
    """Ask for so many records at once; how many answers were another's."""

    async def one(n: int) -> bool:
        found = await journal.did("get", "", store.get("session", f"k{n}", now=0))
        return journal.ops[-1].status == 200 and found is not None and found.data["n"] != n

    return sum(await asyncio.gather(*map(one, range(number))))


FAULTS = (
    Fault(
        id="F-07",
        what="half-open connections",
        injected="a proxy stops forwarding, both ways or answers alone, and keeps TCP; later it passes on what it held",
        expected="503 when the time is over; the connection is given up, so that a late answer is never taken for the"
        " answer to another question. Beside SQL it is Redis that falls silent, and every answer is good",
        run=run,
        stores=("redis", "postgres", BESIDE),
        targets=(
            Target("mixed_up", 0),
            Target("other_5xx", 0),
            Target("503", 0, over=(BESIDE,)),
            Target("used_again_ms", 2000, over=(BESIDE,)),
            Target("t_recover_ms", 2000),
        ),
        words={
            "mixed_up": "answers that were another question's",
            "connections": "made through the proxy in all",
            "used_again_ms": "from the end of a fault until Redis answered a lookup, where it stands beside SQL",
        },
    ),
)
