"""A TCP proxy on loopback that fails on demand: it can fall silent, refuse, and cut at chosen words of the client."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread


class CutProxy:
    """Passes everything on, until told otherwise. ``questions`` counts what PostgreSQL clients ask: Sync and Query."""

    def __init__(self, target: int) -> None:
        self.questions = 0
        self._target = target
        self._passing = Event()
        self._passing.set()
        self._cut: tuple[bytes, bool] | None = None
        self._unheard: set[socket.socket] = set()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def fall_silent(self) -> None:
        """Half-open: connections stand, new ones are taken, and nothing comes through."""
        self._passing.clear()

    def speak(self) -> None:
        self._passing.set()

    def cut_at(self, words: bytes, *, delivered: bool) -> None:
        """Ends the next connection whose client says this. Delivered: the server has answered, and nobody hears it."""
        self._cut = words, delivered

    def cut_all(self) -> None:
        """Ends every connection; new ones are welcome."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.speak()
        self._server.shutdown(socket.SHUT_RDWR)
        self.cut_all()
        for thread in self._threads:
            thread.join()
        for one in (self._server, *self._sockets):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            for work in (self._from_client, self._from_server):
                thread = Thread(target=work, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while chunk := client.recv(65_536):
                self._passing.wait()
                self.questions += chunk.count(b"S\x00\x00\x00\x04") + chunk.startswith(b"Q")
                if self._cut is not None and self._cut[0] in chunk:
                    (_, delivered), self._cut = self._cut, None
                    if delivered:
                        self._unheard.add(client)
                    else:
                        client.shutdown(socket.SHUT_RDWR)
                        break
                server.sendall(chunk)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _from_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(65_536):
                self._passing.wait()
                if client in self._unheard:
                    break
                client.sendall(chunk)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
