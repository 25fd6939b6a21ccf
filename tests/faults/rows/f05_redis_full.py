"""F-05: Redis runs out of memory, and a Redis that would evict."""

from __future__ import annotations

from contextlib import suppress

from tests.faults.journal import Journal, clock, columns, recovered
from tests.faults.load import people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword.errors import ConfigurationError

FULL = 8 << 20
MOST, BIG = 5000, {"text": "x" * 3000}


async def run(place: Setting) -> Row:
    journal, server = Journal(), place.valkey
    async with place.watchword() as ww:
        pool = await people(ww, place.pick(50, 500))
        for who in pool[::2]:
            await journal.did("revoke", who.key, ww.revoke(session=who.key))
        with server.client() as client:
            client.config_set("maxmemory", FULL)
            filling = 0
            while (
                filling < MOST and await journal.did("start", "", ww.sessions.start("user-new", data=BIG)) is not None
            ):
                filling += 1
            for who in pool[1::2]:
                await journal.did("revoke", who.key, ww.revoke(session=who.key))
            for who in pool:
                journal.does("verify", who.key, lambda who=who: ww.access.verify(who.access))  # type: ignore[misc]
            evicted = client.info("stats")["evicted_keys"]
            client.config_set("maxmemory", 0)
            roomy = clock.monotonic()
            for who in pool[1::2]:
                await journal.did("revoke", who.key, ww.revoke(session=who.key))
            for who in pool:
                journal.does("verify", who.key, lambda who=who: ww.access.verify(who.access))  # type: ignore[misc]
            client.config_set("maxmemory-policy", "allkeys-lru")
    refused = 0
    with suppress(ConfigurationError):
        refused = 1
        async with place.watchword():
            refused = 0
    found = columns([journal], bound=5)
    found["more"] |= {"filling": filling, "evicted": evicted, "evicting_refused": refused}
    return place.row(t_recover_ms=recovered(journal.ops, roomy), **found)


FAULTS = (
    Fault(
        id="F-05",
        what="Redis full, or evicting",
        injected="maxmemory 8 MB under noeviction, filled with sessions; then maxmemory-policy allkeys-lru",
        expected="a write that finds no memory is 503 and changes nothing, what was revoked stays revoked, and nothing"
        " is evicted; an evicting policy is refused when the store is opened",
        run=run,
        stores=("redis",),
        targets=(Target("evicted", 0), Target("evicting_refused", 1, least=True), Target("other_5xx", 0)),
        words={"filling": "sessions of 3 kB until the first write was refused"},
    ),
)
