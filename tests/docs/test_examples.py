"""The examples run, with the commands that their pages name: one that shows it, or one to serve and one to test."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.browser.members import serving

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/README.md"))


def commands(page: Path) -> list[list[str]]:
    """What the page says to run."""
    return [shlex.split(line)[1:] for line in re.findall(r"^    (python .*)$", page.read_text(), re.MULTILINE)]


SHOWN = [page for page in EXAMPLES if len(commands(page)) == 1]
SERVED = [page for page in EXAMPLES if len(commands(page)) == 2]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-W", "error", *command]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_there_are_examples_and_each_says_how_it_runs() -> None:
    assert [page.parent.name for page in SHOWN] == ["payment"]
    assert [page.parent.name for page in SERVED] == ["django", "fastapi", "flask", "litestar", "starlette"]
    assert len(SHOWN) + len(SERVED) == len(EXAMPLES)


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.parent.name)
def test_an_example_runs(page: Path) -> None:
    done = run(commands(page)[0])
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.splitlines()
    assert all(line.startswith("ok   ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("page", SERVED, ids=lambda page: page.parent.name)
def test_the_tests_of_an_example_pass(page: Path) -> None:
    command = commands(page)[1]
    if "pytest" in command and "watchword" not in entry_points(group="pytest11").names:
        command = [*command, "-p", "watchword.testing.plugin"]  # it was installed before it had a plugin
    done = run(command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", SERVED, ids=lambda page: page.parent.name)
def test_an_example_serves(page: Path, tmp_path: Path) -> None:
    with serving(commands(page)[0], tmp_path) as members:
        assert sorted(members.passwords) == ["ada", "eve"]
        status, body = members.get("/sign-in")
        assert (status, '<form method="post" action="/sign-in">' in body) == (200, True)
        assert members.get("/me")[0] == 401


@pytest.mark.parametrize("page", SERVED, ids=lambda page: page.parent.name)
def test_an_example_is_short(page: Path) -> None:
    """What a reader has to read: the program, without its tests."""
    program = [one for one in page.parent.rglob("*.py") if "test" not in one.name]
    assert sum(len(one.read_text().splitlines()) for one in program) < 200


def test_the_shop_has_no_key() -> None:
    """Only the payment service can seal and open."""
    source = (ROOT / "examples/payment/shop.py").read_text()
    assert not re.search(r"KeyRing|SealedTokens|\.sealed|seal\.keys", source)
