"""A server for each test, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.server.house import House, open_house
from watchword.crypto import passwords


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id all the same, with less memory: what it costs is measured in test_password_pool.py."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.fixture(params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, cheap_hashes: None) -> AsyncIterator[House]:
    async with open_house("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db") as opened:
        yield opened
