"""Health says what is true: not open, away, deaf, without its keys; and metrics count what was done."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from watchword import FrozenClock, Watchword, blocking
from watchword.errors import ConfigurationError, StoreUnavailableError, TokenError
from watchword.runtime.health import OK, Health
from watchword.runtime.metrics import Metrics, prometheus
from watchword.runtime.refresh import KeyFileRefresh
from watchword.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

GOOD = {"store": OK, "revocations": OK, "follower": OK, "keys": OK}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(1_800_000_000)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/app.db"


def made(url: str, clock: FrozenClock, **more: object) -> Watchword:
    return Watchword(url, issuer="https://app.example", audience="https://api.example", clock=clock, **more)  # type: ignore[arg-type]  # a plain dictionary


async def test_a_good_one_is_ready_and_knows_how_far_it_has_heard(url: str, clock: FrozenClock) -> None:
    async with made(url, clock) as ww:
        assert await ww.health() == Health(checks=GOOD, head=0, position=0)
        await ww.store.append()
        await ww.revoke(subject="user-7")
        found = await ww.health()
        assert (found.ready, found.head, found.position, found.lag) == (True, 1, 1, 0)
    assert (await ww.health()).checks == {"open": "not_open"}


async def test_what_could_not_open_says_why(url: str, clock: FrozenClock, tmp_path: Path) -> None:
    ww = made(url, clock, migrate="never")
    assert (await ww.health()).checks == {"open": "not_open"}
    with pytest.raises(ConfigurationError):
        await ww.open()
    assert (await ww.health()).checks == {"open": "migrations_pending"}
    ww.store.upgrade(str)
    (tmp_path / "app.db.keys").write_text("no keys")
    with pytest.raises(ConfigurationError):
        await ww.open()
    assert (await ww.health()).checks == {"open": "configuration"}
    os.unlink(tmp_path / "app.db.keys")
    async with ww:
        assert (await ww.health()).ready


async def test_a_store_that_is_away_and_a_lease_that_is_over(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("away", reason="breaker_open")

    async with made("memory:", clock) as ww:
        monkeypatch.setattr(MemoryStore, "tail", away)
        monkeypatch.setattr(MemoryStore, "tail_now", away)
        found = await ww.health()
        assert (found.ready, found.head, found.lag) == (False, None, None)
        assert found.checks == GOOD | {"store": "breaker_open"}
        clock.advance(5)
        assert (await ww.health()).checks == GOOD | {"store": "breaker_open", "revocations": "breaker_open"}


async def test_a_follower_that_was_ended_by_somebody_is_seen_at_once(url: str, clock: FrozenClock) -> None:
    """A store that answers inline hides it from the lease: each check would ask by itself."""
    async with made(url, clock) as ww:
        [follower] = [task for task in asyncio.all_tasks() if task.get_name() == "watchword-follower"]
        follower.cancel()
        await asyncio.wait({follower})
        assert (await ww.health()).checks == GOOD | {"follower": "dead"}
        await ww.open()
        [janitor] = [task for task in asyncio.all_tasks() if task.get_name() == "watchword-janitor"]
        janitor.cancel()
        await asyncio.wait({janitor})
        assert (await ww.health()).checks == GOOD | {"chores": "dead"}


async def test_a_key_file_that_cannot_be_read_is_not_ready(url: str, clock: FrozenClock, tmp_path: Path) -> None:
    file = tmp_path / "app.db.keys"
    async with made(url, clock) as ww:
        [refresh] = [ticker.chore for ticker in ww._chores._tickers if isinstance(ticker.chore, KeyFileRefresh)]
        await refresh.tick()
        assert (await ww.health()).ready
        text = file.read_text()
        file.unlink()
        await refresh.tick()
        assert (await ww.health()).checks == GOOD | {"keys": "unreadable"}
        file.write_text("no keys")
        for _ in range(2):
            with pytest.raises(ConfigurationError):
                await refresh.tick()
            assert (await ww.health()).checks == GOOD | {"keys": "unreadable"}
        file.write_text(text)
        file.chmod(0o600)
        await refresh.tick()
        assert (await ww.health()).ready
        assert ww.access.verify(ww.access.issue("user-7").token).subject == "user-7"


def test_from_threads_it_opens_or_says_why_it_cannot(url: str, tmp_path: Path) -> None:
    ww = blocking.Watchword(url, issuer="https://app.example", audience="https://api.example", migrate="never")
    assert ww.health().checks == {"open": "migrations_pending"}
    with pytest.raises(ConfigurationError):
        ww.metrics()
    with blocking.Watchword(url, issuer="https://app.example", audience="https://api.example"):
        pass
    assert ww.health().checks == GOOD
    assert ww.metrics().store_errors == 0
    ww.close()


async def test_metrics_count_what_was_done(url: str, clock: FrozenClock) -> None:
    async with made(url, clock, max_staleness=timedelta(seconds=8)) as ww:
        token = ww.access.issue("user-7").token
        for _ in range(3):
            ww.access.verify(token)
        for wrong in ("nonsense", "eyJ.a.b", "nonsense"):
            with pytest.raises(TokenError):
                ww.access.verify(wrong)
        key = (await ww.api_keys.issue("acme")).token
        for _ in range(2):
            await ww.api_keys.authenticate(key)
        await ww.revoke(subject="somebody")
        clock.advance(3)
        found = ww.metrics()
    assert found.verified == {("access", "malformed"): 3}
    assert (found.caches["seen.access"].hits, found.caches["seen.access"].misses) == (2, 4)
    assert found.caches["near.api_key"].hits == 1
    assert (found.lease, found.feed_age, found.position, found.known) == (5, 3, 1, 1)
    assert (found.published, found.store_errors, found.breaker) == (1, 0, "none")
    assert "watchword_lease_seconds 5\n" in prometheus(found)
    assert "breaker" not in prometheus(found)
    assert "user-7" not in prometheus(found)


def test_the_text_says_each_number_once_and_states_as_ones_and_zeros() -> None:
    found = Metrics(
        verified={},
        caches={},
        lease=float("-inf"),
        feed_age=float("inf"),
        position=7,
        taken_stale=0,
        known=0,
        published=0,
        store_errors=0,
        breaker="half_open",
        carrier="none",
        removed=0,
        head=9,
    )
    text = prometheus(found)
    assert "watchword_lease_seconds -Inf\n" in text
    assert "watchword_feed_age_seconds +Inf\n" in text
    assert "watchword_feed_lag_events 2\n" in text
    assert 'watchword_store_breaker{store="record",state="closed"} 0\n' in text
    assert 'watchword_store_breaker{store="record",state="half_open"} 1\n' in text
    assert "verified" not in text
    assert "carrier" not in text
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
