"""A server of OPA's shape on this machine (``POST /v1/data/<path>``), whose rules a real Rego engine evaluates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from threading import Thread
from typing import Any


class RegoServer(ThreadingHTTPServer):
    """``asked``: the path and body of each question; ``url``: where it listens."""

    def __init__(self, policy: str) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.policy = policy
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def decide(self, path: str, body: bytes) -> dict[str, Any]:
        self.asked.append((path, body))
        engine = import_module("regopy").Interpreter()
        engine.add_module("policy", self.policy)
        engine.set_input(json.loads(body)["input"])
        found = str(engine.query("found = data." + path.removeprefix("/v1/data/").replace("/", ".")))
        result = {} if found == "undefined" else {"result": json.loads(found)["bindings"]["found"]}
        return {"decision_id": f"opa-{len(self.asked)}"} | result


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, RegoServer)
        self.server.headers.append(str(self.headers))
        answer = self.server.decide(self.path, self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def rego_server(policy: str) -> Iterator[RegoServer]:
    server = RegoServer(policy)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
