"""An HTTP proxy on loopback that delays, drops, repeats and reorders whole answers."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class AnswerProxy:
    """Passes GET on to ``target``; what comes back goes through ``mode``: pass, drop, late, replay or swap."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = "pass"
        self.late = 0.0
        self.passed = 0
        self.over = Event()
        self._first: tuple[int, str, bytes] | None = None
        self._held: tuple[int, str, bytes] | None = None

    def ask(self, path: str, authorization: str) -> tuple[int, str, bytes]:
        """One exchange with the server behind."""
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=10)
        try:
            connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def through(self, path: str, authorization: str) -> tuple[int, str, bytes] | None:
        """What the follower gets, None for nothing at all."""
        came = self.ask(path, authorization)
        if not path.startswith("/revocations"):
            return came
        self._first = self._first or came
        if self.mode == "drop":
            return None
        if self.mode == "late":
            self.over.wait(self.late)
        if self.mode == "replay":
            return self._first
        if self.mode == "swap":
            came, self._held = self._held or came, came
        self.passed += 1
        return came


class _Asked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        proxy: AnswerProxy = self.server.proxy  # type: ignore[attr-defined]
        try:
            came = proxy.through(self.path, self.headers.get("Authorization", ""))
            if came is None:
                return
            status, kind, body = came
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the terminal."""


@contextmanager
def answer_proxy(target: int) -> Iterator[tuple[AnswerProxy, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Asked)
    server.proxy = proxy = AnswerProxy(target)  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy, server.server_port
    finally:
        proxy.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
