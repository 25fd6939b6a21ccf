"""``watchword doctor``: what ails a configuration or a running server, and the command that mends it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from .. import __version__
from .commands import CommandError, examples, json_option, plain, say_json

if TYPE_CHECKING:
    from ..diagnosis.doctor import Finding, Report

_FEW = 3
"""So many probes are named that could not run for one reason; more are counted, and ``--json`` names them."""
_LABELS = {"look": "see it"}
_CODES = "Exit codes: 0 no failure, 1 a failure was found, 2 wrong usage."


@click.command(
    epilog=examples(
        "watchword doctor",
        "watchword doctor --url https://app.example",
        "watchword doctor --config watchword.toml --url https://app.example --canary canary.toml --output report.sarif",
        "watchword doctor --explain csrf.own-refused",
        codes=_CODES,
    )
)
@click.option(
    "--config",
    "configs",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="A configuration; again: compare services.",
)
@click.option("--url", "urls", multiple=True, metavar="ORIGIN", help="A server; again: another node of the same one.")
@click.option(
    "--canary", type=click.Path(), metavar="FILE", help="An account to act with, and the paths of its application."
)
@click.option("--ca", type=click.Path(), metavar="FILE", help="Certificates to trust instead of the system's (PEM).")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes of one configuration; WEB_CONCURRENCY.")
@click.option("--restart", metavar="COMMAND", help="What restarts the server; it is run once, with a canary signed in.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Write the report there as SARIF 2.1.0, too.")
@click.option("--explain", metavar="ID", help="Say all about one finding, and examine nothing.")
@json_option
def doctor(
    configs: tuple[str, ...],
    urls: tuple[str, ...],
    canary: str | None,
    ca: str | None,
    workers: int | None,
    restart: str | None,
    output: str | None,
    explain: str | None,
    as_json: bool,
) -> None:
    """Look for what is wrong with a configuration, or with a running server as its clients see it.

    Without a canary nothing is changed and nothing is signed in. A canary is an account of its own; its sessions are
    ended again. Credentials go to the origins of --url alone, over TLS or within this machine, and are never shown.
    """
    if explain is not None:
        _explain(explain, as_json)
        return
    configs = configs or (() if urls or not os.path.exists("watchword.toml") else ("watchword.toml",))
    if not configs and not urls:
        raise CommandError("there is nothing to examine", "name a configuration with --config, or a server with --url")
    for path in configs:
        if not os.path.exists(path):
            raise CommandError(f"there is no {path}", "name a configuration that is there with --config")
    report = _examined(configs, urls, canary, ca, workers or _concurrency(), restart)
    if output is not None:
        _write(report, output)
    if as_json:
        say_json(to_builtins(report) | {"failed": report.failed})
    else:
        _say(report)
    if report.failed:
        raise SystemExit(1)


def _examined(
    configs: tuple[str, ...],
    urls: tuple[str, ...],
    canary: str | None,
    ca: str | None,
    workers: int,
    restart: str | None,
) -> Report:
    from ..diagnosis.canary import read_canary
    from ..diagnosis.doctor import examine
    from ..diagnosis.patient import Patient

    account = read_canary(canary, os.environ)
    with ExitStack() as stack:
        patients = [Patient(url, ca=ca) for url in dict.fromkeys(urls)]
        for one in patients:
            stack.callback(one.close)
        report = examine(configs, patients, account, workers=workers, restart=_restarting(restart), told=_progress)
        _progress("")
        return report


def _restarting(command: str | None) -> Callable[[], None] | None:
    """The command as one word after another: no shell reads it."""
    words = shlex.split(command or "")
    if not words:
        return None

    def restart() -> None:
        from ..diagnosis.probes.base import CannotRunError

        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)  # noqa: S603  # no shell
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotRunError(f"the restart could not be done: {type(error).__name__}") from None
        if done.returncode:
            raise CannotRunError(f"the restart ended with {done.returncode}")

    return restart


def _progress(probe: str) -> None:
    """One line on a terminal that is written over, and nothing elsewhere."""
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        click.echo(f"\r\x1b[2K{probe}\r", nl=False, err=True)


def _concurrency() -> int:
    said = os.environ.get("WEB_CONCURRENCY", "")
    return int(said) if said.isascii() and said.isdigit() and int(said) else 1


def _write(report: Report, output: str) -> None:
    from ..diagnosis.sarif import sarif

    try:
        Path(output).write_text(json.dumps(sarif(report, __version__), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}") from error


def _say(report: Report) -> None:
    for one in report.findings:
        click.echo("\n".join(_lines(one)) + "\n")
    for result in report.results:
        for text in result.measured:
            click.echo(f"measured: {result.probe} at {result.where}: {text}")
    unknown: dict[str, list[str]] = {}
    for result in report.results:
        if result.health == "unknown":
            unknown.setdefault(result.why, []).append(result.probe)
    for why, probes in unknown.items():
        which = ", ".join(probes) if len(probes) <= _FEW else f"{len(probes)} probes"
        click.echo(f"not looked at: {which}: {why}")
    found = len(report.findings)
    counted = f"{found} finding{'' if found == 1 else 's'}, {report.count('unknown')} could not run"
    click.echo(f"{report.count('healthy')} probes healthy, {counted}")


def _lines(one: Finding) -> list[str]:
    title = f"{one.level}: {one.id} at {one.where}"
    return [
        title if plain() else click.style(title, fg="red" if one.level == "failure" else "yellow", bold=True),
        f"  symptom  {one.symptom}",
        f"  probe    {one.probe}: {one.seen}",
        f"  cause    {one.cause}",
        f"  mend     {one.mend}",
        f"  runbook  docs/runbook/{one.runbook}.md",
    ]


def _explain(id: str, as_json: bool) -> None:
    from ..diagnosis.doctor import AILMENTS, FAMILIES, PAGES, PROBES

    if id not in AILMENTS:
        raise CommandError(f"there is no finding {id!r}", f"there are: {', '.join(AILMENTS)}")
    row, seen = AILMENTS[id], [probe.id for probe in PROBES if id in probe.finds]
    [family] = [one for one in FAMILIES if one.page == PAGES[id]]
    told = to_builtins(row) | {"probes": seen, "look": family.look, "prevent": family.prevent, "runbook": PAGES[id]}
    if as_json:
        say_json(told)
        return
    for name in ("id", "level", "symptom", "probes", "cause", "mend", "look", "prevent", "runbook"):
        value = told[name]
        click.echo(f"{_LABELS.get(name, name):<9}{', '.join(value) if isinstance(value, list) else value}")
