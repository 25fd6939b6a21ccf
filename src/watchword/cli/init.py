"""``watchword init``: a configuration, keys and an example of variables, from four answers. Overwrites nothing."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from ..app import Watchword
from ..config import settings_of
from ..diagnosis.origins import holds_secret, url_without_secrets
from ..keys.sources import fresh_slots, load_or_create
from .commands import CommandError, examples
from .key_copies import write_once

URL, ISSUER = "sqlite:///watchword.db", "http://localhost:8080"
CONFIG, VARIABLES, KEYS = "watchword.toml", ".env.example", "watchword.keys"


@click.command(
    epilog=examples(
        "watchword init",
        "watchword init --yes",
        "watchword init --url sqlite:///app.db --issuer https://id.example --audience https://api.example",
    )
)
@click.option("--url", metavar="URL", help=f"Where the record is kept; {URL} unless said.")
@click.option("--issuer", metavar="URL", help=f"The public address, which stands in every token; {ISSUER} unless said.")
@click.option("--audience", metavar="AUD", help="Who reads the access tokens; <issuer>/api unless said.")
@click.option(
    "--format", "form", type=click.Choice(["jwt", "paseto"]), help="How access tokens are written; jwt unless said."
)
@click.option(
    "--dir",
    "folder",
    default=".",
    type=click.Path(file_okay=False),
    metavar="DIR",
    show_default=True,
    help="Where the files are written.",
)
@click.option("--yes", is_flag=True, help="Ask nothing, and take what is usual for what was not said.")
def init(url: str | None, issuer: str | None, audience: str | None, form: str | None, folder: str, yes: bool) -> None:
    """Write watchword.toml with comments, keys (0600) and .env.example; ask at most four questions.

    Nothing that is there is overwritten. A password in the URL is written nowhere: it belongs in WATCHWORD_URL.
    """
    ask = _asker(yes)
    url = url or ask("Where is the record kept? sqlite:///…, postgresql://… or redis://…", URL, None)
    issuer = (issuer or ask("What is the public address?", ISSUER, None)).rstrip("/")
    audience = audience or ask("Who reads the access tokens?", f"{issuer}/api", None)
    form = form or ask("How are access tokens written?", "jwt", ["jwt", "paseto"])
    place = Path(folder)
    secret = holds_secret(url)
    text = written(url, issuer, audience, form, secret=secret)
    variables = {"WATCHWORD_URL": url} if secret else {}
    # A mistake is told before anything is written.
    ww = Watchword.from_settings(settings_of(tomllib.loads(text), variables))
    key_file = None if ww.key_file is None else place / _as_written(ww.key_file, url)
    files = [place / CONFIG, place / VARIABLES, *([] if key_file is None else [key_file])]
    for path in files:
        if path.exists():
            raise CommandError(f"{path} is there already, and nothing is overwritten", "move it away, or say --dir")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{place} cannot be made: {error.strerror}") from error
    if key_file is not None:  # first, because its folder may be one that nobody here can write
        load_or_create(key_file, fresh_slots(signing=True))
    write_once(files[0], text, mode=0o644)
    write_once(files[1], _variables(url, secret), mode=0o644)
    for path in files:
        click.echo(f"wrote {path}{' (0600: keep it out of version control)' * (path == key_file)}")
    variable = "set WATCHWORD_URL; " * secret
    click.echo(f"next: watchword config show --origin; {variable}watchword users add NAME; watchword serve")


def _as_written(path: Path, url: str) -> Path:
    """A relative path stays one: the server is started in the folder of the configuration."""
    absolute = url.startswith("sqlite:////") or not path.is_relative_to(Path.cwd())
    return path if absolute else path.relative_to(Path.cwd())


def _asker(yes: bool) -> Any:
    def ask(question: str, usual: str, among: list[str] | None) -> str:
        if yes:
            return usual
        if not sys.stdin.isatty():
            raise CommandError(
                "there is no terminal to ask at", "say --url, --issuer, --audience and --format, or --yes"
            )
        kind = None if among is None else click.Choice(among)
        answer: str = click.prompt(question, default=usual, type=kind, err=True)
        return answer

    return ask


def written(url: str, issuer: str, audience: str, form: str, *, secret: bool) -> str:
    """The text of a watchword.toml, with a comment on what one is likely to change."""
    beside = not url.startswith(("postgres", "redis"))
    store = "# url: in the variable WATCHWORD_URL, because it holds a password" if secret else f"url = {_quoted(url)}"
    return f"""\
# watchword: see `watchword config show --origin` for every setting and where its value comes from.
# Variables win over this file: WATCHWORD_URL, WATCHWORD_SESSION__IDLE (two underscores where a table has a dot).

# Where sessions, refresh families and revocations are kept.
{store}
# The public address: the `iss` of our tokens.
issuer = {_quoted(issuer)}
# Who reads our access tokens: their `aud`.
audience = {_quoted(audience)}
{'# keys = "app.keys"  # beside the database unless named' if beside else f'keys = "{KEYS}"'}

# How old the last word about revocations may be, in seconds, before checks refuse to answer.
# max_staleness = 5.0
# Readable claims that look personal are an error, not a warning in the log.
# strict = false

[session]
# Seconds without a request until a session ends, and until it ends in any case.
# idle = 1800
# absolute = 43200

[access]
format = {_quoted(form)}
# Seconds, at most 3600: short, because others verify these tokens by themselves.
# lifetime = 900

[refresh]
# Seconds that the last predecessor may come again (a client that lost the answer); 0 is strict.
# grace = 10

[server]
# host = "127.0.0.1"
# port = 8080
# trusted_proxies = []  # addresses whose X-Forwarded-For and X-Forwarded-Proto are believed
"""


def _variables(url: str, secret: bool) -> str:
    example = url_without_secrets(url).replace("<hidden>", "password") if secret else f"# WATCHWORD_URL={url}"
    return (
        "# Copy this to .env, fill it in, and keep that file out of version control.\n"
        f"{'WATCHWORD_URL=' * secret}{example}\n"
        "# WATCHWORD_SESSION__IDLE=1800\n"
        "# WATCHWORD_SERVER__PORT=8080\n"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
