"""Tables of what is looked up: tokens seen before, revocations, sessions, refresh rotation."""

from __future__ import annotations

import hashlib
import sqlite3
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from watchword.app import Watchword, drive
from watchword.diagnosis.bench.base import AUDIENCE, ISSUER
from watchword.diagnosis.bench.sights import principals, revoked, view_of
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.refresh import RefreshTokens

from .measure import Case, Ratio, Table
from .signed import TOKENS, issued, tokens_of, without_memory

SESSIONS = 1000
DATA = {"plan": "pro", "cart": [1, 2, 3]}


def tables(only: Callable[[str], bool], sizes: tuple[int, int], folder: Path, stack: ExitStack) -> Iterator[Table]:
    if only("seen again"):
        yield _seen()
    if only("revocation"):
        yield _revocation(sizes)
    if only("session"):
        yield _session(folder, stack)
    if only("refresh"):
        yield _refresh(folder, stack)


def _seen() -> Table:
    """The same tokens again and again, as a client sends them."""
    ring = KeyRing.generate("ES256")
    heard = view_of()
    plain, watched = tokens_of(ring), tokens_of(ring, view=heard)
    cold = without_memory(tokens_of(ring, view=heard))
    tokens = [(token,) for token in issued(watched)]
    for (token,) in tokens:
        plain.verify(token), watched.verify(token)
    hit, cold_name = "seen before, with a View", "watchword, cold: ES256 with a View"
    cases = [
        Case("SHA-256 of the token", lambda token: hashlib.sha256(token.encode()).digest(), tokens),
        Case("seen before, no View", plain.verify, tokens, "≤ 1.5 µs"),
        Case(hit, watched.verify, tokens, "≤ 1.5 µs"),
        Case(cold_name, cold.verify, tokens),
    ]
    return Table("seen again", cases, [Ratio(hit, "seen before, no View"), Ratio(cold_name, hit)])


def _revocation(sizes: tuple[int, int]) -> Table:
    """``View.check``, and a whole verification of a token seen before, with few and with many revocations."""
    few, many = sizes
    none, small = view_of(), view_of(revoked(few))
    tracemalloc.start()
    large = view_of(revoked(many))
    held = tracemalloc.get_traced_memory()[0] / many
    tracemalloc.stop()
    ring, cases = KeyRing.generate("ES256"), []
    for count, view in ((0, none), (few, small), (many, large)):
        cases.append(Case(f"check, {count:,} revocations", view.check, principals(view, count // 6), "≤ 0.5 µs"))
        access = tokens_of(ring, view=view)
        tokens = [(token,) for token in issued(access, session_id="s" * 22, family_id="f" * 22)]
        for (token,) in tokens:
            access.verify(token)
        cases.append(Case(f"seen before, {count:,} revocations", access.verify, tokens, "≤ 1.5 µs"))
    ratios = [
        Ratio(f"{what}, {many:,} revocations", f"{what}, {few:,} revocations", "≤ 1.3 (flat)")
        for what in ("check", "seen before")
    ]
    return Table("revocation", cases, ratios, f"memory: {held:.0f} bytes a revocation (goal: ≤ 200)")


def _opened(url: str, folder: Path, stack: ExitStack) -> Watchword:
    """A whole Watchword as threads use it: follower and all, and no event loop beside what is timed."""
    ring = KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac"))
    ww = Watchword(url, issuer=ISSUER, audience=AUDIENCE, ring=ring, max_staleness=timedelta(hours=1))
    ww.open_blocking()
    stack.callback(ww.close_blocking)
    return ww


def _sqlite(folder: Path, stack: ExitStack) -> sqlite3.Connection:
    """The floor: one table, opened as the store opens its own."""
    connection = stack.enter_context(closing(sqlite3.connect(folder / "floor.db", isolation_level=None)))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS floor (key TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    return connection


def _session(folder: Path, stack: ExitStack) -> Table:
    connection = _sqlite(folder, stack)
    keys = [hashlib.sha256(str(number).encode()).hexdigest()[:43] for number in range(SESSIONS)]
    body = msgspec.json.encode({"data": DATA, "roles": ["admin"], "session_id": "s" * 22, "created_at": 1_800_000_000})
    connection.executemany("INSERT INTO floor VALUES (?, ?)", [(key, body) for key in keys])
    read = connection.execute

    def floor(key: str) -> Any:
        return msgspec.json.decode(read("SELECT data FROM floor WHERE key = ?", (key,)).fetchall()[0][0])

    cases = [Case("sqlite3: one point read, decoded", floor, [(key,) for key in keys])]
    for store, url in (("memory", "memory:"), ("sqlite", f"sqlite:///{folder}/sessions.db")):
        ww = _opened(url, folder, stack)
        started = (drive(ww.sessions.start(f"user-{n}", data=DATA, roles=["admin"])) for n in range(SESSIONS))
        tokens = [(one.token,) for one in started]
        cases.append(Case(f"session, read, {store}", driven(ww.sessions.authenticate, current=True), tokens))
    cases.append(Case("session, kept near, sqlite", driven(ww.sessions.authenticate), tokens, "≤ 10 µs"))
    near = (("opaque access", ww.opaque_access), ("API key", ww.api_keys))
    for name, kind in near:
        given: list[tuple[Any, ...]] = [(drive(kind.issue(f"user-{n}")).token,) for n in range(TOKENS)]
        cases.append(Case(f"{name}, kept near, sqlite", driven(kind.authenticate), given, "≤ 10 µs"))
    ratios = [
        Ratio("session, read, sqlite", cases[0].name),
        Ratio("session, read, sqlite", "session, read, memory"),
        Ratio("session, read, sqlite", "session, kept near, sqlite"),
    ]
    return Table("session", cases, ratios)


def driven(verb: Callable[..., Any], **more: Any) -> Callable[..., object]:
    return lambda token: drive(verb(token, **more))


class _Families:
    """Refresh families that take turns: each call spends the token of the next one and keeps its successor."""

    def __init__(self, refresh: RefreshTokens) -> None:
        self._refresh = refresh
        issued = (drive(refresh.issue(f"user-{n}", client_id="mobile", scopes=["orders:read"])) for n in range(TOKENS))
        self._tokens = deque(one.token for one in issued)

    def rotate(self) -> None:
        self._tokens.append(drive(self._refresh.rotate(self._tokens.popleft())).token)


def _refresh(folder: Path, stack: ExitStack) -> Table:
    connection = _sqlite(folder, stack)
    numbers = iter(range(1 << 40))

    def floor() -> None:
        """What a rotation writes: three rows, one transaction, one fsync."""
        connection.execute("BEGIN IMMEDIATE")
        for number in (next(numbers), next(numbers), next(numbers)):
            connection.execute("INSERT INTO floor VALUES (?, ?)", (f"refresh-{number:020d}", b"x" * 300))
        connection.execute("COMMIT")

    cases = [Case("sqlite3: three rows, committed", floor)]
    for store, url in (("memory", "memory:"), ("sqlite", f"sqlite:///{folder}/refresh.db")):
        cases.append(Case(f"rotate, {store}", _Families(_opened(url, folder, stack).refresh).rotate))
    ratios = [Ratio("rotate, sqlite", cases[0].name), Ratio("rotate, sqlite", "rotate, memory")]
    return Table("refresh", cases, ratios, "CPU time leaves out waiting for the disk; wall time has it", waits=True)
