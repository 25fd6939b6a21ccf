"""A server on this machine that publishes keys as badly as it is told to: one behaviour for each path."""

from __future__ import annotations

import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Any

Behave = Callable[[socket.socket], None]


def answer(body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: str = "") -> Behave:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return lambda client: client.sendall(head.encode() + body)


def document(value: Any, **more: Any) -> Behave:
    return answer(json.dumps(value).encode(), **more)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def endless(head: str, chunk: bytes) -> Behave:
    """Sends until the other side has had enough."""

    def behave(client: socket.socket) -> None:
        client.sendall(head.encode())
        while True:
            client.sendall(chunk)

    return behave


class KeyServer:
    """Listens on 127.0.0.1. ``on[path]`` is what it does; ``asked`` counts; ``over`` ends whatever still waits."""

    def __init__(self) -> None:
        self.on: dict[str, Behave] = {}
        self.asked: Counter[str] = Counter()
        self.over = Event()
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[Thread] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def stall(self, _: socket.socket) -> None:
        self.over.wait(30)

    def drip(self, head: str, every: float = 0.05) -> Behave:
        """One byte now and then, for ever: each read succeeds, and the whole never ends."""

        def behave(client: socket.socket) -> None:
            client.sendall(head.encode())
            while not self.over.wait(every):
                client.sendall(b" ")

        return behave

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = Thread(target=self._serve, args=(client,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                part = client.recv(4096)
                if not part:
                    return
                request += part
            head, _, body = request.partition(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            while len(body) < int(length.partition(b":")[2]):
                part = client.recv(4096)
                if not part:
                    return
                body += part
            path = request.split(b" ", 2)[1].decode()
            with self._lock:
                self.asked[path] += 1
            (self.on.get(path) or self.on[path.partition("?")[0]])(client)
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    acceptor = Thread(target=server.run, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        server.close()
        acceptor.join(5)
