"""The decision tree as a picture: an SVG made from the rules, readable in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from textwrap import wrap

from .base import Rule
from .jobs import JOBS, NONE, Job
from .questions import QUESTIONS
from .rules import RULES
from .spans import span

WIDTH = 380
"""Narrow, so that a telephone still shows letters of twelve pixels."""
_MARGIN, _INDENT, _GAP = 14, 34, 14
"""Around all of it, before an answer, and between two rules."""
_LINE, _PAD = 17, 7
_CHARACTER, _BOLD = 7.0, 7.9
"""Pixels of one character on average, at 13 px."""
_STYLE = """
  :root { --paper: #ffffff; --ink: #1c2430; --quiet: #5b6675; --box: #f1f4f8; --line: #8b96a5; --yes: #e3f2ec;
          --edge: #1f5f4b; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #12161c; --ink: #e8ebf0; --quiet: #9aa5b4; --box: #1b212a; --line: #6c788a; --yes: #16302a;
            --edge: #6fcfae; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
  .job { font-size: 17px; font-weight: 600; }
  .quiet { fill: var(--quiet); font-size: 12px; }
  .strong { font-weight: 600; }
  .paper { fill: var(--paper); }
  .box { fill: var(--box); stroke: var(--line); }
  .yes { fill: var(--yes); stroke: var(--edge); }
  .arrow { stroke: var(--line); fill: none; }
  .dashed { stroke-dasharray: 3 4; }
  .tip { fill: var(--line); }
"""
Lines = list[tuple[str, str]]
"""Each with its class."""


def svg(rules: Iterable[Rule] = RULES.values()) -> str:
    """The picture. For each job the rules that recommend something, in order: the first whose answers hold is right."""
    held = list(rules)
    parts: list[str] = []
    y = _MARGIN
    for name, job in JOBS.items():
        rows = [rule for rule in held if name in rule.says and rule.says[name].recommends is not None]
        y = _section(parts, name, job, rows, y)
    title = "Which token for which job"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" role="img" '
        'aria-labelledby="t d">\n'
        f'<title id="t">{title}</title>\n<desc id="d">For each job the conditions in order, each with the answer that '
        f"is right where it is the first to hold.</desc>\n<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{y}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _section(parts: list[str], name: str, job: Job, rules: Sequence[Rule], y: int) -> int:
    """One job; the y after it. The line on the left leads from a condition that does not hold to the next."""
    parts.append(f'<text class="job" x="{_MARGIN}" y="{y + 18}">{escape(job.name)}</text>')
    y += 32
    for number, rule in enumerate(rules, 1):
        condition, answer = _condition(rule), _answer(name, job, rule)
        below = y + _height(condition)
        beside = below + 6
        after = beside + _height(answer) + _GAP
        recommended = rule.says[name].recommends
        parts.append(_box("box", _MARGIN, y, condition))
        parts.append(_into(below, beside + _height(answer) // 2))
        parts.append(_box("box" if recommended == NONE else "yes", _MARGIN + _INDENT, beside, answer))
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
            lines += [(line, "") for line in _wrapped(text, _MARGIN)]
    return [*(lines or [("otherwise", "")]), (rule.id, "quiet")]


def _chosen(question: str, words: list[str]) -> str:
    """What one or two answers say; of more, how they are called."""
    if len(words) <= 2:
        return " or ".join(QUESTIONS[question].choices[word] for word in words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _answer(name: str, job: Job, rule: Rule) -> Lines:
    says = rule.says[name]
    chosen, x = job.alternatives[str(says.recommends)], _MARGIN + _INDENT
    lines: Lines = [(line, "strong") for line in _wrapped(chosen.what, x, _BOLD)]
    if says.recommends != NONE:
        lives = f"; lives {span(chosen.lifetime)}" if chosen.lifetime is not None else ""
        lines += [(line, "quiet") for line in _wrapped(f"{chosen.format}{lives}", x)]
    for offered in says.offers:
        lines += [(line, "quiet") for line in _wrapped(f"also good: {job.alternatives[offered].what}", x)]
    return lines


def _height(lines: Lines) -> int:
    return _PAD * 2 + _LINE * len(lines)


def _wrapped(text: str, x: int, character: float = _CHARACTER) -> list[str]:
    """As it fits into a box that begins at ``x``."""
    return wrap(text, int((WIDTH - _MARGIN - x - 2 * _PAD) / character), break_on_hyphens=False)


def _box(kind: str, x: int, y: int, lines: Lines) -> str:
    texts = "".join(
        f'<text class="{style}" x="{x + _PAD}" y="{y + _PAD + 13 + number * _LINE}">{escape(line)}</text>'
        for number, (line, style) in enumerate(lines)
    )
    size = f'width="{WIDTH - _MARGIN - x}" height="{_height(lines)}"'
    return f'<rect class="{kind}" x="{x}" y="{y}" {size} rx="6"/>{texts}'


def _into(before: int, middle: int) -> str:
    """From a condition to its answer, if it holds."""
    x, to = _MARGIN + 20, _MARGIN + _INDENT
    return f'<path class="arrow" d="M{x} {before}V{middle}H{to - 6}"/><path class="tip" d="M{to} {middle}l-8 -4v8z"/>'


def _down(before: int, after: int) -> str:
    """From a condition to the next one, if it does not hold."""
    x = _MARGIN + 8
    return f'<path class="arrow dashed" d="M{x} {before}V{after}"/>'
