"""A Watchword in memory that is open."""

from collections.abc import Iterator

import pytest

from watchword.blocking import Watchword
from watchword.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def ww(clock: FrozenClock) -> Iterator[Watchword]:
    with Watchword("memory:", issuer="https://app.example", audience="https://api.example", clock=clock) as made:
        yield made
