"""Every command as a process, at a terminal and off it: a command without a row here fails."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
import pytest
from msgspec import Struct

from tests.cli.processes import run, running
from tests.cli.terminal import at_terminal
from tests.cli.test_help import ALL
from watchword import Key, KeyRing
from watchword.app import Watchword
from watchword.server.accounts.accounts import Accounts
from watchword.server.accounts.password_pool import PasswordPool

PASSWORD = "correct horse battery"
WAYS = ("plain", "terminal")


class Row(Struct, frozen=True):
    """A harmless call of one command. ``{way}`` in it is "plain" or "terminal", so that each has something of its own.

    ``says``: what its output has. ``typed``: what a terminal asks for, and the answers; elsewhere the first answer is
    standard input. ``stays``: it goes on until it is interrupted.
    """

    words: str
    says: str
    typed: tuple[tuple[str, str], ...] = ()
    stays: bool = False


_TWICE = (("Password", PASSWORD), ("The same again", PASSWORD))
ROWS = {
    "advise": Row("--client web", "a server-side session"),
    "bench": Row("--quick --only passwords --argon2-ms 5", "Argon2"),
    "completion": Row("bash", "_WATCHWORD_COMPLETE=bash_complete"),
    "config show": Row("--origin", "sqlite:///watchword.db"),
    "db new-epoch": Row("--store sqlite:///{way}.db --keep", "nothing was ended"),
    "db status": Row("--store sqlite:///{way}.db", "ready: yes"),
    "db upgrade": Row("--store sqlite:///{way}.db", "nothing to do"),
    "demo": Row("--port 0", "Ctrl-C deletes everything", stays=True),
    "doctor": Row("", "probes healthy, 0 findings"),
    "init": Row("--yes --dir new-{way}", "wrote new-{way}/watchword.toml"),
    "inspect": Row("", "its kind: session", typed=(("Token", "ww_ss_" + "A" * 43),)),
    "keys export": Row("--format paseto", "k4.public."),
    "keys generate": Row("Ed25519 --keys new-{way}.keys", "1 keys, active at once"),
    "keys list": Row("", "signs now"),
    "keys retire": Row("spare-{way} --keys spare.keys --yes", "retired"),
    "keys rotate": Row("--keys spare.keys", "its successor"),
    "revoke": Row("--subject nobody", "revoked: subject"),
    "serve": Row("--port 0", "serving http", stays=True),
    "users add": Row("new-{way}", "added new-{way}", typed=_TWICE),
    "users disable": Row("user-{way}", "disabled user-{way}"),
    "users enable": Row("user-{way}", "enabled user-{way}"),
    "users list": Row("", "user-plain"),
    "users passwd": Row("user-{way}", "new password for user-{way}", typed=_TWICE),
    "users roles": Row("user-{way} --role clerk", "clerk"),
    "version": Row("", "watchword "),
}


def test_every_command_has_a_row() -> None:
    assert ROWS.keys() == {" ".join(path) for path, command in ALL.items() if not isinstance(command, click.Group)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the rows speak of."""
    folder = tmp_path_factory.mktemp("house")
    assert run("init", "--yes", folder=folder).returncode == 0
    spare = KeyRing.generate("Ed25519")
    for way in WAYS:
        spare.announce(Key.generate("ES256", kid=f"spare-{way}"))
        with_tables = Watchword(f"sqlite:///{folder}/{way}.db", issuer="http://localhost", audience="api")
        asyncio.run(_opened(with_tables))
    spare.save(folder / "spare.keys")
    ww = Watchword(f"sqlite:///{folder}/watchword.db", issuer="http://localhost:8080", audience="api")
    asyncio.run(_with_users(ww))
    return folder


async def _opened(ww: Watchword) -> None:
    async with ww:
        pass


async def _with_users(ww: Watchword) -> None:
    passwords = PasswordPool(1)
    try:
        async with ww:
            for way in WAYS:
                await Accounts(ww, passwords).add(f"user-{way}", PASSWORD)
    finally:
        passwords.close()


def called(name: str, way: str) -> tuple[list[str], str]:
    """The words of a row, and what its output is to have."""
    row = ROWS[name]
    return [*name.split(), *row.words.format(way=way).split()], row.says.format(way=way)


@pytest.mark.parametrize("name", ROWS)
def test_off_a_terminal_it_is_plain_text(name: str, house: Path) -> None:
    words, says = called(name, "plain")
    if ROWS[name].stays:
        with running(*words, folder=house) as process:
            said = process.line("stderr" if name == "serve" else "stdout", says)
            code, out, err = process.stop(signal.SIGINT)
        told = said + out + err
    else:
        done = run(*words, stdin="".join(f"{line}\n" for _, line in ROWS[name].typed[:1]), folder=house)
        code, told = done.returncode, done.stdout + done.stderr
    assert code == 0, told
    assert says in told
    assert "\x1b" not in told


@pytest.mark.parametrize("name", ROWS)
def test_at_a_terminal(name: str, house: Path) -> None:
    words, says = called(name, "terminal")
    with at_terminal(*words, folder=house) as terminal:
        for asked, line in ROWS[name].typed:
            terminal.wait_for(asked)
            terminal.press(f"{line}\n")
        if ROWS[name].stays:
            terminal.wait_for(says)
            terminal.interrupt()
        assert terminal.end() == 0, terminal.seen
    assert says in terminal.seen
    assert not [line for _, line in ROWS[name].typed if line in terminal.seen]
