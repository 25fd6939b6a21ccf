"""Writes the picture of the decision tree and docs/reference/advice.md from the rules. ``make tree`` calls it."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from rich.console import Console

from watchword.advisor.answers import answers_of
from watchword.advisor.audit import CHECKS
from watchword.advisor.base import Rule
from watchword.advisor.decide import decide
from watchword.advisor.jobs import JOBS
from watchword.advisor.picture import svg
from watchword.advisor.questions import QUESTIONS
from watchword.advisor.rules import RULES
from watchword.advisor.spans import span
from watchword.cli.advice import print_plan

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/explanation/which-token-for-which-job.svg"
TERMINAL = ROOT / "docs/how-to/choose-tokens.svg"
PAGE = ROOT / "docs/reference/advice.md"

HEAD = """\
# The rules of the advice

`make tree` writes this page and [the picture](../explanation/which-token-for-which-job.svg) from
`watchword.advisor`; a test holds them to it. How to use them: [choose tokens](../how-to/choose-tokens.md).

Of two rules that disagree, the one that stands first is right: what it chose stays chosen, what it rejected stays
rejected. Of two lifetimes the shorter counts. `watchword advise --explain RULE` shows one of them.
"""


def questions() -> str:
    lines = ["| question | asks | answers | in doubt |", "|---|---|---|---|"]
    for question in QUESTIONS.values():
        answers = "<br>".join(f"`{name}`: {says}" for name, says in question.choices.items())
        many = " (any number)" if question.many else ""
        default = ", ".join(f"`{name}`" for name in question.default) or "none"
        lines.append(f"| `{question.id}` | {question.asks}{many} | {answers} | {default} |")
    return "\n".join(lines)


def rules() -> str:
    lines = ["| rule | holds | says | why | source |", "|---|---|---|---|---|"]
    for rule in RULES.values():
        says = "<br>".join(_says(rule)) or "–"
        lines.append(f"| `{rule.id}` | {_holds(rule)} | {says} | {rule.why} | {', '.join(rule.sources)} |")
    return "\n".join(lines)


def _holds(rule: Rule) -> str:
    when = [f"{name}: {' or '.join(words.split())}" for name, words in rule.when.items()]
    unless = [f"not {name}: {' or '.join(words.split())}" for name, words in rule.unless.items()]
    return "; ".join([*when, *unless]) or "always"


def _says(rule: Rule) -> list[str]:
    told = []
    for job, says in rule.says.items():
        names = JOBS[job].alternatives
        parts = [f"**{names[says.recommends].what}**"] if says.recommends is not None else []
        parts += [f"also good: {names[name].what}" for name in says.offers]
        parts += [f"not {names[name].what}" for name in says.rejects]
        parts += [f"lives {span(says.lifetime)} at most"] if says.lifetime is not None else []
        parts += [f"{span(says.idle)} without a request at most"] if says.idle is not None else []
        if parts:
            told.append(f"{JOBS[job].name}: {'; '.join(parts)}")
    return told


def checks() -> str:
    lines = ["| level | setting | instead | rule |", "|---|---|---|---|"]
    lines += [f"| {one.level} | `{one.setting}` | {one.instead} | `{one.rule}` |" for one in CHECKS]
    return "\n".join(lines)


def page() -> str:
    return (
        f"{HEAD}\n## Questions\n\n{questions()}\n\n## Rules\n\n{rules()}\n\n## What the audit looks for\n\n"
        f"`watchword advise --audit watchword.toml`. A `fail` is exit code 1.\n\n{checks()}\n\n"
        "Where the file has `[advice.answers]`, whatever is weaker than the plan for them is a `warn` as well.\n"
    )


def terminal() -> str:
    """What ``watchword advise --client web`` shows on a terminal; no font or anything else is fetched for it."""
    console = Console(record=True, width=100, file=StringIO(), force_terminal=True)
    print_plan(decide(answers_of({"client": "web"})), console)
    frame = re.sub(
        r"@font-face \{\{.*?\}\}\s*", "", str((Console.export_svg.__kwdefaults__ or {})["code_format"]), flags=re.DOTALL
    )
    return console.export_svg(title="watchword advise --client web", code_format=frame, unique_id="advise")


if __name__ == "__main__":
    TERMINAL.write_text(terminal(), encoding="utf-8")
    PICTURE.write_text(svg(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
