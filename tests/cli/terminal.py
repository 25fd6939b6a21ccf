"""A command on a terminal of its own: what it shows, and keys that are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cli.processes import COMMAND, environment

UP, DOWN, LEFT, ENTER, SPACE = "\x1b[A", "\x1b[B", "\x1b[D", "\r", " "
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PATIENCE = 60


class Terminal:
    """What stands on the other side of the command."""

    def __init__(self, process: subprocess.Popen[bytes], device: int) -> None:
        self.process, self._device = process, device
        self.seen = ""
        """Everything so far, without colours and movements of the cursor."""
        self.raw = b""
        self._told = 0

    def wait_for(self, words: str) -> None:
        """Until it says these words, which it has not said before the last call."""
        while (at := self.seen.find(words, self._told)) < 0:
            if not self._read():
                raise AssertionError(f"it ended and never said {words!r}:\n{self.seen[self._told :]}")
        self._told = at + len(words)

    def press(self, *keys: str) -> None:
        os.write(self._device, "".join(keys).encode())

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Its exit code, after all that it had to say."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def on_screen(self) -> str:
        """Everything so far, colours and all."""
        return self.raw.decode(errors="replace").replace("\r\n", "\n")

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it did before the command began."""
        return bool(termios.tcgetattr(self._device)[3] & termios.ECHO)

    def _read(self) -> bytes:
        if not select.select([self._device], [], [], PATIENCE)[0]:
            raise AssertionError(f"it says nothing:\n{self.seen}")
        with suppress(OSError):  # Linux says EIO once the other side is closed
            sent = os.read(self._device, 65536)
            self.raw += sent
            self.seen = _CODES.sub("", self.on_screen())
            return sent
        return b""


@contextmanager
def at_terminal(*words: str, folder: Path | None = None, columns: int = 100, **more: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs us in the background ignores it
    try:
        process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment(**({"TERM": "xterm-256color", "COLUMNS": str(columns)} | more)),
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        os.close(theirs)
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        os.close(ours)


def shown(
    *words: str, typed: Sequence[tuple[str, str]] = (), folder: Path | None = None, columns: int = 100, **more: str
) -> tuple[int, str]:
    """(exit code, all that stood on the screen). ``typed``: pairs of words to wait for and the line to type then."""
    with at_terminal(*words, folder=folder, columns=columns, **more) as terminal:
        for asked, line in typed:
            terminal.wait_for(asked)
            terminal.press(f"{line}\n")
        return terminal.end(), terminal.on_screen()
