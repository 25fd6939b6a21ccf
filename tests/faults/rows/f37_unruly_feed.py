"""F-37: news of the feed is lost, doubled and held up, and answers come in another order than the questions."""

from __future__ import annotations

import asyncio
from random import Random

from tests.faults.journal import Journal, clock, columns, ms
from tests.faults.load import people
from tests.faults.proxy import Rewrite
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Watchword
from watchword.revocation.feed import catch_up
from watchword.stores.base import Feed, Store

NEWS = (b"*3\r\n$8\r\nsmessage", b"A\x00\x00\x00")
"""How a message of Redis, and a notification of PostgreSQL, begin."""


class Unruly:
    """Answers of a store's ``tail`` come when they like from now on, whoever asks."""

    def __init__(self, store: Store, random: Random, longest: float) -> None:
        self._tail, self._random, self._longest = store.tail, random, longest
        vars(store)["tail"] = self.tail

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        await asyncio.sleep(self._random.random() * self._longest)
        feed = await self._tail(after, now=now, limit=limit)
        await asyncio.sleep(self._random.random() * self._longest)
        return feed


async def run(place: Setting) -> Row:
    bound, journal, heard, proxy = 1.0, Journal(name="here"), Journal(name="unruly"), place.proxy()
    node = place.watchword(place.where(port=proxy.port), max_staleness=bound)
    async with place.watchword() as ww, node:
        pool = await people(ww, place.pick(60, 1000))
        doomed = pool[: len(pool) // 2]
        proxy.rewrite(_unruly(place.random))
        Unruly(node.store, place.random, 0.1)
        followers = [asyncio.create_task(_follow(node)) for _ in range(8)]
        for who in doomed:
            await journal.did("revoke", who.key, ww.revoke(session=who.key))
            for one in place.random.choices(pool, k=5):
                heard.does("verify", one.key, lambda one=one: node.access.verify(one.access))  # type: ignore[misc]
                await asyncio.sleep(0.002)
        await journal.did("revoke", "the last", ww.revoke(session="the last"))
        ended = clock.monotonic()
        while node.view.seq < ww.view.seq and clock.monotonic() < ended + 10:  # noqa: ASYNC110 - a view tells nobody
            await asyncio.sleep(0.005)
        equal = clock.monotonic()
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        for who in pool:
            heard.does("verify", who.key, lambda who=who: node.access.verify(who.access))  # type: ignore[misc]
        last = {op.key: op.status for op in heard.ops[-len(pool) :]}
    found, dead = columns([journal, heard], bound=bound), {who.key for who in doomed}
    found["more"] |= {
        "divergence": sum((status == 401) != (key in dead) for key, status in last.items()),
        "equal_ms": ms(equal - ended),
    }
    return place.row(**found)


async def _follow(node: Watchword) -> None:
    while True:
        await catch_up(node.store, node.view)


def _unruly(random: Random) -> Rewrite:
    """Loses a third of the news, doubles a third, and hands a third over with the next."""
    held: list[bytes] = []

    def change(chunk: bytes, _: bytes) -> bytes:
        if not chunk.startswith(NEWS):
            return chunk
        match random.randrange(3):
            case 0:
                return b""
            case 1:
                return chunk + chunk + (held.pop() if held else b"")
        held.append(chunk)
        return b""

    return change


FAULTS = (
    Fault(
        id="F-37",
        what="news lost, doubled, late; answers out of order",
        injected="a proxy drops, doubles and holds the store's news; nine followers ask at once, and each answer takes"
        " up to 200 ms, so that answers overtake each other",
        expected="the view is the same as that of the process that revoked, soon after the last",
        run=run,
        stores=("redis", "postgres"),
        targets=(Target("divergence", 0), Target("equal_ms", 2000), Target("other_5xx", 0)),
        words={
            "divergence": "credentials of which the two views say different things",
            "equal_ms": "from the return of the last revocation to its being heard",
        },
    ),
)
