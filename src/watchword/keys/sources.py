"""Where a ring's keys come from: the key file, one JSON document beside the record, readable by its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..encoding import dump_json
from ..errors import ConfigurationError, KeysUnavailableError
from .key import Key
from .ring import Slot

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: whoever changes a file there is alone
    fcntl = None  # type: ignore[assignment]  # told apart below

FORMAT = "watchword-keys-1"


def _written(slot: Slot) -> dict[str, Any]:
    key = slot.key
    paseto = key.algorithm.format == "paseto"
    return {
        "kid": key.kid,
        "algorithm": key.algorithm.name,
        "use": key.use,
        "material": key.to_paserk(private=key.can_sign) if paseto else key.to_jwk(private=key.can_sign),
        "announced_at": slot.announced_at,
        "activates_at": slot.activates_at,
        "signs_until": slot.signs_until,
        "retires_at": slot.retires_at,
    } | ({"revoked": True} if slot.revoked else {})


def _slot(row: dict[str, Any]) -> Slot:
    material = row["material"]
    loaded = Key.from_paserk(material) if isinstance(material, str) else Key.from_jwk(material)
    key = Key(loaded.algorithm, loaded._private, loaded._public, kid=row["kid"], use=row["use"])
    times = {name: row[name] for name in ("announced_at", "activates_at", "signs_until", "retires_at")}
    for name, time in times.items():
        if type(time) is not int and (time is not None or name in ("announced_at", "activates_at")):
            raise TypeError(f"{name} is not a whole number of seconds")
    return Slot(key, **times, revoked=row.get("revoked", False) is not False)


def read_file(path: str | Path) -> list[Slot]:
    """The slots in a key file. Raises: ConfigurationError if it is missing, readable by others, or not such a file."""
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read()
    except FileNotFoundError as error:
        raise ConfigurationError(f"no key file at {path}") from error
    except OSError as error:
        raise KeysUnavailableError(f"the key file {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigurationError(
            f"the key file {path} has mode {mode:04o}: others can read it; 'chmod 600' it and rotate its keys"
        )
    return parsed(raw, path)


def parsed(raw: bytes, path: str | Path) -> list[Slot]:
    """The slots in the bytes of a key file. Raises: ConfigurationError if they are no such file."""
    import json

    document: Any = None
    with suppress(ValueError, RecursionError):  # beside the next try: such an error holds the whole text of the file
        document = json.loads(raw)
    try:
        if document["format"] != FORMAT:
            raise ConfigurationError(f"{path} is not a {FORMAT} file")
        return [_slot(row) for row in document["keys"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a whole {FORMAT} file") from error


def fresh_slots(*, signing: bool) -> list[Slot]:
    """The keys of a new installation: ES256 for JWT, v4.public for PASETO, v4.local to seal, HS256 for our own MACs."""
    pairs = (Key.generate("ES256"), Key.generate("v4.public")) if signing else ()
    keys = (*pairs, Key.generate("v4.local"), Key.generate("HS256", use="mac"))
    return [Slot(key, announced_at=0, activates_at=0) for key in keys]


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Whoever reads a key file in order to replace it is alone with it, on this machine; readers wait for nobody.

    The lock is on the file itself, so it is asked for again where the file was replaced meanwhile. One
    ``write_file`` at most: after it, the next one has the lock of the new file.
    Raises: ConfigurationError if there is no file, KeysUnavailableError if it cannot be opened.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
        except FileNotFoundError as error:
            raise ConfigurationError(f"no key file at {path}") from error
        except OSError as error:
            raise KeysUnavailableError(f"the key file {path} cannot be read: {error.strerror}") from error
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _still(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _still(descriptor: int, path: str | Path) -> bool:
    """Whether this is the file at ``path``; where there is none now, the next try to open it says so."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def write_file(path: str | Path, slots: Iterable[Slot]) -> None:
    """Replace a key file in one step: a reader sees the old one or the new one.

    A link stays one, and the file its owner's: who runs a command as root does not lock the service out.
    """
    path = os.path.realpath(path)
    temporary = _beside(path)
    _create(temporary, slots, owner=_owner(path))
    os.replace(temporary, path)


def load_or_create(path: str | Path, fresh: Iterable[Slot]) -> list[Slot]:
    """The keys at ``path``; where there are none, ``fresh`` ones are written (0600, exclusively).

    Who loses that race reads the winner's.
    """
    if not os.path.exists(path):
        temporary = _beside(path)
        _create(temporary, fresh)
        try:
            os.link(temporary, path)  # whole or not at all, and never over another's
        except FileExistsError:
            pass
        except OSError as error:
            raise KeysUnavailableError(f"the key file {path} cannot be written: {error.strerror}") from error
        finally:
            os.unlink(temporary)
    return read_file(path)


def _beside(path: str | Path) -> Path:
    """A name that no process has, not even one of the same number in another container."""
    return Path(f"{path}.{os.getpid()}.{os.urandom(4).hex()}.new")


def written(slots: Iterable[Slot]) -> bytes:
    """What a key file says of these keys, private halves and all."""
    return dump_json({"format": FORMAT, "keys": [_written(slot) for slot in slots]})


def _owner(path: str) -> tuple[int, int] | None:
    """User and group of the file that is there; None where there is none, or where files have no owners."""
    try:
        held = os.stat(path)
    except OSError:
        return None
    return (held.st_uid, held.st_gid) if hasattr(os, "fchown") else None


def _create(path: Path, slots: Iterable[Slot], *, owner: tuple[int, int] | None = None) -> None:
    body = written(slots)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KeysUnavailableError(f"the key file {path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None and os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        os.unlink(path)  # no half file, and no keys lying about
        raise KeysUnavailableError(f"the key file {path} cannot be written: {error.strerror}") from error
