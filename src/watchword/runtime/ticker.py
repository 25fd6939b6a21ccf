"""Doing something again and again until told to stop: as a task under an event loop, or as a daemon thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from ..errors import ConfigurationError, WatchwordError

R = TypeVar("R")
log = logging.getLogger("watchword.runtime")


def drive(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never suspends, in one step and without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    coroutine.close()
    raise ConfigurationError("this store suspends, so it cannot be used without an event loop")


class ThreadSignal:
    """What ``asyncio.Event`` is under a loop: one thread does what others wait for. ``wait`` blocks its thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> object:
        return self._event.wait()


class Chore(Protocol):
    """Something to be done every ``seconds``."""

    name: str
    seconds: float

    async def tick(self) -> None: ...


class _Log:
    """What is said of a chore: of failures in a row the first, second, fourth, eighth ..., and that they are over."""

    def __init__(self, name: str) -> None:
        self._name, self._failures = name, 0

    def failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures & (self._failures - 1):
            return
        if isinstance(error, WatchwordError):
            log.warning("%s: %s", self._name, error)
        else:
            log.error("%s failed", self._name, exc_info=error)

    def done(self) -> None:
        if self._failures:
            log.info("%s goes on, after %d failures", self._name, self._failures)
            self._failures = 0


class TaskTicker:
    """Does a chore on the running loop. A tick that fails is logged, and the next one comes all the same."""

    def __init__(self, chore: Chore) -> None:
        self.chore = chore
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watchword-{self.chore.name}")

    @property
    def alive(self) -> bool:
        """It was started and goes on."""
        return self._task is not None and not self._task.done()

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            with suppress(asyncio.CancelledError, RuntimeError):  # RuntimeError: it belonged to a loop that is gone
                task.cancel()
                await task

    async def _run(self) -> None:
        said = _Log(self.chore.name)
        while True:
            await asyncio.sleep(self.chore.seconds)
            try:
                await self.chore.tick()
                said.done()
            except Exception as error:  # noqa: BLE001 - the next tick may do better; until then leases run out
                said.failed(error)


class ThreadTicker:
    """Does a chore on a daemon thread, over a store that does not suspend."""

    def __init__(self, chore: Chore) -> None:
        self.chore = chore
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name=f"watchword-{self.chore.name}", daemon=True
        )
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self, stopping: threading.Event) -> None:
        said = _Log(self.chore.name)
        while not stopping.wait(self.chore.seconds):
            try:
                drive(self.chore.tick())
                said.done()
            except Exception as error:  # noqa: BLE001 - the next tick may do better; until then leases run out
                said.failed(error)
