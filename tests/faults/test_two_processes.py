"""F-21, F-36, I4: two processes on one store. What one revokes, the other refuses, however it is scheduled."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import pytest

from tests.faults.verifier import Verifier
from watchword.blocking import Watchword
from watchword.clock import SystemClock


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param != "sqlite":
        fresh: str = request.getfixturevalue(request.param).fresh()
        return fresh
    return f"sqlite:///{tmp_path}/app.db"


P99 = {"sqlite": 0.1, "postgresql": 0.05, "redis": 0.05}
"""Seconds from the return of a revocation to the last acceptance elsewhere."""


@contextmanager
def _pair(url: str, tmp_path: Path, max_staleness: float) -> Iterator[tuple[Watchword, Verifier]]:
    keys = tmp_path / "app.keys"
    with Watchword(url, keys=keys, issuer="https://as.test", audience="https://api.test") as ww:
        other = Verifier(url, keys, max_staleness)
        try:
            yield ww, other
        finally:
            other.close()


def test_a_revocation_reaches_the_other_process_in_time_p99_of_200(url: str, tmp_path: Path) -> None:
    clock, delays = SystemClock(), []
    with _pair(url, tmp_path, max_staleness=5) as (ww, other):
        for _ in range(200):
            token = ww.access.issue("user-7").token
            other.watch("polite", token)
            ww.revoke(token=token)
            returned = clock.monotonic()
            last, *_ = other.verdict()
            delays.append(max(0.0, last - returned))
    p50, p99 = (quantiles(delays, n=100)[rank - 1] for rank in (50, 99))
    assert p99 <= P99[url.partition(":")[0]], f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {max(delays):.3f} s"


@pytest.mark.parametrize("pause", [False, True], ids=["starved", "stopped"])
def test_past_max_staleness_nothing_revoked_is_accepted(url: str, tmp_path: Path, pause: bool) -> None:
    """The other process never lets its follower run, and in one case is stopped (SIGSTOP) over the revocation."""
    clock, bound = SystemClock(), 0.3
    with _pair(url, tmp_path, max_staleness=bound) as (ww, other):
        for round_ in range(5):
            token = ww.access.issue("user-7", session_id=f"session-{round_}").token
            other.watch("greedy", token)
            if pause:
                other.process.send_signal(signal.SIGSTOP)
            ww.revoke(session=f"session-{round_}")
            returned = clock.monotonic()
            while pause and clock.monotonic() < returned + bound:
                ww.access.issue("user-8")  # work goes on here while the other stands still
            other.process.send_signal(signal.SIGCONT)
            last, first, *_ = other.verdict()
            assert last < returned + bound, f"accepted {last - returned:.3f} s after the revocation had returned"
            assert first > returned - bound
