"""Every default has a row with a source, and stands on its page as the code holds it; nowhere is it another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.docs.defaults.__main__ import PAGE, SECTIONS, keywords, said, settings, span, write
from tests.docs.defaults.base import Row

ROWS = [row for rows in SECTIONS.values() for row in rows]


def test_the_page_is_the_one_that_the_table_writes() -> None:
    assert PAGE.read_text() == write(), "run: make defaults"


def test_every_setting_has_one_row() -> None:
    named = [name for row in ROWS for name in row.settings]
    assert sorted(named) == sorted(settings())


def test_every_keyword_has_a_row() -> None:
    assert {name for row in ROWS for name in row.keywords} == keywords().keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_default_is_the_same_wherever_it_is_named(row: Row) -> None:
    """None as a keyword means: as the kind has it. ``formats`` stands for several settings."""
    again = [settings()[name] for name in row.settings]
    again += [value for name in row.keywords if name != "formats" and (value := keywords()[name]) is not None]
    for one in [*again, *row.same]:
        assert _plain(one) == _plain(row.value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_row_says_something(row: Row) -> None:
    assert row.source
    assert said(row)


def test_spans_in_their_largest_whole_unit() -> None:
    assert [span(one) for one in (0, 0.02, 1.5, 30, 90, 300, 5400, 43_200, 86_400, 1_209_600)] == [
        "0 s",
        "20 ms",
        "1.5 s",
        "30 s",
        "90 s",
        "5 min",
        "90 min",
        "12 h",
        "1 d",
        "14 d",
    ]


def _plain(value: object) -> object:
    """Settings count seconds, keywords are timedeltas; a list that nobody named is as good as none."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return None if value in ((), {}, "") else value
