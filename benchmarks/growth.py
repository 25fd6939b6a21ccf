"""What a check costs as things grow from a thousand to a million: ``python benchmarks/growth.py``.

Revocations in the View, sessions in a SQLite file and near the process, keys on a ring; and the bytes that each
revocation and each session kept near takes. A million rows are written first, which takes a minute or two.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import Run
from benchmarks.measure import Case, Ratio, Table
from benchmarks.signed import TOKENS, issued, tokens_of, without_memory
from benchmarks.stateful import DATA, driven
from watchword.app import drive
from watchword.crypto.digest import digest, new_id
from watchword.diagnosis.bench.sights import PAGE, revoked, view_of
from watchword.formats import opaque
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.revocation.view import View
from watchword.stores.base import Store, open_store
from watchword.tokens.session_rows import RECORD, row
from watchword.tokens.sessions import Sessions

IN_USE = 1000
"""Sessions whose requests come in turn, however many there are; all of them are kept."""
FLAT = "≤ 1.3 (flat)"


def tables(run: Run, folder: Path, stack: ExitStack) -> Iterator[Table]:
    few, many = run.setting.sizes
    if run.only("growth of revocations"):
        yield _revocations(few, many)
    if run.only("growth of sessions"):
        yield _sessions(few, many, folder, stack)
    if run.only("growth of keys"):
        yield _keys(max(many // 1000, 8))


def _revocations(few: int, many: int) -> Table:
    """Sessions that are kept near, each fourth of a subject that was cut off before it signed in again."""
    cases = []
    tracemalloc.start()
    for count in (few, many):
        before = tracemalloc.get_traced_memory()[0]
        view = view_of(revoked(count))
        held = (tracemalloc.get_traced_memory()[0] - before) / count
        if count == many:
            tracemalloc.stop()
        store = open_store("memory:")
        store.open_blocking()
        cut = [f"user-{number * 7919 % max(count // 6, 1)}" for number in range(IN_USE)]
        subjects = [f"caller-{number}" if number % 4 else cut[number] for number in range(IN_USE)]
        tokens = _written(store, view, subjects)
        cases.append(Case(f"session, {count:,} revocations", _warm(store, view, tokens), tokens, "≤ 10 µs"))
    ratio = Ratio(cases[1].name, cases[0].name, FLAT)
    return Table("growth of revocations", cases, [ratio], f"memory: {held:.0f} bytes a revocation (goal: ≤ 200)")


def _sessions(few: int, many: int, folder: Path, stack: ExitStack) -> Table:
    filled, near, read = [], [], []
    for count in (few, many):
        store = open_store(f"sqlite:///{folder}/{count}.db")
        store.open_blocking()
        stack.callback(store.close_blocking)
        view = view_of()
        tokens = _written(store, view, [f"user-{number}" for number in range(count)])
        filled.append((count, store, view, tokens[:: max(count // IN_USE, 1)]))
    for count, store, view, tokens in filled:  # only now: what is kept near is kept for a minute
        sessions = Sessions(store, view=view)
        near.append(Case(f"kept near, {count:,} sessions", _warm(store, view, tokens), tokens, "≤ 10 µs"))
        read.append(Case(f"read, {count:,} sessions", driven(sessions.authenticate, current=True), tokens))
    ratios = [Ratio(cases[1].name, cases[0].name, FLAT) for cases in (near, read)]
    note = f"SQLite; memory: {_bytes_of(store, view, tokens):.0f} bytes a session that is kept near"
    return Table("growth of sessions", [*near, *read], ratios, note)


def _keys(many: int) -> Table:
    """A verifier with one key, and one with many; the tokens are signed by ``TOKENS`` of them in turn."""
    keys = [Key.generate("ES256") for _ in range(many)]
    signers = keys[:: max(many // TOKENS, 1)]
    by_many = [(issued(tokens_of(KeyRing.of(key)), count=1)[0],) for key in signers]
    by_one = [(token,) for token in issued(tokens_of(KeyRing.of(keys[0])), count=len(by_many))]
    cases = []
    for count, tokens in ((1, by_one), (many, by_many)):
        ring = KeyRing.of(*(key.public() for key in keys[:count]))
        seen, cold = tokens_of(ring, view=view_of()), without_memory(tokens_of(ring, view=view_of()))
        for (token,) in tokens:
            seen.verify(token)
        cases += [Case(f"seen before, {count:,} keys", seen.verify, tokens)]
        cases += [Case(f"ES256, cold, {count:,} keys", cold.verify, tokens)]
    ratios = [Ratio(cases[place + 2].name, cases[place].name, FLAT) for place in (0, 1)]
    return Table("growth of keys", cases, ratios)


def _written(store: Store, view: View, subjects: list[str]) -> list[tuple[str]]:
    """Live sessions of these subjects, written in bulk as ``start`` writes each; their tokens."""
    now, tokens = int(time.time()), [(opaque.issue(Sessions.prefix),) for _ in subjects]
    for first in range(0, len(subjects), PAGE):
        some = zip(subjects[first : first + PAGE], tokens[first : first + PAGE], strict=True)
        drive(store.put(*(row(_key(token), subject, _content(view, now)) for subject, (token,) in some)))
    return tokens


def _key(token: str) -> str:
    return digest(RECORD, opaque.parse(token, Sessions.prefix))


def _content(view: View, now: int) -> dict[str, Any]:
    ids = {"token_id": new_id(), "session_id": new_id(), "rev": view.rev}
    times = {"created_at": now, "auth_time": now, "idle": 1800, "absolute_at": now + 43_200}
    times["last_seen"] = now + 3600  # so that no request is to be noted, however long the rest takes to be written
    shown = {"device": "Firefox on Linux", "ip": "203.0.113.9", "fpt": None}
    return {"state": "live", "roles": ["admin"], "scopes": [], "data": DATA} | ids | times | shown


def _warm(store: Store, view: View, tokens: list[tuple[str]]) -> Any:
    """Every session is asked for once before anything is timed."""
    verb = driven(Sessions(store, view=view).authenticate)
    for (token,) in tokens:
        verb(token)
    return verb


def _bytes_of(store: Store, view: View, tokens: list[tuple[str]]) -> float:
    sessions = Sessions(store, view=view)
    tracemalloc.start()
    for (token,) in tokens[:IN_USE]:
        drive(sessions.authenticate(token))
    held = tracemalloc.get_traced_memory()[0] / len(sessions.near)
    tracemalloc.stop()
    return held


def main() -> None:
    run = Run("Measure what a check costs as revocations, sessions and keys grow.")
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder, ExitStack() as stack:
        run.tell(tables(run, Path(folder), stack))


if __name__ == "__main__":
    main()
