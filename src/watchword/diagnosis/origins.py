"""Every setting, its value and where it came from: the default, a line of the file, a variable. Secrets are hidden."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from msgspec import Struct, to_builtins

from ..config import PREFIX, read_settings

HIDDEN = "<hidden>"
_USER = re.compile(r"[A-Za-z0-9_.%-]*")
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::[0-9]{1,5})?"
_HOSTS = re.compile(f"{_HOST}(?:,{_HOST})*")
_URLS = frozenset({"url", "carrier"})
_SECRETS = ("secret", "token_sha256", "password")


class Setting(Struct, frozen=True):
    """One setting as it holds. ``value`` is plain JSON, without secrets."""

    name: str
    value: Any
    origin: str
    """``default``, ``<file>:<line>`` or the name of a variable."""


def origins(path: str | Path, environ: Mapping[str, str] | None = None) -> list[Setting]:
    """Every setting in the order of the documentation. Raises: as ``read_settings``."""
    environ = os.environ if environ is None else environ
    settings = read_settings(path, environ)
    with open(path, encoding="utf-8") as file:
        lines = line_of(file.read())
    variables = {
        name.removeprefix(PREFIX).lower().replace("__", "."): name for name in environ if name.startswith(PREFIX)
    }
    found = []
    for name, value in _flat(to_builtins(settings)):
        origin = variables.get(name) or (f"{path}:{lines[name]}" if name in lines else "default")
        found.append(Setting(name, _shown(name, value), origin))
    return found


def line_of(text: str) -> dict[str, int]:
    """Name of each setting in a TOML text -> the line, from 1, where it begins.

    ``tomllib`` keeps no lines. So the text is read to the end of each line: where it is whole, what is new since it was
    whole before began behind that place.
    """
    lines, begins = text.splitlines(keepends=True), 0
    known: dict[str, int] = {}
    for number in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        while begins < number - 1 and _is_bare(lines[begins]):
            begins += 1
        for name, value in _flat(document):
            if value != {}:  # the head of a table says nothing yet
                known.setdefault(name, begins + 1)
        begins = number
    return known


def _is_bare(line: str) -> bool:
    stripped = line.strip()
    return not stripped or stripped.startswith("#")


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(``session.idle``, value) for each leaf; tables within lists are ``server.clients[0].id``."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{number}]")
    elif name:
        yield name, value


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in _URLS:
        return url_without_secrets(value)
    secret = value is not None and any(word in name.rpartition(".")[2] for word in _SECRETS)
    return HIDDEN if secret else value


def url_without_secrets(url: str) -> str:
    """Scheme, user, host and path; not the password, and of a query that there is one.

    A password that is not percent-encoded may hold any sign, so it goes on to the last ``@``.
    """
    scheme, login, rest = _taken_apart(url)
    user, colon, _ = login.rstrip("@").partition(":")
    named = user if _USER.fullmatch(user) else HIDDEN
    place, asked, _ = re.sub("#.*", "", rest, flags=re.DOTALL).partition("?")
    if scheme and not _HOSTS.fullmatch(place.partition("/")[0]):
        place = HIDDEN
    return scheme + (f"{named}{f':{HIDDEN}' * bool(colon)}@" if login else "") + place + f"?{HIDDEN}" * bool(asked)


def holds_secret(url: str) -> bool:
    """Whether there is a password in it: before the host, or as an option (``?password=``, libpq's ``sslpassword``)."""
    _, login, rest = _taken_apart(url)
    options = (pair.partition("=")[0].lower() for pair in rest.partition("?")[2].split("&"))
    return ":" in login or any("password" in unquote(name) for name in options)


def _taken_apart(url: str) -> tuple[str, str, str]:
    """``scheme://``, ``user:password@``, and what follows; the first and the second may be empty."""
    scheme, mark, rest = url.partition("://")
    if not mark or rest.startswith("/"):
        return ("", "", url) if not mark else (scheme + mark, "", rest)
    login, at, host = rest.rpartition("@")
    return scheme + mark, login + at, host
