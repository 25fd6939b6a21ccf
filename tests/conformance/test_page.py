"""The conformance page says what the files say, and every id of an attack has its rows or tests."""

from typing import Final

import pytest

from tests.conformance.corpora import ORIGINS, corpora
from tests.conformance.hostile import IDS, LATER, named, rows
from tests.conformance.interop import FILES, ROOT, interop
from tests.conformance.page import PAGE, page
from tests.vectors.corpus import FOLDER

ATTACKS: Final = [f"T{number}" for number in range(1, 43)]
ROWS: Final = [f"H-{number:02}" for number in range(1, 67)]


def test_the_list_of_ids_is_whole() -> None:
    assert list(IDS) == ATTACKS + ROWS
    assert all(IDS.values())


@pytest.mark.parametrize("one", [*ATTACKS, *ROWS])
def test_every_id_has_a_row_or_a_test(one: str) -> None:
    assert (rows()[one] + named()[one] > 0) is (one not in LATER)


def test_nobody_names_an_id_that_is_not_there() -> None:
    assert (rows() + named()).keys() <= IDS.keys()


@pytest.mark.usefixtures("vectors")
def test_the_origins_are_those_of_the_folder() -> None:
    readme = (FOLDER / "README.md").read_text()
    for origin in ORIGINS:
        assert origin.commit in readme
        assert origin.date in readme


@pytest.mark.usefixtures("vectors")
def test_every_file_of_the_corpora_is_run() -> None:
    named = {one.name for one in corpora()}
    files = {path.name.removesuffix("_test.json") for path in (FOLDER / "wycheproof").glob("*_test.json")}
    assert {name for name in files if not name.startswith("json_web_")} <= named
    assert all(0 < one.as_upstream <= one.run for one in corpora())


def test_every_runner_is_on_the_page() -> None:
    assert {path.stem for path in (ROOT / "tests" / "interop").glob("test_*.py")} == FILES.keys()
    assert all(one.tests > 3 for one in interop())


@pytest.mark.usefixtures("vectors")
def test_the_page_is_what_make_conformance_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make conformance`"
