"""``watchword bench``: what this machine does, measured: tables, JSON, a page, and an older run beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem
from msgspec import to_builtins

from .bench_progress import telling
from .bench_tables import print_report
from .commands import CommandError, examples, json_option, say_json

if TYPE_CHECKING:
    from ..diagnosis.bench.compare import Comparison
    from ..diagnosis.bench.result import Report

CODES = (
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped with Ctrl-C, 129 or 143 by SIGHUP or SIGTERM:"
    " nothing is written."
)


def _complete(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    from ..diagnosis.bench.run import SECTIONS

    return [CompletionItem(name) for name in SECTIONS if name.startswith(begun)]


def _sections(context: click.Context, option: click.Parameter, named: tuple[str, ...]) -> tuple[str, ...]:
    """Loaded when they are needed: they bring every format and store along."""
    if named:
        from ..diagnosis.bench.run import SECTIONS

        for name in named:
            click.Choice(list(SECTIONS)).convert(name, option, context)
    return tuple(dict.fromkeys(named))


@click.command(
    epilog=examples(
        "watchword bench --quick",
        "watchword bench --output today.json --html today.html",
        "watchword bench --compare today.json",
        "watchword bench --only stores --postgres postgresql://localhost/bench --redis redis://localhost/5",
        "watchword bench --only passwords --argon2-ms 500 --json",
        codes=CODES,
    )
)
@click.option("--quick", is_flag=True, help="Under 20 seconds, with few rounds: a first look.")
@click.option(
    "--only",
    multiple=True,
    metavar="SECTION",
    callback=_sections,
    shell_complete=_complete,
    help="Measure this section: formats, stores, revocation, requests or passwords; again for another.",
)
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Write the report there as JSON, too: what --compare reads."
)
@click.option(
    "--html",
    type=click.Path(),
    metavar="FILE",
    help="Write the report there as one page with plots, which fetches nothing.",
)
@click.option("--compare", metavar="OLD.json", help="Show the medians of an older run, and how many times they are.")
@click.option(
    "--argon2-ms",
    type=click.FloatRange(1, 2_000),
    default=250,
    show_default=True,
    metavar="N",
    help="How long checking a password may take: passwords are calibrated to it.",
)
@click.option("--postgres", metavar="URL", help="Measure this PostgreSQL, too; it has to be on this machine.")
@click.option("--redis", metavar="URL", help="Measure this Redis or Valkey, too; it has to be on this machine.")
@json_option
def bench(
    quick: bool,
    only: tuple[str, ...],
    output: str | None,
    html: str | None,
    compare: str | None,
    argon2_ms: float,
    postgres: str | None,
    redis: str | None,
    as_json: bool,
) -> None:
    """Measure what this machine does: formats, stores, revocation, whole requests, the cost of a password.

    Everything runs here: nothing is sent to another machine, and what is written to a store is removed again. The
    cases of a table take turns, so compare them with each other, by their ratios; figures of two tables, or of two
    machines, are not comparable. A machine with other work to do measures that work, too.

    A password in a URL can be read in the list of processes while this runs; it is never printed, and stands in no
    report. PostgreSQL takes it from PGPASSWORD or ~/.pgpass as well.
    """
    old = _older(compare)
    _check_files(output, html)
    report = _measured(quick, only, argon2_ms, postgres, redis)
    compared = _compared(old, report)
    try:
        _say(report, compared, as_json)
    finally:  # '| head' reads as much as it wants, and the files are whole
        if output is not None:
            _write(output, json.dumps(to_builtins(report), indent=1) + "\n")
        if html is not None:
            from ..diagnosis.bench.html import page

            words = _command(quick, only, argon2_ms, postgres, redis, output, html)
            _write(html, page(report, command=" ".join(words), compared=compared))


def _say(report: Report, compared: Comparison | None, as_json: bool) -> None:
    """Before a file is written: a full disk takes no report away."""
    if as_json:
        say_json(to_builtins(report) | ({"compared": to_builtins(compared)} if compared else {}))
    else:
        print_report(report, compared)


def _measured(quick: bool, only: tuple[str, ...], argon2_ms: float, postgres: str | None, redis: str | None) -> Report:
    from ..diagnosis.bench.run import bench as measure

    try:
        with telling() as told:
            return measure(quick=quick, only=only, argon2_ms=argon2_ms, progress=told, postgres=postgres, redis=redis)
    except (KeyboardInterrupt, SystemExit) as stopped:
        with suppress(OSError):  # the terminal may be gone
            click.echo("stopped: nothing is written", err=True)
        raise SystemExit(stopped.code if isinstance(stopped, SystemExit) else 130) from None


def _older(path: str | None) -> Report | None:
    if path is None:
        return None
    from ..diagnosis.bench.reading import read_report

    return read_report(path)


def _compared(old: Report | None, new: Report) -> Comparison | None:
    if old is None:
        return None
    from ..diagnosis.bench.compare import compare

    return compare(old, new)


def _command(
    quick: bool,
    only: tuple[str, ...],
    argon2_ms: float,
    postgres: str | None,
    redis: str | None,
    output: str | None,
    html: str | None,
) -> Iterator[str]:
    """What was typed, in words to type again: no URLs, for they may hold a password, and no names of files."""
    yield "watchword bench"
    if quick:
        yield "--quick"
    yield from (f"--only {name}" for name in only)
    if argon2_ms != 250:
        yield f"--argon2-ms {argon2_ms:g}"
    if postgres:
        yield "--postgres URL"
    if redis:
        yield "--redis URL"
    if output:
        yield "--output FILE"
    if html:
        yield "--html FILE"


def _check_files(output: str | None, html: str | None) -> None:
    """Asked before a minute is spent. Raises: CommandError."""
    for path in (output, html):
        _check_file(path)
    if output and html and os.path.realpath(output) == os.path.realpath(html):
        raise CommandError("--output and --html name the same file", "name two: the page would replace the report")


def _check_file(path: str | None) -> None:
    if path is None:
        return
    there, folder = Path(path), Path(path).parent
    if there.is_dir() or not folder.is_dir() or not os.access(there if there.exists() else folder, os.W_OK):
        raise CommandError(f"{path} cannot be written", "name a file in a folder that is there and takes it")


def _write(path: str, text: str) -> None:
    """Whole or not at all, where it is a file in a folder that takes another beside it."""
    named, there = Path(path), Path(os.path.realpath(path))
    try:
        if (named.exists() and not named.is_file()) or not os.access(there.parent, os.W_OK):
            named.write_text(text, "utf-8")
        else:
            _replace(there, text)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", "the report is above; write it to another place") from error
    click.echo(f"written: {path}", err=True)


def _replace(there: Path, text: str) -> None:
    """Raises: OSError, and what was there stays."""
    beside = there.with_name(f"{there.name}.{token_hex(4)}")
    try:
        beside.write_text(text, "utf-8")
        if there.exists():
            beside.chmod(there.stat().st_mode & 0o777)
        beside.replace(there)
    finally:
        beside.unlink(missing_ok=True)
