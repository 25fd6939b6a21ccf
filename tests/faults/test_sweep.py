"""F-50 over each store: every call of every operation fails in every way, and nothing is granted or left half done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.sweep import ACTS, Figures, Place, sweep
from watchword.stores.base import open_store

STORES = ["memory", "sqlite", "postgres", "valkey"]


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param in ("postgres", "valkey"):
        url = request.getfixturevalue(request.param).fresh()
    else:
        url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    store = open_store(url)
    store.open_blocking()
    yield Place(store, tmp_path / "app.keys")
    store.close_blocking()


def test_no_point_of_failure_grants_anything_or_leaves_a_half(place: Place) -> None:
    figures = sweep(place, Figures())
    assert figures.failed == []
    assert figures.points > 5 * len(ACTS)
    assert {"StoreUnavailableError", "CancelledError", "StoreConflictError"} <= figures.errors.keys()
