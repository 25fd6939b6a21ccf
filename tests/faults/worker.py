"""A process with a Watchword and a mixed load: ``python -m tests.faults.worker``, told on stdin what to do.

First line: a ``load.Task``. Answers: ``open``; to ``begin``: ``begun``; to ``end``: the journal, and it ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import timedelta
from typing import Any

import msgspec

from tests.faults.clocks import SkewedClock
from tests.faults.load import Load, Task
from tests.faults.setting import AUDIENCE, ISSUER
from watchword import Watchword


async def _main() -> None:
    logging.disable()
    words = asyncio.StreamReader(limit=1 << 28)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    task = msgspec.json.decode(await words.readline(), type=Task)
    about: dict[str, Any] = {
        **task.where,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": task.keys,
        "max_staleness": timedelta(seconds=task.max_staleness),
        "clock": SkewedClock(task.skew),
    }
    async with Watchword(**about) as ww:
        load = Load(ww, task.pool, rate=task.rate, mix=task.mix, seed=task.seed, name=task.name, share=task.share)
        _say("open")
        await words.readline()
        load.begin()
        _say("begun")
        await words.readline()
        journal = await load.end()
    _say(msgspec.json.encode(journal).decode())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
