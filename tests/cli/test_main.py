"""The table of contents, the version, and what a base install says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cli.processes import environment, run
from watchword import __version__

BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {names!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ['watchword', *{words!r}]
from watchword.__main__ import main
main()
"""


def without(*names: str, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command line on a machine where these packages are not installed."""
    code = BLOCKED.format(names=set(names), words=words)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60)


def test_version() -> None:
    assert run("version").stdout == f"watchword {__version__}\n"
    assert run("--version").stdout == f"watchword {__version__}\n"
    assert json.loads(run("version", "--json").stdout)["version"] == __version__


@pytest.mark.parametrize("words", [(), ("users",), ("users", "add")])
def test_help_names_the_exit_codes(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.split())
    assert "Examples: watchword " in told
    assert "Exit codes: 0 done, 1 refused or failed, 2 wrong usage." in told


def test_alone_it_helps() -> None:
    done = run()
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("demo", "serve", "users", "version"))


def test_an_unknown_command() -> None:
    done = run("sevre")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such command 'sevre'")
    assert "hint: see 'watchword --help'" in done.stderr


def test_the_base_install_names_what_to_install() -> None:
    done = without("click", "rich", "starlette", "uvicorn", "jinja2", "httpx2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the command line is not installed; install it with: pip install 'watchword[cli]'\n"


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "jinja2"])
def test_the_command_line_without_the_server_names_what_to_install(missing: str) -> None:
    assert without("starlette", "uvicorn", "jinja2", "httpx2", words=("version",)).returncode == 0
    done = without(missing, words=("demo",))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: this command needs the server packages",
        "hint: pip install 'watchword[server]'",
    ]


def test_an_error_shows_no_token_and_commands_no_terminal() -> None:
    token = "ww_ss_" + "A" * 43
    done = run("keys", "list", "--keys", f"/nowhere; {token}\x1b]0;x\x07\u009b8m\u202e")
    assert done.returncode == 1
    assert token[6:] not in done.stderr
    assert all(line.isprintable() for line in done.stderr.splitlines())
    assert len(done.stderr.splitlines()) <= 2


def test_what_click_says_in_several_lines_is_told_in_one() -> None:
    done = run("completion")
    assert (done.returncode, "\\n" in done.stderr, "\\t" in done.stderr) == (2, False, False)
    assert "Choose from: bash, zsh, fish" in done.stderr
