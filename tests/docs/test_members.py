"""The members' areas of ``examples/``: each serves and tests itself, with the two commands that its page names."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.browser.members import serving

ROOT = Path(__file__).parents[2]
MEMBERS = [ROOT / "examples" / name / "README.md" for name in ("django", "fastapi", "flask", "litestar", "starlette")]
PAGES = pytest.mark.parametrize("page", MEMBERS, ids=lambda page: page.parent.name)


def commands(page: Path) -> list[list[str]]:
    """What the page says to run: one command serves, the other tests."""
    serves, tests = re.findall(r"^    (python .*)$", page.read_text(), re.MULTILINE)
    return [shlex.split(serves)[1:], shlex.split(tests)[1:]]


@PAGES
def test_its_tests_pass(page: Path) -> None:
    _, command = commands(page)
    if "pytest" in command and "watchword" not in entry_points(group="pytest11").names:
        command = [*command, "-p", "watchword.testing.plugin"]  # it was installed before it had a plugin
    whole = [sys.executable, "-W", "error", *command]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@PAGES
def test_it_serves(page: Path, tmp_path: Path) -> None:
    command, _ = commands(page)
    with serving(command, tmp_path) as members:
        assert sorted(members.passwords) == ["ada", "eve"]
        status, body = members.get("/sign-in")
        assert (status, '<form method="post" action="/sign-in">' in body) == (200, True)
        assert members.get("/me")[0] == 401


@PAGES
def test_it_is_short(page: Path) -> None:
    """What a reader has to read: the program, without its tests."""
    program = [one for one in page.parent.rglob("*.py") if "test" not in one.name]
    assert sum(len(one.read_text().splitlines()) for one in program) < 200
