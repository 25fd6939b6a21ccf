"""Every command has a help page with an example that parses, and shells complete them all."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.pictures import PICTURES
from tests.cli.processes import COMMAND, environment, run
from watchword.cli.main import watchword
from watchword.diagnosis.doctor import AILMENTS

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
    found = []
    for line in re.findall(r"^ +(.*watchword .+)$", epilog, re.MULTILINE):
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


@pytest.mark.parametrize("id", [id for id, row in AILMENTS.items() if "watchword " in row.mend])
def test_what_the_doctor_tells_to_run_parses(id: str) -> None:
    for line in re.findall(r"\bwatchword ([a-z].*?)(?:  #|[,;|<]|&&|$)", AILMENTS[id].mend):
        command, name, rest = resolve(shlex.split(line))
        context = command.make_context(name, rest)
        assert context.params.get("kids") or not context.params.get("emergency"), "an emergency is of one key"
        if name == "revoke":
            assert any(context.params[one] for one in ("token", "everything", "subject", "session")), "of what?"


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


def test_no_other_shell() -> None:
    assert run("completion", "cmd").returncode == 2


def test_a_real_bash_completes(tmp_path: Path) -> None:
    command = tmp_path / "watchword"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    command.chmod(0o755)
    asked = f"""set -e; source <({command} completion bash); complete -p watchword
        completed() {{ COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
                       _watchword_completion {command}; echo "${{COMPREPLY[@]}}"; }}
        completed watchword ke; completed watchword keys ro; completed watchword inspect --jw
        completed watchword completion ''"""
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    complete, *found = done.stdout.splitlines()
    assert "-F _watchword_completion" in complete
    assert found == ["keys", "rotate", "--jwks", "bash zsh fish"]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_where_a_file_is_wanted_files_are_completed(path: tuple[str, ...]) -> None:
    options = {one.metavar: one for one in ALL[path].params if isinstance(one, click.Option)}
    for metavar, wanted in (("FILE", "file"), ("FILE|URL", "file"), ("DIR", "dir")):
        if metavar in options:
            [found] = options[metavar].type.shell_complete(click.Context(ALL[path]), options[metavar], "")
            assert found.type == wanted


def test_zsh_and_fish_get_scripts_that_were_tried_in_them() -> None:
    """Both were: these are the lines without which the second tab in zsh, or a comma in fish, completes nothing."""
    zsh = run("completion", "zsh").stdout
    assert zsh.startswith("#compdef watchword\n")
    assert "    # autoload from fpath, call function directly\n    compdef _watchword_completion watchword\n" in zsh
    fish = run("completion", "fish").stdout
    assert 'string split -m 1 "," $completion' in fish
    assert 'complete --no-files --command watchword --arguments "(_watchword_completion)"' in fish


@pytest.mark.parametrize(
    ("shell", "word", "told"),
    [
        ("zsh", "1", "plain\nkeys\nList, make, rotate, retire and export keys.\n"),
        ("fish", "ke", "plain,keys\tList, make, rotate, retire and export keys.\n"),
    ],
)
def test_what_zsh_and_fish_ask_is_answered(shell: str, word: str, told: str) -> None:
    env = environment(_WATCHWORD_COMPLETE=f"{shell}_complete", COMP_WORDS="watchword ke", COMP_CWORD=word)
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout == told


def test_the_pictures_are_whole_in_themselves() -> None:
    pictures = sorted((ROOT / "docs/pictures").glob("*.svg"))
    assert {one.stem for one in pictures} >= PICTURES.keys()
    pages = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    assert not [one.name for one in pictures if f"pictures/{one.name})" not in pages]
    for one in pictures:
        assert not re.findall(r"@font-face|@import|<script|<image|href=|url\((?!#)", one.read_text()), one.name
