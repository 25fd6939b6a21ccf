"""The tutorials, followed in an empty folder as they stand: see ``following``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.conftest import require
from tests.docs.following import STEP, Follower, pattern, typed
from tests.services import browser as chromium
from watchword.advisor.questions import QUESTIONS

FOLDER: Final = Path(__file__).parents[2] / "docs/tutorial"
PAGES: Final = sorted(page for page in FOLDER.glob("*.md") if page.name not in ("index.md", "first-steps.md"))
EACH: Final = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)

SECRET: Final = re.compile(rb"ww_[a-z]{2}_[\w-]{20}|sk_(live|test)_\w{20}|eyJ[\w-]{20}")


@pytest.fixture
def browser() -> Iterator[Callable[[], Page]]:
    """Opens a page, once it is needed."""
    with ExitStack() as stack:

        @cache
        def opened() -> Page:
            program = require("browser", chromium.program(), "no chromium on PATH: apt-get install chromium")
            return stack.enter_context(chromium.running(program)).new_page()

        yield opened


@EACH
def test_it_can_be_followed(page: Path, tmp_path: Path, browser: Callable[[], Page]) -> None:
    follower = Follower(tmp_path, browser)
    try:
        follower.follow(page.read_text())
    finally:
        follower.close()
    assert [kept for kept in tmp_path.rglob("*") if kept.is_file() and open_secret(kept)] == []


def open_secret(kept: Path) -> bool:
    """Whether a file has a token in it, and others than its owner can read it."""
    return bool(kept.stat().st_mode & 0o077 and SECRET.search(kept.read_bytes()))


@EACH
def test_every_block_is_a_step(page: Path) -> None:
    text = page.read_text()
    steps = [step for step in STEP.finditer(text) if not step["browser"]]
    assert text.count("\n```") == 2 * len(steps) > 0


@EACH
def test_it_ends_everything_of_one_user_and_says_what_was_learnt(page: Path) -> None:
    text = page.read_text()
    assert re.search(r"^\$ watchword revoke --(subject|client) ", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-2:] == ["What you have learnt", "Where to go on"]


@EACH
def test_no_secret_is_an_argument_and_no_answer_with_a_token_is_kept(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"(-H|--header) \"[^\"\n]*\$", text)
    assert not re.search(r"\.py [^<|)\n]*(\$\(cat|horse)", text)
    if re.search(r"-> (str|dict\[str, str\]):\n(    .*\n)*    return .*\.token\b", text):
        assert 'response.headers["cache-control"] = "no-store"' in text


@EACH
def test_it_is_a_lesson_and_not_a_book(page: Path) -> None:
    assert 80 <= len(page.read_text().splitlines()) <= 180


def test_the_index_has_every_client_and_every_tutorial() -> None:
    text = (FOLDER / "index.md").read_text()
    for client in QUESTIONS["client"].choices:
        assert f"`{client}`" in text
    for page in PAGES:
        assert f"]({page.name})" in text


def test_what_is_seen_is_compared() -> None:
    seen = pattern("one …\n…\nlast")
    assert seen.fullmatch("one thing\nlast\n")
    assert seen.fullmatch("one thing\nand more\nlast\n")
    assert not seen.fullmatch("another\nlast\n")
    assert not seen.fullmatch("one thing\nlast\nmore\n")


def test_what_is_typed() -> None:
    first, second = typed("$ one \\\n    two\nseen\n$ three\n")
    assert (first.command, first.seen) == ("one \\\n    two", "seen")
    assert (second.command, second.seen) == ("three", "")
