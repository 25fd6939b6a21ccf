"""``watchword keys``: what is on the ring, fresh keys, their turns, copies for others. No secret is shown unasked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..config import Settings
from ..encoding import rfc3339
from ..keys.key import Key
from ..keys.ring import KeyRing, Slot, State
from ..keys.rotation import signers
from ..keys.sources import fresh_slots, load_or_create
from .commands import (
    CommandError,
    columns,
    config_option,
    confirm,
    examples,
    json_option,
    say_json,
    yes_option,
)
from .key_copies import FORMATS, copies, write_once
from .key_file import LIST, file_of, house, keys_option, known, said
from .key_rotate import rotate


@click.group(
    epilog=examples(
        LIST, "watchword keys rotate", "watchword keys rotate --emergency KID", "watchword keys export --format pem"
    )
)
def keys() -> None:
    """List, make, rotate, retire and export keys.

    A key is announced before it signs, so that every verifier knows it by then, and verifies for a while after it
    signed last: announced, active, retiring, retired.
    """


@keys.command("list", epilog=examples(LIST, "watchword keys list --keys app.db.keys --json"))
@config_option
@keys_option
@json_option
def list_(config: str, path: str | None, as_json: bool) -> None:
    """Show each key: its id, algorithm, use, state and dates. Never the key itself."""
    ring = KeyRing.load(file_of(config, path))
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

    A new file gets ES256 and v4.public, or the algorithms that are named, with a v4.local to seal and an HS256 for
    MACs; with --keys, exactly those that are named. Its keys are active at once. A key in a file that is there already
    is announced, and signs after its lead.
    """
    place = file_of(config, path)
    fresh = [Key.generate(name) for name in algorithms]
    if not os.path.exists(place):
        slots = _first_slots(fresh, None if path is not None else house(config))
        made = [slot.key.kid for slot in load_or_create(place, slots)]
        if not {slot.key.kid for slot in slots} <= set(made):
            raise CommandError(f"somebody else has just made {place}", "look at it: watchword keys list")
        said(place, f"{len(made)} keys, active at once", made, as_json)
        return
    if not fresh:
        raise CommandError(f"{place} is there already", "name an algorithm to add, or: watchword keys rotate")
    with KeyRing.changing(place) as ring:
        for key in fresh:
            row = key.algorithm
            if row.symmetric and key.use == "sign":
                raise CommandError(f"{row.name} is symmetric, and cannot be published", "sign with ES256 or v4.public")
            if any((slot.key.algorithm, slot.key.use) == (row, key.use) for slot in ring):
                raise CommandError(f"there is a {row.name} key already", "give it a successor: watchword keys rotate")
            ring.announce(key)
    said(
        place,
        f"announced; signs from {rfc3339(ring.clock.now() + ring.policy.lead)}",
        [key.kid for key in fresh],
        as_json,
    )


@keys.command(epilog=examples("watchword keys retire 2nQ7dZkz0P --yes"))
@click.argument("kid")
@config_option
@keys_option
@yes_option
@json_option
def retire(kid: str, config: str, path: str | None, yes: bool, as_json: bool) -> None:
    """Let KID verify nothing from now on, before its time. Not the key that signs: rotate that one first."""
    place = file_of(config, path)
    whole = _to_retire(KeyRing.load(place), kid)
    confirm(f"Every token that {whole} has signed is refused from now on. Go on?", yes)
    with KeyRing.changing(place) as ring:
        ring.retire(_to_retire(ring, whole))
    said(place, "retired", [whole], as_json)


def _to_retire(ring: KeyRing, kid: str) -> str:
    """The whole id of a key that may go. Raises: CommandError for one that is gone, or signs."""
    slot = known(ring, kid)
    if slot.state(ring.clock.now()) is State.RETIRED:
        raise CommandError(f"{slot.key.kid} is retired already")
    if slot in signers(ring):
        raise CommandError(
            f"{slot.key.kid} signs now",
            "replace it: watchword keys rotate; if it leaked: watchword keys rotate --emergency KID",
        )
    return slot.key.kid


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
@click.option("--out", type=click.Path(), metavar="FILE", help="A new file (0600) instead of standard output.")
@config_option
@keys_option
@yes_option
def export(
    form: str, kid: str | None, private: bool, out: str | None, config: str, path: str | None, yes: bool
) -> None:
    """Write copies of keys for others: their public halves, unless --private is said.

    jwks is what the server publishes at /.well-known/jwks.json, paseto the PASETO key document; pem is one block a key.
    """
    ring = KeyRing.load(file_of(config, path))
    chosen = None if kid is None else known(ring, kid).key.kid
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
    revoked = row["state"] == "revoked"
    names = [name for name in _DATES if row[name] and not (revoked and name == "verifies_until")]
    said = [f"{name.replace('_', ' ')} {row[name]}" for name in names] + ["verifies nothing"] * revoked
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


keys.add_command(rotate)
