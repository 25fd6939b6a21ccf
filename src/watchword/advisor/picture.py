"""The decision tree as a picture: an SVG made from the rules, readable in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .base import Rule
from .drawing import BOLD, LINE, MARGIN, PAD, Lines, box, framed, heading, wrapped
from .jobs import JOBS, NONE, Job
from .questions import QUESTIONS
from .rules import RULES
from .spans import span

_LEFT, _RIGHT, _GAP = 244, 206, 22
"""Widths of a condition and of an answer, and the arrow between them."""


def svg(rules: Iterable[Rule] = RULES.values()) -> str:
    """The picture. For each job the rules that recommend something, in order: the first whose answers hold is right."""
    held = list(rules)
    parts: list[str] = []
    y = MARGIN
    for name, job in JOBS.items():
        rows = [rule for rule in held if name in rule.says and rule.says[name].recommends is not None]
        y = _section(parts, name, job, rows, y)
    says = "For each job the conditions in order, each with the answer that is right where it is the first to hold."
    return framed(parts, y, title="Which token for which job", says=says)


def _section(parts: list[str], name: str, job: Job, rules: Sequence[Rule], y: int) -> int:
    """One job; the y after it."""
    parts.append(heading(job.name, y))
    y += 32
    for number, rule in enumerate(rules):
        condition, answer = _condition(rule), _answer(name, job, rule)
        height = PAD * 2 + LINE * max(len(condition), len(answer))
        if number:
            parts.append(_down(y - 12, y))
        parts.append(box("box", MARGIN, y, _LEFT, height, condition))
        parts.append(_across(y + height // 2))
        recommended = rule.says[name].recommends
        parts.append(box("box" if recommended == NONE else "yes", MARGIN + _LEFT + _GAP, y, _RIGHT, height, answer))
        y += height + 12
    return y + 18


def _condition(rule: Rule) -> Lines:
    lines: Lines = []
    for word, condition in (("", rule.when), ("not ", rule.unless)):
        for question, words in condition.items():
            says = [QUESTIONS[question].choices[choice] for choice in words.split()]
            chosen = " or ".join(says) if len(says) <= 2 else ", ".join(words.split())
            also = "and " if lines else ""
            lines += [(line, "") for line in wrapped(f"{also}{word}{question}: {chosen}", _LEFT)]
    return [*(lines or [("otherwise", "")]), (rule.id, "quiet")]


def _answer(name: str, job: Job, rule: Rule) -> Lines:
    says = rule.says[name]
    chosen = job.alternatives[str(says.recommends)]
    lines: Lines = [(line, "strong") for line in wrapped(chosen.what, _RIGHT, BOLD)]
    if says.recommends != NONE:
        lives = f"{span(chosen.lifetime)}: " if chosen.lifetime is not None else ""
        lines += [(line, "quiet") for line in wrapped(f"{lives}{chosen.format}", _RIGHT)]
    for offered in says.offers:
        lines += [(line, "quiet") for line in wrapped(f"also good: {job.alternatives[offered].what}", _RIGHT)]
    return lines


def _across(y: int) -> str:
    x = MARGIN + _LEFT
    return f'<path class="arrow" d="M{x} {y}h{_GAP - 6}"/><path class="tip" d="M{x + _GAP} {y}l-8 -4v8z"/>'


def _down(before: int, after: int) -> str:
    x = MARGIN + 24
    return f'<path class="arrow" d="M{x} {before}V{after}"/>'
