"""A command at a terminal: what it says there, and what is typed when it asks."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cli.processes import COMMAND, environment


def at_terminal(
    *words: str, typed: Sequence[tuple[str, str]] = (), folder: Path | None = None, **more: str
) -> tuple[int, str]:
    """(exit code, all that stood on the screen). ``typed``: pairs of a word to wait for and the line to type then."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment(TERM="xterm", **more),
        start_new_session=True,
    )
    os.close(theirs)
    said, lines = b"", list(typed)
    try:
        while True:
            try:
                heard = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not heard:
                break
            said += heard
            if lines and lines[0][0].encode() in said:
                os.write(ours, f"{lines.pop(0)[1]}\n".encode())
        return process.wait(30), said.decode().replace("\r\n", "\n")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
        os.close(ours)
