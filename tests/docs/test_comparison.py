"""The comparison is what its rows say, and each of its answers leads to a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.comparison import AUDIENCE, ISSUER, PAGE, ROOT, cells, page, sizes
from tests.docs.comparison_rows.base import COLUMNS
from tests.docs.comparison_rows.table import ROWS
from tests.docs.links import TO_TESTS, names_in
from watchword import FrozenClock, Watchword


def test_the_page_is_that_of_the_rows() -> None:
    assert PAGE.read_text() == page(), "make comparison writes it anew"


def test_there_is_enough_to_decide_by() -> None:
    asked = [row.asks for rows in ROWS.values() for row in rows]
    assert len(asked) == len(set(asked)) >= 20
    assert len(cells()) == len(asked) * len(COLUMNS)


@pytest.mark.parametrize("test", sorted({cell.test for cell in cells()}))
def test_each_answer_leads_to_a_test(test: str) -> None:
    path, _, name = test.partition("::")
    assert Path(path).name.startswith("test_")
    assert name in names_in(ROOT / "tests" / path)


def test_no_link_of_the_page_leads_past_the_rows() -> None:
    """What is written is what was checked: each link to a test has the name of that test in that file."""
    links = [(path.removeprefix("../../tests/"), name) for path, name in TO_TESTS.findall(PAGE.read_text())]
    assert len(links) == len(cells())
    assert {f"{path}::{name}" for path, name in links} == {cell.test for cell in cells()}


async def test_the_sizes_are_those_of_real_tokens() -> None:
    told = sizes()
    async with Watchword("memory:", issuer=ISSUER, audience=AUDIENCE, clock=FrozenClock()) as ww:
        session = await ww.sessions.start("user-7")
        assert len(session.token) == told["session"]
        for form in ("jwt", "paseto"):
            token = ww.access.issue("user-7", scopes=["orders:read"], session_id=session.session_id, format=form).token
            unheard = len(token) - told[form]
            assert 0 < unheard < 80, "with a View it says `rev` besides"
    assert told["session"] * 8 < told["jwt"] < told["paseto"]
    shown = PAGE.read_text()
    assert all(f"[{told[name]}" in shown for name in ("session", "jwt", "paseto", "local"))
