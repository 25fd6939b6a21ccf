"""What all commands share: how refusals are told, which exit code they have, and where the configuration is read."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from ..config import Settings, read_settings
from ..diagnosis.hide import visible
from ..errors import WatchwordError
from ..web.logging import Redactor

EXIT_CODES = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage."

yes_option = click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal to ask at.")

_EXTRAS = {
    "click": "cli",
    "rich": "cli",
    "httpx2": "server",
    "jinja2": "server",
    "psycopg": "postgres",
    "redis": "redis",
    "starlette": "server",
    "uvicorn": "server",
}

config_option = click.option(
    "--config",
    default="watchword.toml",
    show_default=True,
    type=click.Path(),
    metavar="FILE",
    help="The configuration to read.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on standard output.")


_LONG = re.compile(r"[A-Za-z0-9._~+/=%-]{32,}")
"""What was typed where a word of ours is wanted, and is too long to be one: it may be anybody's secret."""


class CommandError(Exception):
    """A command cannot do what was asked: one line that says so, and one that says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Commands(click.Group):
    """A group whose errors are two lines, ``error: …`` and ``hint: …``; a user's mistake never ends in a traceback."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        try:
            code = super().main(*args, **options | {"standalone_mode": False})
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx is not None else "watchword"
            _fail(_LONG.sub("<hidden>", " ".join(error.format_message().split())), f"see '{command} --help'", code=2)
        except click.ClickException as error:
            _fail(" ".join(error.format_message().split()))
        except CommandError as error:
            _fail(str(error), error.hint)
        except WatchwordError as error:
            message, _, hint = str(error).partition("; ")
            _fail(message, hint)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            extra = _EXTRAS[error.name]
            _fail(f"this command needs the {extra} packages", f"pip install 'watchword[{extra}]'")
        except (click.Abort, KeyboardInterrupt):
            raise SystemExit(130) from None
        except BrokenPipeError:  # somebody read as much as they wanted: '| head'
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        raise SystemExit(code if isinstance(code, int) else 0)


def configured(path: str) -> Settings:
    """The settings in the file that ``--config`` names. Raises: CommandError if it is missing, ConfigurationError."""
    if not os.path.exists(path):
        raise CommandError(
            f"there is no {path}", "name your configuration with --config, or look around with: watchword demo"
        )
    return read_settings(path)


def say_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line a row: in columns at a terminal, with tabs between the cells elsewhere. No cell commands a terminal."""
    rows = [[visible(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        return ["\t".join(row) for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def plain() -> bool:
    """Whether output is to stay without colour and boxes: off a terminal, or where NO_COLOR is set."""
    return bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()


def examples(*lines: str, codes: str = EXIT_CODES) -> str:
    """The end of a help page: commands to copy, each on a line of its own, and the exit codes."""
    return "\b\nExamples:\n" + "".join(f"  {line}\n" for line in lines) + f"\n{codes}"


def confirm(question: str, yes: bool) -> None:
    """Go on only after a yes. Raises: CommandError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"this needs a yes: {question}", "there is no terminal to ask at; say --yes")
    click.confirm(question, abort=True, err=True)


def lasting(settings: Settings, config: str, what: str) -> Settings:
    """Raises: CommandError for a store that forgets when this command ends."""
    if settings.url.startswith("memory:"):
        raise CommandError(
            f"the store is memory: {what}", f'write url = "sqlite:///watchword.db" in {config}, where it lasts'
        )
    return settings


def _shown(text: str) -> str:
    """What was typed in the wrong place may be a token, and what stood in a file may command the terminal."""
    return visible(Redactor().text(text))


def _fail(message: str, hint: str = "", *, code: int = 1) -> NoReturn:
    click.echo(f"error: {_shown(message)}", err=True)
    if hint:
        click.echo(f"hint: {_shown(hint)}", err=True)
    raise SystemExit(code)
