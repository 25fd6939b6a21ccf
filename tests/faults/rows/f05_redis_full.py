"""F-05: Redis runs out of memory, and a Redis that evicts."""

from __future__ import annotations

from contextlib import suppress

import redis

from tests.faults.carrier import copies
from tests.faults.journal import Journal, clock, columns, recovered
from tests.faults.load import Person, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from watchword import Watchword
from watchword.errors import ConfigurationError

FULL, EDGE = 8 << 20, 1 << 16
"""Bytes; the edge is taken away again, so that it is full whatever its own needs are."""
CHUNK = b"x" * 3000
SIGN_INS = 20


async def run(place: Setting) -> Row:
    journal, server = Journal(), place.valkey
    async with place.watchword(session_near=False) as ww:
        pool = await people(ww, place.pick(50, 500))
        await _revoke(ww, journal, pool[::2])
        for _ in range(2):
            await _ask(ww, journal, pool)  # beside SQL: from the record, and from the copy
        with server.client() as client:
            client.config_set("maxmemory", FULL)
            filling = _fill(client)
            client.config_set("maxmemory", FULL - EDGE)
            before = len(journal.ops)
            for _ in range(SIGN_INS):
                issued = await journal.did("start", "", ww.sessions.start("user-new"))
                if issued is not None:  # beside SQL: the copy of its row finds no memory
                    await journal.did("session", "", ww.sessions.authenticate(issued.token))
            await _revoke(ww, journal, pool[1::2])
            changed = sum(op.status == 200 and op.verb != "session" for op in journal.ops[before:])
            await _ask(ww, journal, pool)
            evicted = client.info("stats")["evicted_keys"]
            client.config_set("maxmemory", 0)
            roomy = clock.monotonic()
            await _revoke(ww, journal, pool[1::2])
            await _ask(ww, journal, pool)
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("maxmemory", FULL)
    accepted, refused = 0, 1
    with suppress(ConfigurationError):
        async with place.watchword() as fresh:
            refused = 0
            after = Journal()
            await _ask(fresh, after, pool)
            accepted = sum(op.status == 200 for op in after.ops)
            journal.ops += after.ops
    found = columns([journal], bound=5)
    found["more"] |= {"filling": filling, "written_while_full": changed, "evicted": evicted}
    found["more"] |= {"evicting_refused": refused, "evicting_accepts": accepted, **copies(ww.store)}
    return place.row(t_recover_ms=recovered(journal.ops, roomy), **found)


def _fill(client: redis.Redis) -> int:
    """As another application does it that lives there too."""
    filling = 0
    with suppress(redis.OutOfMemoryError):
        while client.set(f"another:{filling}", CHUNK):
            filling += 1
    return filling


async def _revoke(ww: Watchword, journal: Journal, some: list[Person]) -> None:
    for who in some:
        await journal.did("revoke", who.key, ww.revoke(session=who.key))


async def _ask(ww: Watchword, journal: Journal, pool: list[Person]) -> None:
    for who in pool:
        journal.does("verify", who.key, lambda who=who: ww.access.verify(who.access))  # type: ignore[misc]
        await journal.did("session", who.key, ww.sessions.authenticate(who.session))


FAULTS = (
    Fault(
        id="F-05",
        what="Redis full, or evicting",
        injected="maxmemory 8 MB under noeviction, filled by another application; then maxmemory-policy allkeys-lru,"
        " and 8 MB again",
        expected="a write that finds no memory is 503 and changes nothing, what was revoked stays revoked, and nothing"
        " is evicted; an evicting policy is refused when the store is opened. Beside SQL a revocation is 200, because"
        " the record has it, and an evicting policy is right: a new node refuses all that was revoked",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("evicted", 0),
            Target("evicting_refused", 1, least=True, over=("redis",)),
            Target("written_while_full", 0, over=("redis",)),
            Target("other_5xx", 0),
            Target("503", 0, over=(BESIDE,)),
            Target("evicting_refused", 0, over=(BESIDE,)),
            Target("evicting_accepts", 0),
            Target("hits", 1, least=True, over=(BESIDE,)),
        ),
        words={
            "filling": "values of 3 kB until Redis refused one",
            "written_while_full": f"of {SIGN_INS} sign-ins and as many revocations as half of the people",
            "evicting_accepts": "revoked people who were accepted by a node that was opened while Redis evicts",
        },
    ),
)
