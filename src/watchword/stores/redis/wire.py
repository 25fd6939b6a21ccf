"""Finding the primary and connecting to it; what it answers, and which of its errors mean what.

redis-py connects (names, TLS, AUTH, SELECT); from there on a socket and hiredis are all that both faces need.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from ...errors import ConfigurationError, StoreUnavailableError
from .address import Address, Place

Command = tuple[str | bytes | int, ...]


def pack(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows fewer types
    return packed


MISSING = object()
"""What a reader says when no whole reply is there yet."""
_NOT_DONE = {"MOVED", "ASK", "READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "TRYAGAIN", "DEMOTED"}
_DIRECTIONS = {
    "OOM": "it is out of memory: give it more",
    "MISCONF": "it cannot write to its disk",
    "NOREPLICAS": "it has too few good replicas",
    "NOPERM": "the user may not do that: see docs/how-to/use-redis.md for the rights it needs",
    "DEMOTED": "it is no primary now",
    "READONLY": "it is no primary now",
    "LOADING": "it is still reading its data from disk",
}


class LostError(Exception):
    """The connection broke. What was asked for may have been done or not."""


class Refused(Exception):  # noqa: N818 - a reply, not raised by the parser
    """An error reply. Its text can hold what was sent, so only ``code``, its first word, goes any further."""

    def __init__(self, text: str) -> None:
        super().__init__()
        first = text.split(" ", 1)[0]
        self.code = first if re.fullmatch(r"[A-Z]{2,20}", first) else "ERR"

    @property
    def not_done(self) -> bool:
        """The server certainly did nothing, and another one, or this one later, might."""
        return self.code in _NOT_DONE

    def said(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"Redis answered {self.code}: {_DIRECTIONS.get(self.code, 'see its own log')}")


class Wire:
    """A connection to the primary, and the parser of what comes back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.socket: socket.socket = connection.raw()
        self.reader = hiredis.Reader(notEnoughData=MISSING, replyError=Refused)

    def close(self) -> None:
        with suppress(RedisError, OSError):
            self._connection.disconnect()


class _Plain(redis.Connection):
    def raw(self) -> Any:
        return self._sock


class _TLS(redis.SSLConnection):
    def raw(self) -> Any:
        return self._sock


def dial(address: Address) -> Wire:
    """Connect to the primary. Blocks for a few times ``timeout`` at most.

    Raises: LostError when none can be reached; ConfigurationError when this one will never do.
    """
    try:
        return _dial(address)
    except AuthenticationError:
        raise ConfigurationError(f"{address} refuses the user name or password of the URL") from None


def _dial(address: Address) -> Wire:
    finding = _by_sentinel if address.sentinel else _by_slot if address.cluster else _given
    why = "no primary is known there"
    for place in finding(address):
        try:
            connection = _connect(address, place)
            if not address.sentinel or _ask(connection, "ROLE")[0] == b"master":
                return Wire(connection)
            connection.disconnect()
        except AuthenticationError:
            raise
        except (RedisError, OSError, ValueError) as error:  # ValueError: redis-py could not read an error reply
            why = type(error).__name__
    raise LostError(f"{address} does not answer: {why}")


def _connect(address: Address, place: Place, *, sentinel: bool = False) -> Any:
    options: dict[str, Any] = {
        "host": place[0],
        "port": place[1],
        "db": 0 if sentinel else address.database,
        "username": None if sentinel else address.username,
        "password": None if sentinel else address.password,
        "socket_timeout": address.timeout,
        "socket_connect_timeout": address.timeout,
        "socket_keepalive": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "watchword",
    }
    case: Any = _TLS if address.tls else _Plain
    connection = case(**options, **({"ssl_ca_certs": address.ca} if address.tls else {}))
    connection.connect()
    return connection


def _ask(connection: Any, *command: str) -> Any:
    """The reply. The connection is closed when this raises."""
    try:
        connection.send_command(*command)
        return connection.read_response(disable_decoding=True)
    except BaseException:
        connection.disconnect()
        raise


def _given(address: Address) -> Iterator[Place]:
    yield from address.places


def _by_sentinel(address: Address) -> Iterator[Place]:
    def ask(connection: Any, _: Place) -> Place | None:
        found = _ask(connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.service)
        return (found[0].decode(), int(found[1])) if found else None

    yield from _each_seed(address, ask)


def _by_slot(address: Address) -> Iterator[Place]:
    slot = key_slot(address.prefix.encode())

    def ask(connection: Any, seed: Place) -> Place | None:
        try:
            slots = _ask(connection, "CLUSTER", "SLOTS")
        except ResponseError:
            raise ConfigurationError(f"{address} is no cluster: write redis:// instead of redis+cluster://") from None
        for first, last, primary, *_ in slots:
            if first <= slot <= last:
                return (primary[0] or b"").decode() or seed[0], int(primary[1])
        return None

    yield from _each_seed(address, ask)


def _each_seed(address: Address, ask: Callable[[Any, Place], Place | None]) -> Iterator[Place]:
    """Where each of the seeds says that the primary is."""
    for seed in address.places:
        try:
            connection = _connect(address, seed, sentinel=address.sentinel)
            found = ask(connection, seed)
            connection.disconnect()
        except AuthenticationError:
            raise
        except (RedisError, OSError):
            continue
        if found is not None:
            yield found
