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

WIDTH = 500
"""Narrow, so that a telephone still shows letters of ten pixels."""
_LEFT, _RIGHT, _GAP = 244, 206, 22
"""Widths of a condition and of an answer, and the arrow between them."""
_LINE, _PAD, _MARGIN = 17, 9, 14
_CHARACTER, _BOLD = 7.0, 7.9
"""Pixels of one character on average, at 13 px."""
_STYLE = """
  :root { --paper: #ffffff; --ink: #1c2430; --quiet: #5b6675; --box: #f1f4f8; --line: #b8c1cd; --yes: #e3f2ec;
          --edge: #1f5f4b; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #12161c; --ink: #e8ebf0; --quiet: #9aa5b4; --box: #1b212a; --line: #465063; --yes: #16302a;
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
    """One job; the y after it."""
    parts.append(f'<text class="job" x="{_MARGIN}" y="{y + 18}">{escape(job.name)}</text>')
    y += 32
    for number, rule in enumerate(rules):
        condition, answer = _condition(rule), _answer(name, job, rule)
        height = _PAD * 2 + _LINE * max(len(condition), len(answer))
        if number:
            parts.append(_down(y - 12, y))
        parts.append(_box("box", _MARGIN, y, _LEFT, height, condition))
        parts.append(_across(y + height // 2))
        recommended = rule.says[name].recommends
        parts.append(_box("box" if recommended == NONE else "yes", _MARGIN + _LEFT + _GAP, y, _RIGHT, height, answer))
        y += height + 12
    return y + 18


def _condition(rule: Rule) -> Lines:
    lines: Lines = []
    for word, condition in (("", rule.when), ("not ", rule.unless)):
        for question, words in condition.items():
            says = [QUESTIONS[question].choices[choice] for choice in words.split()]
            chosen = " or ".join(says) if len(says) <= 2 else ", ".join(words.split())
            also = "and " if lines else ""
            lines += [(line, "") for line in _wrapped(f"{also}{word}{question}: {chosen}", _LEFT)]
    return [*(lines or [("otherwise", "")]), (rule.id, "quiet")]


def _answer(name: str, job: Job, rule: Rule) -> Lines:
    says = rule.says[name]
    chosen = job.alternatives[str(says.recommends)]
    lines: Lines = [(line, "strong") for line in _wrapped(chosen.what, _RIGHT, _BOLD)]
    if says.recommends != NONE:
        lives = f"{span(chosen.lifetime)}: " if chosen.lifetime is not None else ""
        lines += [(line, "quiet") for line in _wrapped(f"{lives}{chosen.format}", _RIGHT)]
    for offered in says.offers:
        lines += [(line, "quiet") for line in _wrapped(f"also good: {job.alternatives[offered].what}", _RIGHT)]
    return lines


def _wrapped(text: str, width: int, character: float = _CHARACTER) -> list[str]:
    return wrap(text, int((width - 2 * _PAD) / character), break_on_hyphens=False)


def _box(kind: str, x: int, y: int, width: int, height: int, lines: Lines) -> str:
    texts = "".join(
        f'<text class="{style}" x="{x + _PAD}" y="{y + _PAD + 13 + number * _LINE}">{escape(line)}</text>'
        for number, (line, style) in enumerate(lines)
    )
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>{texts}'


def _across(y: int) -> str:
    x = _MARGIN + _LEFT
    return f'<path class="arrow" d="M{x} {y}h{_GAP - 6}"/><path class="tip" d="M{x + _GAP} {y}l-8 -4v8z"/>'


def _down(before: int, after: int) -> str:
    x = _MARGIN + 24
    return f'<path class="arrow" d="M{x} {before}V{after}"/>'
