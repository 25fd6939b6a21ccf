"""What a promise is, and what the files of promises share."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

from msgspec import Struct

from ...stores.base import Audit, Event, Record, Store

T = TypeVar("T")
Promise = Callable[[Store], Coroutine[Any, Any, None]]
"""Awaited with an open, empty store. Raises: AssertionError when it is not kept."""
NOW = 1_800_000_000


class Broken(Struct, frozen=True):
    """A promise that was not kept: opened for a ``loop`` or for ``threads``, and what was seen."""

    promise: str
    way: str
    seen: str

    def __str__(self) -> str:
        return f"{self.promise} ({self.way}): {self.seen}"


def row(key: str, **changes: Any) -> Record:
    return Record(**{"kind": "session", "key": key, "data": {"plan": "pro"}, **changes})


def revoked(value: str, until: int = NOW + 100) -> Event:
    return Event(what="session", value=value, at=NOW, until=until)


def noted(name: str, at: int = NOW, **more: Any) -> Audit:
    return Audit(name=name, at=at, **more)


def same(found: object, wanted: object, what: str = "found") -> None:
    """Raise AssertionError unless both are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r:.300}, and it should be {wanted!r:.300}")


async def refused(call: Awaitable[object], error: type[Exception]) -> None:
    """Raise AssertionError unless the call raises ``error``."""
    try:
        answer = await call
    except error:
        return
    raise AssertionError(f"it answered {answer!r:.200} instead of {error.__name__}")


async def keys(store: Store, now: int = NOW) -> list[str]:
    return [one.key for one in await store.find("session", now=now)]


async def values(store: Store) -> list[str]:
    return [event.value for event in (await store.tail(0, now=NOW)).events]


async def names(store: Store) -> list[str]:
    return [entry.name for entry in await store.audited()]


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a caller without an event loop does with a store that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    coroutine.close()
    raise AssertionError("a verb suspended, and there is no loop that would go on with it")


async def race(store: Store, calls: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """All the calls at once: as tasks, or as threads where the store does not suspend."""
    if store.suspends:
        return list(await asyncio.gather(*(call() for call in calls)))
    barrier, restless = threading.Barrier(len(calls)), _restless(type(store).__module__)

    def run(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        barrier.wait()
        before = sys.gettrace()
        sys.settrace(restless)
        try:
            return drive(call())
        finally:
            sys.settrace(before)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def _restless(module: str) -> Callable[[FrameType, str, object], Any]:
    """A trace function: at each line of the store a thread steps back, so that another runs and a race is lost."""
    rooms = (module.rpartition(".")[0] or module, "watchword.stores")

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not str(frame.f_globals.get("__name__", "")).startswith(rooms):
            return None
        time.sleep(1e-5)  # for nothing: a sleep of 0 would hand the interpreter straight back to the same thread
        return trace

    return trace
