"""Writes docs/reference/api.md: each public name with its signature and its docstring. ``make api`` calls it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import watchword

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"
WIDTH = 100


def names() -> dict[str, Any]:
    """Public name -> what it is."""
    return {name: getattr(watchword, name) for name in sorted(watchword.__all__)}


def verbs(made: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, its own first, as far as they are watchword's and say something."""
    seen = set[str]()
    for one in made.__mro__:
        if not one.__module__.startswith("watchword"):
            continue
        for name, member in vars(one).items():
            plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            if name.startswith("_") or name in seen or not (inspect.isfunction(plain) or isinstance(plain, property)):
                continue
            seen.add(name)
            yield name, member


def write() -> str:
    """The page."""
    page = TEXT + "\n".join(_entry(name, what) for name, what in names().items())
    return re.sub(r"\n{3,}", "\n\n", page)


def _entry(name: str, what: Any) -> str:
    parts = [f"## {name}\n", f"`from watchword import {name}` (`{what.__module__}`)\n"]
    if inspect.isfunction(what) or _is_made(what):
        parts.append(_call(name, what))
    parts.append(_prose(what))
    if inspect.isclass(what):
        parts += [_verb(name, verb, member) for verb, member in verbs(what) if _told(member)]
    return "\n".join(parts)


def _is_made(what: Any) -> bool:
    """A class that one calls: no enum, no protocol."""
    return inspect.isclass(what) and not issubclass(what, Enum) and not getattr(what, "_is_protocol", False)


def _told(member: Any) -> bool:
    return bool(inspect.getdoc(member.fget if isinstance(member, property) else member))


def _verb(owner: str, name: str, member: Any) -> str:
    title = f"### {owner}.{name}\n"
    if isinstance(member, property):
        return f"{title}\n{_prose(member.fget)}"
    plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
    return f"{title}\n{_call(name, plain, skip=not isinstance(member, staticmethod))}\n{_prose(plain)}"


def _call(name: str, what: Any, *, skip: bool = False) -> str:
    found = inspect.signature(what)
    parameters = list(found.parameters.values())[1 if skip else 0 :]
    said, starred = [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            said.append("*")
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        said.append(_parameter(one))
    answers = not inspect.isclass(what) and found.return_annotation not in (found.empty, "None")
    back = f" -> {_type(found.return_annotation)}" if answers else ""
    begin = "await " if inspect.iscoroutinefunction(what) else ""
    line = f"{begin}{name}({', '.join(said)}){back}"
    if len(line) > WIDTH:
        line = f"{begin}{name}(\n" + "".join(f"    {part},\n" for part in said) + f"){back}"
    return f"```\n{line}\n```\n"


def _parameter(one: inspect.Parameter) -> str:
    stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    kind = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
    default = "" if one.default is one.empty else f" = {_value(one.default)}"
    return f"{stars}{one.name}{kind}{default}"


def _type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"(?:watchword|msgspec|datetime|collections\.abc|typing|pathlib)\.(?:[a-z_]+\.)*", "", text)


def _value(default: Any) -> str:
    if isinstance(default, timedelta):
        return f"timedelta(seconds={default.total_seconds():g})"
    if isinstance(default, Mapping):
        return str(dict(default))
    return default.__name__ if inspect.isclass(default) else repr(default)


def _prose(what: Any) -> str:
    """The docstring as Markdown: code in single marks, what is indented kept as a block."""
    text = inspect.getdoc(what) or ""
    lines: list[str] = []
    for paragraph in re.sub(r"``([^`]+)``", r"`\1`", text).split("\n\n"):
        indented = [line.startswith("    ") for line in paragraph.splitlines()]
        if paragraph and all(indented):
            lines.append("```\n" + inspect.cleandoc(paragraph) + "\n```")
        else:
            lines.append(re.sub(r"\n +", " ", paragraph).replace("\n", " "))
    body = "\n\n".join(lines)
    return re.sub(r" ?(Raises|Parameters|Returns|Source|Units):", r"\n\n**\1**:", body) + "\n"


TEXT = """\
# API

Each name that `from watchword import …` has, with its signature and its docstring. `make api` writes this page from the
code, and a test holds it to that. [Public names](python.md) is the short list, [words](words.md) says which verb
belongs to which kind.

A span of time is a `timedelta`; a moment (`expires_at`, `issued_at`, `now`) is whole seconds since 1970; sizes are
bytes. A line that begins with `await` is a coroutine; in `watchword.blocking` it is the same without. What is raised
where it is not said: `ConfigurationError` for a call that can never be right, `UnavailableError` (503) when the store
or the feed cannot say. [Errors](errors.md) has the tree.

"""

if __name__ == "__main__":
    PAGE.write_text(write())
