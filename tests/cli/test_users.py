"""watchword users: users that can sign in at a server beside it, and are out the moment they are disabled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.processes import Running, browser, run, running
from tests.cli.terminal import at_terminal
from watchword import SystemClock
from watchword.web.cookies import SESSION_COOKIE

PASSWORD = "correct horse battery"
TOML = """
url = "sqlite:///auth.db"
issuer = "http://localhost"
audience = "http://localhost/api"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchword.toml").write_text(TOML)
    return tmp_path


@pytest.fixture(scope="module")
def with_alice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For those that change nothing."""
    folder = tmp_path_factory.mktemp("alice")
    (folder / "watchword.toml").write_text(TOML)
    assert run("users", "add", "alice", stdin=PASSWORD, folder=folder).returncode == 0
    return folder


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Running, str]]:
    with running("serve", "--port", "0", folder=folder) as server:
        line = server.line("stderr", "serving http://localhost on ")
        yield server, line.partition(" on ")[2].partition(" ")[0].replace("127.0.0.1", "localhost")


def sign_in(base: str, name: str, password: str) -> httpx2.Response:
    with browser(base) as client:
        return client.post("/account/sign-in", json={"username": name, "password": password})


def session(base: str, reply: httpx2.Response) -> int:
    """The status a session's cookie gets."""
    value = reply.headers["set-cookie"].partition(";")[0].partition("=")[2]
    return httpx2.get(
        f"{base}/account/session", headers={"cookie": f"{SESSION_COOKIE}={value}"}, trust_env=False
    ).status_code


def test_a_user_from_the_first_to_the_last_day(folder: Path, served: tuple[Running, str]) -> None:
    """Each command is a process beside the server, on the same file; what it does holds there within max_staleness."""
    _, base = served
    clock = SystemClock()
    assert sign_in(base, "alice", PASSWORD).status_code == 401
    added = run("users", "add", "alice", "--scope", "orders:read", stdin=f"{PASSWORD}\n", folder=folder)
    assert (added.returncode, added.stdout, added.stderr) == (0, "added alice\n", "")
    first = sign_in(base, "alice", PASSWORD)
    assert (first.status_code, session(base, first)) == (200, 200)

    def until_dead(reply: httpx2.Response) -> None:
        until = clock.monotonic() + 5
        while session(base, reply) != 401:
            assert clock.monotonic() < until, "the session lives on"

    disabled = run("users", "disable", "alice", folder=folder)
    assert disabled.stdout == "disabled alice; all sessions and tokens are revoked\n"
    until_dead(first)
    assert sign_in(base, "alice", PASSWORD).status_code == 401
    assert run("users", "enable", "alice", folder=folder).returncode == 0
    second = sign_in(base, "alice", PASSWORD)
    assert (second.status_code, session(base, second), session(base, first)) == (200, 200, 401)
    changed = run("users", "passwd", "alice", stdin="a quite different one\n", folder=folder)
    assert changed.stdout == "new password for alice; all sessions and tokens are revoked\n"
    until_dead(second)
    assert sign_in(base, "alice", PASSWORD).status_code == 401
    assert sign_in(base, "alice", "a quite different one").status_code == 200


def test_list(folder: Path) -> None:
    assert run("users", "list", folder=folder).stdout == ""
    for name in ("zoë", "alice"):
        words = ("users", "add", name, "--scope", "b", "--scope", "a", "--role", "staff", "--json")
        shown = json.loads(run(*words, stdin=PASSWORD, folder=folder).stdout)
        assert (shown["name"], shown["scopes"], shown["roles"], shown["disabled"]) == (
            name,
            ["a", "b"],
            ["staff"],
            False,
        )
    run("users", "disable", "alice", folder=folder)
    rows = [line.split("\t") for line in run("users", "list", folder=folder).stdout.splitlines()]
    assert [(name, state, held) for name, state, _, held in rows] == [
        ("zoë", "active", "a b role:staff"),
        ("alice", "disabled", "a b role:staff"),
    ]
    found = json.loads(run("users", "list", "--json", folder=folder).stdout)
    assert [(one["name"], one["disabled"]) for one in found] == [("zoë", False), ("alice", True)]
    assert "argon2" not in str(found)


def test_a_password_is_never_a_word_of_the_command(folder: Path) -> None:
    for words in (
        ("add", "alice", PASSWORD),
        ("add", "alice", "--password", PASSWORD),
        ("add", "alice", f"--password={PASSWORD}"),
        ("passwd", "alice", PASSWORD),
    ):
        done = run("users", *words, stdin=f"{PASSWORD}\n", folder=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ")
    assert not (folder / "auth.db").exists()
    for name in ("add", "passwd"):
        assert "--password" not in run("users", name, "--help").stdout


@pytest.mark.parametrize(
    ("stdin", "error"),
    [
        ("", "there is no password on standard input"),
        ("\n", "there is no password on standard input"),
        ("too short\n", "a password needs at least 15 characters"),
        ("x" * 1025, "a password has at most 1024 bytes"),
    ],
)
def test_passwords_that_will_not_do(folder: Path, stdin: str, error: str) -> None:
    done = run("users", "add", "alice", stdin=stdin, folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {error}")
    assert not (folder / "auth.db").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("add", "alice"), "there is already a user 'alice'"),
        (("add", "ALICE"), "there is already a user 'ALICE'"),
        (("add", ""), "a user name is 1 to 64 printable characters"),
        (("add", "carol", "--scope", "two words"), "'two words' cannot stand in scopes"),
        (("disable", "carol"), "there is no user 'carol'"),
        (("passwd", "carol"), "there is no user 'carol'"),
    ],
)
def test_what_cannot_be_is_told_in_two_lines(with_alice: Path, words: tuple[str, ...], error: str) -> None:
    done = run("users", *words, stdin=PASSWORD, folder=with_alice)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {error}")
    assert len(done.stderr.splitlines()) <= 2


def test_the_first_line_is_the_password_and_its_spaces_count(folder: Path) -> None:
    run("users", "add", "alice", stdin=f"  {PASSWORD}  \nand more\n", folder=folder)
    with running("serve", "--port", "0", folder=folder) as server:
        base = server.line("stderr", "serving").partition(" on ")[2].partition(" ")[0].replace("127.0.0.1", "localhost")
        assert sign_in(base, "alice", PASSWORD).status_code == 401
        assert sign_in(base, "alice", f"  {PASSWORD}  ").status_code == 200


def test_a_memory_store_has_nobody_to_add(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text(TOML.replace("sqlite:///auth.db", "memory:"))
    done = run("users", "add", "alice", stdin=PASSWORD, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the store is memory: it would forget its users when this command ends",
        'hint: write url = "sqlite:///watchword.db" in watchword.toml',
    ]


@pytest.mark.parametrize(("again", "code"), [(PASSWORD, 0), ("something else", 1)])
def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(folder: Path, again: str, code: int) -> None:
    with at_terminal("users", "add", "alice", folder=folder) as terminal:
        terminal.wait_for("Password: ")
        terminal.press(f"{PASSWORD}\n")
        terminal.wait_for("The same again: ")
        terminal.press(f"{again}\n")
        terminal.wait_for("added alice" if code == 0 else "do not match")
        if code:
            terminal.interrupt()
        assert terminal.end() == (130 if code else 0)
        assert PASSWORD not in terminal.seen


def test_roles_are_given_and_taken(folder: Path) -> None:
    run("users", "add", "alice", "--role", "staff", stdin=f"{PASSWORD}\n", folder=folder)
    given = run("users", "roles", "alice", "--role", "clerk", "--role", "auditor", folder=folder)
    assert (given.returncode, given.stdout) == (0, "alice now has the roles auditor clerk\n")
    taken = run("users", "roles", "alice", "--json", folder=folder)
    assert json.loads(taken.stdout)["roles"] == []
    assert run("users", "roles", "nobody", folder=folder).returncode == 1
