"""Attempts are counted alike over every store: a hundred at once let exactly the burst through."""

from pathlib import Path

import pytest

from tests.contracts.test_store import case, closed, race, store  # noqa: F401  # fixtures
from watchword.clock import FrozenClock
from watchword.errors import RateLimitedError
from watchword.stores.base import Store
from watchword.web.ratelimit import RECORD, Limiter, Limits, RateLimit

pytestmark = pytest.mark.anyio
LIMITS = Limits("login", account=RateLimit("7/min"), address=RateLimit("50/min"), everyone=RateLimit("60/min"))


async def tried(limiter: Limiter, account: str) -> bool:
    try:
        await limiter.hit(LIMITS, account=account, address="203.0.113.9")
    except RateLimitedError:
        return False
    return True


async def test_a_hundred_at_once_let_exactly_the_burst_through(store: Store, tmp_path: Path) -> None:  # noqa: F811
    limiter = Limiter(store, clock=FrozenClock())
    done = await race(store, [lambda: tried(limiter, "ada")] * 100)
    assert sum(done) == 7
    assert await tried(limiter, "grace")
    now = FrozenClock().now()
    assert len(await store.find(RECORD, now=now)) == 4
    assert await store.find(RECORD, now=now + 61) == []
