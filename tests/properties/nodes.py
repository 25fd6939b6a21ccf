"""Several Watchwords on one store, as several processes would be, and who runs when: no threads, no luck.

Every store call is a point where somebody else may run. A node can be cut off from the store, and a call can be made to
fail: before it takes effect, after it did, or with a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from random import Random
from typing import Any, Literal
from unittest.mock import patch

from watchword import app
from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import StoreConflictError, StoreUnavailableError, WatchwordError
from watchword.runtime.follow import Follower
from watchword.runtime.refresh import KeyFileRefresh
from watchword.runtime.ticker import Chore, ThreadSignal

Fault = Literal["before", "after", "conflict"]
FAULTS: tuple[Fault, ...] = ("before", "after", "conflict")
_CONNECTING = ("open", "open_blocking", "close", "close_blocking")
_WRITES = ("put", "swap")


class Turn:
    """Somebody else's turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class NodeStore:
    """One node's way to a store. Its verbs are those of ``inner``, whatever they are.

    ``calls`` counts them; ``asked`` notes the real time of each question to the feed whose answer arrived.
    """

    def __init__(self, make: Callable[[], Any], *, inline: bool, real: Callable[[], float]) -> None:
        self._make, self._real = make, real
        self.inner: Any = make()
        self.suspends, self.pulls_inline, self.pushes, self.lasts = True, inline, False, True
        self.keys_beside: Path | None = None
        self.cut_off = False
        self.fault: tuple[int, Fault] | None = None
        """(calls until it happens, which)."""
        self.failed = False
        self.calls = 0
        self.answered_at = float("-inf")

    async def open(self) -> None:
        self.inner = self._make()
        self.inner.open_blocking()

    async def close(self) -> None:
        if self.inner.lasts:  # a store in memory is everybody's
            self.inner.close_blocking()

    def close_blocking(self) -> None:
        self.inner.close_blocking()

    def changed(self) -> bool:
        self._reach()
        return bool(self.inner.changed()) if self.inner.lasts else True

    def tail_now(self, after: int, *, now: int) -> Any:
        self._reach()
        asked = self._real()
        answer = self.inner.tail_now(after, now=now)
        self.answered_at = asked
        return answer

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.inner, name)
        if not iscoroutinefunction(verb):
            return verb

        async def called(*positional: Any, **named: Any) -> Any:
            await Turn()
            fault = self._reach(writes=name in _WRITES)
            asked = self._real()
            answer = await verb(*positional, **named)
            if fault == "after":
                self._fail()
            await Turn()
            if name == "tail":
                self.answered_at = asked
            return answer

        return called

    def _reach(self, *, writes: bool = False) -> Fault | None:
        self.calls += 1
        if self.cut_off:
            self._fail()
        if self.fault is None:
            return None
        left, fault = self.fault
        self.fault = (left - 1, fault) if left else None
        if left:
            return None
        if fault == "conflict" and writes:
            self.failed = True
            raise StoreConflictError
        if fault != "after":
            self._fail()
        return fault

    def _fail(self) -> None:
        self.failed = True
        raise StoreUnavailableError


class Quiet(Watchword):
    """Nothing runs beside the verbs but what the scheduler lets run."""

    async def open(self) -> None:
        """Without a loop, as for threads; but the store may say that somebody else is to run."""
        await self.store.open()
        self._wire(ThreadSignal)
        await self._verifiers.join(None)

    def _duties(self) -> list[Chore]:
        return []


class Node:
    """One process: a Watchword with its own view, clock and key ring."""

    def __init__(self, name: str, store: NodeStore, **options: Any) -> None:
        self.name, self.store, self.options = name, store, options
        self.clock = FrozenClock()
        self.paused = False
        self.following: Coroutine[Any, Any, None] | None = None
        self.begin()

    def begin(self) -> None:
        """A new process: all that it knew is gone."""
        with patch.object(app, "open_store", lambda url, **more: self.store):
            self.ww = Quiet("node:", clock=self.clock, **self.options)
        run(self.ww.open())
        store: Any = self.store
        self.follower = Follower(store, self.ww.view, self.ww._verifiers)
        self.keys = KeyFileRefresh(self.ww.ring, Path(str(self.ww.key_file)))

    def crash(self) -> None:
        """Nothing is finished, and nothing said goodbye to."""
        if self.following is not None:
            self.following.close()
        self.following = None
        self.paused = False
        run(self.store.close())

    @property
    def well(self) -> bool:
        """Nothing is in the way of an answer."""
        return not self.store.cut_off and self.store.fault is None and self.ww.view.fresh()

    def follow(self, steps: int | None = None) -> None:
        """Let the follower run: for so many steps, or to the end of its tick."""
        while steps is None or steps > 0:
            self.following = self.following or self.follower.tick()
            try:
                self.following.send(None)
            except (StopIteration, WatchwordError):
                self.following = None
                return
            if steps is not None:
                steps -= 1

    def read_keys(self) -> None:
        run(self.keys.tick())


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """To its end, with nobody else running."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value


def together(seed: int, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all to their ends, one step of one at a time; what each returned, or the WatchwordError it raised."""
    random = Random(seed)
    results: list[Any] = [None] * len(coroutines)
    running = dict(enumerate(coroutines))
    while running:
        place = random.choice(list(running))
        try:
            running[place].send(None)
        except StopIteration as stop:
            results[place] = stop.value
        except WatchwordError as error:
            results[place] = error
        else:
            continue
        del running[place]
    return results
