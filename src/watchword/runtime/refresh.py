"""Keeping rings in step with where their keys come from: a key file that is rotated, a document behind a URL."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from threading import Lock

from ..errors import WatchwordError
from ..keys.remote import RemoteKeys
from ..keys.ring import KeyRing, Slot
from ..keys.sources import locked, read_file
from .fetch import SECONDS, Fetched, fetch
from .forks import starts_over

log = logging.getLogger("watchword.runtime")

MOST_WAITING = 2_000
"""Requests that wait for one fetch; further ones are refused at once."""


class KeyFileRefresh:
    """Reads the key file again when it was replaced. A file that cannot be read leaves the keys as they are."""

    name = "key file"
    seconds = 1.0

    def __init__(self, ring: KeyRing, path: Path) -> None:
        self._ring, self._path = ring, path
        self._stamp: tuple[int, int] | None = None  # so that the first tick reads once more
        self.readable = True

    async def tick(self) -> None:
        stamp = self._look()
        self.readable = stamp is not None and os.access(self._path, os.R_OK)
        if stamp is not None and stamp != self._stamp:
            self.readable = False
            self._ring.adopt(read_file(self._path))
            self._stamp, self.readable = stamp, True

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def drop_key(ring: KeyRing, path: Path | None, kid: str) -> None:
    """Take a revoked key off a ring, and off its file, where there is one, for the other processes.

    Raises: KeysUnavailableError when the file cannot be read or written; ConfigurationError when it is broken.
    """
    with nullcontext() if path is None else locked(path):
        slots = [] if path is None else read_file(path)
        again = _unsaved(ring, slots, kid)
        if path is not None and not again:
            ring.adopt(slots)  # so that nothing is lost that another process has written meanwhile
        slot = ring.find(kid)
        if slot is not None and not slot.revoked:
            ring.revoke(kid)
            again = True
        if path is not None and again:
            ring.save(path)


def _unsaved(ring: KeyRing, slots: list[Slot], kid: str) -> bool:
    """It was dropped here, and could not be written: the key that came in its place signs already, so it stays."""
    mine, theirs = ring.find(kid), {slot.key.kid: slot for slot in slots}
    dropped = mine is not None and mine.revoked and kid in theirs and not theirs[kid].revoked
    return dropped and theirs.keys() <= {slot.key.kid for slot in ring}


class RemoteRefresh:
    """Fetches the document of one RemoteKeys when that wants it, and for a token with an unknown key id.

    A chore for TaskTicker and ThreadTicker: under an event loop the fetch is made in a thread, on a thread of its own
    directly. At most one fetch is under way, whoever asked for it; nothing here raises, for the keys tell by
    themselves whether they are usable.
    """

    name = "remote keys"
    seconds = 1.0

    def __init__(
        self, remote: RemoteKeys, fetch: Callable[[], Fetched] | None = None, *, patience: float = SECONDS
    ) -> None:
        self.remote = remote
        self.last_error: WatchwordError | None = None
        self._fetch = fetch or partial(_fetch, remote.url)
        self._patience = patience
        starts_over(self)

    def start_over(self) -> None:
        """In a forked child no thread is left that could end a fetch."""
        self._lock = Lock()
        self._flight: Future[None] | None = None
        self._waiting = 0
        self.remote.abandoned()

    async def tick(self) -> None:
        with self._lock:
            flight = self._begin() if self.remote.wants() else None
        if flight is not None:
            await self._end(flight, mine=True)

    async def for_unknown(self, kid: str | None) -> None:
        """A token names a key that is not here: wait for the fetch that may bring it, two seconds at most.

        Returns at once when none is under way and none is due (see ``RemoteKeys.missed``). None stands for any key,
        while there is no usable one.
        """
        mine = False
        with self._lock:
            flight = self._flight if self.remote.in_flight else None
            if flight is None and (self.remote.wants() if kid is None else self.remote.missed(kid)):
                flight, mine = self._begin(), True
            if flight is None or (self._waiting >= MOST_WAITING and not mine):
                return
            self._waiting += 1
        try:
            await self._end(flight, mine=mine)
        finally:
            with self._lock:
                self._waiting -= 1

    def _begin(self) -> Future[None]:
        self.remote.begin()
        flight: Future[None] = Future()
        self._flight = flight
        flight.set_running_or_notify_cancel()
        return flight

    async def _end(self, flight: Future[None], *, mine: bool) -> None:
        """See a fetch to its end, here or in a thread. Whoever stops waiting does not stop the fetch."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if mine:
                self._fly(flight)
            else:
                with suppress(TimeoutError):
                    flight.result(timeout=self._patience)
            return
        if mine:
            try:
                loop.run_in_executor(None, self._fly, flight)
            except RuntimeError:  # the loop's threads are shutting down
                self.remote.abandoned()
                flight.set_result(None)
        await asyncio.wait([asyncio.wrap_future(flight)], timeout=self._patience)

    def _fly(self, flight: Future[None]) -> None:
        heard = False
        try:
            fetched = self._fetch()
            heard = True
            self.remote.succeeded(fetched.body, fetched.max_age)
            self.last_error = None
            for reason in self.remote.metrics.skipped:
                log.warning("%s: left out: %s", self.remote.url, reason)
        except WatchwordError as error:
            self.last_error = error
            log.warning("%s: %s (%s)", self.remote.url, error, error.reason)
        except Exception:  # whatever it was, the last good keys stay, and the next fetch may do better
            log.exception("%s: the keys could not be fetched", self.remote.url)
        finally:
            if not heard:
                self.remote.failed()
            flight.set_result(None)


def _fetch(url: str) -> Fetched:
    return fetch(url)
