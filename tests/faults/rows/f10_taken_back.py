"""F-10: PostgreSQL takes transactions back: serialization failures, deadlocks, locks that are held too long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg

from tests.faults.families import Families, families
from tests.faults.journal import Journal, clock, columns, ms
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting, Where
from watchword import Watchword

PATIENCE, SHORT = 5.0, 0.1
"""Seconds that ours waits for a lock: longer than any deadlock stands; and as the standard has it."""
PURPOSE = "payment"
SOON, LATE = "50ms", "30s"
"""After which a session that waits looks whether it is in a deadlock: the one that looks first is taken back."""
_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'watchword'"
_FAILING = """
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF random() < 0.5 THEN RAISE EXCEPTION 'as if another had been quicker' USING ERRCODE = '40001'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fail BEFORE UPDATE ON watchword_records FOR EACH ROW EXECUTE FUNCTION fail();
"""


async def run(place: Setting) -> Row:
    journal, rounds = Journal(), place.pick(2, 40)
    async with place.watchword(_where(place, PATIENCE)) as ww:
        token = (await families(ww, 1))[0]
    ours_ended = 0
    for look in (SOON, LATE):
        async with place.watchword(_where(place, PATIENCE, deadlock_timeout=look)) as ww:
            for n in range(rounds):
                ours_ended += await _deadlock(place, ww, journal, f"{look}-{n}", SOON if look is LATE else LATE)
    held = [0.0]
    async with place.watchword(_where(place, SHORT)) as ww:
        for _ in range(rounds):
            token = await _held(place, ww, journal, token, held)
    async with place.watchword() as one, place.watchword() as two:
        clients = Families([one, two], await families(one, 20), journal, rate=100)
        with place.postgres.connect(_schema(place)) as other:
            other.execute(_FAILING.encode())
            already = len(journal.ops)
            clients.begin()
            await asyncio.sleep(place.pick(0.5, 20))
            under = [op.status for op in journal.ops[already:]]
            other.execute("DROP TRIGGER fail ON watchword_records")
        await clients.end()
        taken_back = one.store.tally.errors + two.store.tally.errors
    found = columns([journal], bound=5)
    found["more"] |= {
        "deadlocks": 2 * rounds,
        "ours_ended": ours_ended,
        "longest_wait_ms": ms(max(held)),
        "taken_back": taken_back,
        "refused_share": round(under.count(503) / max(len(under), 1), 3),
        **clients.figures(),
    }
    return place.row(**found)


async def _deadlock(place: Setting, ww: Watchword, journal: Journal, name: str, look: str) -> int:
    """Ours holds the record and wants the feed; the other holds the feed and wants the record. 1: ours was ended."""
    token = ww.sealed.seal({}, purpose=PURPOSE, bound_to=name).token
    before = ww.store.tally.errors
    with place.postgres.connect(_schema(place)) as other, place.postgres.connect() as watcher:
        other.execute("BEGIN")
        other.execute(f"SET LOCAL deadlock_timeout = '{look}'".encode())
        other.execute("UPDATE watchword_feed SET head = head")
        voiding = ww.sealed.void(token, purpose=PURPOSE, bound_to=name)
        ours = asyncio.create_task(journal.did("void", "", voiding))
        while not watcher.execute(_WAITING).fetchone():  # noqa: ASYNC110 - the server rings no bell
            await asyncio.sleep(0.01)
        with suppress(psycopg.errors.DeadlockDetected):
            await asyncio.to_thread(other.execute, "UPDATE watchword_records SET version = version")
        other.execute("ROLLBACK")
        assert await ours is not False
    return ww.store.tally.errors - before


async def _held(place: Setting, ww: Watchword, journal: Journal, token: str, took: list[float]) -> str:
    """Somebody holds every record; a rotation is told so in time, and is good afterwards. Its successor."""
    with place.postgres.connect(_schema(place)) as other, other.transaction():
        other.execute("UPDATE watchword_records SET version = version")
        began = clock.monotonic()
        await journal.did("rotate", "", ww.refresh.rotate(token))
        took.append(clock.monotonic() - began)
    issued = await journal.did("rotate", "", ww.refresh.rotate(token))
    assert issued is not None
    return issued.token


def _where(place: Setting, timeout: float, **settings: str) -> Where:
    where = place.where()
    where["url"] += f"&timeout={timeout:g}"
    for name, value in settings.items():
        where["url"] = where["url"].replace("options=", f"options=-c{name}%3D{value}%20")
    return where


def _schema(place: Setting) -> str:
    return place.place(place.postgres.schema)


FAULTS = (
    Fault(
        id="F-10",
        what="transactions taken back",
        injected="deadlocks with another session, in half of which the server ends ours; a session that holds every"
        f" record, over a store with timeout={SHORT:g}; and a trigger that fails every second change of a record with a"
        " serialization failure, under 100 rotations/s",
        expected="what the server took back is begun again, three times at most, and then 503; a lock is waited for as"
        " long as the URL says, and then 503; nothing is 500, no family has two successors, and none is lost",
        run=run,
        stores=("postgres",),
        targets=(
            Target("other_5xx", 0),
            Target("two_successors", 0),
            Target("families_lost", 0),
            Target("longest_wait_ms", 1000),
            Target("refused_share", 0.2),
            Target("ours_ended", 1, least=True),
            Target("taken_back", 1, least=True),
        ),
        words={
            "ours_ended": "deadlocks that the server ended by taking ours back",
            "longest_wait_ms": "for a record that another session held",
            "taken_back": "serialization failures and refusals that the two nodes counted under the trigger",
            "refused_share": "of the rotations under the trigger; 1/16 is what three more tries leave, 1/2 without one",
        },
    ),
)
