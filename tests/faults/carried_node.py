"""A node for the tests of the composite store, in a process of its own.

Arguments: the URL of the record, that of the carrier, the key file, max_staleness in seconds. Each line on stdin is
``access <token>`` or ``session <token>``; the answers are ``ready``, after the first acceptance, and
``<last accepted> <error>`` in boot-time seconds, when the token has been refused.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import Any

from watchword import Watchword
from watchword.errors import WatchwordError


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def _watch(ww: Watchword, kind: Any, token: str) -> None:
    last = 0.0
    while True:
        began = ww.clock.monotonic()
        try:
            await kind.authenticate(token)
        except WatchwordError as error:
            return _say(last, type(error).__name__)
        if not last:
            _say("ready")
        last = began
        await asyncio.sleep(0)


async def _main(url: str, carrier: str, keys: str, max_staleness: float) -> None:
    options: Any = {"issuer": "https://as.test", "audience": "https://api.test", "keys": keys}
    async with Watchword(url, carrier=carrier, max_staleness=timedelta(seconds=max_staleness), **options) as ww:
        _say("open")
        while line := await asyncio.to_thread(sys.stdin.readline):
            kind, token = line.split()
            await _watch(ww, ww.access if kind == "access" else ww.sessions, token)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
