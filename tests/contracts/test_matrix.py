"""No kind of token is accepted where another is wanted: each is presented to each, and accepted on the diagonal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.matrix import TOKENS, VERIFIERS, Cell, NotAcceptedError, Token, kind_of, open_world, walk
from tests.contracts.taxonomy_page import PAGE, ROOT, SIGNS, kinds_table, matrix_table, write
from watchword.errors import TokenError, TokenReusedError
from watchword.tokens.base import KINDS

NAMES = [one.name for one in TOKENS]


@pytest.fixture(scope="module")
async def cells() -> AsyncIterator[dict[str, list[Cell]]]:
    async with open_world() as world:
        yield {one.name: await walk(world, one) for one in TOKENS}


def test_every_kind_and_format_is_in_the_tables() -> None:
    """A kind with formats has a token of each; one whose tokens are kept apart by more has two of each."""
    assert {one.kind for one in TOKENS} >= KINDS.keys()
    for kind in KINDS.values():
        own = [name for name in NAMES if name.split()[0] == kind.name]
        assert len(own) >= len(kind.formats) + len(kind.apart)
        if kind.audience != "here":
            assert any("another audience" in name for name in own)
    assert len(set(NAMES)) == len(NAMES)
    assert len({place.name for place in VERIFIERS}) == len(VERIFIERS)
    for place in VERIFIERS:
        assert set(place.takes) <= set(NAMES), place.name
        assert place.router or len({name.split()[0] for name in place.takes}) <= 1, place.name
    for one in TOKENS:
        assert any(one.name in place.takes for place in VERIFIERS), one.name


@pytest.mark.parametrize("one", TOKENS, ids=NAMES)
async def test_accepted_on_the_diagonal_alone(cells: dict[str, list[Cell]], one: Token) -> None:
    for cell in cells[one.name]:
        where = f"{one.name} at {cell.verifier.name}"
        if one.name in cell.verifier.takes:
            assert cell.error is None, f"{where}: {cell.error!r}"
            assert kind_of(cell.answer) in (None, one.kind), where
        else:
            assert cell.error is not None, f"{where} is accepted"


@pytest.mark.parametrize("one", TOKENS, ids=NAMES)
async def test_a_refusal_is_a_token_error_and_changes_nothing(cells: dict[str, list[Cell]], one: Token) -> None:
    for cell in cells[one.name]:
        if one.name not in cell.verifier.takes:
            where = f"{one.name} at {cell.verifier.name}: {cell.error!r}"
            assert isinstance(cell.error, TokenError), where
            assert isinstance(cell.error, NotAcceptedError) or cell.error.stage is not None, where
            assert not isinstance(cell.error, TokenReusedError), where
            assert type(cell.error) in SIGNS, where
            assert not cell.changed, where


@pytest.mark.parametrize("one", TOKENS, ids=NAMES)
async def test_after_all_refusals_it_still_works_where_it_belongs(cells: dict[str, list[Cell]], one: Token) -> None:
    last = cells[one.name][-1]
    assert one.name in last.verifier.takes
    assert last.error is None
    refused = [cell for cell in cells[one.name] if one.name not in cell.verifier.takes]
    assert len(refused) >= len(VERIFIERS) * 2 // 3


async def test_the_page_shows_what_was_seen(cells: dict[str, list[Cell]]) -> None:
    assert PAGE.read_text() == write(cells), "make taxonomy writes it anew"


def test_the_page_is_linked() -> None:
    assert "reference/taxonomy.md" in (ROOT / "docs/index.md").read_text()


def test_the_tables_of_the_page(cells: dict[str, list[Cell]]) -> None:
    lines = matrix_table(cells).splitlines()
    assert len([line for line in lines if "✓" in line]) == len(TOKENS)
    assert max(map(len, lines)) <= 140
    assert all(f"| {name} |" in kinds_table() for name in KINDS)
    assert Path(PAGE).name == "taxonomy.md"
