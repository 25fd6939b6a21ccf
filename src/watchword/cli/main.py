"""The ``watchword`` command and its table of contents."""

from __future__ import annotations

import platform

import click

from .. import __version__
from .advise import advise
from .bench import bench
from .commands import Commands, examples, json_option, say_json
from .completion import completion
from .config import config
from .db import db
from .demo import demo
from .doctor import doctor
from .init import init
from .inspect import inspect
from .keys import keys
from .revoke import revoke
from .serve import serve
from .users import users


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("watchword demo", "watchword init", "watchword inspect - < token.txt"),
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(__version__, message="watchword %(version)s")
@click.pass_context
def watchword(context: click.Context) -> None:
    """Tokens for each job in a backend, and one way to stop any of them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@watchword.command(epilog=examples("watchword version --json"))
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        say_json({"version": __version__, "python": platform.python_version()})
    else:
        click.echo(f"watchword {__version__}")


for command in (advise, bench, completion, config, db, demo, doctor, init, inspect, keys, revoke, serve, users):
    watchword.add_command(command)
