"""The key file that a command works on, and the keys in it by the beginning of their ids."""

from __future__ import annotations

from pathlib import Path

import click

from ..app import Watchword
from ..config import Settings
from ..errors import ConfigurationError
from ..keys.ring import KeyRing, Slot
from .commands import CommandError, configured, lasting, say_json

keys_option = click.option(
    "--keys", "path", type=click.Path(), metavar="FILE", help="The key file, instead of the configuration's."
)
LIST = "watchword keys list"


def known(ring: KeyRing, kid: str) -> Slot:
    """The slot of a key id, or of the only one that begins so."""
    fitting = [slot for slot in ring if slot.key.kid == kid] or [slot for slot in ring if slot.key.kid.startswith(kid)]
    if len(fitting) != 1:
        raise CommandError(f"{'no key' if not fitting else 'more than one key'} begins with {kid!r}", f"see: {LIST}")
    return fitting[0]


def house(config: str) -> Settings:
    return lasting(configured(config), config, "it has no keys that last")


def place_of(settings: Settings) -> Path:
    path = Watchword.from_settings(settings).key_file
    if path is None:
        raise ConfigurationError("there is no key file; name one in the configuration: keys = ")
    return path


def file_of(config: str, path: str | None) -> Path:
    return Path(path) if path is not None else place_of(house(config))


def said(place: Path, what: str, kids: list[str], as_json: bool) -> None:
    if as_json:
        say_json({"file": str(place), "done": what, "keys": kids})
        return
    click.echo(f"{place}: {what}")
    for kid in kids:
        click.echo(kid)
