"""F-04: the line to the replica stalls, the primary dies, and the replica takes over without its last writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.faults.carrier import copies
from tests.faults.journal import clock, ms
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from tests.services.valkey import wait_until
from watchword.errors import StoreUnavailableError
from watchword.revocation.event import event
from watchword.stores.base import Record, open_store

NOW = 1_800_000_000
ENDED = [f"ended-{n}" for n in range(20)]
SILENT = [f"silent-{n}" for n in range(20)]
WAITS = {"redis": (0, 1), BESIDE: (0,)}
"""Store -> the settings of ``wait`` that it takes: beside a record, nothing waits for replicas."""
PATIENCE = 3.0


async def run(place: Setting) -> Row:
    row = place.row()
    for wait in WAITS[place.store]:
        found = await _revoked(place, wait)
        row.ops += found["tried"]
        row.more |= {f"{figure}_wait_{wait}": value for figure, value in found.items()}
    row.http = {"200": sum(row.more[f"acknowledged_wait_{wait}"] for wait in WAITS[place.store])}
    row.more |= await _ended(place)
    row.ops += len(ENDED) + len(SILENT)
    return row


@dataclass
class Pair:
    """A primary and its replica. Nodes know them by a name, a proxy, that is turned to whichever is the primary."""

    place: Setting

    def __post_init__(self) -> None:
        self.primary = self.place.new_valkey(durable=False)
        self.line, self.name = self.place.proxy(self.primary.port), self.place.proxy(self.primary.port)
        options = ("--replicaof", f"127.0.0.1 {self.line.port}", "--repl-diskless-load", "swapdb")
        self.replica = self.place.new_valkey(*options, durable=False)
        with self.replica.client() as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "no replication")

    def stall(self) -> None:
        """From now on the replica lacks what is written; until now it has all."""
        with self.primary.client() as client:
            written = client.info("replication")["master_repl_offset"]
        with self.replica.client() as client:
            wait_until(lambda: client.info("replication")["slave_repl_offset"] >= written, "the replica is behind")
        self.line.stall("down")

    def fail_over(self) -> None:
        self.primary.kill()
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self.name.turn_to(self.replica.port)


async def _revoked(place: Setting, wait: int) -> dict[str, Any]:
    """Revocations that were acknowledged while the line stalled, and what a node knows of them that comes later."""
    tried, pair = place.pick(1000, 1000) if not wait else place.pick(3, 20), Pair(place)
    store, survivor = (open_store(**place.where(port=pair.name.port, timeout=0.2, wait=one)) for one in (wait, 0))
    await store.open()
    with suppress(StoreUnavailableError):
        await store.append(event("session", "before", now=NOW))
    pair.stall()
    acknowledged = 0
    for n in range(tried):
        with suppress(StoreUnavailableError):
            await store.append(event("session", f"s-{n}", now=NOW))
            acknowledged += 1
    before = (await store.tail(0, now=NOW)).epoch
    pair.fail_over()
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


async def _ended(place: Setting) -> dict[str, Any]:
    """Rows that were removed while the line stalled, with a word in the feed and without. Another node has looked them
    up before, so that beside SQL the replica holds copies of them.
    """
    pair = Pair(place)
    store, other = (open_store(**place.where(port=pair.name.port, timeout=0.2)) for _ in range(2))
    await store.open()
    await other.open()
    await store.put(*(Record(kind="session", key=key, data={}) for key in ENDED + SILENT))
    for key in (ENDED + SILENT) * 2:
        assert await other.get("session", key, now=NOW)
    pair.stall()
    for key in ENDED:
        assert await store.drop("session", key, events=[event("session", key, now=NOW)])
    for key in SILENT:
        assert await store.drop("session", key)
    pair.fail_over()
    began = clock.monotonic()
    await other.tail(0, now=NOW)  # as its follower does, at the latest when the lease ends
    back = [key for key in ENDED if await other.get("session", key, now=NOW)]
    old, until = SILENT, began
    while old and clock.monotonic() < began + PATIENCE:
        old = [key for key in old if await other.get("session", key, now=NOW)]
        until = clock.monotonic()
    await store.close()
    await other.close()
    took = None if old else ms(until - began)
    return {"ended_back": len(back), "silent_back": len(old), "silent_back_ms": took, **copies(other)}


FAULTS = (
    Fault(
        id="F-04",
        what="failover to a replica that is behind",
        injected="the replication line stalls; revocations go on; kill -9 of the primary; REPLICAOF NO ONE",
        expected="followers see a new epoch and read all again. With wait=1 nothing is acknowledged that the replica"
        " lacks. With wait=0 Redis alone loses what it had acknowledged: `lost_wait_0` is how much. Beside SQL nothing"
        " is lost and the epoch stays; the new primary's old copies of sessions are not believed once the feed names"
        " them, and none for longer than 2 s",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("lost_wait_1", 0, over=("redis",)),
            Target("same_epoch_wait_0", 0, over=("redis",)),
            Target("same_epoch_wait_1", 0, over=("redis",)),
            Target("lost_wait_0", 0, over=(BESIDE,)),
            Target("ended_back", 0, over=(BESIDE,)),
            Target("silent_back", 0, over=(BESIDE,)),
            Target("silent_back_ms", 2000, over=(BESIDE,)),
            Target("hits", 1, least=True, over=(BESIDE,)),
        ),
        words={
            "lost_wait_0": "acknowledged revocations that the new primary does not know, of `acknowledged_wait_0`",
            "ended_back": f"of {len(ENDED)} sessions that were ended, how many another node took after the failover",
            "silent_back": f"of {len(SILENT)} rows that were removed with no word in the feed, the same",
            "silent_back_ms": "from the failover until it took none of them",
            "hits": "lookups of that node that Redis answered",
        },
    ),
)
