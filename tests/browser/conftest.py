"""A Chromium, with a profile of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.members import Members, serving
from tests.conftest import require

EXAMPLES = {
    "FastAPI": ["examples/fastapi/app.py"],
    "Django": ["examples/django/manage.py", "demo"],
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For one module: as long as it is there its event loop runs in this thread, and no other can."""
    program = require("browser", shutil.which("chromium"), "no chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        # No sandbox: containers have no user namespaces, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=EXAMPLES)
def members(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    folder: Path = tmp_path_factory.mktemp("members")
    with serving(EXAMPLES[request.param], folder) as found:
        yield found


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # as http.server calls it
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[int]:
    """The port of others' pages: as ``localhost`` another origin of one site, as 127.0.0.1 another site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
