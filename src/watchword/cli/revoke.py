"""``watchword revoke``: stop a token, or all that something stands for, and say who has heard it."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import Any

import click

from ..app import Watchword
from ..config import Settings
from ..diagnosis.hide import visible
from ..errors import WatchwordError
from ..revocation.event import Revocation
from .commands import (
    CommandError,
    config_option,
    configured,
    confirm,
    examples,
    json_option,
    lasting,
    say_json,
)

CODES = "Exit codes: 0 done, 1 refused or failed, or with --wait somebody has not answered, 2 wrong usage."


@click.command(
    epilog=examples(
        "watchword revoke --token < token.txt",
        "watchword revoke --session 5Xa0cQ3nTz2vWm8kLr1yBg --wait",
        "watchword revoke --subject user-7 --wait --json",
        "watchword revoke --everything --yes",
        codes=CODES,
    )
)
@click.option("--token", is_flag=True, help="One token of ours, read from standard input or asked for.")
@click.option("--session", metavar="ID", help="A session and its access and refresh tokens.")
@click.option("--family", metavar="ID", help="A refresh family and its access tokens.")
@click.option("--subject", metavar="SUBJECT", help="Everything that a subject has, API keys included.")
@click.option("--client", metavar="ID", help="Everything that was issued to a client.")
@click.option("--key", metavar="KID", help="All that a key has signed; a fresh one takes its place.")
@click.option("--everything", is_flag=True, help="Everything that was issued until now: everybody signs in again.")
@click.option(
    "--wait", is_flag=True, help="Wait until every process that verifies has heard it, max_staleness at most."
)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than that.")
@config_option
@click.option("--yes", is_flag=True, help="Do not ask before --key and --everything.")
@json_option
def revoke(
    token: bool,
    everything: bool,
    wait: bool,
    timeout: float | None,
    config: str,
    yes: bool,
    as_json: bool,
    **names: str | None,
) -> None:
    """Stop what was issued: exactly one of --token, --session, --family, --subject, --client, --key, --everything.

    It is durable when this returns. Processes that verify hear of it within max_staleness, normally within
    milliseconds; --wait waits for that, and says who has heard it and who has not answered.
    """
    chosen = {name: value for name, value in names.items() if value is not None}
    if len(chosen) + token + everything != 1:
        raise click.UsageError("say exactly one of what to revoke")
    settings = lasting(configured(config), config, "nobody else sees it, so there is nothing to revoke here")
    what: dict[str, Any] = {"token": _token()} if token else {"everything": True} if everything else chosen
    if everything:
        confirm("Everybody signs in again, and every token and API key is dead. Go on?", yes)
    elif "key" in chosen:
        confirm(f"All that key {chosen['key']} has signed is dead. Go on?", yes)
    patience = None if timeout is None else timedelta(seconds=timeout)
    known = asyncio.run(_known(settings, chosen["subject"])) if "subject" in chosen and not as_json else ""
    done = asyncio.run(stop(settings, wait=wait, timeout=patience, **what))
    if known:
        click.echo(known)
    tell(done, next(iter(what)), wait, as_json)


async def stop(settings: Settings, *, wait: bool, timeout: timedelta | None = None, **what: Any) -> Revocation:
    async with Watchword.from_settings(settings) as ww:
        return await ww.revoke(wait=wait, timeout=timeout, **what)


async def _known(settings: Settings, subject: str) -> str:
    """A line that shows a slip of the pen. Nothing that goes wrong in a list keeps the revocation from being made."""
    try:
        async with Watchword.from_settings(settings) as ww:
            counted = [
                f"sessions {len(await ww.sessions.list(subject))}",
                f"refresh families {len(await ww.refresh.list(subject))}",
                f"API keys {len(await ww.api_keys.list(subject))}",
            ]
    except WatchwordError:
        return f"known of {visible(subject)}: the store could not tell"
    return f"known of {visible(subject)}: {', '.join(counted)}"


def tell(done: Revocation, what: str, waited: bool, as_json: bool) -> None:
    """Say what was done, and leave with 1 where somebody who was waited for did not answer."""
    heard = [name for name in done.acknowledged if name != "self"]
    if as_json:
        say_json({"revoked": what, "seq": done.seq, "waited": waited, "acknowledged": heard, "missing": done.missing})
    else:
        click.echo(f"revoked: {what}; number {done.seq} of the feed")
        if waited:
            click.echo(f"acknowledged: {', '.join(heard) or 'nobody else verifies now'}")
            click.echo(f"missing: {', '.join(done.missing) or 'nobody'}")
    if waited and done.missing:
        raise SystemExit(1)


def _token() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("Token (not shown)", hide_input=True, err=True)
        return text
    text = sys.stdin.readline().removesuffix("\n")
    if not text:
        raise CommandError("there is no token on standard input", "pipe it in as one line, or use a terminal")
    return text
