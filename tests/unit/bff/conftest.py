"""A Watchword that is open, over a clock that stands still."""

from collections.abc import AsyncIterator

import pytest

from watchword import Watchword
from watchword.clock import FrozenClock

from .house import house


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with house(clock) as opened:
        yield opened
