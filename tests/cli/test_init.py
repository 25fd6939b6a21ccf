"""watchword init: four answers, three files, a server that runs on them; and nothing overwritten."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.processes import run, running
from tests.cli.terminal import shown
from watchword.config import read_settings

FILES = {"watchword.toml", ".env.example", "watchword.db.keys"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_it_writes_is_served(tmp_path: Path) -> None:
    done = run("init", "--yes", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert last == "next: watchword config show --origin; watchword users add NAME; watchword serve"
    assert names(tmp_path) == FILES
    assert stat.S_IMODE((tmp_path / "watchword.db.keys").stat().st_mode) == 0o600
    before = (tmp_path / "watchword.db.keys").read_bytes()
    with running("serve", "--port", "0", folder=tmp_path) as server:
        assert server.line("stderr", "serving http://localhost:8080 on ")
    assert (tmp_path / "watchword.db.keys").read_bytes() == before
    shown = json.loads(run("config", "show", "--origin", "--json", folder=tmp_path).stdout)
    line = (tmp_path / "watchword.toml").read_text().splitlines().index('format = "jwt"') + 1
    assert shown["access.format"] == {"value": "jwt", "origin": f"watchword.toml:{line}"}


def test_at_most_four_questions_at_a_terminal(tmp_path: Path) -> None:
    answers = [
        ("record kept", "sqlite:///app.db"),
        ("public address", "https://id.example/"),
        ("reads the access tokens", "https://api.example"),
        ("tokens written", "paseto"),
    ]
    code, said = shown("init", typed=answers, folder=tmp_path)
    assert (code, said.count("? ")) == (0, 4)
    settings = read_settings(tmp_path / "watchword.toml", {})
    assert (settings.issuer, settings.audience) == ("https://id.example", "https://api.example")
    assert (settings.url, settings.access.format) == ("sqlite:///app.db", "paseto")
    assert "app.db.keys" in names(tmp_path)


def test_flags_answer_for_one(tmp_path: Path) -> None:
    words = ("--url", "sqlite:///a.db", "--issuer", "https://i", "--audience", "https://a", "--format", "jwt")
    done = run("init", *words, "--dir", "new/house", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "new/house") == {"watchword.toml", ".env.example", "a.db.keys"}
    assert names(tmp_path) == {"new"}


@pytest.mark.parametrize("file", sorted(FILES))
def test_nothing_is_overwritten(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("mine")
    done = run("init", "--yes", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is there already" in done.stderr
    assert (names(tmp_path), (tmp_path / file).read_text()) == ({file}, "mine")


def test_off_a_terminal_it_does_not_guess(tmp_path: Path) -> None:
    done = run("init", folder=tmp_path)
    assert (done.returncode, done.stdout, names(tmp_path)) == (1, "", set())


def test_a_mistake_is_told_before_anything_is_written(tmp_path: Path) -> None:
    done = run("init", "--yes", "--url", "mongodb://x", folder=tmp_path)
    assert (done.returncode, done.stdout, names(tmp_path)) == (1, "", set())


def test_a_password_is_written_nowhere(tmp_path: Path) -> None:
    url = "postgresql://ada:hush-hush@db.example/app"
    done = run("init", "--yes", "--url", url, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == {"watchword.toml", ".env.example", "watchword.keys"}
    assert not [path for path in tmp_path.iterdir() if "hush-hush" in path.read_text()]
    assert "WATCHWORD_URL=postgresql://ada:password@db.example/app\n" in (tmp_path / ".env.example").read_text()
    assert read_settings(tmp_path / "watchword.toml", {"WATCHWORD_URL": url}).keys == "watchword.keys"


def test_a_password_among_the_options_is_written_nowhere(tmp_path: Path) -> None:
    done = run("init", "--yes", "--url", "postgresql://app@db/x?password=hunter2pw", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "hunter2pw" not in written + done.stdout
    assert "WATCHWORD_URL=" in (tmp_path / ".env.example").read_text()


def test_a_url_that_is_none_is_a_mistake_of_two_lines(tmp_path: Path) -> None:
    done = run("init", "--yes", "--url", "postgresql://[x", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert names(tmp_path) == set()
