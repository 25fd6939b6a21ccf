"""Two ways to ask the server, with one word, ``ask``: on an event loop, and from threads.

A command that only looks is asked once more when its connection breaks. One that writes never is, unless the server has
said that it did nothing; where the answer is lost, nobody knows, and StoreUnavailableError says so.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import hiredis

from ...clock import SystemClock
from ...errors import ConfigurationError, StoreUnavailableError
from .address import Address
from .wire import MISSING, Command, LostError, Refused, Wire, dial, pack

MOST_WAITING = 10_000
"""Commands that may wait for their answers on one loop; one more is StoreUnavailableError."""
_CHUNK = 1 << 16
_now = SystemClock().monotonic
_AGAIN = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def lost(error: LostError, *, look: bool) -> StoreUnavailableError:
    if look:
        return StoreUnavailableError(f"Redis: {error}")
    return StoreUnavailableError(
        f"Redis: {error} after a write was sent, so nobody knows whether it happened; look before you do it again",
        reason="commit_unknown",
    )


class LoopWire:
    """One connection on one loop. What is asked in one turn of it leaves in one send, and answers come in order.

    ``heard`` is given what comes unasked, and None when the connection has ended.
    """

    def __init__(self, wire: Wire, timeout: float, heard: Callable[[Any], None] | None = None) -> None:
        self._wire, self._timeout, self._heard = wire, timeout, heard
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._out: list[bytes] = []
        self._rest = b""
        self._answered = 0
        self._retired = False
        self._watch: asyncio.TimerHandle | None = None
        self.dead = False
        wire.socket.setblocking(False)
        self._loop.add_reader(wire.socket, self._read)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def ask(self, command: Command) -> asyncio.Future[Any]:
        """The reply to come; an error reply is a value. Raises, when awaited: LostError."""
        if self.dead:
            raise LostError("the connection broke")
        if len(self._waiting) >= MOST_WAITING:
            raise StoreUnavailableError(f"{MOST_WAITING} questions wait for Redis already")
        if not self._out:
            self._loop.call_soon(self._send)
        self._out.append(pack(command))
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _send(self) -> None:
        if self.dead:
            return
        data, self._out, sent = self._rest + b"".join(self._out), [], 0
        try:
            sent = self._wire.socket.send(data)
        except _AGAIN:
            pass
        except OSError:
            self.close()
            return
        stuck, self._rest = bool(self._rest), data[sent:]
        if self._rest and not stuck:
            self._loop.add_writer(self._wire.socket, self._send)
        elif stuck and not self._rest:
            self._loop.remove_writer(self._wire.socket)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._late, self._answered)

    def _late(self, answered: int) -> None:
        """So long after something was sent: has anything come since?"""
        self._watch = None
        if self._waiting and self._answered == answered:
            self.close("no answer in time")
        elif self._waiting:
            self._watch = self._loop.call_later(self._timeout, self._late, self._answered)

    def _read(self) -> None:
        wire, feed, gets = self._wire, self._wire.reader.feed, self._wire.reader.gets
        try:
            while True:
                data = wire.socket.recv(_CHUNK)
                if not data:
                    self.close()
                    return
                feed(data)
                if not isinstance(wire.socket, ssl.SSLSocket) or not wire.socket.pending():
                    break
        except _AGAIN:
            pass
        except OSError:
            self.close()
            return
        try:
            while (reply := gets()) is not MISSING:
                self._take(reply)
        except hiredis.HiredisError:
            self.close("what came is no answer of a Redis")
            return
        if self._retired and not self._waiting:
            self.close()

    def _take(self, reply: Any) -> None:
        self._answered += 1
        if not self._waiting:
            if self._heard is not None:
                self._heard(reply)
            return
        future = self._waiting.popleft()
        if not future.done():  # else its task was cancelled
            future.set_result(reply)

    def retire(self) -> None:
        """Close when the last answer is there."""
        self._retired = True
        if not self._waiting:
            self.close()

    def close(self, why: str = "the connection broke") -> None:
        """Whoever waits is told why."""
        if self.dead:
            return
        self.dead = True
        with suppress(RuntimeError):  # the loop may be gone already
            self._loop.remove_reader(self._wire.socket)
            self._loop.remove_writer(self._wire.socket)
        self._wire.close()
        if self._watch is not None:
            self._watch.cancel()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                with suppress(RuntimeError):
                    future.set_exception(LostError(why))
        if self._heard is not None:
            self._heard(None)


async def dialled(address: Address) -> Wire:
    """``dial`` on a thread. Who is cancelled meanwhile leaves no connection behind."""
    dialling = asyncio.ensure_future(asyncio.to_thread(dial, address))
    try:
        return await asyncio.shield(dialling)
    except asyncio.CancelledError:
        dialling.add_done_callback(_let_go)
        raise


def _let_go(dialling: asyncio.Future[Wire]) -> None:
    if not dialling.cancelled() and dialling.exception() is None:
        dialling.result().close()


@contextmanager
def _once(proven: bool) -> Iterator[None]:
    """What a server refuses after it was good for us (a password, say) is a trouble of its own, and may pass."""
    try:
        yield
    except ConfigurationError as error:
        if proven:
            raise LostError(str(error)) from None
        raise


def _looked_at(dialling: asyncio.Future[LoopWire]) -> None:
    """All who waited for it may be gone: then nobody else looks at its error."""
    if not dialling.cancelled():
        dialling.exception()


class LoopLane:
    """One connection for everything, made when it is needed; all who need it at once wait for the same one.

    ``proven``: the server was good once, so what it refuses from now on is StoreUnavailableError.
    """

    suspends = True

    def __init__(self, address: Address) -> None:
        self._address = address
        self._wire: LoopWire | None = None
        self._dialling: asyncio.Future[LoopWire] | None = None
        self.closed = self.proven = False

    async def ask(self, *commands: Command, look: bool) -> list[Any]:
        """The replies. Raises: StoreUnavailableError; a reply that is an error is a value."""
        for last in (False, True):
            try:
                wire = self._wire
                if wire is None or wire.dead:
                    wire = await self._connected()
            except LostError as error:
                raise lost(error, look=True) from None
            try:
                waiting = [wire.ask(command) for command in commands]
                replies = await asyncio.gather(*waiting) if len(waiting) > 1 else [await waiting[0]]
            except LostError as error:
                if last or not look or self.closed:
                    raise lost(error, look=look) from None
                continue
            if last or not (isinstance(replies[0], Refused) and replies[0].not_done):
                break
            wire.retire()
            self._wire = None if self._wire is wire else self._wire
        return replies

    async def _connected(self) -> LoopWire:
        if self._dialling is None:
            self._dialling = asyncio.ensure_future(self._dial())
            self._dialling.add_done_callback(_looked_at)
        try:
            return await asyncio.shield(self._dialling)
        finally:
            if self._dialling is not None and self._dialling.done():
                self._dialling = None

    async def _dial(self) -> LoopWire:
        with _once(self.proven):
            wire = await dialled(self._address)
        if self.closed:
            wire.close()
            raise ConfigurationError("open the store first")
        self._wire = LoopWire(wire, self._address.timeout)
        return self._wire

    def close(self) -> None:
        self.closed = True
        if self._wire is not None:
            self._wire.close()


class ThreadLane:
    """A connection for each thread that asks, kept for the next; in a forked child, connections of its own.

    ``whole``: the timeout of the address is for all the answers together, not for each piece of them.
    """

    suspends = False

    def __init__(self, address: Address, *, whole: bool = False) -> None:
        self._address = address
        self._within = address.timeout if whole else None
        self._idle: dict[int, list[Wire]] = {}
        self.closed = self.proven = False

    async def ask(self, *commands: Command, look: bool) -> list[Any]:
        for last in (False, True):
            try:
                wire = self._take()
            except LostError as error:
                raise lost(error, look=True) from None
            try:
                replies = talk(wire, commands, within=self._within)
            except LostError as error:
                if last or not look:
                    raise lost(error, look=look) from None
                continue
            if not (isinstance(replies[0], Refused) and replies[0].not_done):
                self._give_back(wire)
                break
            wire.close()
        return replies

    def _take(self) -> Wire:
        idle = self._idle.setdefault(os.getpid(), [])  # a parent's stay in the dictionary, so that nothing closes them
        while True:
            try:
                wire = idle.pop()
            except IndexError:
                with _once(self.proven):
                    wire = dial(self._address)
                wire.socket.settimeout(self._address.timeout)
                return wire
            if _quiet(wire, self._address.timeout):
                return wire
            wire.close()

    def _give_back(self, wire: Wire) -> None:
        idle = self._idle.setdefault(os.getpid(), [])
        idle.append(wire)
        if self.closed:
            self.close()

    def close(self) -> None:
        self.closed = True
        idle = self._idle.get(os.getpid(), [])
        while idle:
            with suppress(IndexError):
                idle.pop().close()


def _quiet(wire: Wire, timeout: float) -> bool:
    """Whether a connection that was left alone is still good: then there is nothing to read, not even its end."""
    wire.socket.settimeout(0)
    try:
        wire.socket.recv(1)
    except _AGAIN:
        wire.socket.settimeout(timeout)
        return True
    except OSError:
        pass
    return False


def talk(wire: Wire, commands: tuple[Command, ...], *, within: float | None = None) -> list[Any]:
    """Send and wait, in this thread: for all ``within`` so many seconds, or as long as something comes in time.

    Raises: LostError, and then the connection is closed.
    """
    until = None if within is None else _now() + within
    try:
        wire.socket.sendall(b"".join(map(pack, commands)))
        return [receive(wire, until) for _ in commands]
    except (OSError, LostError, hiredis.HiredisError) as error:
        wire.close()
        late = isinstance(error, TimeoutError)
        raise LostError("no answer in time" if late else "the connection broke") from None


def receive(wire: Wire, until: float | None = None) -> Any:
    """The next reply. Raises: TimeoutError after the socket's timeout, or at ``until`` (boot-time seconds)."""
    while (reply := wire.reader.gets()) is MISSING:
        if until is not None:
            left = until - _now()
            if left <= 0:
                raise TimeoutError
            wire.socket.settimeout(left)
        data = wire.socket.recv(_CHUNK)
        if not data:
            raise LostError("the connection broke")
        wire.reader.feed(data)
    return reply


Lane = LoopLane | ThreadLane
