"""Who waits for PostgreSQL: the calling thread, here, or an event loop (``postgres_loop``), over a few links each.

Both give the same words: ``run`` a dialogue, ``look`` one record up, hear ``news``. A link that sat idle may have died
meanwhile; what is begun on it and lost at once is begun again on a fresh one. What was under way is never repeated.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Event, get_ident
from typing import Any, TypeVar

import psycopg

from ..errors import ConfigurationError, StoreUnavailableError
from .base import CALLED_BACK, Record, Tally
from .breaker import Breaker
from .postgres_wire import READ, WRITE, Dialogue, Link, LostError, SilentError, unavailable
from .sql import GET, record

log = logging.getLogger("watchword.stores")

T = TypeVar("T")
Begin = Callable[[Link], Dialogue[T]]
LISTEN = b"LISTEN watchword"
BUSY = "pool_busy"
_UNWELL = {"53", "57", "58", "XX"}
"""Classes of SQLSTATE that speak of the server (resources, operator, system, internal), not of a statement."""
GRACE = 0.5
"""Seconds that an answer is waited for beyond patience: so the server's own word about what took too long arrives."""


class Guard:
    """Counts what fails, and for a while asks nothing of a server that failed several times in a row."""

    def __init__(self, breaker: Breaker, tally: Tally) -> None:
        self._breaker, self._tally = breaker, tally

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around one question. Raises: StoreUnavailableError without asking, while the breaker is open."""
        if not self._breaker.allows():
            self._tally.errors += 1
            raise unavailable(
                "it failed several times in a row, and is tried again within a second", reason="breaker_open"
            )
        try:
            yield
        except StoreUnavailableError as error:
            self._tally.errors += 1
            if error.reason.startswith("postgres_") and error.reason[9:11] not in _UNWELL:
                self._breaker.succeeded()
            elif error.reason != BUSY:
                self._breaker.failed()
            raise
        except Exception:  # of the caller's job: the server did its part
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()


class Pool:
    """What both cases share."""

    suspends: bool

    def __init__(
        self, connect: Callable[[], Link], links: Sequence[Link], *, size: int, patience: float, guard: Guard
    ) -> None:
        self._connect, self._size, self.patience, self.longest = connect, size, patience, patience + GRACE
        self._guard = guard
        self._idle = list(links)
        self._ear: Link | None = None
        self._hears = True
        self._affecting: set[int] = set()
        self._closed = False

    async def run(self, begin: Begin[T], *, spare: bool = False) -> T:
        """What a dialogue comes to, on one of the links. Raises: StoreUnavailableError, and what the dialogue does.

        ``spare``: on a link that is kept for the feed, so that a pool whose links are all taken still hears of news.
        """
        raise NotImplementedError

    async def pause(self, seconds: float) -> None:
        """Wait, as this case waits."""
        raise NotImplementedError

    async def look(self, kind: str, key: str, now: int) -> Record | None:
        """One record, if it lives."""
        raise NotImplementedError

    async def news(self, timeout: float) -> None:
        """See ``stores.base.Store``."""
        raise NotImplementedError

    def _check(self) -> None:
        if get_ident() in self._affecting:
            raise ConfigurationError(CALLED_BACK)
        if self._closed:
            raise closed()

    def _affect(self, call: Callable[[], None]) -> None:
        self._affecting.add(get_ident())
        try:
            call()
        finally:
            self._affecting.discard(get_ident())

    def _back(self, link: Link) -> None:
        if link.reusable and not self._closed:
            self._idle.append(link)
        else:
            link.close()

    def _forget_idle(self) -> None:
        """One link died by itself, so the others may have, too."""
        while self._idle:
            self._idle.pop().close()

    def _busy(self) -> StoreUnavailableError:
        return unavailable(
            f"all {self._size} connections were busy for {self.patience:g} s; nothing was done", reason=BUSY
        )

    def _deaf(self, error: Exception) -> None:
        if self._hears:
            log.warning("PostgreSQL cannot be listened to, so its news is asked for again and again: %s", error)
        self._hears = False

    def let_go(self) -> None:
        """End every connection that is not in use; what is under way ends its own."""
        self._closed = True
        self._forget_idle()
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.close()


class ThreadPool(Pool):
    """Waits in the calling thread."""

    suspends = False

    def __init__(self, connect: Callable[[], Link], links: Sequence[Link], *, size: int, **how: Any) -> None:
        super().__init__(connect, links, size=size, **how)
        self._slots, self._spare = BoundedSemaphore(size), BoundedSemaphore(1)

    async def run(self, begin: Begin[T], *, spare: bool = False) -> T:
        self._check()
        with self._guard.watching():
            return self._run(begin, self._spare if spare else self._slots)

    async def pause(self, seconds: float) -> None:
        Event().wait(seconds)

    def _run(self, begin: Begin[T], slots: BoundedSemaphore) -> T:
        if not slots.acquire(timeout=self.patience):
            raise self._busy()
        try:
            link = self._pop()
            if link is not None:
                try:
                    return self._use(link, begin)
                except LostError as error:
                    self._forget_idle()
                    if isinstance(error, SilentError):
                        raise
            return self._use(self._connect(), begin)
        except LostError as error:
            raise unavailable(str(error)) from None
        finally:
            slots.release()

    async def look(self, kind: str, key: str, now: int) -> Record | None:
        rows = (await self.run(lambda link: link.ask(GET, (kind, key, now)))).rows
        return record(rows[0]) if rows else None

    def _pop(self) -> Link | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _use(self, link: Link, begin: Begin[T]) -> T:
        try:
            return hold(link, begin(link), self.longest, self._affect)
        finally:
            self._back(link)

    async def news(self, timeout: float) -> None:
        self._check()
        if self._ear is None:
            self._tune(timeout)
            return
        try:
            if not self._ear.heard() and ready(self._ear.pgconn.socket, READ, timeout):
                self._ear.heard()
        except psycopg.OperationalError as error:
            self._ear.close()
            self._ear = None
            self._deaf(error)

    def _tune(self, timeout: float) -> None:
        try:
            ear = self._connect()
            try:
                hold(ear, ear.say(LISTEN), self.longest, self._affect)
            except BaseException:
                ear.close()
                raise
            self._ear, self._hears = ear, True
        except (LostError, StoreUnavailableError) as error:
            self._deaf(error)
            Event().wait(timeout)


def ready(socket: int, wanted: int, timeout: float) -> int:
    """What a socket is, of what is wanted, after ``timeout`` seconds at most; 0 for nothing. Blocks."""
    readers, writers = [socket] if wanted & READ else [], [socket] if wanted & WRITE else []
    if not hasattr(select, "poll"):
        readers, writers, _ = select.select(readers, writers, [], timeout)
        return (READ if readers else 0) | (WRITE if writers else 0)
    poll = select.poll()
    poll.register(socket, (select.POLLIN if readers else 0) | (select.POLLOUT if writers else 0))
    return wanted if poll.poll(timeout * 1000) else 0


def hold(link: Link, dialogue: Dialogue[T], patience: float, affect: Callable[[Callable[[], None]], None]) -> T:
    """A dialogue from its first word to its last, waiting in this thread."""
    try:
        wanted = next(dialogue)
        while True:
            if not isinstance(wanted, int):
                try:
                    affect(wanted)
                except BaseException as error:  # noqa: BLE001 - whatever it was, the dialogue decides
                    wanted = dialogue.throw(error)
                else:
                    wanted = dialogue.send(0)
            elif came := ready(link.pgconn.socket, wanted, patience):
                wanted = dialogue.send(came)
            else:
                wanted = dialogue.throw(silent(patience))
    except StopIteration as stop:
        answer: T = stop.value
        return answer


def silent(patience: float) -> SilentError:
    return SilentError(f"no answer within {patience:g} s")


def closed() -> ConfigurationError:
    return ConfigurationError("open the store first")
