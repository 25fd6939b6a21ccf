"""F-21, F-30, F-36, I4: two processes on one store. What one revokes, the other refuses, however it is scheduled."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.in_time import in_time
from tests.faults.verifier import Verifier
from watchword.blocking import Watchword
from watchword.clock import SystemClock
from watchword.tokens.base import Issued


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param != "sqlite":
        fresh: str = request.getfixturevalue(request.param).fresh()
        return fresh
    return f"sqlite:///{tmp_path}/app.db"


P99 = {"sqlite": 0.1, "postgresql": 0.05, "redis": 0.05}
"""Seconds from the return of a revocation to the last acceptance elsewhere."""


@contextmanager
def _pair(
    url: str, tmp_path: Path, max_staleness: float, *, keys_apart: bool = False
) -> Iterator[tuple[Watchword, Verifier]]:
    keys = tmp_path / "app.keys"
    with Watchword(url, keys=keys, issuer="https://as.test", audience="https://api.test") as ww:
        ww.open()
        theirs = Path(shutil.copy(keys, tmp_path / "other.keys")) if keys_apart else keys
        other = Verifier(url, theirs, max_staleness)
        try:
            yield ww, other
        finally:
            other.close()


def test_a_revocation_reaches_the_other_process_in_time_p99_of_200(url: str, tmp_path: Path) -> None:
    in_time(lambda: _delays(url, tmp_path), P99[url.partition(":")[0]])


def _delays(url: str, tmp_path: Path) -> list[float]:
    clock, delays = SystemClock(), []
    with _pair(url, tmp_path, max_staleness=5) as (ww, other):
        for _ in range(200):
            token = ww.access.issue("user-7").token
            other.watch("polite", token)
            ww.revoke(token=token)
            returned = clock.monotonic()
            last, *_ = other.verdict()
            delays.append(max(0.0, last - returned))
    return delays


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


@pytest.mark.parametrize("pause", [False, True], ids=["starved", "stopped"])
def test_past_max_staleness_no_session_that_is_kept_near_is_accepted(url: str, tmp_path: Path, pause: bool) -> None:
    clock, bound = SystemClock(), 0.3
    with _pair(url, tmp_path, max_staleness=bound) as (ww, other):
        stops: list[Callable[[Issued], object]] = [
            lambda issued: ww.sessions.end(str(issued.session_id)),
            lambda issued: ww.sessions.rotate(issued.token),
            lambda issued: ww.revoke(subject=issued.subject),
        ]
        for number, stop in enumerate(stops * 2):
            issued = ww.sessions.start(f"user-{number}")
            other.watch("greedy", issued.token)
            if pause:
                other.process.send_signal(signal.SIGSTOP)
            stop(issued)
            returned = clock.monotonic()
            while pause and clock.monotonic() < returned + bound:
                ww.access.issue("user-8")  # work goes on here while the other stands still
            other.process.send_signal(signal.SIGCONT)
            last, *_ = other.verdict()
            assert last < returned + bound, f"accepted {last - returned:.3f} s after it had returned"


def test_f30_a_compromised_key_is_refused_by_one_who_has_not_seen_the_new_key_file(url: str, tmp_path: Path) -> None:
    """The other process has a key file of its own, which nobody touches: the feed alone tells it."""
    clock, bound = SystemClock(), 5.0
    with _pair(url, tmp_path, max_staleness=bound, keys_apart=True) as (ww, other):
        for form in ("jwt", "paseto"):
            token, kid = ww.access.issue("user-7", format=form).token, ww.ring.active("sign", format=form).kid
            other.watch("polite", token)
            ww.revoke(key=kid)
            returned = clock.monotonic()
            last, *_ = other.verdict()
            assert last < returned + bound / 5, f"accepted {last - returned:.3f} s after the key was revoked"
            assert ww.ring.active("sign", format=form).kid != kid
            ww.access.verify(ww.access.issue("user-7", format=form).token)


def test_waiting_names_the_other_process_once_it_has_heard(url: str, tmp_path: Path) -> None:
    clock, bound = SystemClock(), 10.0
    with _pair(url, tmp_path, max_staleness=bound) as (ww, other):
        for _ in range(3):
            token = ww.access.issue("user-7").token
            other.watch("polite", token)
            began = clock.monotonic()
            done = ww.revoke(subject="user-7", wait=True)
            returned = clock.monotonic()
            assert done.missing == ()
            assert [name.split(":")[1] for name in done.acknowledged[1:]] == [str(other.process.pid)]
            assert returned - began < bound / 2
            last, *_ = other.verdict()
            assert last < returned, "it was refused before the call returned"


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_waiting_names_who_does_not_answer_and_by_then_it_refuses(
    url: str, tmp_path: Path, how: signal.Signals
) -> None:
    clock, bound = SystemClock(), 1.0
    with _pair(url, tmp_path, max_staleness=bound) as (ww, other):
        token = ww.access.issue("user-7").token
        other.watch("polite", token)
        other.process.send_signal(how)
        began = clock.monotonic()
        done = ww.revoke(token=token, wait=True)
        returned = clock.monotonic()
        assert done.acknowledged == ("self",)
        assert [name.split(":")[1] for name in done.missing] == [str(other.process.pid)]
        assert bound <= returned - began < 4 * bound
        if how is signal.SIGSTOP:
            other.process.send_signal(signal.SIGCONT)
            last, *_ = other.verdict()
            assert last < returned, "past the bound nothing revoked is accepted, heard or not"
