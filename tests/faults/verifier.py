"""Another process that verifies one token until it is refused (``verifier_process.py``), and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


class Verifier:
    """The other process, and the lines it says."""

    def __init__(self, url: str, keys: Path, max_staleness: float, skew: float = 0, *, carrier: str = "") -> None:
        words = (url, str(keys), str(max_staleness), str(skew), carrier)
        command = [sys.executable, "-m", "tests.faults.verifier_process", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self.said() == "open"

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def watch(self, mode: str, token: str) -> None:
        """Returns once the other process has accepted the token for the first time."""
        assert self.begins(mode, token)

    def begins(self, mode: str, token: str) -> bool:
        """The same; False when its lease had run out before that, on a machine that kept it from its turn."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{mode} {token}\n")
        self.process.stdin.flush()
        said = self.said()
        assert said == "ready" or said.endswith(" 503"), said
        return said == "ready"

    def verdict(self) -> tuple[float, float, float, int]:
        """When the last accepted verification began; when the first refused one began and ended, and its status.

        Boot-time seconds.
        """
        last, first, ended, status = self.said().split()
        return float(last), float(first), float(ended), int(status)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
