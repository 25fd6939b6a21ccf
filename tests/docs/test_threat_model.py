"""The threat model names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/threat-model.md"
SEEN = re.compile(r"\[`(?P<name>test_[a-z0-9_]+)`\]\((?P<path>[^)]+)\)")


def test_each_test_that_it_names_is_there() -> None:
    found = list(SEEN.finditer(PAGE.read_text()))
    assert len(found) > 50
    for one in found:
        assert f"def {one['name']}(" in (PAGE.parent / one["path"]).read_text(), one["name"]


def test_each_threat_names_a_test() -> None:
    tables = [part for part in PAGE.read_text().split("\n## ") if "| threat |" in part]
    assert len(tables) == 8
    for table in tables:
        for row in [line for line in table.splitlines() if line.startswith("| ")][1:]:
            assert SEEN.search(row), row


def test_all_attack_rows_have_their_group() -> None:
    groups = re.findall(r"^\| T(\d+)(?:[–,] ?T(\d+))? \|", PAGE.read_text(), re.MULTILINE)
    assert [n for first, last in groups for n in range(int(first), int(last or first) + 1)] == list(range(1, 43))
