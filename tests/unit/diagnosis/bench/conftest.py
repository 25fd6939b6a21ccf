"""The measurements in a setting that takes no time: what they find means nothing, and no test looks at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from watchword.diagnosis.bench import loopback, passwords, revocation, run, stores
from watchword.diagnosis.bench.base import Ask, Setting, Step

TINY = Setting(rounds=2, slice_ms=0.01, sizes=(10, 200), lags=2, hashes=1)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is that of a second."""
    monkeypatch.setattr(run, "QUICK", TINY)
    monkeypatch.setattr(stores, "SESSIONS", 40)
    monkeypatch.setattr(revocation, "REVOKED", 40)
    monkeypatch.setattr(loopback, "installed", lambda: False)
    monkeypatch.setattr(passwords, "SHOWN", passwords.SHOWN[:1])


@pytest.fixture
def servers(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are sent over loopback as well, for which four processes have to start."""
    monkeypatch.setattr(loopback, "installed", lambda: True)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Ask]:
    """``ask(postgres=…, redis=…, told=…)``: what a section is given."""

    def asked(
        *, postgres: str | None = None, redis: str | None = None, told: Callable[[Step], object] | None = None
    ) -> Ask:
        return Ask(setting=TINY, folder=tmp_path, argon2_ms=1, postgres=postgres, redis=redis, told=told)

    return asked
