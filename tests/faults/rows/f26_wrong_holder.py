"""F-26: a live refresh token is shown by another client, or without the key that it is bound to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.faults.journal import Journal, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Issued, Key, Watchword
from watchword.errors import BindingError, ProofError
from watchword.principal import Proof


async def run(place: Setting) -> Row:
    journal, found = Journal(), Counter[str]()
    mine, theirs = (Key.generate("ES256").thumbprint() for _ in range(2))
    async with place.watchword() as ww:
        for turn in range(place.pick(5, 200)):
            plain = await ww.refresh.issue(f"user-{turn}", client_id="app")
            bound = await ww.refresh.issue(f"bound-{turn}", client_id="app", bind=mine)
            shown: list[tuple[Issued, dict[str, Any]]] = [
                (plain, {"client_id": "another"}),
                (bound, {}),
                (bound, {"proof": _proof(theirs)}),
                (bound, {"client_id": "another", "proof": _proof(mine)}),
            ]
            for issued, how in shown:
                before = await _state(ww, issued)
                found["shown"] += 1
                try:
                    await ww.refresh.rotate(issued.token, **how)
                except (BindingError, ProofError):
                    found["changed"] += await _state(ww, issued) != before
                else:
                    found["taken"] += 1
            await journal.did("rotate", "", ww.refresh.rotate(plain.token, client_id="app"))
            await journal.did("rotate", "", ww.refresh.rotate(bound.token, client_id="app", proof=_proof(mine)))
    row = columns([journal], bound=0, verbs=("rotate",))
    row["wrong_accepts"] += found["taken"]
    row["more"] |= {name: found[name] for name in ("shown", "taken", "changed")}
    row["more"]["spoiled"] = sum(op.status != 200 for op in journal.ops)
    return place.row(**row)


def _proof(jkt: str) -> Proof:
    return Proof(jkt=jkt)


async def _state(ww: Watchword, issued: Issued) -> tuple[object, ...]:
    """What the store holds of the subject, and how far its feed is."""
    now = ww.clock.now()
    rows = await ww.store.find("refresh", now=now, subject=issued.subject)
    return rows, (await ww.store.tail(0, now=now)).head, await ww.events(subject=issued.subject)


FAULTS = (
    Fault(
        id="F-26",
        what="a refresh token in wrong hands",
        injected="a live token is shown by another client, without the proof of its key, and with that of another",
        expected="refused, nothing is written, and its own client goes on with it",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(Target("taken", 0), Target("changed", 0), Target("spoiled", 0), Target("other_5xx", 0)),
        words={"changed": "rows, events or lines of the trail that differ afterwards"},
    ),
)
