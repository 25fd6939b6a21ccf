"""F-11: the database goes back in time: a standby that lagged is promoted, an older copy of the file is put back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli import processes
from tests.faults.journal import Journal, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.services.postgres import Postgres
from watchword import Watchword

PURPOSE, PAYMENT = "password-reset", "payment"
SORTS = ("refresh", "one_time", "sealed", "session", "access")


class Standby:
    """A real one, which follows by way of a proxy that drops what the primary says from ``lag`` on."""

    nodes_stay = True

    def __init__(self, place: Setting) -> None:
        self._primary, self._proxy = place.postgres, place.proxy()
        self._standby = Postgres(of=self._proxy.port)
        place.ending.callback(self._standby.remove)
        self._standby.start()

    def lag(self) -> None:
        """From here on it hears nothing more; what was written before it has."""
        with self._primary.connect() as primary, self._standby.connect() as standby:
            written = _one(primary.execute("SELECT pg_current_wal_lsn()::text"))
            while not _one(standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (written,))):
                standby.execute("SELECT pg_sleep(0.01)")
        self._proxy.drop("down")

    def go_back(self) -> None:
        """The primary dies, the standby is promoted and takes over its address."""
        self._primary.stop(kill=True)
        with self._standby.connect() as standby:
            assert _one(standby.execute("SELECT pg_promote()"))
        self._standby.stop()
        self._standby.port = self._primary.port
        self._standby.start()


class Backup:
    """A copy of a SQLite file, put back while nobody has it open."""

    nodes_stay = False

    def __init__(self, place: Setting) -> None:
        self._file = place.folder / "app.db"
        self._copy = place.folder / "app.copy"

    def lag(self) -> None:
        with closing(sqlite3.connect(self._file)) as file:
            file.execute("VACUUM INTO ?", (str(self._copy),))

    def go_back(self) -> None:
        for rest in ("-wal", "-shm"):
            Path(f"{self._file}{rest}").unlink(missing_ok=True)
        self._copy.rename(self._file)


LIES: dict[str, Callable[[Setting], Standby | Backup]] = {"postgres": Standby, "sqlite": Backup}


class Person(NamedTuple):
    """Somebody whose credentials were all used up, rotated or revoked in the part that is lost."""

    name: str
    tokens: dict[str, str]
    newest: list[str]
    """The refresh token that came of the rotation."""


async def run(place: Setting) -> Row:
    journal, number = Journal(), place.pick(5, 200)
    async with place.watchword() as ww:
        lie = await asyncio.to_thread(LIES[place.store], place)
        people = [await _person(ww, f"user-{n}") for n in range(2 * number)]
        await asyncio.to_thread(lie.lag)
        before = ww.view.seq
        for who in people:
            await _use_up(ww, who)
        head = ww.view.seq
        if lie.nodes_stay:
            await asyncio.to_thread(lie.go_back)
            await _until(lambda: ww.view.seq < head)
            without = await _accepted(ww, people[:number], journal)
            begun = await _step(place, ww)
            stayed = await _accepted(ww, people[number:], journal)
    if not lie.nodes_stay:
        lie.go_back()
        async with place.watchword() as ww:
            without = await _accepted(ww, people[:number], journal)
        begun, stayed = await _step(place, None), dict.fromkeys(SORTS, 0)
    async with place.watchword() as ww:
        fresh = await _accepted(ww, people[number:], journal)
        epoch, again = ww.view.epoch, 0
        for who in people:
            for newest in who.newest:
                again += await journal.did("rotate", "", ww.refresh.rotate(newest)) is None
            new = await _person(ww, f"{who.name}-again")
            await _use_up(ww, new, journal)
    found = columns([journal], bound=5)
    found["wrong_accepts"] += sum(stayed.values()) + sum(fresh.values())
    found["more"] |= {
        "facts_lost": head - before,
        **{f"without_step_{sort}": count for sort, count in without.items()},
        "resurrected": stayed["refresh"] + fresh["refresh"],
        "other_dead_accepted": sum(stayed[sort] + fresh[sort] for sort in SORTS[1:]),
        "same_epoch": int(epoch != begun),
        "sign_in_again": again,
    }
    return place.row(**found)


async def _step(place: Setting, ww: Watchword | None) -> str:
    """What the guide tells the operator to do. The new epoch, when the node that stayed has heard of it."""
    command = partial(processes.run, "db", "new-epoch", "--json", WATCHWORD_URL=place.where()["url"])
    done = await asyncio.to_thread(command, folder=place.folder)
    assert done.returncode == 0, done.stderr
    epoch = done.stdout.partition('"epoch": "')[2].partition('"')[0]
    if ww is not None:
        await _until(lambda: ww.view.epoch == epoch)
    return epoch


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110 - a view rings no bell
            await asyncio.sleep(0.01)


async def _person(ww: Watchword, name: str) -> Person:
    session = await ww.sessions.start(name)
    tokens = {
        "refresh": (await ww.refresh.issue(name, client_id="app")).token,
        "one_time": (await ww.one_time.issue(name, purpose=PURPOSE)).token,
        "sealed": ww.sealed.seal({}, purpose=PAYMENT, bound_to=name).token,
        "session": session.token,
        "access": ww.access.issue(name, session_id=session.session_id).token,
    }
    return Person(name, tokens, [])


async def _use_up(ww: Watchword, who: Person, journal: Journal | None = None) -> None:
    """Rotate, redeem, and sign out, which ends the access token as well."""
    journal = Journal() if journal is None else journal
    issued = await journal.did("rotate", "", ww.refresh.rotate(who.tokens["refresh"]))
    who.newest.extend([] if issued is None else [issued.token])
    for sort in ("one_time", "sealed"):
        await journal.did("redeem", "", _present(ww, who, sort))
    await journal.did("revoke", "", ww.revoke(token=who.tokens["session"]))
    assert all(op.status == 200 for op in journal.ops[-4:])


async def _accepted(ww: Watchword, people: list[Person], journal: Journal) -> dict[str, int]:
    """How many of the dead tokens are taken, by sort."""
    taken = dict.fromkeys(SORTS, 0)
    for who in people:
        for sort in SORTS:
            taken[sort] += await journal.did("present", "", _present(ww, who, sort)) is not None
    return taken


async def _present(ww: Watchword, who: Person, sort: str) -> Any:
    token = who.tokens[sort]
    doing: dict[str, Callable[[], Awaitable[Any]]] = {
        "refresh": lambda: ww.refresh.rotate(token),
        "one_time": lambda: ww.one_time.redeem(token, purpose=PURPOSE),
        "sealed": lambda: ww.sealed.redeem(token, purpose=PAYMENT, bound_to=who.name),
        "session": lambda: ww.sessions.authenticate(token),
        "access": lambda: ww.access.authenticate(token),
    }
    return await doing[sort]()


def _one(cursor: Any) -> Any:
    return cursor.fetchone()[0]


FAULTS = (
    Fault(
        id="F-11",
        what="a database that goes back in time",
        injected="a standby (SQLite: a copy of the file) that lacks the last rotations, redemptions and revocations"
        " takes the place of the database; half of what they ended is presented then, and half after the operator's"
        " step, `watchword db new-epoch`",
        expected="nothing in the database says what is missing, so without the step the dead count again"
        " (`without_step_…`). With it, nothing that was issued before is taken, the node that stayed open hears of it,"
        " and everybody signs in again",
        run=run,
        stores=("postgres", "sqlite"),
        targets=(
            Target("resurrected", 0),
            Target("other_dead_accepted", 0),
            Target("same_epoch", 0),
            Target("facts_lost", 1, least=True),
            Target("other_5xx", 0),
        ),
        words={
            "facts_lost": "revocations that were acknowledged, and are gone",
            "resurrected": "refresh tokens, rotated in the part that was lost, that were taken after the step",
            "sign_in_again": "newest refresh tokens that are refused after the step",
        },
    ),
)
