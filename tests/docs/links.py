"""Links to tests: the file in the link, the test in its title."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TO_TESTS = re.compile(r'\]\(([^)\s]*tests/[^)\s]+\.py) "([^"]*)"\)')
"""A link of a page: the path, and the title."""


@cache
def names_in(file: Path) -> frozenset[str]:
    """The tests that pytest would collect from it: functions of the module and of its classes."""
    tree = ast.parse(file.read_text())
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))
