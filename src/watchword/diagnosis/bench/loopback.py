"""Whole requests over real sockets: each application behind uvicorn in a process of its own, which ends with its input.

The requests come from this process. CPU is that of the server's process, all of it; the wait is the wall time from the
first byte sent to the last one heard, with one request under way.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from .apps import NOTES
from .base import Ask, Entry, Plan, Setting, Steps, measured, row_of
from .load import AT_ONCE, Load
from .peers import present
from .result import Table
from .served import APPS

ANSWER = b"\r\n\r\nada"
SLICES = 4
"""A slice of an application takes so many times that of a case elsewhere: it has to fill all its connections."""
PATIENCE = 10
"""Seconds for a process to end by itself."""
BARE = "no auth"


def installed() -> bool:
    return present("uvicorn")


def units(setting: Setting) -> int:
    """Of progress."""
    return 1 + 2 * setting.rounds


class Served:
    """One application in its process, and the connections to it."""

    def __init__(self, name: str, process: subprocess.Popen[str], runner: asyncio.Runner) -> None:
        self.name, self._process, self._runner = name, process, runner
        self.ours, self.note = name.startswith("watchword"), NOTES.get(name, "")
        self.cpu: list[float] = []

    def connect(self) -> None:
        """When it is up. It must refuse who shows nothing, and knows every caller before anything is timed.

        Raises: RuntimeError when it did not start.
        """
        said = json.loads(self._line())
        requests = [_request(line) for line in said["headers"]]
        self._many, self.one = Load(requests, answer=ANSWER), Load(requests, answer=ANSWER, at_once=1)
        self._runner.run(self._connect(said["port"], len(requests)))

    async def _connect(self, port: int, callers: int) -> None:
        for load in (self._many, self.one):
            await load.connect(port)
            await load.send(2 * callers)
        if self.name == BARE:
            return
        nobody = Load([_request("")], answer=ANSWER, at_once=1)
        await nobody.connect(port)
        try:
            await nobody.send(1)
        except RuntimeError as error:
            if "HTTP/1.1 401" in str(error):
                return
            raise
        finally:
            nobody.close()
        raise AssertionError(f"{self.name} lets somebody in who shows nothing")

    def calibrate(self, slice_ms: float) -> None:
        seconds = min(self._runner.run(self._many.send(2 * AT_ONCE)) for _ in range(3))
        self._size = max(2 * AT_ONCE, int(slice_ms * SLICES / 1000 / seconds * 2 * AT_ONCE))

    def slice(self) -> None:
        before = self._spent()
        self._runner.run(self._many.send(self._size))
        self.cpu.append((self._spent() - before) / 1000 / self._size)

    def close(self) -> None:
        self._runner.run(self._close())

    async def _close(self) -> None:
        self._many.close()
        self.one.close()
        await asyncio.sleep(0)

    def _spent(self) -> int:
        assert self._process.stdin is not None  # noqa: S101 - for the types
        self._process.stdin.write("cpu\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - for the types
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server's process ended by itself")
        return line


@contextmanager
def served(name: str, runner: asyncio.Runner) -> Iterator[Served]:
    """Started, and ended through its own handle. A Ctrl-C on this terminal does not reach it: its input ends."""
    command = [sys.executable, "-m", f"{__package__}.served", name]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            yield Served(name, process, runner)
        finally:
            assert process.stdin is not None  # noqa: S101 - for the types
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def tables(ask: Ask, runner: asyncio.Runner, steps: Steps, not_run: list[str]) -> list[Table]:
    """Two tables, where uvicorn is installed. Four processes of about 60 MB."""
    with ExitStack() as stack:
        names = [name for name in APPS if present("jwt") or not name.startswith("PyJWT")]
        found = [stack.enter_context(served(name, runner)) for name in names]
        steps(f"{len(found)} servers")
        try:
            for one in found:
                one.connect()
                stack.callback(one.close)
        except RuntimeError as error:
            not_run.append(f"Requests over loopback: {error}.")
            return []
        return [_cpu(found, ask, steps), _wait(found, ask, runner, steps)]


def _cpu(found: list[Served], ask: Ask, steps: Steps) -> Table:
    title = "A request over loopback: CPU of the server"
    for one in found:
        one.calibrate(ask.setting.slice_ms)
    order = list(found)
    for _ in range(ask.setting.rounds):
        steps(title)
        for one in order:
            one.slice()
        order.reverse()
    rows = [row_of(one.name, one.cpu, ours=one.ours, note=one.note) for one in found]
    note = f"uvicorn, ES256, a store in memory; {AT_ONCE} connections. Each figure is of some hundred requests."
    return Table(id="requests.cpu", title=title, rows=rows, over=BARE, note=note)


def _wait(found: list[Served], ask: Ask, runner: asyncio.Runner, steps: Steps) -> Table:
    cases = [Entry(one.name, partial(one.one.send, 1), ours=one.ours, note=one.note) for one in found]
    title = "A request over loopback: how long its caller waits"
    note = "One request at a time, on a connection that stays open; this process and the server's share the machine."
    plan = Plan(id="requests.wait", title=title, cases=cases, over=BARE, note=note, waits=True)
    return measured(plan, ask.setting, steps, runner)


def _request(line: str) -> bytes:
    more = f"{line}\r\n" if line else ""
    return f"GET /me HTTP/1.1\r\nhost: api.example\r\nuser-agent: benchmark\r\naccept: */*\r\n{more}\r\n".encode()
