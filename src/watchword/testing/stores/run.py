"""The table of promises, and holding a store to each of them, opened both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ...errors import ConfigurationError
from ...stores.base import Store
from .base import NOW, Broken, Promise, drive
from .feed import FEED
from .records import RECORDS

VERBS: dict[str, Callable[[Store], Coroutine[Any, Any, object]]] = {
    "put": lambda store: store.put(),
    "get": lambda store: store.get("session", "k", now=NOW),
    "take": lambda store: store.take("session", "k", now=NOW),
    "drop": lambda store: store.drop("session", "k"),
    "find": lambda store: store.find("session", now=NOW),
    "append": lambda store: store.append(),
    "tail": lambda store: store.tail(0, now=NOW),
    "standing": lambda store: store.standing([("session", "k")], now=NOW),
    "audited": lambda store: store.audited(),
    "purge": lambda store: store.purge(now=NOW),
}


async def closed_it_refuses(store: Store) -> None:
    """Before opening and after closing every verb is ConfigurationError; closing twice is no error."""
    if store.suspends:
        await store.close()
        await store.close()
    else:
        store.close_blocking()
        store.close_blocking()
    for name, verb in VERBS.items():
        try:
            drive(verb(store))
        except ConfigurationError:
            continue
        raise AssertionError(f"{name} answered after the store was closed")


PROMISES: dict[str, Promise] = {**RECORDS, **FEED, "closed, it refuses": closed_it_refuses}
"""What is promised -> the check."""


def assert_keeps_promises(make: Callable[[], Store], promises: Mapping[str, Promise] = PROMISES) -> None:
    """Hold a store to every promise. ``make``: a fresh, empty store that is not open yet, each time it is called.

    Raises: AssertionError with all that were broken. A store that hangs makes this hang.
    """
    if broken := broken_promises(make, promises):
        raise AssertionError(f"{len(broken)} promises of a store were broken:\n  " + "\n  ".join(map(str, broken)))


def broken_promises(make: Callable[[], Store], promises: Mapping[str, Promise] = PROMISES) -> list[Broken]:
    """The promises that are not kept, opened for an event loop and for threads.

    The latter is left out where a store has no such opening (``open_blocking`` is ConfigurationError).
    """
    found = []
    for name, promise in promises.items():
        for way, hold in (("loop", _under_a_loop), ("threads", _for_threads)):
            try:
                hold(make(), promise)
            except Exception as error:  # noqa: BLE001  # a store that is wrong may raise anything
                found.append(Broken(name, way, f"{type(error).__name__}: {error}"))
    return found


def _under_a_loop(store: Store, promise: Promise) -> None:
    async def hold() -> None:
        await store.open()
        try:
            await promise(store)
        finally:
            await store.close()

    asyncio.run(hold())


def _for_threads(store: Store, promise: Promise) -> None:
    try:
        store.open_blocking()
    except ConfigurationError:
        return
    try:
        if store.suspends:
            raise AssertionError("opened for threads, and it says that it suspends")
        drive(promise(store))
    finally:
        store.close_blocking()
