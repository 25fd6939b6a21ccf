"""F-16: a process is killed while it writes over a SQLite file."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.ledger import Ledger, Scribes, prepared
from tests.faults.row import Fault, Row, Target
from tests.faults.scribe import Task
from tests.faults.setting import Setting

LONGEST = 0.15
"""Seconds after its opening at which a process is killed at the latest."""


async def run(place: Setting) -> Row:
    file, url, ledger = place.folder / "app.db", place.where()["url"], Ledger()
    async with place.watchword():
        prepared(file)
    scribes = Scribes(place)
    await scribes.start()
    kills = place.pick(8, 500)
    for n in range(kills):
        await scribes.begin(Task(f"user-{n}", url, str(place.keys)))
        await asyncio.sleep(place.random.uniform(0, LONGEST))
        scribes.signal(signal.SIGKILL)
        await ledger.compare(place, await scribes.words_to_the_end(), url=url, file=file)
    await scribes.close()
    found = ledger.columns()
    found["more"] |= {"kills": kills}
    return place.row(**found)


FAULTS = (
    Fault(
        id="F-16",
        what="a process killed while it writes",
        injected="kill -9 at a random moment to a process with four writers over one SQLite file: rotations,"
        " redemptions with an effect in the same transaction, sign-ins, revocations; the next one goes on with the same"
        " file",
        expected="what was acknowledged is there, and what was not is there in whole or not at all; the file is whole",
        run=run,
        stores=("sqlite",),
        targets=(
            Target("acknowledged_lost", 0),
            Target("half_done", 0),
            Target("not_whole", 0),
            Target("other_5xx", 0),
            Target("compared", 1, least=True),
        ),
        words={
            "compared": "tokens that were held to what was said of them",
            "half_done": "redemptions without their effect, effects without their redemption",
            "not_whole": "files of `files` whose `PRAGMA integrity_check` is not ok",
        },
    ),
)
