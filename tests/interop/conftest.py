"""The other side of the npm tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.npm.npm import Peer, node

NOW = 1_800_000_000


@pytest.fixture(scope="session")
def peer(npm: Path) -> Iterator[Peer]:
    """dpop, jose, paseto and paseto-ts in one Node process, at the time of the tests."""
    other = Peer(node(npm, "peer.mjs", NOW))
    yield other
    other.close()
