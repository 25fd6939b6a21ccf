"""The decision tree as a picture: an SVG made from the rules, readable in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .base import Rule
from .drawing import BOLD, CHARACTER, LINE, MARGIN, PAD, Lines, box, framed, heading, wrapped
from .jobs import JOBS, NONE, Job
from .questions import QUESTIONS
from .rules import RULES
from .spans import span

WIDTH = 380
"""Narrow, so that a telephone still shows letters of twelve pixels."""
_INDENT, _GAP = 34, 14
"""Before an answer, and between two rules."""
_STYLE = "  .dashed { stroke-dasharray: 3 4; }\n"


def svg(rules: Iterable[Rule] = RULES.values()) -> str:
    """The picture. For each job the rules that recommend something, in order: the first whose answers hold is right."""
    held = list(rules)
    parts: list[str] = []
    y = MARGIN
    for name, job in JOBS.items():
        rows = [rule for rule in held if name in rule.says and rule.says[name].recommends is not None]
        y = _section(parts, name, job, rows, y)
    says = "For each job the conditions in order, each with the answer that is right where it is the first to hold."
    return framed(parts, y, title="Which token for which job", says=says, style=_STYLE, width=WIDTH)


def _section(parts: list[str], name: str, job: Job, rules: Sequence[Rule], y: int) -> int:
    """One job; the y after it. The line on the left leads from a condition that does not hold to the next."""
    parts.append(heading(job.name, y))
    y += 32
    for number, rule in enumerate(rules, 1):
        condition, answer = _condition(rule), _answer(name, job, rule)
        below = y + _height(condition)
        beside = below + 6
        after = beside + _height(answer) + _GAP
        recommended = rule.says[name].recommends
        parts.append(_box("box", MARGIN, y, condition))
        parts.append(_into(below, beside + _height(answer) // 2))
        parts.append(_box("box" if recommended == NONE else "yes", MARGIN + _INDENT, beside, answer))
        if number < len(rules):
            parts.append(_down(below, after))
        y = after
    return y + 14


def _condition(rule: Rule) -> Lines:
    lines: Lines = []
    for word, condition in (("", rule.when), ("not ", rule.unless)):
        for question, words in condition.items():
            also = "and " if lines else ""
            text = f"{also}{word}{QUESTIONS[question].holds} {_chosen(question, words.split())}"
            lines += [(line, "") for line in _wrapped(text, MARGIN)]
    return [*(lines or [("otherwise", "")]), (rule.id, "quiet")]


def _chosen(question: str, words: list[str]) -> str:
    """What one or two answers say; of more, how they are called."""
    if len(words) <= 2:
        return " or ".join(QUESTIONS[question].choices[word] for word in words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _answer(name: str, job: Job, rule: Rule) -> Lines:
    says = rule.says[name]
    chosen, x = job.alternatives[str(says.recommends)], MARGIN + _INDENT
    lines: Lines = [(line, "strong") for line in _wrapped(chosen.what, x, BOLD)]
    if says.recommends != NONE:
        lives = f"; lives {span(chosen.lifetime)}" if chosen.lifetime is not None else ""
        lines += [(line, "quiet") for line in _wrapped(f"{chosen.format}{lives}", x)]
    for offered in says.offers:
        lines += [(line, "quiet") for line in _wrapped(f"also good: {job.alternatives[offered].what}", x)]
    return lines


def _height(lines: Lines) -> int:
    return PAD * 2 + LINE * len(lines)


def _wrapped(text: str, x: int, character: float = CHARACTER) -> list[str]:
    """As it fits into a box that begins at ``x``."""
    return wrapped(text, WIDTH - MARGIN - x, character)


def _box(kind: str, x: int, y: int, lines: Lines) -> str:
    return box(kind, x, y, WIDTH - MARGIN - x, _height(lines), lines)


def _into(before: int, middle: int) -> str:
    """From a condition to its answer, if it holds."""
    x, to = MARGIN + 20, MARGIN + _INDENT
    return f'<path class="arrow" d="M{x} {before}V{middle}H{to - 6}"/><path class="tip" d="M{to} {middle}l-8 -4v8z"/>'


def _down(before: int, after: int) -> str:
    """From a condition to the next one, if it does not hold."""
    x = MARGIN + 8
    return f'<path class="arrow dashed" d="M{x} {before}V{after}"/>'
