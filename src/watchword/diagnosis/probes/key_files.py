"""Local: the key file: who can read it, how old its keys are, and whether another service has the same ones."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ...app import Watchword
from ...errors import WatchwordError
from ...keys.key import Key
from ...keys.ring import Slot, State
from ...keys.sources import parsed, read_file
from .base import Ailment, CannotRunError, Case, Configured, Family, Probe, Sign

OLD = 180 * 86_400
"""Seconds that a key may sign before it is called old (NIST SP 800-57 part 1, 5.3.6 allows 1 to 3 years)."""


def key_file(config: Configured) -> Path:
    """Raises: CannotRunError where the configuration has none."""
    try:
        path = Watchword.from_settings(config.said).key_file
    except WatchwordError:
        raise CannotRunError(f"{config.path} names no store that could be made") from None
    if path is None:
        raise CannotRunError("the keys of a store in memory live in the process alone")
    return path


def slots_of(config: Configured) -> list[Slot]:
    """What the key file holds. Raises: CannotRunError."""
    try:
        return read_file(key_file(config))
    except WatchwordError as error:
        raise CannotRunError(f"the key file cannot be read: {error}") from None


def _there(case: Case) -> Iterator[Sign]:
    path = key_file(case.config)
    try:
        held = path.stat()
    except FileNotFoundError:
        if case.config.said.url.startswith("sqlite:") and not _database(case.config).exists():
            raise CannotRunError("nothing was started yet: the database and its keys are made then") from None
        yield Sign("keys.missing", f"there is no {path}", _named(path))
        return
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None
    mode, folder = stat.S_IMODE(held.st_mode), stat.S_IMODE(os.stat(path.parent).st_mode)
    if mode & 0o077:
        yield Sign("keys.readable", f"{path} has mode {mode:04o}", _named(path) | _exposed(case, path))
        return
    if folder & 0o002 and not folder & stat.S_ISVTX:
        yield Sign(
            "keys.folder-open", f"{path.parent} has mode {folder:04o}", {"FOLDER": shlex.quote(str(path.parent))}
        )
    try:
        read_file(path)
    except WatchwordError as error:
        yield Sign("keys.broken", str(error), _named(path))


def _named(path: Path) -> dict[str, str]:
    backup = shlex.quote(f"BACKUP/{path.name}")
    return {"app.db.keys": shlex.quote(str(path)), "BACKUP/app.db.keys": backup}


def _exposed(case: Case, path: Path) -> dict[str, str]:
    """One emergency for each key whose tokens are accepted: an exposed file exposes all of them."""
    try:
        slots = parsed(path.read_bytes(), path)
    except (WatchwordError, OSError):
        return {}
    now, config = case.clock.now(), shlex.quote(case.config.path)
    kids = [
        one.key.kid for one in slots if one.key.can_sign and not one.revoked and one.state(now) is not State.RETIRED
    ]
    said = "; ".join(f"watchword keys rotate --config {config} --emergency -- {shlex.quote(kid)}" for kid in kids)
    return {_EMERGENCY: said}


def _ages(case: Case) -> Iterator[Sign]:
    path, now = key_file(case.config), case.clock.now()
    slots = slots_of(case.config)
    signers = [one for one in slots if one.state(now) is State.ACTIVE and one.key.use == "sign" and one.key.can_sign]
    if not signers and not case.config.said.access.single_service:
        yield Sign("keys.no-signer", f"{path} has {len(slots)} keys, and none signs now")
    written = int(path.stat().st_mtime)
    for slot in signers:
        since = slot.activates_at or written
        if now - since > OLD:
            days = (now - since) // 86_400
            yield Sign("keys.old", f"the {slot.key.algorithm.name} key has been signing for {days} days at least")


def _sprawl(case: Case) -> Iterator[Sign]:
    """A key that two services hold: of whatever use, for a private half is no more to be shared than a secret."""
    holders: dict[str, list[str]] = {}
    for one in case.configs:
        path, now = key_file(one), case.clock.now()
        for slot in slots_of(one):
            if slot.key.can_sign and slot.state(now) is not State.RETIRED:
                sort = f"{slot.key.algorithm.name} ({slot.key.use})"
                holders.setdefault(f"{sort} {_fingerprint(slot.key)}", []).append(f"{one.path} ({path.name})")
    services = {(one.said.issuer, one.said.audience, one.said.url) for one in case.configs}
    shared = [(name.rpartition(" ")[0], found) for name, found in holders.items() if len(found) > 1]
    if shared and len(services) > 1:
        sorts = ", ".join(sorted({sort for sort, _ in shared}))
        places = " and ".join(sorted({place for _, found in shared for place in found}))
        yield Sign("keys.shared", f"{sorts} in {places}")


def _fingerprint(key: Key) -> str:
    """The same for the same key, whatever it is called; it stays in this process."""
    return sha256(key.secret_bytes()).hexdigest() if key.algorithm.symmetric else key.thumbprint()


def _database(config: Configured) -> Path:
    return Path(str(key_file(config)).removesuffix(".keys"))


_EMERGENCY = "watchword keys rotate --config watchword.toml --emergency KID"

FAMILY = Family(
    page="key-files",
    title="The key file is missing, readable, old, or held by two services",
    look="`ls -l app.db.keys`; the file is JSON and names each key's algorithm, use and times. Never paste it "
    "anywhere.",
    prevent="Rotate on a schedule, let each service have a key file of its own, and deploy it with mode 0600.",
    ailments=(
        Ailment(
            id="keys.missing",
            symptom="After a deployment all tokens and links are refused as of an unknown key.",
            cause="The key file did not come along with the database; opening makes fresh keys.",
            mend="cp BACKUP/app.db.keys app.db.keys && chmod 600 app.db.keys",
        ),
        Ailment(
            id="keys.readable",
            symptom="The process refuses to start, or another user of the machine could sign tokens of anybody.",
            cause="The key file can be read by its group or by all.",
            mend="chmod 600 app.db.keys && watchword keys list --config watchword.toml && "
            f"{_EMERGENCY}   # for each KID: who could read the file may have it",
        ),
        Ailment(
            id="keys.folder-open",
            symptom="Another user of the machine can put a key file of their own in its place.",
            cause="The folder of the key file can be written by everybody.",
            mend="chmod o-w FOLDER",
        ),
        Ailment(
            id="keys.broken",
            symptom="The process does not start, and says that it is no whole key file.",
            cause="The file was cut, edited, or is another one.",
            mend="cp BACKUP/app.db.keys app.db.keys && chmod 600 app.db.keys",
        ),
        Ailment(
            id="keys.no-signer",
            symptom="No token can be issued: there is no active key.",
            cause="The last key that signs was retired, or the file holds public keys alone.",
            mend="watchword keys generate ES256 --config watchword.toml",
        ),
        Ailment(
            id="keys.old",
            level="warning",
            symptom="Nothing is noticed, until the key is lost and nobody has practised to rotate it.",
            cause="The key has been signing for more than 180 days.",
            mend="watchword keys rotate --config watchword.toml",
        ),
        Ailment(
            id="keys.shared",
            symptom="A token of one service opens another, and a break-in at one is a break-in at both.",
            cause="Two services hold the same secret or private key; with a symmetric one each who verifies can sign.",
            mend="rm the copy, start that service with keys of its own, and let it verify by the other's "
            "/.well-known/jwks.json",
        ),
    ),
    probes=(
        Probe(
            id="key-file",
            asks="is it there, whole, and its owner's alone",
            needs=("config",),
            run=_there,
            finds=("keys.missing", "keys.readable", "keys.folder-open", "keys.broken"),
        ),
        Probe(
            id="key-ages",
            asks="does a key sign, and for how long has it",
            needs=("config",),
            run=_ages,
            finds=("keys.no-signer", "keys.old"),
        ),
        Probe(
            id="key-sprawl",
            asks="has each service keys of its own",
            needs=("configs",),
            run=_sprawl,
            finds=("keys.shared",),
        ),
    ),
)
