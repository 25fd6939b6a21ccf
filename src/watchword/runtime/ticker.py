"""Doing something again and again until told to stop: as a task under an event loop, or as a daemon thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..errors import UnavailableError

log = logging.getLogger("watchword.runtime")


class TaskTicker:
    """Awaits ``tick`` every ``seconds`` on the running loop. A tick that fails is logged and tried again."""

    def __init__(self, name: str, tick: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._name, self._tick, self._seconds = name, tick, seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watchword-{self._name}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, RuntimeError):  # RuntimeError: it belonged to a loop that is gone
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._tick()
            except UnavailableError as error:
                log.warning("%s: %s", self._name, error)


class ThreadTicker:
    """Calls ``tick`` every ``seconds`` on a daemon thread."""

    def __init__(self, name: str, tick: Callable[[], None], seconds: float) -> None:
        self._name, self._tick, self._seconds = name, tick, seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name=f"watchword-{self._name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._seconds):
            try:
                self._tick()
            except UnavailableError as error:
                log.warning("%s: %s", self._name, error)
