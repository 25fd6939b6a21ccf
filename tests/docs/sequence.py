"""A sequence diagram as an SVG: who says what to whom, what each does with it, and where it can be ended."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Final

from msgspec import Struct

from watchword.advisor.drawing import CHARACTER, LINE, MARGIN, PAD, WIDTH, box, framed, heading, wrapped

STYLE: Final = """
  :root { --end: #fbe9e7; --stop: #a3271b; }
  @media (prefers-color-scheme: dark) { :root { --end: #3a1a17; --stop: #ff9c8f; } }
  .life { stroke: var(--line); stroke-dasharray: 3 4; }
  .who { text-anchor: middle; font-weight: 600; }
  .says { text-anchor: middle; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round; paint-order: stroke; }
  .call { stroke: var(--quiet); fill: none; }
  .answer { stroke: var(--quiet); fill: none; stroke-dasharray: 5 4; }
  .point { fill: var(--quiet); }
  .end { fill: var(--end); stroke: var(--stop); }
  .stop { fill: var(--stop); }
  .mark { fill: var(--stop); font-size: 12px; text-anchor: end; }
  .ball { fill: var(--ink); }
  .number { fill: var(--paper); font-size: 11px; font-weight: 600; text-anchor: middle; }
"""
_WHO, _WORK, _SAYS, _INSET = 132, 310, 330, 38
"""Widths: of a name, of a box of work, of a message; where the words of a box begin."""
_BALL, _TOP, _GAP = 9, 26, 12
_WIDE = 7.6
"""Pixels of a character where the first words are bold."""


class Step(Struct, frozen=True, kw_only=True):
    """One step. ``at`` does it; with ``to`` it is said to somebody. ``ends``: here the credential can be ended.

    ``stage``: of the corridor, or the verb. ``shown``: a few words in the picture. ``told``: sentences on the page.
    ``file``: what does it, below ``src/watchword/`` or, with a slash in front, in the repository.
    """

    at: str
    stage: str
    shown: str
    told: str
    file: str
    to: str = ""
    answer: bool = False
    ends: bool = False


class Later(Struct, frozen=True):
    """A line across: what follows happens at another time."""

    when: str


class Part(Struct, frozen=True):
    """One diagram: who takes part, from left to right, and what happens."""

    title: str
    who: tuple[str, ...]
    steps: tuple[Step | Later, ...]


def svg(parts: Sequence[Part], *, title: str, says: str) -> str:
    """The parts below each other, their steps numbered throughout."""
    drawn: list[str] = []
    y, number = MARGIN, 1
    for part in parts:
        y, number = _Diagram(part, drawn).draw(y, number)
    return framed(drawn, y, title=title, says=says, style=STYLE)


class _Diagram:
    def __init__(self, part: Part, drawn: list[str]) -> None:
        self.part, self.drawn = part, drawn
        room = WIDTH - 2 * MARGIN - _WHO
        self.places = {
            who: MARGIN + _WHO // 2 + room * number // (len(part.who) - 1) for number, who in enumerate(part.who)
        }

    def draw(self, y: int, number: int) -> tuple[int, int]:
        """From ``y`` on, beginning with ``number``; the next of both."""
        if self.part.title:
            self.drawn.append(heading(self.part.title, y))
            y += 34
        names = [self._name(who, x, y) for who, x in self.places.items()]
        lives, y = len(self.drawn), y + _TOP + 18
        begun = y - 18
        for kind, steps in groupby(self.part.steps, key=_sort):
            together = list(steps)
            for step in together if kind[0] != "work" else ():
                if isinstance(step, Later):
                    y = self._later(step, y)
                else:
                    y, number = self._message(step, number, y)
            if kind[0] == "work":
                y, number = self._work([step for step in together if isinstance(step, Step)], number, y)
        lines = [f'<path class="life" d="M{x} {begun}V{y}"/>' for x in self.places.values()]
        self.drawn[lives:lives] = [*lines, *names]
        return y + 26, number

    def _name(self, who: str, x: int, y: int) -> str:
        rect = box("box", x - _WHO // 2, y, _WHO, _TOP, [])
        return f'{rect}<text class="who" x="{x}" y="{y + 18}">{escape(who)}</text>'

    def _later(self, step: Later, y: int) -> int:
        middle = WIDTH // 2
        self.drawn.append(f'<text class="says quiet" x="{middle}" y="{y + 16}">{escape(f"— {step.when} —")}</text>')
        return y + 34

    def _message(self, step: Step, number: int, y: int) -> tuple[int, int]:
        start, end = self.places[step.at], self.places[step.to]
        lines = wrapped(step.shown, _SAYS)
        half = max(len(line) for line in lines) * CHARACTER / 2 + PAD
        middle = round(min(max((start + end) / 2, MARGIN + half), WIDTH - MARGIN - half))
        for line in lines:
            y += LINE
            self.drawn.append(f'<text class="says" x="{middle}" y="{y}">{escape(line)}</text>')
        y += 4 + _BALL
        way = 1 if end > start else -1
        kind = "answer" if step.answer else "call"
        self.drawn.append(
            f'<path class="{kind}" d="M{start} {y}H{end - way * 6}"/>'
            f'<path class="point" d="M{end} {y}l{-way * 8} -4v8z"/>{_ball(start, y, number)}'
        )
        return y + _BALL + _GAP, number + 1

    def _work(self, steps: list[Step], number: int, y: int) -> tuple[int, int]:
        x = round(min(max(self.places[steps[0].at] - _WORK / 2, MARGIN), WIDTH - MARGIN - _WORK))
        kind = "end" if steps[0].ends else "yes"
        rows: list[str] = []
        inside = y + PAD
        for step in steps:
            said = wrapped(f"{step.stage}: {step.shown}", _WORK - _INSET + PAD, _WIDE)
            rows.append(_ball(x + PAD + _BALL, inside + 10, number))
            rows += [
                f'<text class="{"stop" if step.ends else ""}" x="{x + _INSET}" y="{inside + 14 + LINE * line}">'
                f"{_bold(text, step.stage) if not line else escape(text)}</text>"
                for line, text in enumerate(said)
            ]
            inside += LINE * len(said)
            rows.append(f'<text class="quiet" x="{x + _INSET}" y="{inside + 13}">{escape(step.file.strip("/"))}</text>')
            if step.ends:
                rows.append(f'<text class="mark" x="{x + _WORK - PAD}" y="{inside + 13}">✕ may end here</text>')
            inside += LINE + 6
            number += 1
        self.drawn.append(box(kind, x, y, _WORK, inside - y + PAD - 6, []))
        self.drawn += rows
        return inside + PAD - 6 + _GAP, number


def _sort(step: Step | Later) -> tuple[str, str, bool]:
    """What stands together: the work of one who does it, but for what ends."""
    if isinstance(step, Later) or step.to:
        return "one", "", False
    return "work", step.at, step.ends


def _bold(text: str, stage: str) -> str:
    return f'<tspan class="strong">{escape(stage)}</tspan>{escape(text.removeprefix(stage))}'


def _ball(x: int, y: int, number: int) -> str:
    return (
        f'<circle class="ball" cx="{x}" cy="{y}" r="{_BALL}"/><text class="number" x="{x}" y="{y + 4}">{number}</text>'
    )
