"""``watchword keys rotate``: one step of a rotation; and in an emergency, the end of a key through the feed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import click

from ..encoding import rfc3339
from ..keys.ring import KeyRing
from ..keys.rotation import advance, signers
from .commands import CommandError, config_option, confirm, examples, json_option, say_json, yes_option
from .key_file import LIST, file_of, house, keys_option, known, place_of
from .revoke import stop, tell

USES = ("sign", "seal", "mac", "all")
SAVED = "running processes read it within a second or two"
_WORDS = {
    "announced": "{old}: its successor {new} is announced; from {at} on, run this again to let it sign",
    "waiting": "{old}: its successor {new} is announced, and may sign from {at} on; run this again then",
    "activated": "{new} signs now; {old} verifies until {at}",
}


@click.command(
    epilog=examples(
        "watchword keys rotate",
        "watchword keys rotate --use all --json",
        "watchword keys rotate --emergency 2nQ7dZkz0P --yes",
    )
)
@click.argument("kids", nargs=-1, metavar="[KID]...")
@click.option("--use", type=click.Choice(USES), default="sign", show_default=True, help="Which keys, without KID.")
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
    place = file_of(config, path)
    with KeyRing.changing(place) as ring:
        current = [slot.key for slot in signers(ring)]
        chosen = [known(ring, kid).key for kid in kids] or [key for key in current if use in ("all", key.use)]
        idle = [key.kid for key in chosen if key not in current]
        if idle or not chosen:
            raise CommandError(f"{idle[0] if idle else 'no key'} signs now", f"see which do: {LIST}")
        turns = [advance(ring, key.kid) for key in chosen]
    if as_json:
        say_json({"keys": [{"done": one.done, "old": one.old, "new": one.new, "at": one.at} for one in turns]})
        return
    for turn in turns:
        click.echo(_WORDS[turn.done].format(old=turn.old, new=turn.new, at=rfc3339(turn.at)))
    click.echo(SAVED, err=True)


def _emergency(kids: tuple[str, ...], config: str, path: str | None, yes: bool, as_json: bool) -> None:
    if len(kids) != 1:
        raise click.UsageError("--emergency takes exactly one KID")
    if path is not None:
        raise CommandError("an emergency goes through the feed, and a key file alone has none", "say --config")
    settings = house(config)
    kid = known(KeyRing.load(place_of(settings)), kids[0]).key.kid
    confirm(
        f"All that {kid} has signed is refused everywhere from now on, and a fresh key takes its place. Go on?", yes
    )
    before = {slot.key.kid for slot in KeyRing.load(place_of(settings))}
    done = asyncio.run(stop(settings, wait=True, timeout=timedelta(seconds=60), key=kid))
    fresh = [slot.key.kid for slot in KeyRing.load(place_of(settings)) if slot.key.kid not in before]
    if not as_json:
        click.echo(f"{kid} is revoked; " + (f"{fresh[0]} signs now" if fresh else "it was not the one that signs"))
    tell(done, "key", True, as_json)
