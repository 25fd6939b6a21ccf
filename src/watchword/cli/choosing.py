"""Questions at a terminal: arrows move, space marks, enter goes on, left goes back; numbers where that cannot be."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from ..advisor.questions import Question
from .commands import CommandError

try:
    import termios
    import tty
except ImportError:  # pragma: no cover - Windows: it is asked with numbers there
    termios = None  # type: ignore[assignment]  # told apart below

KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\x1b[D": "back",
    b"\x1bOD": "back",
    b"\x7f": "back",
    b" ": "mark",
    b"\x1b[C": "enter",
    b"\r": "enter",
    b"\n": "enter",
    b"\x1b": "leave",
    b"q": "leave",
    b"\x04": "leave",
}
"""What a terminal sends -> what it means. The rest is ignored."""
_PATIENCE = 0.05
"""Seconds that the rest of an arrow key may be behind its first byte."""
Chosen = dict[str, list[str]]


def can_ask() -> bool:
    """Whether somebody sits there: standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_all(questions: Sequence[Question]) -> Chosen:
    """The answers, by question. Raises: CommandError when somebody leaves."""
    if termios is None or os.environ.get("TERM", "dumb") == "dumb":
        return {question.id: _by_number(question) for question in questions}
    chosen: Chosen = {}
    with _keys() as keys:
        at = 0
        while at < len(questions):
            question = questions[at]
            step = _by_arrow(
                question, chosen.get(question.id, list(question.default)), keys, f"{at + 1}/{len(questions)}"
            )
            at = at + 1 if step is not None else max(at - 1, 0)
            if step is not None:
                chosen[question.id] = step
    return chosen


def split(sent: bytes) -> list[str]:
    """The keys in what a terminal sent, several at once where somebody types fast or pastes."""
    found: list[str] = []
    while sent:
        length = next((size for size in (3, 1) if sent[:size] in KEYS), 0)
        if length:
            found.append(KEYS[sent[:length]])
        sent = sent[length or 1 :]
    return found


@contextmanager
def _keys() -> Iterator[Iterator[str]]:
    """The keys that are pressed, without echo and without waiting for enter; the terminal is as before afterwards."""
    device = sys.stdin.fileno()
    before = termios.tcgetattr(device)
    try:
        tty.setcbreak(device)
        click.echo("\x1b[?25l", nl=False, err=True)  # no cursor
        yield _pressed(device)
    finally:
        click.echo("\x1b[?25h", nl=False, err=True)
        termios.tcsetattr(device, termios.TCSADRAIN, before)


def _pressed(device: int) -> Iterator[str]:
    while sent := os.read(device, 64):
        while sent.endswith((b"\x1b", b"\x1b[", b"\x1bO")) and select.select([device], [], [], _PATIENCE)[0]:
            sent += os.read(device, 64)
        yield from split(sent)
    yield "leave"


def _by_arrow(question: Question, before: Sequence[str], keys: Iterator[str], where: str) -> list[str] | None:
    """What was chosen; None: back to the question before."""
    names = list(question.choices)
    at = names.index(before[0]) if before else 0
    marked = set(before)
    height = _draw(question, at, marked, where)
    for key in keys:
        if key == "leave":
            raise CommandError("left without an answer", "nothing was written")
        if key in ("enter", "back"):
            chosen = [name for name in names if name in marked] if question.many else [names[at]]
            if key == "enter" and question.id == "client" and not chosen:
                continue
            _clear(height)
            if key == "back":
                return None
            click.echo(f"{question.asks} {click.style(', '.join(chosen) or 'none', fg='green')}", err=True)
            return chosen
        if key == "mark" and question.many:
            marked ^= {names[at]}
        at = (at + {"up": -1, "down": 1}.get(key, 0)) % len(names)
        _clear(height)
        height = _draw(question, at, marked, where)
    raise CommandError("the terminal has gone", "give the answers in a file: --answers FILE")


def _draw(question: Question, at: int, marked: set[str], where: str) -> int:
    """The lines on the screen; each fits into its width, so that they can be counted."""
    width = max(shutil.get_terminal_size().columns - 1, 20)
    keys = "space marks, enter goes on" if question.many else "enter chooses"
    lines = [(f"{question.asks}", True), (f"  {where}: arrows move, {keys}, left goes back, q leaves", False)]
    for number, (name, says) in enumerate(question.choices.items()):
        box = ("[x] " if name in marked else "[ ] ") if question.many else ""
        lines.append((f"{'>' if number == at else ' '} {box}{says}", number == at))
    for text, bold in lines:
        click.echo(click.style(text[:width], bold=bold), err=True)
    return len(lines)


def _clear(height: int) -> None:
    click.echo(f"\x1b[{height}A\x1b[J", nl=False, err=True)


def _by_number(question: Question) -> list[str]:
    """Asked in lines: for terminals that cannot move the cursor."""
    names = list(question.choices)
    click.echo(question.asks, err=True)
    for number, says in enumerate(question.choices.values(), 1):
        click.echo(f"  {number}. {says}", err=True)
    default = " ".join(str(names.index(name) + 1) for name in question.default) or "0"
    while True:
        said = str(click.prompt("Numbers, or 0 for none" if question.many else "Number", default=default, err=True))
        words = said.replace(",", " ").split()
        if question.many and words == ["0"] and question.id != "client":
            return []
        valid = all(word.isascii() and word.isdigit() and 0 < int(word) <= len(names) for word in words)
        if words and valid and (question.many or len(words) == 1):
            return [names[int(word) - 1] for word in words]
        click.echo(f"answer with 1 to {len(names)}", err=True)
