"""The examples run, each with the one command that its page names."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from examples.gateway.stage import program
from tests.conftest import require
from tests.docs.test_members import MEMBERS

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(page for page in (ROOT / "examples").glob("*/README.md") if page not in MEMBERS)


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.parent.name)
def test_an_example_runs(page: Path) -> None:
    if page.parent.name == "gateway":
        require("nginx", program(), "no nginx in /usr/sbin or on PATH: apt-get install nginx-light")
    found = re.search(r"^    (python .*)$", page.read_text(), re.MULTILINE)
    assert found is not None
    command = [sys.executable, "-W", "error", *shlex.split(found[1])[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("== ")]  # titles
    assert said
    assert all(line.startswith("ok   ") for line in said)


def test_the_shop_has_no_key() -> None:
    """Only the payment service can seal and open."""
    source = (ROOT / "examples/payment/shop.py").read_text()
    assert not re.search(r"KeyRing|SealedTokens|\.sealed|seal\.keys", source)
