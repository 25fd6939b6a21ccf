"""docs/explanation/often-said-and-wrong.md: each entry has a source, and what shows it is there."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pyseto
import pytest

from tests.docs.test_docs import SNIPPET
from watchword import FrozenClock, Key
from watchword.encoding import dump_json, rfc3339
from watchword.formats import paseto

PAGE = Path(__file__).parents[2] / "docs/explanation/often-said-and-wrong.md"
ENTRIES = dict(re.findall(r"^### “(.+?)”\n\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
LINK = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
EVERY = pytest.mark.parametrize("said", ENTRIES)


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_heading_is_an_entry() -> None:
    assert len(ENTRIES) == PAGE.read_text().count("\n### ")
    assert 15 <= len(ENTRIES) <= 22


@EVERY
def test_an_entry_is_short_and_says_where_that_stands(said: str) -> None:
    right, mark, rest = ENTRIES[said].partition("\n\n*Source*: ")
    source, shown, _ = rest.partition("*Shown*:")
    assert mark
    assert shown
    assert source.strip()
    assert 1 <= len(right.splitlines()) <= 5


@EVERY
def test_an_entry_is_shown_by_code_that_runs(said: str) -> None:
    """A snippet, which test_docs runs, or a test by its name and place."""
    named = LINK.findall(ENTRIES[said])
    assert named or SNIPPET.search(ENTRIES[said])
    for name, place in named:
        assert name in names_in((PAGE.parent / place).resolve()), name


@pytest.mark.parametrize("about", ["v4.local", "assertion", "expiry", "cookie", "row", "UUID", "Ed25519"])
def test_what_was_asked_for_is_there(about: str) -> None:
    assert [said for said in ENTRIES if about in said]


def test_pyseto_reads_what_has_expired() -> None:
    """Only a deserializer makes it look at the claims; and only then it refuses."""
    key, long_ago = Key.generate("v4.public"), FrozenClock().now() - 10 * 365 * 86_400
    token = paseto.sign(dump_json({"sub": "user-7", "exp": rfc3339(long_ago)}), key)
    theirs = pyseto.Key.from_paserk(key.public().to_paserk())
    assert b"user-7" in bytes(pyseto.decode(theirs, token).payload)  # type: ignore[arg-type]
    with pytest.raises(pyseto.VerifyError, match="expired"):
        pyseto.decode(theirs, token, deserializer=json)
