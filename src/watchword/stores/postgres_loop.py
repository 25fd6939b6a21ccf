"""Waiting for PostgreSQL on an event loop, in tasks of our own; lookups of one turn of the loop go together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from ..errors import ConfigurationError, StoreUnavailableError
from .base import Record
from .postgres_pool import LISTEN, Begin, Pool, silent
from .postgres_wire import READ, WRITE, Dialogue, Link, LostError, SilentError, unavailable
from .sql import GET, Row, record

T = TypeVar("T")
Place = tuple[str, str]

LOOK = (
    "SELECT kind, key, version, subject, grp, expires_at, data FROM watchword_records"
    " WHERE kind = ANY (?::text[]) AND key = ANY (?::text[])"
)
"""The lookups of one turn; who gets which row, and whether it still lives, is decided here."""


_LOOK_ONE = GET.removesuffix(" AND (expires_at IS NULL OR expires_at > ?)")


class LoopPool(Pool):
    """Waits on an event loop. The lookups of one turn go together, and a cancelled caller leaves no half-done verb."""

    suspends = True

    def __init__(self, connect: Callable[[], Link], links: Sequence[Link], *, size: int, **how: Any) -> None:
        super().__init__(connect, links, size=size, **how)
        self.loop = asyncio.get_running_loop()
        self._slots, self._spare = asyncio.Semaphore(size), asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._wanted: dict[Place, list[tuple[asyncio.Future[Record | None], int]]] = {}
        self._looking = False
        self._tuning: asyncio.Task[Link] | None = None

    async def run(self, begin: Begin[T], *, spare: bool = False) -> T:
        """In a task of its own, so that it comes to its end even when the caller is cancelled."""
        self._check_loop()
        return await asyncio.shield(self._start(begin, self._spare if spare else self._slots))

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _check_loop(self) -> None:
        self._check()
        if asyncio.get_running_loop() is not self.loop:
            raise ConfigurationError("the store is open on another event loop; open it on this one")

    def _start(self, begin: Begin[T], slots: asyncio.Semaphore) -> asyncio.Task[T]:
        task = self.loop.create_task(self._run(begin, slots), name="watchword-postgres")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # who asked may be gone: then nobody else looks at it

    async def _run(self, begin: Begin[T], slots: asyncio.Semaphore) -> T:
        with self._guard.watching():
            return await self._tried(begin, slots)

    async def _tried(self, begin: Begin[T], slots: asyncio.Semaphore) -> T:
        await self._slot(slots)
        try:
            if self._idle:
                try:
                    return await self._use(self._idle.pop(), begin)
                except LostError as error:
                    self._forget_idle()
                    if isinstance(error, SilentError):
                        raise
            return await self._use(await self.loop.run_in_executor(None, self._connect), begin)
        except LostError as error:
            raise unavailable(str(error)) from None
        finally:
            slots.release()

    async def _slot(self, slots: asyncio.Semaphore) -> None:
        if slots.locked():
            try:
                async with asyncio.timeout(self.patience):
                    await slots.acquire()
            except TimeoutError:
                raise self._busy() from None
        else:
            await slots.acquire()

    async def _use(self, link: Link, begin: Begin[T]) -> T:
        try:
            return await self._hold(link, begin(link))
        finally:
            self._back(link)

    async def _hold(self, link: Link, dialogue: Dialogue[T]) -> T:
        try:
            wanted = next(dialogue)
            while True:
                if not isinstance(wanted, int):
                    error = await self._affected(wanted)
                    wanted = dialogue.send(0) if error is None else dialogue.throw(error)
                elif came := await self._ready(link.pgconn.socket, wanted, self.longest):
                    wanted = dialogue.send(came)
                else:
                    wanted = dialogue.throw(silent(self.longest))
        except StopIteration as stop:
            answer: T = stop.value
            return answer

    async def _affected(self, call: Callable[[], None]) -> BaseException | None:
        """An effect may block, so a thread calls it; it has to end before anybody goes on with the connection."""
        called = self.loop.run_in_executor(None, self._affect, call)
        while not called.done():
            with suppress(asyncio.CancelledError, Exception):
                await asyncio.shield(called)
        return called.exception()

    async def _ready(self, socket: int, wanted: int, timeout: float) -> int:
        """What the socket is, of what is wanted; 0 when it is nothing for so long."""
        came: asyncio.Future[int] = self.loop.create_future()
        if wanted & READ:
            self.loop.add_reader(socket, _tell, came, READ)
        if wanted & WRITE:
            self.loop.add_writer(socket, _tell, came, WRITE)
        timer = self.loop.call_later(timeout, _tell, came, 0)
        try:
            return await came
        finally:
            timer.cancel()
            if wanted & READ:
                self.loop.remove_reader(socket)
            if wanted & WRITE:
                self.loop.remove_writer(socket)

    async def look(self, kind: str, key: str, now: int) -> Record | None:
        """One record. All that are looked up in one turn, or while an answer is awaited, share the next question."""
        self._check_loop()
        found: asyncio.Future[Record | None] = self.loop.create_future()
        self._wanted.setdefault((kind, key), []).append((found, now))
        if not self._looking:
            self._looking = True
            self.loop.call_soon(self._look)
        return await found

    def _look(self) -> None:
        wanted, self._wanted = self._wanted, {}
        self._looking = bool(wanted)
        if not wanted:
            return
        kinds = tuple({kind for kind, _ in wanted})
        keys = tuple({key for _, key in wanted})
        if len(wanted) == 1:
            asked: tuple[str, Row] = _LOOK_ONE, (*kinds, *keys)
        else:
            asked = LOOK, (kinds, keys)
        task = self._start(lambda link: link.ask(*asked), self._slots)
        task.add_done_callback(lambda task: self._found(wanted, task))

    def _found(self, wanted: dict[Place, list[tuple[asyncio.Future[Record | None], int]]], task: Any) -> None:
        error = unavailable("the event loop is ending") if task.cancelled() else task.exception()
        rows = {} if error is not None else {row[:2]: row for row in task.result().rows}
        for place, waiting in wanted.items():
            for found, now in waiting:
                if found.done():  # its task was cancelled
                    continue
                if error is not None:
                    found.set_exception(error)
                else:
                    row = rows.get(place)
                    one = None if row is None else record(row)
                    found.set_result(one if one is not None and one.live(now) else None)
        self._look()

    async def news(self, timeout: float) -> None:
        self._check()
        if self._ear is None:
            await self._listen(timeout)
            return
        try:
            if not self._ear.heard() and await self._ready(self._ear.pgconn.socket, READ, timeout):
                self._ear.heard()
        except psycopg.OperationalError as error:
            self._ear.close()
            self._ear = None
            self._deaf(error)

    async def _listen(self, timeout: float) -> None:
        """Returns at once when it hears now: what came before it did is news as well."""
        tuning = self._tuning or self.loop.create_task(self._tune(), name="watchword-listen")
        self._tuning = tuning
        done, _ = await asyncio.wait({tuning}, timeout=timeout)
        if done:
            self._tuning = None
            try:
                self._ear, self._hears = tuning.result(), True
            except (LostError, StoreUnavailableError) as error:
                self._deaf(error)
                await asyncio.sleep(timeout)

    async def _tune(self) -> Link:
        link = await self.loop.run_in_executor(None, self._connect)
        try:
            await self._hold(link, link.say(LISTEN))
        except BaseException:
            link.close()
            raise
        return link

    async def close(self) -> None:
        self._closed = True
        if asyncio.get_running_loop() is self.loop:
            if self._tuning is not None:
                await asyncio.wait({self._tuning})
                if self._tuning.exception() is None:
                    self._tuning.result().close()
            while self._tasks or self._wanted:
                self._look()
                await asyncio.wait(set(self._tasks))
        self.let_go()


def _tell(came: asyncio.Future[int], what: int) -> None:
    if not came.done():
        came.set_result(what)
