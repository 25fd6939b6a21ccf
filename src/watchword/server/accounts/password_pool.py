"""Where passwords are hashed: a few threads and a short queue, so that a flood of sign-ins slows nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from ...crypto.passwords import hash_password, password_matches
from ...errors import RateLimitedError

T = TypeVar("T")

MAX_THREADS = 4
HASHES_A_SECOND = 40
"""What one thread does, about 25 ms each; more than a second of work is not taken on."""


class PasswordPool:
    """Argon2id off the event loop. Raises: RateLimitedError when the queue would take longer than about a second."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or min(os.cpu_count() or 1, MAX_THREADS)
        self._most = self._threads * HASHES_A_SECOND
        self._waiting = 0
        self._lock = Lock()
        self._executor: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Start, and do the work for nobody's password once: the first unknown user takes no longer than the next."""
        await self.matches("", None)

    def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    async def matches(self, password: str, phc: str | None) -> bool:
        """See ``crypto.passwords.password_matches``: the same work whether or not there is anything to compare with."""
        return await self._run(lambda: password_matches(password, phc))

    async def hashed(self, password: str) -> str:
        return await self._run(lambda: hash_password(password))

    async def _run(self, job: Callable[[], T]) -> T:
        with self._lock:
            if self._waiting >= self._most:
                raise RateLimitedError("too many passwords are being checked", retry_after=1)
            self._waiting += 1
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="watchword-passwords")
        future = self._executor.submit(job)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[T]) -> None:
        """Counted here and not where it is awaited: a client that hangs up does not stop the work."""
        with self._lock:
            self._waiting -= 1
