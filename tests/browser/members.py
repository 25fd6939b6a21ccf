"""A members' area of ``examples/``, served by its own command, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from msgspec import Struct

from tests.services.valkey import free_port, wait_until

ROOT = Path(__file__).parents[2]


class Members(Struct, frozen=True):
    """Where it is, and the passwords that it printed."""

    port: int
    passwords: dict[str, str]

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("localhost", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@contextmanager
def serving(command: Sequence[str], folder: Path) -> Iterator[Members]:
    """The example that this command serves; whatever it keeps is in ``folder``."""
    port = free_port()
    known = os.environ | {"PORT": str(port), "MEMBERS_DATA": str(folder), "PYTHONUNBUFFERED": "1"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=known, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            passwords = {}
            while " " in (line := process.stdout.readline().strip()):
                name, _, passwords[name] = line.partition(" ")
            members = Members(port, passwords)
            wait_until(lambda: _answers(members), f"no answer: {(folder / 'log').read_text()}")
            yield members
        finally:
            process.terminate()
            process.wait(20)


def _answers(members: Members) -> bool:
    try:
        return members.get("/sign-in")[0] == 200
    except OSError:
        return False
