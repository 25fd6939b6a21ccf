"""F-03: Redis is killed and comes back: with what it had written down, and with nothing at all."""

from __future__ import annotations

from collections import Counter

from tests.faults.carrier import hits
from tests.faults.journal import Journal, clock, http, ms
from tests.faults.load import Person, people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from tests.services.valkey import Server
from watchword import Watchword
from watchword.errors import StaleRevocationError, TokenRevokedError
from watchword.revocation.event import event

PAGE = 500
PATIENCE = 30.0


async def run(place: Setting) -> Row:
    number, people_ = place.pick(2000, 100_000), place.pick(20, 100)
    row, journal = place.row(), Journal()
    async with place.watchword(max_staleness=1.0, session_near=False) as ww:
        pool, good = await people(ww, people_), await ww.sessions.start("user-good")
        for who in pool:
            await ww.revoke(session=who.key)
        now = ww.clock.now()
        for first in range(people_, number, PAGE):
            names = range(first, min(first + PAGE, number))
            await ww.store.append(*(event("session", f"gone-{n}", now=now) for n in names))
        for name, lasting in (("kept", True), ("emptied", False)):
            before, began = _life(ww), clock.monotonic()
            _restart(place.valkey, lasting=lasting)
            started = clock.monotonic()
            seen: Counter[str] = Counter()
            while (_life(ww) == before or not ww.view.fresh()) and clock.monotonic() < started + PATIENCE:
                seen.update(_verified(ww, pool).values())
                await journal.did("session", "", ww.sessions.authenticate(good.token))
            resynced = clock.monotonic()
            after = _verified(ww, pool)
            async with place.watchword(max_staleness=1.0) as new:
                other = _verified(new, pool)
            row.ops += seen.total() + len(after) + len(other)
            forgotten = sum("accepts" in (after[key], other[key]) for key in after)
            refused = (seen + Counter(after.values()) + Counter(other.values()))["refused"]
            found = {"accepts": seen["accepts"], "refused": refused, "stale": seen["stale"], "forgotten": forgotten}
            row.more |= {f"{name}_{figure}": value for figure, value in found.items()}
            row.more |= {f"{name}_down_ms": ms(started - began), f"{name}_resync_ms": ms(resynced - started)}
    row.ops += len(journal.ops)
    row.http = http(journal.ops)
    row.wrong_accepts = row.more["kept_accepts"] + row.more["kept_forgotten"] + row.more["emptied_accepts"]
    row.more["entries"] = number
    return row


def _restart(server: Server, *, lasting: bool) -> None:
    server.kill()
    if not lasting:
        for file in server.folder.rglob("*"):
            if file.is_file():
                file.unlink()
    server.start()


def _life(ww: Watchword) -> tuple[str, int | None]:
    """Another one once it is heard that Redis lives again: by its feed's new epoch or, beside SQL, from its copies."""
    return ww.view.epoch, hits(ww.store)


def _verified(ww: Watchword, pool: list[Person]) -> dict[str, str]:
    """Show everybody's token, which is revoked; what was said of each."""
    said = {}
    for who in pool:
        try:
            ww.access.verify(who.access)
            said[who.key] = "accepts"
        except TokenRevokedError:
            said[who.key] = "refused"
        except StaleRevocationError:
            said[who.key] = "stale"
    return said


FAULTS = (
    Fault(
        id="F-03",
        what="Redis restarted, with its data and without",
        injected="kill -9, start from the append-only file; kill -9, remove the file, start empty",
        expected="a new epoch is seen at the first answer, and all is read again before anything is good. Redis alone"
        " that has lost its data has lost its revocations too: `emptied_forgotten` counts whose tokens count again."
        " Beside SQL nobody is forgotten, the epoch stays, and whoever asks is answered by the record meanwhile",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("kept_forgotten", 0),
            Target("emptied_forgotten", 0, over=(BESIDE,)),
            Target("503", 0, over=(BESIDE,)),
            Target("401", 0, over=(BESIDE,)),
            Target("kept_resync_ms", 5000),
            Target("emptied_resync_ms", 5000),
        ),
        words={
            "kept_forgotten": "revoked people who were accepted after a restart with the data, by the node that saw it"
            " or by a new one",
            "emptied_forgotten": "the same after a restart without",
            "kept_resync_ms": "from the first answer of the server to a view with all entries; beside SQL, to the first"
            " lookup that Redis answers",
        },
    ),
)
