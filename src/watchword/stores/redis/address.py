"""A Redis URL, read: which servers, which database, whose credentials, and the few options after ``?``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct
from msgspec.structs import asdict

from ...errors import ConfigurationError

Place = tuple[str, int]
"""Host and port."""

_FORM = (
    "write redis://[user:password@]host[:6379][/0], redis+sentinel://host[:26379],host,…/service[/0] or"
    " redis+cluster://host[:6379],host,…; rediss… for TLS"
)
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class Address(Struct, frozen=True, kw_only=True):
    """Where the store is. ``repr`` leaves the credentials out."""

    scheme: str
    places: tuple[Place, ...]
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = None
    prefix: str = "ww"
    timeout: float = 0.5
    wait: int = 0
    ca: str | None = None

    @property
    def cluster(self) -> bool:
        return self.scheme.endswith("+cluster")

    @property
    def sentinel(self) -> bool:
        return self.scheme.endswith("+sentinel")

    @property
    def tls(self) -> bool:
        return self.scheme.startswith("rediss")

    def __str__(self) -> str:
        where = ",".join(f"{host}:{port}" for host, port in self.places)
        return f"{self.scheme}://{where}" + (f"/{self.service}" if self.service else "")

    def __repr__(self) -> str:
        shown = {name: value for name, value in asdict(self).items() if name not in ("username", "password")}
        return f"Address({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def read_address(url: str, **defaults: float) -> Address:
    """``defaults`` are for options that the URL does not give.

    Raises: ConfigurationError, which never holds the URL: there may be a password in it.
    """
    try:
        return _read(url, defaults)
    except ValueError as error:
        raise ConfigurationError(f"this Redis URL cannot be read: {error}; {_FORM}") from None


def _read(url: str, defaults: Mapping[str, float]) -> Address:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the URL
        raise ValueError("it is no URL") from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("a special character of its user name or password is not percent-encoded")
    login, _, where = parts.netloc.rpartition("@")
    username, colon, password = login.partition(":")
    sentinel, cluster = parts.scheme.endswith("+sentinel"), parts.scheme.endswith("+cluster")
    path = [unquote(part) for part in parts.path.split("/")[1:] if part]
    service = path.pop(0) if sentinel and path else ""
    if sentinel and not service:
        raise ValueError("it names no service for the sentinels")
    database = _number("the database", path.pop(0), 0, 10_000) if path else 0
    if path or parts.fragment:
        raise ValueError("there is too much after the host")
    if cluster and database:
        raise ValueError("a cluster has database 0 alone")
    places = tuple(_place(one, 26379 if sentinel else 6379) for one in where.split(","))
    if len(places) > 1 and not (sentinel or cluster):
        raise ValueError("it names several servers, which are a cluster or sentinels")
    return Address(
        scheme=parts.scheme,
        places=places,
        service=service,
        database=database,
        username=unquote(username) or None,
        password=unquote(password) if colon else None,
        **{**defaults, **_options(parts.query)},
    )


def _place(text: str, port: int) -> Place:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(?::(\d{1,5}))?", text)
    if found is None:
        raise ValueError("it names no host")
    return found[1].strip("[]"), _number("the port", found[2], 1, 65_535) if found[2] else port


def _options(query: str) -> dict[str, Any]:
    given = parse_qsl(query, keep_blank_values=True, strict_parsing=False)
    for name, _ in given:
        if name not in _OPTIONS:
            raise ValueError(f"it has an unknown or misspelt option; there are {', '.join(_OPTIONS)}")
    if len(dict(given)) != len(given):
        raise ValueError("it gives an option twice")
    return {name: _OPTIONS[name](value) for name, value in given}


def _number(what: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
        raise ValueError(f"{what} is a number from {least} to {most}")
    return int(text)


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError("prefix is 1 to 40 of A-Z a-z 0-9 _ . -")
    return text


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", text) or not 0.01 <= float(text) <= 30:
        raise ValueError("timeout is from 0.01 to 30 seconds")
    return float(text)


def _file(text: str) -> str:
    if not text:
        raise ValueError("ca names a file of certificates")
    return text


_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "prefix": _prefix,
    "timeout": _seconds,
    "wait": lambda text: _number("wait", text, 0, 20),
    "ca": _file,
}
