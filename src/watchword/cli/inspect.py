"""``watchword inspect``: what a token says, how far it would come, and what is wrong with it. Asks nobody by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from shutil import get_terminal_size
from textwrap import wrap
from typing import TypedDict

import click

from ..app import Watchword
from ..clock import SystemClock
from ..diagnosis.inspect import inspect as inspect_
from ..diagnosis.reading import LONGEST, date
from ..diagnosis.report import Report
from ..diagnosis.trusted import ring_at, ring_of_issuer
from ..diagnosis.words import HEADER, claim_words, relative
from ..keys.ring import KeyRing
from .commands import CommandError, configured, examples, json_option, plain

CODES = (
    "Exit codes: 0 nothing stops it and nothing is amiss, 1 it stops on the way, or it could not be read, "
    "2 wrong usage, 3 it does not stop, and a finding is a warning or worse."
)
_COLOURS = {"passed": "green", "stopped": "red", "danger": "red", "warning": "yellow"}


@click.command(
    epilog=examples(
        "watchword inspect - < token.txt",
        "wl-paste | watchword inspect - --json",
        "watchword inspect --file request-headers.txt",
        "watchword inspect - --jwks jwks.json --audience https://api.example < token.txt",
        "watchword inspect - --issuer https://id.example --audience https://api.example < token.txt",
        "watchword inspect - --config watchword.toml --as sealed --purpose payment --bound-to user-7 < token.txt",
        codes=CODES,
    )
)
@click.argument("given", nargs=-1, metavar="[TOKEN|-]")
@click.option("--file", "file", type=click.Path(), metavar="FILE", help="Read it from a file.")
@click.option(
    "--jwks",
    type=click.Path(),
    metavar="FILE|URL",
    help="Check signatures with these keys: a JWK Set or a PASETO key document.",
)
@click.option(
    "--issuer", metavar="URL", help="Who is to have issued it; without --jwks its keys are fetched from there."
)
@click.option("--audience", metavar="AUD", help="Whom it is to be for.")
@click.option(
    "--config", type=click.Path(), metavar="FILE", help="Judge by the keys, issuer and audience of this configuration."
)
@click.option("--as", "kind", type=click.Choice(["access", "service", "sealed"]), help="The kind that is wanted.")
@click.option("--purpose", metavar="WORD", help="What a sealed token is for.")
@click.option("--bound-to", metavar="SUBJECT", help="Whom a sealed token is bound to.")
@json_option
def inspect(
    given: tuple[str, ...],
    file: str | None,
    jwks: str | None,
    issuer: str | None,
    audience: str | None,
    config: str | None,
    kind: str | None,
    purpose: str | None,
    bound_to: str | None,
    as_json: bool,
) -> None:
    """Say what a token is, what it says, where the corridor stops it, and what is wrong with it.

    Any format and kind: JWT, JWE, PASETO, PASERK, opaque tokens and API keys, keys (JWK, JWKS, PEM), lines such as
    "Authorization: Bearer …", "Cookie: …" and "Set-Cookie: …", URLs. It comes from standard input (-), a file, a
    prompt, or the command line, which the shell keeps in its history.

    Nothing is sent anywhere, unless --jwks names a URL or --issuer one; signatures are looked at only with keys.
    Whether a token was revoked, only its store knows. No secret is printed: no signature, key or opaque token.
    """
    if len(given) > 1 or (given and file):
        raise click.UsageError("one token at a time; in quotes, if there are spaces in it")
    untrusted = _text(given[0] if given else None, file)
    trusted = _trusted(jwks, issuer, audience, config)
    report = inspect_(untrusted, kind=kind, purpose=purpose, bound_to=bound_to, **trusted)
    if as_json:
        click.echo(json.dumps(report.to_dict()))  # ASCII alone: whatever a token holds, a terminal obeys nothing of it
    else:
        now = SystemClock().now()
        click.echo("\n".join(_lines(report, now)), color=False if plain() else None)
    raise SystemExit(report.exit_code)


def _text(given: str | None, file: str | None) -> str | bytes:
    if file is not None:
        try:
            with open(file, "rb") as opened:
                return _bare(opened.read(LONGEST + 1))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
    if given not in (None, "-"):
        click.echo(
            "note: a token on the command line stays in the shell's history; better: watchword inspect -", err=True
        )
        return str(given)
    if sys.stdin.isatty():
        text: str = click.prompt("Token (not shown)", hide_input=True, default="", show_default=False, err=True)
        return text
    return _bare(sys.stdin.buffer.read(LONGEST + 1))


def _bare(raw: bytes) -> bytes:
    """Without the one end of line that files and pipes have."""
    return raw.removesuffix(b"\n").removesuffix(b"\r")


class Trusted(TypedDict, total=False):
    """What a token is judged by: parameters of ``inspect``."""

    ring: KeyRing
    issuer: str | None
    audience: str | None
    single_service: bool


def _trusted(jwks: str | None, issuer: str | None, audience: str | None, config: str | None) -> Trusted:
    clock = SystemClock()
    if jwks is not None:
        return {"ring": ring_at(jwks, clock), "issuer": issuer, "audience": audience}
    if config is not None:
        settings = configured(config)
        path = Watchword.from_settings(settings).key_file
        if path is None:
            raise CommandError("the store is memory: it has no keys that last", "name keys with --jwks")
        return {
            "ring": KeyRing.load(path),
            "issuer": issuer or settings.issuer,
            "audience": audience or settings.audience,
            "single_service": settings.access.single_service,
        }
    if issuer is not None:
        return {"ring": ring_of_issuer(issuer, clock), "issuer": issuer, "audience": audience}
    return {"audience": audience}


def _lines(report: Report, now: int) -> Iterator[str]:
    if report.where:
        yield click.style(report.where, bold=True)
    yield click.style(report.what, bold=not report.where) + (f"; its kind: {report.kind}" if report.kind else "")
    yield f"{report.size} bytes, {report.share:.1%} of an 8 KiB header block" + _left(report, now)
    yield from _section("about it", [(name, value, "") for name, value in report.facts])
    header = [(name, _value(value), HEADER.get(name, "")) for name, value in report.header.items()]
    yield from _section("header", header)
    claims = [(name, _value(value), claim_words(name, value, now)) for name, value in report.claims.items()]
    yield from _section("claims", claims)
    walk = [(step.stage.value, str(step.state), _reason(step.says, step.code)) for step in report.walk]
    yield from _section("walk", walk)
    yield from _section("not verified", [(said, "", "") for said in report.unverified])
    found = [
        (one.id, f"{one.weight}{f' in {one.where}' * bool(one.where)}", f"{one.says} ({one.source})")
        for one in report.findings
    ]
    yield from _section("findings", found)
    for one in report.inside:
        yield ""
        yield from _lines(one, now)


def _left(report: Report, now: int) -> str:
    if report.expires_at is None:
        return ""
    word = "expired" if report.expires_at <= now else "expires"
    return f"; {word} {date(report.expires_at)}, {relative(report.expires_at, now)}"


def _section(name: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    yield ""
    yield click.style(name, bold=True)
    for row in rows:
        first, second = row[0].ljust(min(widths[0], 40)), row[1].ljust(min(widths[1], 60))
        before = len(f"  {first}  {second}  ")
        line, *more = _wrapped(row[2], before)
        yield f"  {_coloured(first)}  {_coloured(second)}  {line}".rstrip()
        for line in more:
            yield " " * before + line


def _wrapped(text: str, before: int) -> list[str]:
    """Under itself where there is a terminal, and room; one line elsewhere."""
    room = get_terminal_size().columns - before if sys.stdout.isatty() else 0
    return wrap(text, room, break_long_words=False) or [""] if room >= 30 else [text]


def _coloured(cell: str) -> str:
    colour = _COLOURS.get(cell.split(" ", 1)[0])
    return click.style(cell, fg=colour) if colour else cell


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _reason(says: str, code: str) -> str:
    return f"{says} [{code}]" if code else says
