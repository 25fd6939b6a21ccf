"""Sessions, few and many: ``python benchmarks/growth.py``. Filling a database with a million takes a minute or two.

A session that was looked up before is answered from memory; one that was not is read from SQLite. Neither may take
longer for there being more of them. The note says how many bytes a session takes that is kept near.
"""

from __future__ import annotations

import sys
import tempfile
import tracemalloc
from collections.abc import Coroutine
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import Run
from benchmarks.measure import Case, Ratio, Table
from watchword.app import drive
from watchword.clock import SystemClock
from watchword.crypto.digest import digest
from watchword.formats import opaque
from watchword.revocation.feed import catch_up_now
from watchword.revocation.view import View
from watchword.stores.base import Record, open_store
from watchword.tokens.base import KINDS
from watchword.tokens.sessions import Sessions

SHOWN = 1000
"""Sessions that are presented in turn."""
AT_ONCE = 5000
PREFIX = KINDS["session"].starts[0]


def table(sizes: tuple[int, int], folder: Path, stack: ExitStack) -> Table:
    few, many = sizes
    cases, held = [], 0.0
    for count in sizes:
        store = open_store(f"sqlite:///{folder}/{count}.db")
        store.open_blocking()
        stack.callback(store.close_blocking)
        view = View()
        view.pull = lambda store=store, view=view: catch_up_now(store, view)  # type: ignore[misc]  # bound in the loop
        view.pull()
        near, cold = Sessions(store, view=view), Sessions(store, view=view, near=False)
        tokens = _fill(store, near, count)
        tracemalloc.start()
        for token in tokens:
            drive(near.authenticate(token))
        held = tracemalloc.get_traced_memory()[0] / len(tokens)
        tracemalloc.stop()
        shown = [(token,) for token in tokens]
        cases += [
            Case(f"kept near, {count:,} sessions", lambda token, one=near: drive(one.authenticate(token)), shown),
            Case(f"read, {count:,} sessions", lambda token, one=cold: drive(one.authenticate(token)), shown),
        ]
    ratios = [
        Ratio(f"{how}, {many:,} sessions", f"{how}, {few:,} sessions", "≤ 1.3 (flat)") for how in ("kept near", "read")
    ]
    return Table("growth of sessions", cases, ratios, f"read: from SQLite; a session kept near takes {held:,.0f} bytes")


def _fill(store: Any, sessions: Sessions, count: int) -> list[str]:
    """So many rows, of which those that are presented are real sign-ins spread over the others."""
    now, every = SystemClock().now(), max(count // SHOWN, 1)
    first = drive(sessions.start("user-0", data={"plan": "pro"}, device="Firefox on Linux"))
    kept = drive(store.get("session", digest("session", opaque.parse(first.token, PREFIX)), now=now))
    tokens, batch = [first.token], []
    for number in range(1, count):
        token = opaque.issue(PREFIX)
        batch.append(_another(kept, token, number))
        if number % every == 0 and len(tokens) < SHOWN:
            tokens.append(token)
        if len(batch) == AT_ONCE:
            drive(store.put(*batch))
            batch = []
    done: Coroutine[Any, Any, None] = store.put(*batch)
    drive(done)
    return tokens


def _another(kept: Record, token: str, number: int) -> Record:
    named = {"session_id": f"{number:022}", "token_id": f"{number:022}"}
    return Record(
        kind="session",
        key=digest("session", opaque.parse(token, PREFIX)),
        data=dict(kept.data) | named,
        subject=f"user-{number}",
        group=named["session_id"],
        expires_at=kept.expires_at,
    )


def main() -> None:
    run = Run("Measure sessions with few of them and with many.")
    if not run.only("growth"):
        return
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder, closing(ExitStack()) as stack:
        run.tell([table(run.setting.sizes, Path(folder), stack)])


if __name__ == "__main__":
    main()
