"""``watchword advise``: which token for which job, asked, answered, written out, and judged afterwards."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import to_builtins

from ..advisor.answers import answers_of
from ..advisor.audit import audit, why
from ..advisor.decide import decide
from ..advisor.plan import Plan
from ..advisor.questions import QUESTIONS
from ..advisor.rules import RULES
from ..advisor.writing import FRAMEWORKS, RUN, project
from ..config import Settings
from ..errors import ConfigurationError
from ..keys.ring import KeyRing
from ..stores.base import open_store
from .advice import rule_json, show_answers, show_findings, show_plan, show_rule
from .choosing import ask_all, can_ask
from .commands import CommandError, configured, examples, json_option, say_json
from .key_copies import write_once

F = TypeVar("F", bound=Callable[..., Any])

NOTHING = "none"
_CODES = "Exit codes: 0 done, 1 refused, or the audit found a failure, 2 wrong usage."


def _questions(command: F) -> F:
    """An option for each question of the table, in its order."""
    for question in reversed(QUESTIONS.values()):
        names = [*question.choices, *([NOTHING] if question.many and question.id != "client" else [])]
        repeated = " May be repeated." if question.many else ""
        default = ", ".join(question.default) or NOTHING
        meanings = "; ".join(f"{id}: {text.removeprefix(f'{id}: ')}" for id, text in question.choices.items())
        command = click.option(
            f"--{question.id}",
            question.id,
            type=click.Choice(names),
            multiple=question.many,
            help=f"{question.asks} {meanings}.{repeated} When in doubt: {default}.",
        )(command)
    return command


@click.command(
    epilog=examples(
        "watchword advise",
        "watchword advise --client spa --client mobile --verify local",
        "watchword advise --answers answers.toml --write myapp --framework flask",
        "watchword advise --explain own-both-ends",
        "watchword advise --audit watchword.toml",
        codes=_CODES,
    )
)
@click.option(
    "--answers",
    type=click.Path(),
    metavar="FILE",
    help="The answers as TOML or JSON, or a watchword.toml that has them; - is stdin.",
)
@_questions
@click.option("--framework", type=click.Choice(FRAMEWORKS), default="fastapi", show_default=True, help="For --write.")
@click.option(
    "--write",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write watchword.toml, app.py, jobs.py and tests of the plan; overwrites nothing.",
)
@click.option(
    "--explain", metavar="RULE", help="Show one rule: when it holds, what it says, why, and its source; or all."
)
@click.option("--audit", "audited", type=click.Path(), metavar="FILE", help="Judge a watchword.toml by the same rules.")
@json_option
def advise(
    answers: str | None,
    framework: str,
    write: str | None,
    explain: str | None,
    audited: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Say which token fits each job of a system, why, and why not the others.

    At a terminal it asks, with arrow keys; answers in a file or by options are not asked for, and with either nothing
    is: the rest is assumed as it is when in doubt.
    """
    given = {name: value for name, value in flags.items() if value}
    if sum([explain is not None, audited is not None, bool(answers or given or write)]) > 1:
        raise click.UsageError("--explain and --audit stand alone")
    if explain is not None:
        _explain(explain, as_json)
    elif audited is not None:
        _audit(audited, as_json)
    else:
        _plan(_answered(answers, given), framework, write, as_json)


def _answered(path: str | None, flags: Mapping[str, Any]) -> Mapping[str, object]:
    """The file's answers, then the options', which win; or those that are given at the terminal."""
    options = {
        name: [one for one in value if one != NOTHING] if isinstance(value, tuple) else value
        for name, value in flags.items()
    }
    if path is not None or options:
        return {**(_read(path) if path is not None else {}), **options}
    if not can_ask():
        raise CommandError(
            "there is no terminal to ask at", "watchword advise --answers FILE, or --client web and so on; see --help"
        )
    return ask_all(list(QUESTIONS.values()))


def _read(path: str) -> Mapping[str, object]:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8") from error
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is neither TOML nor JSON: {error}") from error
    advice = found.get("advice")
    inner = advice.get("answers") if isinstance(advice, dict) else None
    return inner if isinstance(inner, dict) else dict(found)


def _plan(given: Mapping[str, object], framework: str, write: str | None, as_json: bool) -> None:
    plan = decide(answers_of(given))
    written = _write(plan, framework, Path(write)) if write is not None else []
    if as_json:
        say_json(plan.to_json() | ({"written": written} if write is not None else {}))
        return
    if write is None:
        show_plan(plan)
        return
    show_answers(plan)
    click.echo("\n".join(f"wrote {name}" for name in written))
    if plan["browser"].choice in ("session", "bff"):
        click.echo("check_password in app.py is yours to write: until then it lets nobody in")
    click.echo(f"next: cd {write}; pytest test_plan.py; {RUN[framework]}")


def _write(plan: Plan, framework: str, folder: Path) -> list[str]:
    """The names of the files. Raises: CommandError, before anything is written, where one of them is there already."""
    texts = {folder / name: text for name, text in project(plan, framework).items()}
    there = [str(path) for path in texts if path.exists()]
    if there:
        raise CommandError(f"{there[0]} is there already, and is not overwritten", "name another folder with --write")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            write_once(path, text, mode=0o644)
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}") from error
    return [str(path) for path in texts]


def _explain(name: str, as_json: bool) -> None:
    if name != "all" and name not in RULES:
        close = get_close_matches(name, RULES, n=1)
        raise CommandError(f"there is no rule {name!r}", f"did you mean {close[0]}?" if close else "--explain all")
    chosen = list(RULES.values()) if name == "all" else [RULES[name]]
    if as_json:
        say_json([rule_json(rule) for rule in chosen] if name == "all" else rule_json(chosen[0]))
        return
    for rule in chosen:
        show_rule(rule)


def _audit(path: str, as_json: bool) -> None:
    if not Path(path).exists():
        raise CommandError(f"there is no {path}", "name the file after --audit")
    settings = configured(path)
    _ensure_starts(settings, path)
    found = audit(settings, _algorithms(settings))
    failed = any(one.level == "fail" for one in found)
    if as_json:
        told = [to_builtins(one) | {"why": why(one.rule)[0], "sources": list(why(one.rule)[1])} for one in found]
        say_json({"findings": told, "failed": failed})
    else:
        show_findings(found, path, planned=bool(settings.advice.answers))
    if failed:
        raise SystemExit(1)


def _ensure_starts(settings: Settings, path: str) -> None:
    """Advice on what is refused would be beside the point. Making a Watchword does no I/O."""
    from ..app import Watchword

    try:
        Watchword.from_settings(settings)
    except ConfigurationError as error:
        raise CommandError(f"{path}: it would not start: {error}", "correct it, and audit it again") from error


def _algorithms(settings: Settings) -> list[str]:
    """Of the keys that sign, in the key file, where there is one already."""
    beside = settings.keys or open_store(settings.url).keys_beside
    if beside is None or not Path(beside).exists():
        return []
    return [slot.key.algorithm.name for slot in KeyRing.load(beside) if slot.key.use == "sign"]
