"""The mixed load: issue, verify, check sessions, rotate and revoke, at a steady rate, in this process or in others.

The rate is kept whatever the answers take (an open loop), as callers of a server do. A pool of people is shared by all
processes: each has a session, an access token and a refresh token of it. Whoever is revoked is revoked by the session,
which ends all three.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from tests.faults.journal import Journal, clock
from tests.faults.setting import Setting
from watchword import Watchword

MIX: Mapping[str, int] = {"verify": 60, "session": 20, "issue": 10, "rotate": 5, "start": 3, "revoke": 2}
READS: Mapping[str, int] = {"verify": 80, "session": 20}
MOST_AT_ONCE = 1000
"""Operations in flight; what would be one more is not begun."""
_TICK = 0.01


class Person(Struct, kw_only=True):
    """What one of the pool holds."""

    key: str
    """The id of the session: what is revoked."""
    subject: str
    session: str
    access: str
    refresh: str


async def people(ww: Watchword, number: int) -> list[Person]:
    """So many, all signed in."""
    return [await _person(ww, f"user-{n}") for n in range(number)]


async def _person(ww: Watchword, subject: str) -> Person:
    session = await ww.sessions.start(subject)
    key = session.session_id or ""
    return Person(
        key=key,
        subject=subject,
        session=session.token,
        access=ww.access.issue(subject, session_id=key).token,
        refresh=(await ww.refresh.issue(subject, client_id="app", session_id=key)).token,
    )


class Load:
    """Runs from ``begin`` to ``end``. ``share``: of how many such loads this is the which; it rotates its part alone.

    ``revoked`` in order of the pool's end: the first people stay, so that there is always somebody good to check.
    """

    def __init__(
        self,
        ww: Watchword,
        pool: list[Person],
        *,
        rate: float = 200,
        mix: Mapping[str, int] = MIX,
        seed: int = 1,
        name: str = "here",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.journal = Journal(name=name)
        self._ww, self._pool, self._rate = ww, pool, rate
        self._random = Random(seed)
        self._verbs, self._weights = list(mix), list(mix.values())
        which, of = share
        self._mine = pool[which::of]
        self._doomed = self._mine[: len(self._mine) // 2]
        self._resting: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_on()), asyncio.create_task(self._watch_the_loop())]

    async def end(self) -> Journal:
        """Stop beginning, wait for what was begun, and hand the journal over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._running)
        self.journal.weigh()
        return self.journal

    async def _keep_on(self) -> None:
        due = clock.monotonic()
        while True:
            due += 1 / self._rate
            if (early := due - clock.monotonic()) > 0:
                await asyncio.sleep(early)
            elif early < -0.5:
                due = clock.monotonic()  # the machine stood still: what was missed is not caught up with
            if len(self._running) < MOST_AT_ONCE:
                task = asyncio.create_task(self._one())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                self.journal.most_at_once = max(self.journal.most_at_once, len(self._running))
            if early <= 0:
                await asyncio.sleep(0)

    async def _watch_the_loop(self) -> None:
        while True:
            began = clock.monotonic()
            await asyncio.sleep(_TICK)
            self.journal.lag = max(self.journal.lag, clock.monotonic() - began - _TICK)

    async def _one(self) -> None:
        [verb] = self._random.choices(self._verbs, self._weights)
        await getattr(self, f"_{verb}")()

    async def _verify(self) -> None:
        who = self._random.choice(self._pool)
        self.journal.does("verify", who.key, lambda: self._ww.access.verify(who.access))

    async def _session(self) -> None:
        who = self._random.choice(self._pool)
        await self.journal.did("session", who.key, self._ww.sessions.authenticate(who.session))

    async def _issue(self) -> None:
        self.journal.does("issue", "", lambda: self._ww.access.issue("user-new"))

    async def _start(self) -> None:
        await self.journal.did("start", "", self._ww.sessions.start("user-new"))

    async def _rotate(self) -> None:
        who = self._random.choice(self._mine)
        if who.key in self._resting:
            return
        self._resting.add(who.key)  # two at once would be a client that races itself
        issued = await self.journal.did("rotate", who.key, self._ww.refresh.rotate(who.refresh))
        if issued is not None:
            who.refresh = issued.token
        self._resting.discard(who.key)

    async def _revoke(self) -> None:
        if self._doomed:
            await self.revoke(self._doomed.pop())

    async def revoke(self, who: Person) -> None:
        await self.journal.did("revoke", who.key, self._ww.revoke(session=who.key))


class Task(Struct, kw_only=True):
    """What a worker process is told on its first line."""

    where: dict[str, str]
    """The keywords of Watchword that say where the store is."""
    keys: str
    max_staleness: float
    name: str
    pool: list[Person]
    rate: float = 200
    mix: dict[str, int] = msgspec.field(default_factory=lambda: dict(MIX))
    seed: int = 1
    share: tuple[int, int] = (0, 1)
    skew: float = 0.0
    """Seconds that its wall clock is ahead."""


class Worker:
    """Another process with a Watchword of its own and a load on it (``tests.faults.worker``)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, place: Setting, pool: list[Person], name: str, **words: Any) -> Worker:
        """Opened; the load has not begun. It is killed with its setting at the latest."""
        about = {"where": place.where(), "max_staleness": 5.0, "seed": place.seed, **words}
        task = Task(keys=str(place.keys), name=name, pool=pool, **about)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            limit=1 << 28,
        )
        place.ending.callback(_kill, process)
        worker = cls(process)
        await worker.tell(msgspec.json.encode(task).decode())
        await worker.told("open")
        return worker

    async def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def told(self, word: str) -> None:
        line = await self.line()
        assert line == word, line

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def begin(self) -> None:
        await self.tell("begin")
        await self.told("begun")

    async def end(self) -> Journal:
        await self.tell("end")
        journal = msgspec.json.decode(await self.line(), type=Journal)
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()
        return journal


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
