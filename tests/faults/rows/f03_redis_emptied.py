"""F-03: Redis is killed and comes back: with what it had written down, and with nothing at all."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.faults.journal import clock, ms
from tests.faults.load import Person, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.services.valkey import Server
from watchword import Watchword
from watchword.errors import StaleRevocationError, TokenRevokedError
from watchword.revocation.event import event

PAGE = 5000
PATIENCE = 30.0


async def run(place: Setting) -> Row:
    number, people_ = place.pick(2000, 100_000), place.pick(20, 100)
    row = place.row()
    async with place.watchword(max_staleness=1.0) as ww:
        pool = await people(ww, people_)
        for who in pool:
            await ww.revoke(session=who.key)
        now = ww.clock.now()
        for first in range(people_, number, PAGE):
            names = range(first, min(first + PAGE, number))
            await ww.store.append(*(event("session", f"gone-{n}", now=now) for n in names))
        for name, server, lasting in (("kept", place.valkey, True), ("emptied", place.valkey, False)):
            found = await _restarted(ww, pool, server, lasting=lasting)
            row.ops += found.pop("ops")
            row.more |= {f"{name}_{figure}": value for figure, value in found.items()}
    row.http = {"401": row.more["kept_refused"] + row.more["emptied_refused"]}
    row.wrong_accepts = row.more["kept_accepts"] + row.more["kept_forgotten"] + row.more["emptied_accepts"]
    row.more["entries"] = number
    return row


async def _restarted(ww: Watchword, pool: list[Person], server: Server, *, lasting: bool) -> dict[str, Any]:
    """Kill, start, and verify the revoked all the time until the view has heard the feed's new life."""
    server.kill()
    if not lasting:
        for file in server.folder.rglob("*"):
            if file.is_file():
                file.unlink()
    before, began = ww.view.epoch, clock.monotonic()
    server.start()
    started = clock.monotonic()
    accepts = refused = stale = 0
    while (ww.view.epoch == before or not ww.view.fresh()) and clock.monotonic() < started + PATIENCE:
        for who in pool:
            try:
                ww.access.verify(who.access)
                accepts += 1
            except TokenRevokedError:
                refused += 1
            except StaleRevocationError:
                stale += 1
        await asyncio.sleep(0)
    resynced = clock.monotonic()
    after = 0
    for who in pool:
        try:
            ww.access.verify(who.access)
            after += 1
        except TokenRevokedError:
            refused += 1
    return {
        "ops": accepts + refused + stale + len(pool),
        "accepts": accepts,
        "refused": refused,
        "stale": stale,
        "forgotten": after,
        "down_ms": ms(started - began),
        "resync_ms": ms(resynced - started),
    }


FAULTS = (
    Fault(
        id="F-03",
        what="Redis restarted, with its data and without",
        injected="kill -9, start from the append-only file; kill -9, remove the file, start empty",
        expected="a new epoch is seen at the first answer, and all is read again before anything is good. Redis alone"
        " that has lost its data has lost its revocations too: `emptied_forgotten` counts whose tokens count again",
        run=run,
        stores=("redis",),
        targets=(Target("kept_forgotten", 0), Target("kept_resync_ms", 5000), Target("emptied_resync_ms", 5000)),
        words={
            "kept_forgotten": "revoked people who were accepted after a restart with the data",
            "emptied_forgotten": "the same after a restart without; a store with an SQL record forgets nobody",
            "kept_resync_ms": "from the first answer of the server to a view with all entries",
        },
    ),
)
