"""``watchword db``: upgrade the database as a step of its own, and look at what is in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import asdict

from ..clock import SystemClock
from ..encoding import rfc3339
from ..errors import ConfigurationError, UnavailableError
from ..revocation.event import event
from ..runtime.ticker import drive
from ..stores.base import Audit, Store, Survey, open_store
from ..stores.sql import SQLVerbs
from .commands import CommandError, config_option, configured, examples, json_option, say_json

URL = "WATCHWORD_URL"
_UPGRADE = "watchword db upgrade --config /etc/app/watchword.toml"
_NEW_EPOCH = "watchword db new-epoch --config /etc/app/watchword.toml"
_STATUS = "watchword db status --json"

store_option = click.option(
    "--store",
    metavar="URL",
    help=f"The store instead of a configuration; a URL with a password is better given in {URL}.",
)


@click.group(epilog=examples(_UPGRADE))
def db() -> None:
    """Upgrade the database of the store, see what is in it, and say when it went back in time.

    The store is the one that --store names, or the configuration, or without a configuration the variable
    WATCHWORD_URL.
    """


@db.command(epilog=examples(_UPGRADE))
@config_option
@store_option
@json_option
def upgrade(config: str, store: str | None, as_json: bool) -> None:
    """Apply the migrations that are pending: all of them, or on any error none.

    Safe to run again, and from several machines at once: one of them works and the others wait for it. Processes of
    the previous release go on meanwhile. Run it before the new release starts, where "migrate" is "never".
    """
    chosen = _chosen(config, store)
    applied = chosen.upgrade(lambda name: click.echo(f"applying {name}", err=as_json))
    [found, *_] = chosen.survey(now=SystemClock().now())
    if as_json:
        say_json({"scheme": found.scheme, "applied": applied, "present": found.present, "wanted": found.wanted})
        return
    done = f"{len(applied)} applied" if applied else "nothing to do"
    click.echo(f"{found.scheme}: {done}" + ("" if found.present is None else f"; at migration {found.present:04}"))


@db.command(epilog=examples(_STATUS, codes="Exit codes: 0 ready, 1 away, behind, or not ours, 2 wrong usage."))
@config_option
@store_option
@json_option
def status(config: str, store: str | None, as_json: bool) -> None:
    """Say what is in the store: its migrations, its feed, its records by kind, its size. Changes nothing.

    Opens nothing and migrates nothing. A database that is away, lacks a migration or has other ones than this release
    gives exit code 1.
    """
    chosen, scheme = _chosen(config, store), _scheme(config, store)
    try:
        found = [_told(one) for one in chosen.survey(now=SystemClock().now())]
    except (UnavailableError, ConfigurationError) as error:
        found = [{"scheme": scheme, "reachable": False, "ready": False, "amiss": str(error)}]
    if as_json:
        say_json({"stores": found})
    else:
        for one in found:
            click.echo("\n".join(_lines(one)))
    if not all(one["ready"] for one in found):
        raise SystemExit(1)


@db.command("new-epoch", epilog=examples(_NEW_EPOCH))
@config_option
@store_option
@click.option("--keep", is_flag=True, help="End nothing: where it is known that nothing was lost, or ended by hand.")
@json_option
def new_epoch(config: str, store: str | None, keep: bool, as_json: bool) -> None:
    """Tell every verifier that the database went back in time: a standby that lagged, a backup.

    What was done last is undone there: a token that was rotated, redeemed or revoked looks good again, and nothing
    says which. So everything that was issued before is refused from now on, and everybody signs in again. Run it before
    the application reaches the database. Redis needs no such step, and has none.
    """
    chosen, now = _chosen(config, store), SystemClock().now()
    if not isinstance(chosen, SQLVerbs):
        raise CommandError("this store has no epoch that can be set", "Redis begins a new one by itself")
    ended = [] if keep else [event("everything", "", now=now)]
    chosen.migrates = False
    chosen.open_blocking()
    try:
        epoch = drive(chosen.new_epoch(*ended, audit=[Audit(name="new_epoch", at=now, detail={"keep": keep})]))
    finally:
        chosen.close_blocking()
    if as_json:
        say_json({"epoch": epoch, "ended": not keep})
        return
    click.echo(f"epoch {epoch}; " + ("nothing was ended" if keep else "everything that was issued before is refused"))


def _told(found: Survey) -> dict[str, Any]:
    return {"reachable": True, "ready": found.ready, "checksums": not found.amiss, **asdict(found)}


def _lines(found: dict[str, Any]) -> Sequence[str]:
    """A line for each thing that is known, ``name: value``."""
    if not found["reachable"]:
        return [f"store: {found['scheme']}", "reachable: no", f"amiss: {found['amiss']}"]
    present, oldest, size = found["present"], found["oldest_audit"], found["size"]
    rows: list[tuple[str, object]] = [
        ("store", found["scheme"]),
        ("reachable", "yes"),
        ("ready", "yes" if found["ready"] else "no"),
        ("migration", "none needed" if present is None else f"{present:04} of {found['wanted']:04}"),
        ("pending", ", ".join(found["pending"]) or "none"),
        ("amiss", found["amiss"] or "nothing"),
        ("epoch", found["epoch"] or "none"),
        ("head", found["head"]),
        *((f"records {kind}", number) for kind, number in found["records"].items()),
        ("events", found["events"]),
        ("audit rows", found["audit"]),
        ("oldest audit row", "none" if oldest is None else rfc3339(oldest)),
        ("size", "unknown" if size is None else f"{size} bytes"),
        *found["about"].items(),
        *(("caution", caution) for caution in found["cautions"]),
    ]
    return [f"{name}: {value}" for name, value in rows]


def _chosen(config: str, store: str | None) -> Store:
    return open_store(_url(config, store))


def _scheme(config: str, store: str | None) -> str:
    return _url(config, store).partition(":")[0]


def _url(config: str, store: str | None) -> str:
    """Raises: CommandError, ConfigurationError."""
    if store is not None:
        return store
    if os.path.exists(config) or not os.environ.get(URL):
        return configured(config).url
    return os.environ[URL]
