"""How advice looks: a table on a terminal, lines off it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..advisor.audit import CHECKS, Finding, why
from ..advisor.base import Rule
from ..advisor.jobs import JOBS, NONE
from ..advisor.plan import Plan, Row
from ..advisor.questions import QUESTIONS
from ..advisor.spans import span
from .commands import plain

if TYPE_CHECKING:
    from rich.console import Console

LEVELS = {"fail": "red", "warn": "yellow", "note": "cyan"}


def show_plan(plan: Plan) -> None:
    if plain():
        click.echo("\n\n".join("\n".join(_lines(row)) for row in plan.rows))
        for line in _checklist(plan):
            click.echo(line)
        return
    from rich.console import Console

    print_plan(plan, Console())


def show_answers(plan: Plan) -> None:
    """A line a job: the whole plan is what the command says where it writes nothing."""
    for row in plan.rows:
        click.echo(f"{row.name}: {row.what}")


def print_plan(plan: Plan, console: Console) -> None:
    """The plan as tables, on this terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Which token for which job", show_lines=True, title_justify="left", expand=True)
    for name, share in (("job", 3), ("answer", 4), ("how", 7)):
        table.add_column(name, ratio=share, overflow="fold")
    for row in plan.rows:
        answer = Text.assemble((row.what, "bold" if row.choice != NONE else ""), f"\n{why(row.rule)[0]}")
        how = "\n".join(f"{name}: {value}" for name, value in _facts(row)) or "–"
        table.add_row(row.name, answer, how)
    console.print(table)
    rejected = Table(title="Rejected", title_justify="left", expand=True)
    for name, share in (("job", 3), ("not", 4), ("because", 7)):
        rejected.add_column(name, ratio=share, overflow="fold")
    for row in plan.rows:
        for one in row.rejected if row.choice != NONE else ():
            rejected.add_row(row.name, one.what, f"{one.reason} ({one.rule})")
    console.print(rejected)
    for line in _checklist(plan):
        console.print(line, markup=False, highlight=False)


def _facts(row: Row) -> Iterable[tuple[str, str]]:
    """What is known of the answer, by name."""
    if row.choice == NONE:
        return
    yield "format", row.format
    yield "carried in", row.carrier
    if row.lifetime is not None:
        yield "lives", span(row.lifetime) + ("" if row.idle is None else f", {span(row.idle)} without a request")
    yield "kept", row.storage
    yield "ended by", row.revocation
    if row.stops_within is not None:
        yield "an end holds", "at once" if row.stops_within == 0 else f"everywhere within {span(row.stops_within)}"
    for offered in row.offered:
        yield "also good", f"{offered.what}: {offered.reason}"
    for note in row.notes:
        yield "note", note
    for one in row.overruled:
        yield "overruled", f"{one.rule} {one.said}; {one.by} stands first"


def _lines(row: Row) -> Iterable[str]:
    text, sources = why(row.rule)
    yield f"{row.name}: {row.what}"
    yield f"  why: {text} ({row.rule}: {', '.join(sources)})"
    for name, value in _facts(row):
        yield f"  {name}: {value}"
    for one in row.rejected if row.choice != NONE else ():
        yield f"  not {one.what}: {one.reason} ({one.rule})"


def _checklist(plan: Plan) -> Sequence[str]:
    return ["", "Checklist", *(f"  [ ] {line}" for line in plan.checklist)] if plan.checklist else []


def rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "question": rule.question,
        "when": {name: words.split() for name, words in rule.when.items()},
        "unless": {name: words.split() for name, words in rule.unless.items()},
        "says": {
            job: {
                "recommends": says.recommends,
                "offers": dict(says.offers),
                "rejects": dict(says.rejects),
                "lifetime": says.lifetime,
                "idle": says.idle,
                "stops_within": says.stops_within,
                "notes": list(says.notes),
            }
            for job, says in rule.says.items()
        },
        "settings": dict(rule.settings),
        "why": rule.why,
        "sources": list(rule.sources),
    }


def show_rule(rule: Rule) -> None:
    asks = QUESTIONS[rule.question].asks if rule.question in QUESTIONS else "what holds when in doubt"
    click.echo(f"{rule.id}: {rule.why}\n  question: {asks}")
    for word, condition in (("when", rule.when), ("unless", rule.unless)):
        for name, words in condition.items():
            click.echo(f"  {word} {name}: {' or '.join(words.split())}")
    for job, says in rule.says.items():
        alternatives = JOBS[job].alternatives
        named = f"  {JOBS[job].name}"
        if says.recommends is not None:
            click.echo(f"{named}: recommends {alternatives[says.recommends].what}")
        for name, reason in says.offers.items():
            click.echo(f"{named}: offers {alternatives[name].what}: {reason}")
        for name, reason in says.rejects.items():
            click.echo(f"{named}: not {alternatives[name].what}: {reason}")
        for word, time in (("lives", says.lifetime), ("without a request", says.idle)):
            if time is not None:
                click.echo(f"{named}: {word} {span(time)} at most")
        for note in says.notes:
            click.echo(f"{named}: {note}")
    for name, value in rule.settings.items():
        click.echo(f"  setting {name}: {value}")
    click.echo(f"  source: {', '.join(rule.sources)}")


def show_findings(found: Sequence[Finding], path: str, *, planned: bool) -> None:
    """``planned``: the file has the answers of a plan, and was held against it."""
    for one in found:
        level = one.level if plain() else click.style(one.level, fg=LEVELS[one.level], bold=True)
        text, sources = why(one.rule)
        click.echo(f"{level} {one.setting}: {one.says}")
        click.echo(f"  instead: {one.instead}\n  why: {text} ({one.rule}: {', '.join(sources)})")
    counted = [f"{sum(one.level == level for one in found)} {level}" for level in LEVELS]
    against = "and its own plan" if planned else "(no answers in it)"
    click.echo(f"{path}: {len(CHECKS)} checks {against}: {', '.join(counted)}")
