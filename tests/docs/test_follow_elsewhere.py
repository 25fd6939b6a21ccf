"""The Node program of docs/how-to/follow-revocations.md, as it stands there: the vectors, and a server of ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.test_feed_http import SECRET, running
from tests.interop.npm.npm import node
from tests.vectors.corpus import HERE, committed
from watchword.clock import SystemClock

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/follow-revocations.md"
[PROGRAM] = re.findall(r"<!-- program: follow -->\n```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
VECTORS: Final = committed("revocation-feed.json")
JUDGE: Final = """
import { readFileSync } from 'node:fs'
import { createLocalJWKSet } from 'jose'
import { understood } from './page-follow.mjs'

const { issuer, jwks, good, bad } = JSON.parse(readFileSync(process.argv[2], 'utf-8'))
const keys = createLocalJWKSet(jwks)
const verdicts = {}
for (const { name, question, answer } of [...good, ...bad]) {
  try {
    verdicts[name] = await understood(answer, question, { issuer, keys })
  } catch (error) {
    verdicts[name] = error.message
  }
}
console.log(JSON.stringify(verdicts))
"""


@pytest.fixture
def program(npm: Path) -> Path:
    (npm / "page-follow.mjs").write_text(PROGRAM)
    (npm / "judge-follow.mjs").write_text(JUDGE)
    return npm


def test_the_program_judges_the_vectors_as_we_do(program: Path) -> None:
    process = node(program, "judge-follow.mjs", 1_800_000_000, str(HERE / "committed/revocation-feed.json"))
    out, err = process.communicate()
    assert process.returncode == 0, err
    verdicts: dict[str, Any] = json.loads(out)
    assert {row["name"]: verdicts[row["name"]] for row in VECTORS["good"]} == {
        row["name"]: row["is"] for row in VECTORS["good"]
    }
    taken = {row["name"] for row in VECTORS["bad"] if isinstance(verdicts[row["name"]], dict)}
    assert taken <= {row["name"] for row in VECTORS["bad"] if "may" in row}


class Follower:
    """The program, and what it says of a token."""

    def __init__(self, folder: Path, issuer: str) -> None:
        self.process = subprocess.Popen(
            ["node", "page-follow.mjs"],
            cwd=folder,
            env=os.environ | {"ISSUER": issuer, "FEED_SECRET": SECRET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def says(self, token: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def until(self, token: str, wanted: str, seconds: float) -> float:
        """Ask until it says so; returns when it last said anything else."""
        clock = SystemClock()
        last, end = clock.monotonic(), clock.monotonic() + seconds
        while (said := self.says(token)) != wanted:
            last = clock.monotonic()
            assert last < end, said
        return last


def test_the_program_follows_a_server_of_ours(program: Path, tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path}/app.db", client="orders-api") as server:
        follower = Follower(program, server.url)
        try:
            first, second, third = (server.issue(f"s-{number}") for number in range(3))
            follower.until(first, "user-7", 20)
            returned = server.revoke("s-0")
            assert follower.until(first, "revoked", 5) < returned + 1
            assert follower.says(second) == "user-7"
            server.cut_off("user-7")
            follower.until(second, "revoked", 5)
            follower.until(server.issue("s-3"), "user-7", 5)
            stopped = SystemClock().monotonic()
            server.process.send_signal(signal.SIGSTOP)
            assert follower.says(third) == "revoked"
            assert follower.until(third, "stale", 20) < stopped + 5
            server.process.send_signal(signal.SIGCONT)
            follower.until(server.issue("s-4"), "user-7", 20)
        finally:
            follower.process.kill()
            follower.process.communicate()
