"""F-04: the line to the replica stalls, the primary dies, and the replica takes over without its last writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.services.valkey import wait_until
from watchword.errors import StoreUnavailableError
from watchword.revocation.event import event
from watchword.stores.base import open_store

NOW = 1_800_000_000


async def run(place: Setting) -> Row:
    row = place.row()
    for wait in (0, 1):
        found = await _failed_over(place, wait)
        row.ops += found["tried"]
        row.more |= {f"{figure}_wait_{wait}": value for figure, value in found.items()}
    row.http = {"200": row.more["acknowledged_wait_0"] + row.more["acknowledged_wait_1"]}
    return row


async def _failed_over(place: Setting, wait: int) -> dict[str, Any]:
    tried = place.pick(1000, 1000) if not wait else place.pick(3, 20)
    primary = place.new_valkey(durable=False)
    line = place.proxy(primary.port)
    options = ("--replicaof", f"127.0.0.1 {line.port}", "--repl-diskless-load", "swapdb")
    replica = place.new_valkey(*options, durable=False)
    store, survivor = (
        open_store(f"redis://{one.place}?prefix=f04&timeout=0.2&wait={wait if one is primary else 0}")
        for one in (primary, replica)
    )
    with replica.client() as client:
        wait_until(lambda: client.info("replication")["master_link_status"] == "up", "no replication")
        await store.open()
        with suppress(StoreUnavailableError):
            await store.append(event("session", "before", now=NOW))
        wait_until(lambda: client.hget("{f04}:m", "head") == b"1", "the first write was not replicated")
        line.stall("down")
        acknowledged = 0
        for n in range(tried):
            with suppress(StoreUnavailableError):
                await store.append(event("session", f"s-{n}", now=NOW))
                acknowledged += 1
        before = (await store.tail(0, now=NOW)).epoch
        primary.kill()
        client.execute_command("REPLICAOF", "NO", "ONE")
    await store.close()
    await survivor.open()
    feed = await survivor.tail(0, now=NOW)
    await survivor.close()
    there = sum(one.value.startswith("s-") for one in feed.events)
    return {
        "tried": tried,
        "acknowledged": acknowledged,
        "lost": acknowledged - min(acknowledged, there),
        "same_epoch": int(feed.epoch == before),
    }


FAULTS = (
    Fault(
        id="F-04",
        what="failover to a replica that is behind",
        injected="the replication line stalls; revocations go on; kill -9 of the primary; REPLICAOF NO ONE",
        expected="followers see a new epoch and read all again. With wait=1 nothing is acknowledged that the replica"
        " lacks. With wait=0 Redis alone loses what it had acknowledged: `lost_wait_0` is how much",
        run=run,
        stores=("redis",),
        targets=(Target("lost_wait_1", 0), Target("same_epoch_wait_0", 0), Target("same_epoch_wait_1", 0)),
        words={"lost_wait_0": "acknowledged revocations that the new primary does not know, of `acknowledged_wait_0`"},
    ),
)
