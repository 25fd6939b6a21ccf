"""A TCP proxy on loopback that fails on demand, one way or both: late, slow, silent, deaf, cut, refusing, lying.

It runs on an event loop of its own, in a thread of its own, so that whoever it stands before, a coroutine or a thread,
cannot hold it up. A verb returns when its fault is in force, for connections that stand and for new ones. Nothing is
left to chance: the same bytes under the same faults are treated alike.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Way = Literal["up", "down", "both"]
"""``up``: what the client says. ``down``: what the server says."""
Rewrite = Callable[[bytes, bytes], bytes]
"""A chunk of this way, and the last chunk of the other way on the same connection -> what is passed on instead."""

_CHUNK = 1 << 16
_HELD = 1 << 18
"""Bytes that are held in one direction before no more are read, so that pressure reaches the sender."""
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Line:
    """What befalls one direction. As it is made, nothing does."""

    delay: float = 0.0
    """Seconds from a chunk's arrival to its passing on; later chunks do not wait for earlier ones to be late."""
    rate: float = float("inf")
    """Bytes a second."""
    stalled: bool = False
    """Nothing is passed on, not even an end; what comes is held and passed on when this is over."""
    dropping: bool = False
    """What comes is swallowed."""
    cut_after: int | None = None
    """So many more bytes, over all connections, and then both ends of the connection are reset."""
    cut_at: tuple[bytes, bool] | None = None
    """The next connection on which these words are said is reset: before they arrive or, if True, before the reply."""
    rewrite: Rewrite | None = None


@dataclass
class _Stream:
    """One direction of one connection: what is held, and a bell for whoever waits for a change."""

    name: str
    line: Line
    source: socket.socket
    sink: socket.socket
    held: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    last: bytes = b""
    unheard: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, ready: Callable[[], object]) -> None:
        while not ready():
            self.bell.clear()
            await self.bell.wait()

    def hold(self, came: float, chunk: bytes) -> None:
        self.held.append((came, chunk))
        self.size += len(chunk)
        self.bell.set()

    def let_go(self, part: bytes) -> None:
        came, chunk = self.held.popleft()
        if rest := chunk[len(part) :]:
            self.held.appendleft((came, rest))
        self.size -= len(part)
        self.bell.set()


class FaultProxy:
    """``with FaultProxy(port) as proxy``: connect to ``proxy.port`` instead of ``port``, and call its faults."""

    def __init__(self, target: int) -> None:
        self.up, self.down = Line(), Line()
        self.connections = 0
        """Connections taken so far."""
        self.passed = {"up": 0, "down": 0}
        """Bytes passed on."""
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._pairs: dict[asyncio.Task[None], tuple[_Stream, _Stream]] = {}
        self._listener = _bound(0)
        self.port: int = self._listener.getsockname()[1]
        self._listening = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._do(self._listen())

    def delay(self, seconds: float, way: Way = "both") -> None:
        """Pass everything on so much later."""
        self._set(way, delay=seconds)

    def throttle(self, rate: float, way: Way = "both") -> None:
        """Pass on ``rate`` bytes a second on each connection."""
        self._set(way, rate=rate)

    def stall(self, way: Way = "both") -> None:
        """Hold what comes until this is over."""
        self._set(way, stalled=True)

    def half_open(self) -> None:
        """Connections stand and new ones are taken, nothing is passed on, and nobody is told of an end."""
        self._set("both", stalled=True)

    def drop(self, way: Way) -> None:
        """Swallow what comes; it never arrives."""
        self._set(way, dropping=True)

    def cut(self, after: int = 0, way: Way = "down") -> None:
        """Reset the connection on which so many more bytes have been passed on; at 0 all that stand, at once."""
        if after:
            self._set(way, cut_after=after)
        else:
            self._do(self._cut_all())

    def cut_at(self, words: bytes, *, delivered: bool) -> None:
        """Reset the next connection whose client says this. Delivered: the server answers, and nobody hears it."""
        self._set("up", cut_at=(words, delivered))

    def turn_to(self, target: int) -> None:
        """Stand before another port from now on; connections to the old one are reset."""
        self._target = target
        self._do(self._cut_all())

    def refuse(self) -> None:
        """New connections are refused, as by a machine where nobody listens. Those that stand stay."""
        self._do(self._deafen())

    def rewrite(self, change: Rewrite, way: Way = "down") -> None:
        """Pass on what ``change`` makes of each chunk."""
        self._set(way, rewrite=change)

    def heal(self) -> None:
        """End all faults. What was held is passed on."""
        self._set("both", **vars(Line()))
        self._do(self._listen())

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    def _set(self, way: Way, **changes: Any) -> None:
        async def change() -> None:
            for name, line in (("up", self.up), ("down", self.down)):
                if way in (name, "both"):
                    vars(line).update(changes)
            for pair in self._pairs.values():
                for stream in pair:
                    stream.bell.set()

        self._do(change())

    async def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            self._listener.listen(512)
            self._loop.add_reader(self._listener, self._accept)

    async def _deafen(self) -> None:
        """The port stays ours: a socket that is bound and does not listen refuses."""
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._listener)
            self._accept()  # whoever had connected stays connected
            self._listener.close()
            self._listener = _bound(self.port)

    async def _cut_all(self) -> None:
        for pair in self._pairs.values():
            _reset_when_closed(pair)
        await self._cancel_all()

    async def _cancel_all(self) -> None:
        tasks = list(self._pairs)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _end(self) -> None:
        await self._deafen()
        self._listener.close()
        await self._cancel_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            server = socket.socket()
            for one in (client, server):
                one.setblocking(False)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Stream("up", self.up, client, server), _Stream("down", self.down, server, client)
            self.connections += 1
            task = self._loop.create_task(self._serve(*pair))
            self._pairs[task] = pair
            task.add_done_callback(self._over)

    async def _serve(self, up: _Stream, down: _Stream) -> None:
        try:
            await self._loop.sock_connect(up.sink, ("127.0.0.1", self._target))
            async with asyncio.TaskGroup() as group:
                for stream, other in ((up, down), (down, up)):
                    group.create_task(self._take(stream, other))
                    group.create_task(self._give(stream))
        except* OSError:
            _reset_when_closed((up, down))

    def _over(self, task: asyncio.Task[None]) -> None:
        for stream in self._pairs.pop(task):
            stream.source.close()

    async def _take(self, stream: _Stream, other: _Stream) -> None:
        """Read, and hold what was read for the giver. An empty chunk is the end."""
        line, chunk = stream.line, b"?"
        while chunk:
            await stream.until(lambda: stream.size < _HELD)
            try:
                chunk = await self._loop.sock_recv(stream.source, _CHUNK)
            except OSError:
                await stream.until(lambda: not line.stalled)
                raise
            if chunk:
                _cut_at_words(stream, chunk, other)
                stream.last = chunk
                stream.hold(self._loop.time(), line.rewrite(chunk, other.last) if line.rewrite else chunk)
            else:
                stream.hold(self._loop.time(), b"")

    async def _give(self, stream: _Stream) -> None:
        """Pass on what is held, when and as far as it may be."""
        line = stream.line
        while True:
            await stream.until(lambda: stream.held and not line.stalled)
            came, chunk = stream.held[0]
            if (early := came + line.delay - self._loop.time()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(early):
                        stream.bell.clear()
                        await stream.bell.wait()
                continue  # much may have changed meanwhile
            if not chunk:
                stream.sink.shutdown(socket.SHUT_WR)
                return
            part = chunk[: _piece(line)]
            if not line.dropping:
                self.passed[stream.name] += len(part)
                await self._loop.sock_sendall(stream.sink, part)
            stream.let_go(part)
            if line.cut_after is not None:
                line.cut_after -= len(part)
                if line.cut_after <= 0:
                    line.cut_after = None
                    raise ConnectionResetError
            await asyncio.sleep(len(part) / line.rate)


def _piece(line: Line) -> int:
    """So many bytes may go at once: what 20 ms are worth, and none past a cut."""
    most = _CHUNK if line.rate == float("inf") else max(1, int(line.rate / 50))
    return most if line.cut_after is None else min(most, line.cut_after)


def _cut_at_words(stream: _Stream, chunk: bytes, other: _Stream) -> None:
    if stream.unheard:
        raise ConnectionResetError
    if stream.line.cut_at is not None and stream.line.cut_at[0] in chunk:
        (_, delivered), stream.line.cut_at = stream.line.cut_at, None
        if not delivered:
            raise ConnectionResetError
        other.unheard = True


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.setblocking(False)
    return one


def _reset_when_closed(pair: tuple[_Stream, _Stream]) -> None:
    for stream in pair:
        with suppress(OSError):
            stream.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
