"""A second process for the two-process tests: verifies the tokens it is sent until each is refused, and says when.

Arguments: the URL of the store, the key file, max_staleness in seconds, by how many seconds its wall clock is ahead,
the URL of a carrier or nothing. Each line on stdin is ``<mode> <token>``; the answers are ``ready`` and
``<last accepted> <first refused> <its end> <its status>``, the first two in boot-time seconds and taken before the
verify began; the status is 401, or 503 when the lease had run out. ``polite`` yields to the event loop between
verifies, so that the follower runs; ``steady`` lets a millisecond pass, as between requests; ``greedy`` never yields,
so that only the lease can bring news.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import Any

from tests.faults.clocks import SkewedClock
from watchword import Watchword
from watchword.errors import StaleRevocationError, TokenRevokedError
from watchword.revocation.feed import catch_up

BETWEEN = {"polite": 0.0, "steady": 0.001}


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def _refused(ww: Watchword, token: str, mode: str) -> tuple[float, float, float, int]:
    last = 0.0
    while True:
        began = ww.clock.monotonic()
        try:
            if token.startswith(ww.sessions.prefix):
                await ww.sessions.authenticate(token)
            else:
                ww.access.verify(token)
        except (TokenRevokedError, StaleRevocationError) as error:
            return last, began, ww.clock.monotonic(), error.status
        if not last:
            _say("ready")
        last = began
        if mode in BETWEEN:
            await asyncio.sleep(BETWEEN[mode])


async def _main(url: str, keys: str, max_staleness: float, skew: float, carrier: str | None) -> None:
    bound = timedelta(seconds=max_staleness)
    about: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test", "carrier": carrier}
    async with Watchword(url, keys=keys, max_staleness=bound, clock=SkewedClock(skew), **about) as ww:
        _say("open")
        while line := await asyncio.to_thread(sys.stdin.readline):  # the follower goes on meanwhile
            mode, token = line.split()
            await catch_up(ww.store, ww.view)  # a greedy round has let the lease run out
            _say(*await _refused(ww, token, mode))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), sys.argv[5] or None))
