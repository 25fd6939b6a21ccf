"""What a row asks of the Redis beside an SQL record; a store that has none is asked nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.journal import clock, ms
from watchword.stores.base import Store

PATIENCE = 10.0


def hits(store: Store) -> int | None:
    """Lookups that Redis has answered with a copy of the row; None without a carrier."""
    found: int | None = getattr(store, "hits", None)
    return found


def copies(store: Store) -> dict[str, int]:
    """As figures of a row: ``hits``."""
    found = hits(store)
    return {} if found is None else {"hits": found}


async def used_again(store: Store, asking: Callable[[], Awaitable[object]]) -> float:
    """Look up until Redis answers; the milliseconds that it took. Raises: AssertionError when it never does."""
    began, before = clock.monotonic(), hits(store)
    while before is not None and hits(store) == before:
        assert clock.monotonic() < began + PATIENCE, "the Redis beside the record was not used again"
        await asking()
        await asyncio.sleep(0.01)
    return ms(clock.monotonic() - began)
