"""``watchword keys``: what is on the ring, fresh keys, their turns, copies for others. No secret is shown unasked."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ..app import Watchword
from ..config import Settings
from ..encoding import rfc3339
from ..errors import ConfigurationError
from ..keys.key import Key
from ..keys.ring import KeyRing, RotationPolicy, Slot, State
from ..keys.rotation import Turn, advance, signers
from ..keys.sources import fresh_slots, load_or_create
from ..tokens.base import KINDS
from .commands import (
    CommandError,
    columns,
    config_option,
    configured,
    confirm,
    examples,
    json_option,
    lasting,
    say_json,
    yes_option,
)
from .key_copies import FORMATS, copies, write_once
from .revoke import stop, tell

POLICIES = {
    "sign": RotationPolicy(),
    "seal": RotationPolicy(),
    "mac": RotationPolicy(token_life=KINDS["refresh"].cap),
}
"""By use. Refresh tokens are under a ``mac`` key, and live for weeks: so long their key has to verify."""
SAVED = "running processes read it within a second or two"

keys_option = click.option("--keys", "path", metavar="FILE", help="The key file, instead of the configuration's.")
_LIST = "watchword keys list"


@click.group(
    epilog=examples(
        _LIST, "watchword keys rotate", "watchword keys rotate --emergency KID", "watchword keys export --format pem"
    )
)
def keys() -> None:
    """List, make, rotate, retire and export keys.

    A key is announced before it signs, so that every verifier knows it by then, and verifies for a while after it
    signed last: announced, active, retiring, retired.
    """


@keys.command("list", epilog=examples(_LIST, "watchword keys list --keys app.db.keys --json"))
@config_option
@keys_option
@json_option
def list_(config: str, path: str | None, as_json: bool) -> None:
    """Show each key: its id, algorithm, use, state and dates. Never the key itself."""
    ring = KeyRing.load(_file(config, path))
    now, signing = ring.clock.now(), {slot.key.kid for slot in signers(ring)}
    rows = [_row(slot, now, slot.key.kid in signing) for slot in ring]
    if as_json:
        say_json({"keys": rows})
        return
    shown = [
        (row["kid"], row["algorithm"], row["use"], row["state"] + _NOW[row["use"]] * row["current"], _dates(row))
        for row in rows
    ]
    click.echo("\n".join(columns(shown)))


@keys.command(epilog=examples("watchword keys generate", "watchword keys generate Ed25519 --keys app.db.keys"))
@click.argument("algorithms", nargs=-1, metavar="[ALGORITHM]...")
@config_option
@keys_option
@json_option
def generate(algorithms: tuple[str, ...], config: str, path: str | None, as_json: bool) -> None:
    """Make keys: a new key file (0600), or another ALGORITHM in the one there is.

    A new file gets ES256 and v4.public, or the algorithms that are named, with a v4.local to seal and an HS256 for MACs;
    with --keys, exactly those that are named. Its keys are active at once. A key in a file that is there already is
    announced, and signs after its lead.
    """
    place = _file(config, path)
    fresh = [Key.generate(name) for name in algorithms]
    if not os.path.exists(place):
        slots = _first_slots(fresh, None if path is not None else _settings(config))
        made = [slot.key.kid for slot in load_or_create(place, slots)]
        if not {slot.key.kid for slot in slots} <= set(made):
            raise CommandError(f"somebody else has just made {place}", "look at it: watchword keys list")
        _said(place, f"{len(made)} keys, active at once", made, as_json)
        return
    if not fresh:
        raise CommandError(f"{place} is there already", "name an algorithm to add, or: watchword keys rotate")
    ring = KeyRing.load(place)
    for key in fresh:
        row = key.algorithm
        if row.symmetric and key.use == "sign":
            raise CommandError(f"{row.name} is symmetric, and cannot be published", "sign with ES256 or v4.public")
        if any((slot.key.algorithm, slot.key.use) == (row, key.use) for slot in ring):
            raise CommandError(f"there is a {row.name} key already", "give it a successor: watchword keys rotate")
        ring.announce(key)
    ring.save(place)
    _said(
        place,
        f"announced; signs from {rfc3339(ring.clock.now() + ring.policy.lead)}",
        [key.kid for key in fresh],
        as_json,
    )


@keys.command(
    epilog=examples(
        "watchword keys rotate",
        "watchword keys rotate --use all --json",
        "watchword keys rotate --emergency 2nQ7dZkz0P --yes",
    )
)
@click.argument("kids", nargs=-1, metavar="[KID]...")
@click.option(
    "--use", type=click.Choice([*POLICIES, "all"]), default="sign", show_default=True, help="Which keys, without KID."
)
@click.option(
    "--emergency", is_flag=True, help="KID is in the wrong hands: all it has signed is dead, a fresh key takes over."
)
@config_option
@keys_option
@yes_option
@json_option
def rotate(
    kids: tuple[str, ...], use: str, emergency: bool, config: str, path: str | None, yes: bool, as_json: bool
) -> None:
    """Go one step in replacing the keys that sign; run it again when it says so.

    First a successor is announced. Once its lead has passed (360 s: by then every verifier has it), the next run lets
    it sign, and the old key verifies until the last token that it signed has ended: an hour for access tokens, 30 days
    for the key of refresh tokens. Nobody is signed out.

    With --emergency there is no time for that: KID is revoked through the feed, so nothing that it has signed is
    accepted any more, and a fresh key signs at once.
    """
    if emergency:
        _emergency(kids, config, path, yes, as_json)
        return
    place = _file(config, path)
    ring = KeyRing.load(place)
    current = [slot.key for slot in signers(ring)]
    chosen = [_known(ring, kid).key for kid in kids] or [key for key in current if use in ("all", key.use)]
    idle = [key.kid for key in chosen if key not in current]
    if idle or not chosen:
        raise CommandError(f"{idle[0] if idle else 'no key'} signs now", f"see which do: {_LIST}")
    turns = [_turn(ring, key) for key in chosen]
    if any(turn.done != "waiting" for turn in turns):
        ring.save(place)
    if as_json:
        say_json({"keys": [{"done": one.done, "old": one.old, "new": one.new, "at": one.at} for one in turns]})
        return
    for turn in turns:
        click.echo(_WORDS[turn.done].format(old=turn.old, new=turn.new, at=rfc3339(turn.at)))
    click.echo(SAVED, err=True)


@keys.command(epilog=examples("watchword keys retire 2nQ7dZkz0P --yes"))
@click.argument("kid")
@config_option
@keys_option
@yes_option
@json_option
def retire(kid: str, config: str, path: str | None, yes: bool, as_json: bool) -> None:
    """Let KID verify nothing from now on, before its time. Not the key that signs: rotate that one first."""
    place = _file(config, path)
    ring = KeyRing.load(place)
    slot = _known(ring, kid)
    if slot.state(ring.clock.now()) is State.RETIRED:
        raise CommandError(f"{slot.key.kid} is retired already")
    if slot in signers(ring):
        raise CommandError(
            f"{slot.key.kid} signs now",
            "replace it: watchword keys rotate; if it leaked: watchword keys rotate --emergency",
        )
    confirm(f"Every token that {slot.key.kid} has signed is refused from now on. Go on?", yes)
    ring.retire(slot.key.kid)
    ring.save(place)
    _said(place, "retired", [slot.key.kid], as_json)


@keys.command(
    epilog=examples(
        "watchword keys export > jwks.json",
        "watchword keys export --format paseto",
        "watchword keys export --format pem --kid 2nQ7dZkz0P",
        "watchword keys export --private --out backup.json",
    )
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="jwks", show_default=True, help="How it is written."
)
@click.option("--kid", metavar="KID", help="This key alone.")
@click.option("--private", is_flag=True, help="The secret halves as well, after a question.")
@click.option("--out", metavar="FILE", help="A new file (0600) instead of standard output.")
@config_option
@keys_option
@yes_option
def export(
    form: str, kid: str | None, private: bool, out: str | None, config: str, path: str | None, yes: bool
) -> None:
    """Write copies of keys for others: their public halves, unless --private is said.

    jwks is what the server publishes at /.well-known/jwks.json, paseto the PASETO key document; pem is one block a key.
    """
    ring = KeyRing.load(_file(config, path))
    chosen = None if kid is None else _known(ring, kid).key.kid
    if private:
        confirm("Whoever sees these keys can sign in your name. Write them?", yes)
    written = copies(ring, form, kid=chosen, private=private)
    if out is None:
        click.echo(written)
    else:
        write_once(Path(out), f"{written}\n", mode=0o600)
        click.echo(f"wrote {out} (0600)", err=True)


_NOW = {"sign": " (signs now)", "seal": " (seals now)", "mac": " (in use now)"}
_DATES = ("announced_at", "signs_from", "signed_until", "verifies_until")
_WORDS = {
    "announced": "{old}: its successor {new} is announced; from {at} on, run this again to let it sign",
    "waiting": "{old}: its successor {new} is announced, and may sign from {at} on; run this again then",
    "activated": "{new} signs now; {old} verifies until {at}",
}


def _row(slot: Slot, now: int, current: bool) -> dict[str, Any]:
    key = slot.key
    return {
        "kid": key.kid,
        "algorithm": key.algorithm.name,
        "use": key.use,
        "state": "revoked" if slot.revoked else slot.state(now).value,
        "current": current,
        "private": key.can_sign,
        "announced_at": rfc3339(slot.announced_at) if slot.announced_at else None,
        "signs_from": rfc3339(slot.activates_at) if slot.activates_at else None,
        "signed_until": None if slot.signs_until is None else rfc3339(slot.signs_until),
        "verifies_until": None if slot.retires_at is None else rfc3339(slot.retires_at),
    }


def _dates(row: dict[str, Any]) -> str:
    said = [f"{name.replace('_', ' ')} {row[name]}" for name in _DATES if row[name]]
    return ", ".join(said) or "from the start"


def _first_slots(named: list[Key], settings: Settings | None) -> list[Slot]:
    """The keys of a new file. A house (``settings``) cannot do without keys to seal and for MACs."""
    slots = [Slot(key, announced_at=0, activates_at=0) for key in named]
    if settings is None:
        return slots or fresh_slots(signing=True)
    alone = settings.access.single_service  # nothing that others read is signed there
    have = {(slot.key.algorithm.name, slot.key.use) for slot in slots}
    usual = fresh_slots(signing=not (alone or named))
    return slots + [slot for slot in usual if (slot.key.algorithm.name, slot.key.use) not in have]


def _turn(ring: KeyRing, key: Key) -> Turn:
    ring.policy = POLICIES[key.use]
    return advance(ring, key.kid)


def _emergency(kids: tuple[str, ...], config: str, path: str | None, yes: bool, as_json: bool) -> None:
    if len(kids) != 1:
        raise click.UsageError("--emergency takes exactly one KID")
    if path is not None:
        raise CommandError("an emergency goes through the feed, and a key file alone has none", "say --config")
    settings = _settings(config)
    kid = _known(KeyRing.load(_place(settings)), kids[0]).key.kid
    confirm(
        f"All that {kid} has signed is refused everywhere from now on, and a fresh key takes its place. Go on?", yes
    )
    before = {slot.key.kid for slot in KeyRing.load(_place(settings))}
    done = asyncio.run(stop(settings, wait=True, timeout=timedelta(seconds=60), key=kid))
    fresh = [slot.key.kid for slot in KeyRing.load(_place(settings)) if slot.key.kid not in before]
    if not as_json:
        click.echo(f"{kid} is revoked; " + (f"{fresh[0]} signs now" if fresh else "it was not the one that signs"))
    tell(done, "key", True, as_json)


def _known(ring: KeyRing, kid: str) -> Slot:
    """The slot of a key id, or of the only one that begins so."""
    fitting = [slot for slot in ring if slot.key.kid == kid] or [slot for slot in ring if slot.key.kid.startswith(kid)]
    if len(fitting) != 1:
        raise CommandError(f"{'no key' if not fitting else 'more than one key'} begins with {kid!r}", f"see: {_LIST}")
    return fitting[0]


def _settings(config: str) -> Settings:
    return lasting(configured(config), config, "it has no keys that last")


def _place(settings: Settings) -> Path:
    path = Watchword.from_settings(settings).key_file
    if path is None:
        raise ConfigurationError("there is no key file; name one in the configuration: keys = ")
    return path


def _file(config: str, path: str | None) -> Path:
    return Path(path) if path is not None else _place(_settings(config))


def _said(place: Path, what: str, kids: list[str], as_json: bool) -> None:
    if as_json:
        say_json({"file": str(place), "done": what, "keys": kids})
        return
    click.echo(f"{place}: {what}")
    for kid in kids:
        click.echo(kid)
