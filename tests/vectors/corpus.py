"""Where the published vectors are, and how a runner makes one test of each.

A module that reads them says `pytestmark = pytest.mark.usefixtures("vectors")`: where the folder is missing, that
fixture skips its one test (or fails it, where WATCHWORD_REQUIRE demands vectors). What a fresh clone needs is in
`committed/`.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).resolve().parent
FOLDER: Final = (HERE.parent.parent / os.environ.get("WATCHWORD_VECTORS", "../shared/vectors")).resolve()


def published(name: str) -> Any:
    """A JSON file of the published vectors; an empty object where the folder is missing."""
    return json.loads((FOLDER / name).read_text()) if FOLDER.is_dir() else {}


def published_text(name: str) -> str:
    return (FOLDER / name).read_text().strip() if FOLDER.is_dir() else "{}"


def committed(name: str) -> Any:
    """A JSON file of the values that travel with the code."""
    return json.loads((HERE / "committed" / name).read_text())


def each(named: Iterable[tuple[str, Any]]) -> list[Any]:
    """One parameter for each vector; one placeholder where there are none, which the `vectors` fixture then skips."""
    return [pytest.param(vector, id=name) for name, vector in named] or [pytest.param(None, id="missing")]


def grouped(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The vectors of a Wycheproof file, each with its group under `group`."""
    return [
        (f"{test['tcId']} {test['comment'] or test['result']}"[:80], test | {"group": group})
        for group in published(f"wycheproof/{name}").get("testGroups", [])
        for test in group["tests"]
    ]
