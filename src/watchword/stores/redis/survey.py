"""What a Redis store says of its server and of what it keeps there, over a connection of its own."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import unquote

from ...errors import ConfigurationError
from ..base import Survey
from .address import Address
from .checks import check, read_info
from .lane import lost, talk
from .rows import audit_in, feed_in
from .scripts import TAIL
from .wire import Command, LostError, Refused, Wire, dial

_ABOUT = {
    "server": "redis_version",
    "maxmemory-policy": "maxmemory_policy",
    "evicted": "evicted_keys",
    "appendonly": "aof_enabled",
    "replicas": "connected_slaves",
    "role": "role",
}
"""What is said of the server -> the field of INFO that knows it. ``appendfsync`` is CONFIG's."""
_PAGE = 1000


def survey(address: Address, at: str, now: int) -> Survey:
    """``at``: how every key begins. Raises: StoreUnavailableError; ConfigurationError for a user without the right.

    ``size`` is the memory of the whole server, whoever else uses it.
    """
    try:
        with closing(dial(address)) as wire:
            return _survey(wire, address, at, now)
    except LostError as error:
        raise lost(error, look=True) from None


def _survey(wire: Wire, address: Address, at: str, now: int) -> Survey:
    info = read_info(_ask(wire, "INFO"))
    flushing = talk(wire, (("CONFIG", "GET", "appendfsync"),))[0]  # many a managed Redis forbids CONFIG
    appendfsync = b"" if isinstance(flushing, Refused) else b"".join(flushing[1:])
    about = {name: info.get(field, "unknown") for name, field in _ABOUT.items()}
    about["appendonly"] = "yes" if about["appendonly"] == "1" else "no"
    about["appendfsync"] = appendfsync.decode() or "unknown"
    amiss, cautions = "", tuple[str, ...]()
    try:
        cautions = tuple(check(address, info, appendfsync.decode()))
    except ConfigurationError as error:
        amiss = str(error)
    born = _ask(wire, "HGET", f"{at}m", "born")  # to ask an empty store for its feed would begin its life
    epoch = feed_in(_ask(wire, "EVAL", TAIL.text, 1, f"{at}m", 0, now, 1)).epoch if born else ""
    oldest = _ask(wire, "ZRANGE", f"{at}a", 0, 0)
    return Survey(
        scheme=address.scheme,
        amiss=amiss,
        epoch=epoch,
        head=int(_ask(wire, "HGET", f"{at}m", "head") or 0),
        records=_records(wire, at),
        events=int(_ask(wire, "ZCOUNT", f"{at}u", f"({now}", "+inf")),
        audit=int(_ask(wire, "ZCARD", f"{at}a")),
        oldest_audit=audit_in(oldest[0]).at if oldest else None,
        size=int(info.get("used_memory", "0")),
        about=about,
        cautions=cautions,
    )


def _records(wire: Wire, at: str) -> dict[str, int]:
    """By the index of each kind, which may still name some that a TTL took."""
    kinds, cursor = set[bytes](), b"0"
    while True:
        cursor, page = _ask(wire, "SCAN", cursor, "MATCH", f"{_literal(at)}k:*", "COUNT", _PAGE)
        kinds.update(page)
        if cursor == b"0":
            break
    counted = {key.decode().removeprefix(f"{at}k:"): _ask(wire, "ZCARD", key) for key in sorted(kinds)}
    return {unquote(kind): int(number) for kind, number in counted.items() if number}


def _literal(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "[]?*\\^" else letter for letter in text)


def _ask(wire: Wire, *command: str | bytes | int) -> Any:
    asked: tuple[Command] = (command,)
    [reply] = talk(wire, asked)
    if isinstance(reply, Refused):
        raise reply.said()
    return reply
