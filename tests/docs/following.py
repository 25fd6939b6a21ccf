"""A tutorial, followed to the letter: its files are written, its commands are typed, and what they print is compared.

A page is a list of steps. What a step is, a comment before its block says, where the block does not:

- ``<!-- file: app.py -->`` and a block: the block is written to that file. ``<!-- append: app.py -->``: to its end.
- a ``console`` block: lines after ``$ `` are typed, those below are what is printed then. ``…`` stands for any text of
  a line, and alone for any lines.
- ``<!-- terminal: server -->`` and a ``console`` block: in a terminal of its own, where the command stays. It has to
  print what stands there; the next block of that terminal begins with ``^C``.
- ``<!-- browser: open http://localhost:8000; fill Name=ada; press Sign in; see Hello, ada -->``: in a browser.

Ports from 8000 to 8099 are replaced by free ones, so that tests do not meet.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread
from typing import Final

from msgspec import Struct
from playwright.sync_api import Page, expect

from tests.services.valkey import free_port

PATIENCE: Final = 60.0
"""Seconds for what takes one, on a machine that is busy."""
END: Final = "end-of-this-command"
STEP: Final = re.compile(
    r"^<!-- (?P<kept>file|append): (?P<file>\S+) -->\n```\w+\n(?P<text>.*?)^```$"
    r"|^(?:<!-- terminal: (?P<terminal>\w+) -->\n)?```console\n(?P<typed>.*?)^```$"
    r"|^<!-- browser: (?P<browser>.+?) -->$",
    re.DOTALL | re.MULTILINE,
)


class Typed(Struct, frozen=True):
    """One command, and what is seen below it."""

    command: str
    seen: str


def typed(block: str) -> list[Typed]:
    """What a console block says to type. A line that ends in a backslash goes on in the next."""
    found = re.split(r"^(?:\$ |\^C$)", block, flags=re.MULTILINE)
    assert not found[0], "a console block begins with a command"
    commands = []
    for one in found[1:]:
        command, _, seen = re.sub(r"\\\n", "\0", one).partition("\n")
        commands.append(Typed(command.replace("\0", "\\\n"), seen.strip()))
    return commands


def pattern(seen: str) -> re.Pattern[str]:
    """The text as it stands there, but for ``…``."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"[ ]*\n" for line in seen.splitlines()
    ]
    return re.compile("".join(lines))


class Process:
    """A command, what it has printed, and its input."""

    def __init__(self, command: str, folder: Path) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "120"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        try:
            self._process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        self.printed, self._news = "", Condition()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.printed += line
                self._news.notify()

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def wait_for(self, what: re.Pattern[str], *, since: int = 0) -> re.Match[str]:
        with self._news:
            found = self._news.wait_for(lambda: what.search(self.printed, since), PATIENCE)
            assert found, f"{what.pattern}\nis not what is seen:\n{self.printed}"
            return found

    def stop(self) -> None:
        """Ctrl-C, to all that it started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
            raise
        finally:
            self._reader.join(PATIENCE)
            self._process.stdin.close()
            self._process.stdout.close()


class Follower:
    """Who follows a page, in an empty folder. ``page``: opens the browser when it is needed."""

    def __init__(self, folder: Path, page: Callable[[], Page]) -> None:
        self._page, self._folder, self._ports = page, folder, dict[str, str]()
        self._shell = Process("exec bash", folder)
        self._servers: dict[str, Process] = {}

    def follow(self, text: str) -> None:
        for step in STEP.finditer(re.sub(r"\b80\d\d\b", self._port, text)):
            if step["browser"]:
                for action in step["browser"].split("; "):
                    self._browse(action)
            elif step["kept"]:
                mode, space = ("w", "") if step["kept"] == "file" else ("a", "\n\n")
                with (self._folder / step["file"]).open(mode) as file:
                    file.write(space + step["text"])
            elif step["terminal"]:
                self._serve(step["terminal"], step["typed"])
            else:
                for one in typed(step["typed"]):
                    self._run(one)

    def close(self) -> None:
        for process in (*self._servers.values(), self._shell):
            process.stop()

    def _port(self, found: re.Match[str]) -> str:
        return self._ports.setdefault(found[0], str(free_port()))

    def _run(self, one: Typed) -> None:
        before = len(self._shell.printed)
        self._shell.type(f"{{ {one.command}\n}} </dev/null\nprintf '\\n{END}%s\\n' \"$PWD\"\n")
        done = self._shell.wait_for(re.compile(rf"(?s)(.*)\n{END}(.*)\n"), since=before)
        self._folder = Path(done[2])
        printed = done[1].strip()
        assert pattern(one.seen).fullmatch(printed + "\n" if printed else ""), f"{one}\nprinted\n{printed}"

    def _serve(self, name: str, block: str) -> None:
        if name in self._servers:
            assert block.startswith("^C\n"), f"{name} still runs: end it with ^C first"
            self._servers.pop(name).stop()
        for one in typed(block):
            if one.command:
                self._servers[name] = server = Process(one.command, self._folder)
                server.wait_for(pattern(one.seen))

    def _browse(self, action: str) -> None:
        verb, _, what = action.partition(" ")
        BROWSER[verb](self._page(), what)


def _fill(page: Page, what: str) -> None:
    label, _, value = what.partition("=")
    page.get_by_label(label).fill(value)


def _ask(page: Page, what: str) -> None:
    expression, _, answer = what.partition(" => ")
    assert page.evaluate(f"String({expression})") == answer


BROWSER: Final[dict[str, Callable[[Page, str], object]]] = {
    "open": lambda page, url: page.goto(url),
    "fill": _fill,
    "press": lambda page, name: page.get_by_role("button", name=name, exact=True).click(),
    "see": lambda page, text: expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PATIENCE * 1000),
    "ask": _ask,
    "reload": lambda page, _: page.reload(),
}
"""What somebody does with a browser; ``ask`` is for its console: ``ask document.title => Orders``."""
