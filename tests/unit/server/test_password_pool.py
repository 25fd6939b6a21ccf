"""The pool: bounded, and off the event loop."""

import asyncio
import threading
from threading import Event

import pytest

from watchword.crypto.passwords import hash_password
from watchword.errors import RateLimitedError
from watchword.server.accounts import password_pool
from watchword.server.accounts.password_pool import HASHES_A_SECOND, PasswordPool


async def test_matches_and_hashed() -> None:
    pool = PasswordPool(1)
    await pool.open()
    try:
        phc = await pool.hashed("correct horse battery")
        assert await pool.matches("correct horse battery", phc) is True
        assert await pool.matches("correct horse batterY", phc) is False
        assert await pool.matches("correct horse battery", None) is False
    finally:
        pool.close()
    pool.close()


def test_what_is_kept_has_the_cost_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """D-30."""
    monkeypatch.undo()
    assert hash_password("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_flood_is_refused_and_slows_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-52: what would wait longer than about a second is 429 at once; the event loop goes on."""
    begun, go_on = Event(), Event()
    threads = set()

    def slow(password: str, phc: str | None) -> bool:
        threads.add(threading.current_thread().name)
        begun.set()
        assert go_on.wait(10)
        return False

    monkeypatch.setattr(password_pool, "password_matches", slow)
    pool = PasswordPool(2)
    most = 2 * HASHES_A_SECOND
    waiting = [asyncio.create_task(pool.matches("x", None)) for _ in range(most)]
    await asyncio.to_thread(begun.wait, 10)
    with pytest.raises(RateLimitedError) as caught:
        await pool.matches("x", None)
    assert caught.value.retry_after == 1
    waiting[-1].cancel()
    go_on.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(one is False for one in done) == most - 1
    assert len(threads) == 2
    assert await pool.matches("x", None) is False
    pool.close()


async def test_a_client_that_hangs_up_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_pool, "password_matches", lambda *_: True)
    pool = PasswordPool(1)
    for _ in range(5 * HASHES_A_SECOND):
        task = asyncio.create_task(pool.matches("x", None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await pool.matches("x", None) is True
    pool.close()


async def test_one_that_fails_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(password_pool, "password_matches", fails)
    pool = PasswordPool(1)
    for _ in range(2 * HASHES_A_SECOND):
        with pytest.raises(MemoryError):
            await pool.matches("x", None)
    pool.close()
