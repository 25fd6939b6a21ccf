"""Copies of keys as text, for others or for a safe; and files that are written once and never over another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from ..keys.key import Key
from ..keys.ring import KeyRing, Slot, State
from .commands import CommandError


def copies(ring: KeyRing, form: str, *, kid: str | None, private: bool) -> str:
    """The keys of the ring that are not retired, or the one of ``kid``, in one of ``FORMATS``.

    Raises: CommandError where there is none to write.
    """
    now = ring.clock.now()
    slots = [slot for slot in ring if kid in (None, slot.key.kid) and slot.state(now) is not State.RETIRED]
    chosen = [slot for slot in slots if _fits(slot.key, form) and (private or not slot.key.algorithm.symmetric)]
    if not chosen:
        raise CommandError(
            f"there is no key to write as {form}",
            "symmetric keys are all secret: --private; PASETO keys: --format paseto",
        )
    return FORMATS[form](ring, chosen, private)


def write_once(path: Path, text: str, *, mode: int) -> None:
    """A new file of this mode, whatever the umask. Raises: CommandError if there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise CommandError(
            f"{path} is there already, and is not overwritten", "move it away, or name another"
        ) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)


def _fits(key: Key, form: str) -> bool:
    if form == "pem":
        return not key.algorithm.symmetric
    return (key.algorithm.format == "paseto") == (form == "paseto")


def _jwks(ring: KeyRing, slots: list[Slot], private: bool) -> str:
    if not private:
        kids = {slot.key.kid for slot in slots}
        return json.dumps({"keys": [one for one in ring.jwks()["keys"] if one["kid"] in kids]}, indent=2)
    return json.dumps({"keys": [slot.key.to_jwk(private=slot.key.can_sign) for slot in slots]}, indent=2)


def _paseto(ring: KeyRing, slots: list[Slot], private: bool) -> str:
    kids = {slot.key.kid for slot in slots}
    if not private:
        document = ring.paseto_keys()
        return json.dumps(document | {"keys": [one for one in document["keys"] if one["kid"] in kids]}, indent=2)
    rows = [
        {"kid": slot.key.kid, "paserk": slot.key.to_paserk(private=slot.key.can_sign), "use": slot.key.use}
        for slot in slots
    ]
    return json.dumps({"keys": rows}, indent=2)


def _pem(ring: KeyRing, slots: list[Slot], private: bool) -> str:
    keys = [slot.key if private else slot.key.public() for slot in slots]
    return "".join(f"# {key.kid} {key.algorithm.name}\n{key.to_pem().decode()}" for key in keys).rstrip("\n")


FORMATS: dict[str, Callable[[KeyRing, list[Slot], bool], str]] = {"jwks": _jwks, "paseto": _paseto, "pem": _pem}
