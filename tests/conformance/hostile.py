"""Which rows and tests stand for each id of the attack list (T) and of the table of hostile tokens (H-)."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.hostile import jose_rows, table, test_binding, test_paseto_versions

TESTS: Final = Path(__file__).resolve().parent.parent
IDS: Final[dict[str, str]] = json.loads((TESTS / "hostile" / "ids.json").read_text())
"""Every id, and in a few words what it is about."""
LATER: Final = table.LATER
"""What waits, and for what."""

_ID: Final = re.compile(r"\b(?:T(?:[1-9]|[1-3]\d|4[0-2])|H-\d\d)\b")
_IN_NAME: Final = re.compile(r"(?<=_)(t|h)(\d+)(?=_)")


@cache
def rows() -> Counter[str]:
    """How many rows of the tables name each id."""
    return Counter(
        one
        for ids in (
            *(case.ids for case in table.TABLE),
            *(row.id for row in jose_rows.ROWS),
            *(case.ids for case in test_paseto_versions.CASES),
            *(row.id for row in test_binding.ROWS),
        )
        for one in ids.split()
        if not one.startswith("R-")  # statements of an RFC, which have their own list
    )


@cache
def named() -> Counter[str]:
    """How many tests name each id, in their own name, their docstring or the ids of their parameters."""
    return Counter(one for path in sorted(TESTS.rglob("test_*.py")) for one in _named_in(path))


def _named_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            words = f"{ast.get_docstring(node) or ''} {' '.join(map(ast.unparse, node.decorator_list))}"
            yield from {
                *_ID.findall(words),
                *(one.upper() + "-" * (one == "h") + number for one, number in _IN_NAME.findall(node.name)),
            }
