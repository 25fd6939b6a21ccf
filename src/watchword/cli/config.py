"""``watchword config``: what holds, and where it came from."""

from __future__ import annotations

import json

import click

from ..diagnosis.origins import origins
from .commands import columns, config_option, configured, examples, json_option, say_json

_SHOW = "watchword config show --origin"


@click.group(epilog=examples(_SHOW))
def config() -> None:
    """Look at the configuration as it holds."""


@config.command(epilog=examples(_SHOW, "watchword config show --config /etc/app/watchword.toml --json"))
@config_option
@click.option("--origin", is_flag=True, help="Where each value came from: default, file and line, or variable.")
@json_option
def show(config: str, origin: bool, as_json: bool) -> None:
    """Print every setting and the value that holds, after file, variables and defaults. Secrets are hidden."""
    configured(config)
    found = origins(config)
    if as_json:
        say_json({one.name: {"value": one.value} | ({"origin": one.origin} if origin else {}) for one in found})
        return
    rows = [(f"{one.name} = {json.dumps(one.value)}", *([one.origin] if origin else [])) for one in found]
    click.echo("\n".join(columns(rows)))
