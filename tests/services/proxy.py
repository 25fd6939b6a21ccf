"""A TCP proxy that misbehaves on command: what goes up passes, and what comes down is passed, held up, or cut off."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Literal

Mode = Literal["pass", "silent", "cut"]


class Proxy:
    """``mode``: ``pass``; ``silent`` holds answers back until it is over; ``cut`` ends a connection at its answer."""

    def __init__(self, port: int) -> None:
        self._flowing = Event()
        self.mode = "pass"
        self._to = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "silent":
            self._flowing.clear()
        else:
            self._flowing.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                below, _ = self._listener.accept()
                try:
                    above = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    below.close()
                    continue
                self._open += [below, above]
                Thread(target=self._pump, args=(below, above, True), daemon=True).start()
                Thread(target=self._pump, args=(above, below, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not upwards:
                    self._flowing.wait()
                    if self.mode == "cut":
                        break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.mode = "cut"
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._open):
            one.close()
