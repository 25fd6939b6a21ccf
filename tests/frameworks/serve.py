"""One application on a free loopback port: ``python -m tests.frameworks.serve MODULE asgi|wsgi``.

It says the port, and ends when its input does. uvicorn serves what speaks ASGI; what speaks WSGI is served by the
standard library, with a thread for each request.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from importlib import import_module
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _log(path: str) -> None:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    ours = logging.getLogger("watchword")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def _wsgi(app: Any) -> None:
    server = make_server("127.0.0.1", 0, app, _Threads, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _say(server.server_port)
    sys.stdin.read()


def _asgi(app: Any) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="auto"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    _say(listening.getsockname()[1])
    sys.stdin.read()
    server.should_exit = True
    thread.join(10)


if __name__ == "__main__":
    module = import_module(f"tests.frameworks.apps.{sys.argv[1]}")
    if "FRAMEWORK_LOG" in os.environ:
        _log(os.environ["FRAMEWORK_LOG"])
    (_asgi if sys.argv[2] == "asgi" else _wsgi)(module.app)
