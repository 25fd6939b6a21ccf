"""Every command has a help page with an example that parses, and shells complete them all."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.processes import COMMAND, environment, run
from watchword.cli.main import watchword

ROOT = Path(__file__).parents[2]


def commands(
    group: click.Command = watchword, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    if isinstance(group, click.Group):
        for name, inner in sorted(group.commands.items()):
            yield from commands(inner, (*path, name))


ALL = dict(commands())


def examples(command: click.Command) -> list[list[str]]:
    """The words of each example, from ``watchword`` to what the shell does with the rest."""
    epilog = command.epilog or ""
    lines = re.findall(r"^ +(.*watchword .+)$", epilog, re.MULTILINE)
    for several in re.findall(r"Examples?: (watchword .+?)\.?\s(?=Exit codes)", epilog, re.DOTALL):
        lines += [one.strip() for one in several.split(";")]
    found = []
    for line in lines:
        words = shlex.split(line.replace("|", " | ").replace("<", " < ").replace(">", " > "))
        words = words[words.index("watchword") + 1 :]
        ends = [words.index(mark) for mark in ("|", "<", ">") if mark in words]
        found.append(words[: min(ends, default=len(words))])
    return found


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_page_has_words_an_example_and_the_exit_codes(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert command.help
    assert "Exit codes: " in (command.epilog or "")
    assert examples(command), "no example"
    options = [one for one in command.params if isinstance(one, click.Option) and one.name != "help"]
    assert all(one.help for one in options)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_its_examples_parse(path: tuple[str, ...]) -> None:
    own = False
    for words in examples(ALL[path]):
        command, name, rest = resolve(words)
        command.make_context(name, rest)
        own = own or tuple(words[: len(path)]) == path
    assert own


def resolve(words: list[str]) -> tuple[click.Command, str, list[str]]:
    command: click.Command = watchword
    rest, name = list(words), "watchword"
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        name = rest.pop(0)
        command = command.commands[name]
    assert not isinstance(command, click.Group), f"no such command: {words}"
    return command, name, rest


def test_the_pages_are_printed_as_they_are_written() -> None:
    done = run("keys", "rotate", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n  Examples:\n    watchword keys rotate\n" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 130


def test_every_command_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text()
    leaves = [path for path, command in ALL.items() if not isinstance(command, click.Group)]
    missing = [
        " ".join(path) for path in leaves if f"`watchword {' '.join(path)}" not in page and path[-1] not in ("enable",)
    ]
    assert not missing


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    done = run("completion", shell)
    assert (done.returncode, "_WATCHWORD_COMPLETE" in done.stdout) == (0, True)
    assert run("completion", "cmd").returncode == 2


def test_bash_takes_the_script(tmp_path: Path) -> None:
    (tmp_path / "watchword").write_text(run("completion", "bash").stdout)
    asked = f"set -e; source {tmp_path}/watchword; complete -p watchword"
    done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "-F _watchword_completion" in done.stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("watchword ke", {"keys"}), ("watchword keys ro", {"rotate"}), ("watchword inspect --jw", {"--jwks"})],
)
def test_commands_and_options_are_completed(line: str, wanted: set[str]) -> None:
    env = environment(_WATCHWORD_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env, timeout=60)
    assert {one.partition(",")[2] for one in done.stdout.splitlines()} == wanted


def test_the_pictures_are_whole_in_themselves() -> None:
    pictures = sorted((ROOT / "docs/pictures").glob("*.svg"))
    assert {"bench.svg", "config.svg", "inspect.svg", "keys.svg"} <= {one.name for one in pictures}
    for one in pictures:
        assert not re.findall(r"@font-face|@import|<script|<image|href=|url\((?!#)", one.read_text()), one.name
