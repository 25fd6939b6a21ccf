"""F-40: all clients come back at once, to a node that has kept nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.faults.journal import Journal, clock, columns, ms
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword.stores.base import Record, Store

CLIENTS, SESSIONS, EACH = 2000, 500, 2


class Counted:
    """How often a store is asked for a record, and how many such questions wait at once."""

    def __init__(self, store: Store) -> None:
        self.asked = self.most = self._waiting = 0
        self._get = store.get
        vars(store)["get"] = self.get

    async def get(self, kind: str, key: str, **words: Any) -> Record | None:
        self.asked += 1
        self._waiting += 1
        self.most = max(self.most, self._waiting)
        try:
            return await self._get(kind, key, **words)
        finally:
            self._waiting -= 1


async def run(place: Setting) -> Row:
    journal, asked, most, took = Journal(), [], [], []
    async with place.watchword() as ww:
        tokens = [(await ww.sessions.start(f"user-{n}")).token for n in range(SESSIONS)]
        for _ in range(place.pick(1, 10)):
            async with place.watchword() as node:
                counted, began = Counted(node.store), clock.monotonic()
                clients = [place.random.choice(tokens) for _ in range(CLIENTS)] * EACH
                doing = (journal.did("session", "", node.sessions.authenticate(one)) for one in clients)
                await asyncio.gather(*doing)
                took.append(clock.monotonic() - began)
                asked.append(counted.asked / SESSIONS)
                most.append(counted.most)
    found = columns([journal], bound=5)
    found["more"] |= {
        "asked_per_session": round(max(asked), 2),
        "most_questions_at_once": max(most),
        "failed_share": round(sum(op.status != 200 for op in journal.ops) / len(journal.ops), 4),
        "herd_ms": ms(max(took)),
    }
    return place.row(**found)


FAULTS = (
    Fault(
        id="F-40",
        what="a thundering herd on the session store",
        injected=f"{CLIENTS:,} clients with {SESSIONS} sessions present them {EACH} times at once to a fresh node",
        expected="the store is asked about a session once or twice, not once a client; nobody is refused",
        run=run,
        stores=("redis", "postgres", "sqlite"),
        targets=(Target("asked_per_session", 2), Target("failed_share", 0.01), Target("other_5xx", 0)),
        words={
            "asked_per_session": "questions to the store for each session that there is",
            "herd_ms": "until everybody had an answer",
        },
    ),
)
