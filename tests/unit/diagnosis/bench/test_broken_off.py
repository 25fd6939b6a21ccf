"""Ctrl-C at any moment: nothing runs on, and no file is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from watchword.diagnosis.bench.interrupts import between_steps
from watchword.diagnosis.bench.run import SECTIONS, Step, bench

RUN = """
import sys, threading
from watchword.diagnosis.bench.run import bench
try:
    bench(quick=True, only=[sys.argv[1]], progress=lambda step: print(step.done, flush=True))
finally:
    print("threads", threading.active_count(), flush=True)
"""


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("at", [0, 2])
def test_a_run_that_is_broken_off_leaves_no_thread_and_no_file(
    section: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(threading.enumerate())

    def told(step: Step) -> None:
        if step.done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(quick=True, only=[section], argon2_ms=1, progress=told)
    assert set(threading.enumerate()) <= before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("at", [3, 5])
def test_no_server_runs_on(at: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off before they answer, and while they are asked."""
    started: list[subprocess.Popen[str]] = []

    class Kept(subprocess.Popen[str]):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            started.append(self)

    def told(step: Step) -> None:
        if step.done == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Kept)
    with suppress(KeyboardInterrupt):
        bench(quick=True, only=["requests"], progress=told)
    assert [one.poll() for one in started] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("section", "at", "sent"),
    [
        ("stores", b"5", signal.SIGINT),
        ("revocation", b"3", signal.SIGINT),
        ("requests", b"13", signal.SIGINT),
        ("requests", b"13", signal.SIGTERM),
        ("stores", b"5", signal.SIGHUP),
    ],
)
def test_a_signal_ends_the_process(section: str, at: bytes, sent: signal.Signals, tmp_path: Path) -> None:
    """In the middle of a slice, or of a wait for the feed: wherever the loop is."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", RUN, section]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                if line.strip() == at:
                    process.send_signal(sent)
                    break
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert rest.split(b"threads ")[1].strip() == b"1"
    assert errors.strip().endswith(b"KeyboardInterrupt" if sent == signal.SIGINT else b""), errors
    assert b"Task was destroyed" not in errors
    assert b"ResourceWarning" not in errors
    assert process.returncode == (-sent if sent == signal.SIGINT else 128 + sent)
    assert list(tmp_path.iterdir()) == []
    here = [link for link in Path("/proc").glob("[0-9]*/cwd") if _target(link) == str(tmp_path)]
    assert here == [], "a process that it started runs on"


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def test_a_handler_of_the_callers_own_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with between_steps(None) as told:
            signal.raise_signal(signal.SIGTERM)
            told(Step("stores", 0, 1, ""))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_a_signal_after_the_last_step_is_not_forgotten() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended, between_steps(None):
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
