"""gunicorn loads the application, then forks: each worker opens the Watchword for itself, and follows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.frameworks.frameworks import ROOT, ask
from tests.frameworks.requests import Seen, bearer, house

WORKERS, ROUNDS, AT_ONCE = 2, 50, 16


def ask_at_once(port: int, token: str) -> list[Seen]:
    """More than one worker can answer alone."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda _: ask(port, "GET /me", [bearer(token)]), range(2 * AT_ONCE)))


def test_two_workers_forked_after_loading_follow_revocations(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/app.db", f"{tmp_path}/app.keys"
    listening = socket.create_server(("127.0.0.1", 0))
    port = int(listening.getsockname()[1])
    listening.set_inheritable(True)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--bind"]
    command += [f"fd://{listening.fileno()}", "tests.frameworks.apps.flask_plain:app"]
    known = os.environ | {"FRAMEWORK_URL": url, "FRAMEWORK_KEYS": keys}
    mint = house(url, keys)
    with (
        mint.ww,
        subprocess.Popen(
            command, cwd=ROOT, env=known, pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL
        ) as server,
    ):
        try:
            token = mint.ww.access.issue("ada").token
            workers: set[str] = set()
            for _ in range(ROUNDS):
                assert {(one.status, one.body) for one in ask_at_once(port, token)} == {(200, "ada")}
                workers = {one.name.split(":")[1] for one in mint.ww.verifiers() if not one.own}
                if len(workers) == WORKERS:
                    break
            assert len(workers) == WORKERS
            done = mint.ww.revoke(token=token, wait=True)
            assert (len(done.acknowledged), done.missing) == (1 + WORKERS, ())
            assert {one.status for one in ask_at_once(port, token)} == {401}
        finally:
            server.terminate()
            server.wait(20)
            listening.close()
