"""The command line as a user has it: a process of its own, its output and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

COMMAND = [sys.executable, "-W", "error", "-m", "watchword"]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change what a command says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WATCHWORD_", "NO_COLOR"))}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def run(*words: str, stdin: str = "", folder: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """One command from its start to its end."""
    return subprocess.run(
        [*COMMAND, *words], input=stdin, capture_output=True, text=True, cwd=folder, env=environment(**more), timeout=60
    )


class Running:
    """A command that goes on until it is told to stop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self, stream: str, word: str) -> str:
        """The next line with this word. Fails when the command ends before it says so."""
        pipe = self.process.stdout if stream == "stdout" else self.process.stderr
        assert pipe is not None
        for line in pipe:
            if word in line:
                return line.rstrip("\n")
        raise AssertionError(f"{self.process.args!r} ended with {self.process.wait()} and never said {word!r}")

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Its exit code, and the rest of what it said on standard output and on standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def running(*words: str, folder: Path | None = None, **more: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(**more),
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def browser(base: str) -> httpx2.Client:
    """A client that sends what a page of the server itself sends; cookies are to be given by hand."""
    return httpx2.Client(base_url=base, headers={"origin": base}, trust_env=False, timeout=10)
