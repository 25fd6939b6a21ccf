"""Every setting, its value and where it came from: the default, a line of the file, a variable. Secrets are hidden."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, to_builtins

from ..config import PREFIX, read_settings

HIDDEN = "<hidden>"
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
    """Scheme, user, host and path; not the password, and of a query that there is one."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{url.partition(':')[0]}:{HIDDEN}"
    user = f"{parts.username or ''}:{HIDDEN}@" if parts.password is not None else ""
    user = user or (f"{parts.username}@" if parts.username else "")
    host = f"//{user}{parts.hostname or ''}{port}" if "://" in url else ""
    return f"{parts.scheme}:{host}{parts.path}" + (f"?{HIDDEN}" if parts.query else "")
