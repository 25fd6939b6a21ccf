"""What SARIF 2.1.0 (OASIS, its JSON schema) asks of the objects that we write: nothing more may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LEVEL = ("none", "note", "warning", "error")
SHAPES: dict[str, tuple[frozenset[str], dict[str, Any]]] = {
    "log": (frozenset({"version", "runs"}), {"$schema": "uri", "version": ("2.1.0",), "runs": ["run"]}),
    "run": (frozenset({"tool"}), {"tool": "tool", "invocations": ["invocation"], "results": ["result"]}),
    "tool": (frozenset({"driver"}), {"driver": "component"}),
    "component": (frozenset({"name"}), {"name": str, "version": str, "rules": ["rule"]}),
    "rule": (
        frozenset({"id"}),
        {
            "id": str,
            "shortDescription": "text",
            "fullDescription": "text",
            "help": "text",
            "defaultConfiguration": "configuration",
        },
    ),
    "configuration": (frozenset(), {"level": LEVEL}),
    "text": (frozenset({"text"}), {"text": str}),
    "invocation": (
        frozenset({"executionSuccessful"}),
        {"executionSuccessful": bool, "toolExecutionNotifications": ["notification"]},
    ),
    "notification": (frozenset({"message"}), {"message": "text", "level": LEVEL}),
    "result": (
        frozenset({"message"}),
        {
            "ruleId": str,
            "ruleIndex": int,
            "level": LEVEL,
            "message": "text",
            "locations": ["location"],
            "properties": dict,
        },
    ),
    "location": (frozenset(), {"physicalLocation": "physical"}),
    "physical": (frozenset({"artifactLocation"}), {"artifactLocation": "artifact"}),
    "artifact": (frozenset(), {"uri": "uri"}),
}
"""Object -> (what it must have, all that we may write): the name of a shape, a list of it, the words of an enum."""
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
"""The characters of a URI reference (RFC 3986 §2)."""


def wrong(value: Any, shape: Any = "log", at: str = "log") -> Iterator[str]:
    """What is against the schema, and where."""
    if shape == "uri":
        if not isinstance(value, str) or not _URI.fullmatch(value):
            yield f"{at}: {value!r} is no URI reference"
    elif isinstance(shape, str):
        required, known = SHAPES[shape]
        yield from (f"{at}: {name} is missing" for name in required - value.keys())
        for name, inner in value.items():
            if name in known:
                yield from wrong(inner, known[name], f"{at}.{name}")
            else:
                yield f"{at}: {name} is not known"
    elif isinstance(shape, list):
        for number, inner in enumerate(value):
            yield from wrong(inner, shape[0], f"{at}[{number}]")
    elif isinstance(shape, tuple):
        if value not in shape:
            yield f"{at}: {value!r} is none of {shape}"
    elif type(value) is not shape:
        yield f"{at}: {value!r} is no {shape.__name__}"
