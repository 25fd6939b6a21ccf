"""A TCP proxy that misbehaves on command: what goes up passes, and what comes down is passed, dropped, or cut off."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import Literal

Mode = Literal["pass", "silent", "cut"]


class Proxy:
    """``mode``: ``pass``; ``silent`` keeps the connections and hands on no answer; ``cut`` ends them at an answer."""

    def __init__(self, port: int) -> None:
        self.mode: Mode = "pass"
        self._to = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

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
                if upwards or self.mode == "pass":
                    sink.sendall(data)
                elif self.mode == "cut":
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._open):
            one.close()
