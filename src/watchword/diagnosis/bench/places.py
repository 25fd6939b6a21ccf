"""Where records are kept while stores are measured: nowhere that anybody else looks, and nothing is left there.

Memory; a SQLite file in the run's folder; in a PostgreSQL that was named a schema of our own, in a Redis a prefix of
our own. Only servers of this machine are taken: a benchmark loads what it measures, and a network between would be
measured with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from ipaddress import ip_address
from secrets import token_hex
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from ...errors import ConfigurationError, WatchwordError
from ...stores.base import open_store
from .base import Ask

_ELSEWHERE = (
    "{} of a benchmark has to be on this machine (localhost, 127.0.0.1, ::1, a Unix socket): a benchmark loads what it"
    " measures, and would measure the network with it; run it there, or leave it out"
)


OURS = "watchword_bench"
"""How a schema and a prefix of ours begin."""


class Place(Struct, frozen=True):
    """A store of our own. ``id`` is a part of what tables are called."""

    id: str
    name: str
    url: str


def check_loopback(postgres: str | None, redis: str | None) -> None:
    """Raise ConfigurationError, which never holds the URL, for a server that is elsewhere, or may be."""
    if redis is not None and not all(map(_here, _redis_hosts(redis))):
        raise ConfigurationError(_ELSEWHERE.format("the Redis"))
    if postgres is not None and not all(map(_here, _postgres_hosts(postgres))):
        raise ConfigurationError(_ELSEWHERE.format("the PostgreSQL"))


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost") or host.startswith(("/", "@"))


def _redis_hosts(url: str) -> list[str]:
    _extra("Redis", "redis")
    from ...stores.redis.address import read_address

    if _parts("Redis", url).scheme not in ("redis", "rediss"):
        raise ConfigurationError(
            "the Redis of a benchmark is one server, redis:// or rediss://: the servers of a cluster, and those that"
            " sentinels name, may be on other machines"
        )
    return [host for host, _ in read_address(url).places]


def _postgres_hosts(url: str) -> list[str]:
    """As libpq finds them: in the URL, in its query, in the environment; in a service file we do not look."""
    _extra("PostgreSQL", "postgres")
    from psycopg.conninfo import conninfo_to_dict

    if _parts("PostgreSQL", url).scheme not in ("postgresql", "postgres"):
        raise ConfigurationError("the PostgreSQL of a benchmark is named postgresql://user:password@localhost/database")
    open_store(url)  # refuses a URL that cannot be read, without quoting it
    said = conninfo_to_dict(_for_libpq(url))
    if said.get("service") or os.environ.get("PGSERVICE"):
        raise ConfigurationError(_ELSEWHERE.format("the PostgreSQL") + "; a service file may name any host")
    named = [str(said.get(word) or os.environ.get(f"PG{word.upper()}") or "") for word in ("host", "hostaddr")]
    return [host for text in named for host in text.split(",")]


def _parts(what: str, url: str) -> SplitResult:
    """Raises: ConfigurationError, which never holds the URL: there may be a password in it."""
    try:
        return urlsplit(url)
    except ValueError:  # its text quotes the URL
        raise ConfigurationError(
            f"the {what} of a benchmark is named by what is no URL; write a special character of its password"
            " percent-encoded, and an IPv6 address in brackets"
        ) from None


def _extra(what: str, name: str) -> None:
    try:
        __import__({"redis": "hiredis", "postgres": "psycopg"}[name])
    except ImportError:
        raise ConfigurationError(f"{what} wants its driver: pip install 'watchword[{name}]'") from None


@contextmanager
def places(ask: Ask, not_run: list[str]) -> Iterator[list[Place]]:
    """Memory, SQLite and what was given, each empty; what was written is removed, also when the run is broken off.

    A server that does not answer, or in which we may not make a place, is a sentence in ``not_run``.
    """
    given: list[tuple[str, str | None, Callable[[str], AbstractContextManager[str]]]] = [
        ("PostgreSQL", ask.postgres, _schema),
        ("Redis", ask.redis, _prefix),
    ]
    found = [
        Place("memory", "memory", "memory:"),
        Place("sqlite", "SQLite", f"sqlite:///{quote(str(ask.folder))}/{token_hex(4)}.db"),
    ]
    with ExitStack() as stack:
        for name, url, own in given:
            if url is None:
                not_run.append(
                    f"{name} was not given: --{name.lower().replace('postgresql', 'postgres')} URL measures it."
                )
                continue
            try:
                mine = stack.enter_context(own(url))
                store = open_store(mine)
                try:
                    store.open_blocking()
                finally:
                    store.close_blocking()
                found.append(Place(name.lower(), name, mine))
            except WatchwordError as error:
                not_run.append(f"{name} could not be measured: {error}")
        yield found


@contextmanager
def _schema(url: str) -> Iterator[str]:
    """The URL with a schema of our own as its search path. Raises: ConfigurationError."""
    name = f"{OURS}_{token_hex(8)}"
    try:
        _run(url, f"CREATE SCHEMA {name}")
        parts = _parts("PostgreSQL", url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        query["options"] = f"{query.get('options', '')} -csearch_path={name}".strip()
        yield urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))
    finally:
        _run(url, f"DROP SCHEMA IF EXISTS {name} CASCADE")


@contextmanager
def _prefix(url: str) -> Iterator[str]:
    """The URL with a prefix of our own before every key. Raises: ConfigurationError."""
    parts, name = _parts("Redis", url), f"{OURS}_{token_hex(8)}"
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"prefix": name}
    mine = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))
    _unlink(mine, f"{{{name}}}:*")  # nothing yet; whether the server answers
    try:
        yield mine
    finally:
        _unlink(mine, f"{{{name}}}:*")


def _unlink(url: str, pattern: str) -> None:
    """Remove every key of that pattern, which has no letter that means another. Raises: ConfigurationError."""
    from ...stores.redis.address import read_address
    from ...stores.redis.lane import talk
    from ...stores.redis.wire import LostError, dial

    try:
        with closing(dial(read_address(url, timeout=5.0))) as wire:
            cursor: Any = b"0"
            while True:
                [[cursor, page]] = talk(wire, (("SCAN", cursor, "MATCH", pattern, "COUNT", 1000),))
                if page:
                    talk(wire, (("UNLINK", *page),))
                if cursor == b"0":
                    return
    except LostError:
        raise ConfigurationError(
            f"it does not answer; if it did before, the keys {pattern} may be left in it"
        ) from None


def _for_libpq(url: str) -> str:
    """Without what only a store reads."""
    base, _, query = url.partition("?")
    words = [word for word in query.split("&") if word and not word.startswith(("pool_size=", "timeout="))]
    return base + ("?" + "&".join(words) if words else "")


def _run(url: str, statement: str) -> None:
    import psycopg

    try:
        with psycopg.connect(_for_libpq(url), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)
    except psycopg.Error as error:
        refused = f"{' '.join(statement.split()[:2])}: SQLSTATE {error.sqlstate}"
        raise ConfigurationError(refused if error.sqlstate else "it does not answer, or lets nobody in") from None
