"""watchword revoke: what it stops is stopped in a process beside it, and it says who has heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import run
from tests.cli.terminal import shown
from watchword import SystemClock
from watchword.app import drive
from watchword.blocking import Watchword
from watchword.errors import TokenError
from watchword.stores.base import Record, open_store

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
TOML = f"""
url = "sqlite:///app.db"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchword.toml").write_text(TOML)
    return tmp_path


def test_each_of_the_seven_stops_what_it_names_in_a_running_process(folder: Path) -> None:
    with Watchword(f"sqlite:///{folder}/app.db", issuer=ISSUER, audience=AUDIENCE) as ww:

        def fresh() -> dict[str, Any]:
            session = ww.sessions.start("user-7")
            who = ww.sessions.authenticate(session.token)
            refresh = ww.refresh.issue("user-7", client_id="app", session_id=who.session_id)
            access = ww.access.issue(
                "user-7", client_id="app", session_id=who.session_id, family_id=refresh.family_id, rev=who.rev
            )
            assert ww.access.verify(access.token).subject == "user-7"
            return {"access": access.token, "session": who.session_id, "family": refresh.family_id}

        for word in ("token", "session", "family", "subject", "client", "everything", "key"):
            made = fresh()
            value = {"subject": "user-7", "client": "app", "key": ww.ring.active().kid}.get(word) or made.get(word)
            words = [f"--{word}"] if word in ("token", "everything") else [f"--{word}", str(value)]
            stdin = made["access"] if word == "token" else ""
            done = run("revoke", *words, "--wait", "--yes", "--json", stdin=stdin, folder=folder)
            told = json.loads(done.stdout)
            assert (done.returncode, done.stderr, told["revoked"]) == (0, "", word)
            assert (len(told["acknowledged"]), told["missing"]) == (1, [])
            assert made["access"] not in done.stdout
            with pytest.raises(TokenError):
                ww.access.verify(made["access"])
        lines = run("revoke", "--session", "AAAAAAAAAAAAAAAAAAAAAA", "--wait", folder=folder).stdout.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["revoked", "acknowledged", "missing"]
        assert lines[2] == "missing: nobody"


def test_who_does_not_answer_is_named_and_is_exit_code_1(folder: Path) -> None:
    """A process that was cut off: its place on the list is there, and it says nothing more."""
    url, now = f"sqlite:///{folder}/app.db", SystemClock().now()
    with Watchword(url, issuer=ISSUER, audience=AUDIENCE):
        store = open_store(url)
        store.open_blocking()
        silent = {"name": "far:1:abcdef", "epoch": "e", "cursor": 0, "at": now, "max_staleness": 30.0}
        drive(store.put(Record(kind="verifier", key="silent", data=silent, expires_at=now + 300)))
        store.close_blocking()
        done = run("revoke", "--subject", "user-7", "--wait", "--timeout", "0.3", "--json", folder=folder)
        told = json.loads(done.stdout)
        assert (done.returncode, told["missing"], len(told["acknowledged"])) == (1, ["far:1:abcdef"], 1)
        lines = run("revoke", "--subject", "user-7", "--wait", "--timeout", "0.3", folder=folder)
        assert (lines.returncode, "missing: far:1:abcdef" in lines.stdout) == (1, True)
        assert run("revoke", "--subject", "user-7", folder=folder).returncode == 0


def test_a_subject_that_nobody_knows_is_seen_to_be_one(folder: Path) -> None:
    with Watchword(f"sqlite:///{folder}/app.db", issuer=ISSUER, audience=AUDIENCE) as ww:
        ww.sessions.start("user-7")
        ww.refresh.issue("user-7", client_id="app")
        ww.refresh.issue("user-7", client_id="app")
    known = run("revoke", "--subject", "user-7", folder=folder)
    unknown = run("revoke", "--subject", "nobody-here", folder=folder)
    assert (known.returncode, unknown.returncode) == (0, 0)
    assert known.stdout.splitlines()[0] == "known of user-7: sessions 1, refresh families 2, API keys 0"
    first, second = unknown.stdout.splitlines()
    assert first == "known of nobody-here: sessions 0, refresh families 0, API keys 0"
    assert second.startswith("revoked: subject; ")


def test_yes_is_said_to_be_for_what_asks() -> None:
    assert "Do not ask before --key and --everything." in " ".join(run("revoke", "--help").stdout.split())


def test_exactly_one_is_said(folder: Path) -> None:
    for words in ((), ("--token", "--everything"), ("--session", "a", "--subject", "b")):
        done = run("revoke", *words, folder=folder)
        assert (done.returncode, done.stdout) == (2, "")


def test_what_is_not_ours_is_refused(folder: Path) -> None:
    for given in ("", "nothing", "ww_ss_" + "A" * 43):
        done = run("revoke", "--token", stdin=given, folder=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert "A" * 20 not in done.stderr


def test_everything_is_asked_for(folder: Path) -> None:
    done = run("revoke", "--everything", folder=folder)
    assert (done.returncode, done.stdout, "--yes" in done.stderr) == (1, "", True)
    code, said = shown("revoke", "--everything", typed=[("[y/N]", "n")], folder=folder)
    assert (code, "revoked" in said) == (130, False)
    code, said = shown("revoke", "--everything", typed=[("[y/N]", "y")], folder=folder)
    assert (code, "revoked: everything" in said) == (0, True)


def test_memory_has_nothing_to_revoke(folder: Path) -> None:
    (folder / "watchword.toml").write_text(TOML.replace("sqlite:///app.db", "memory:"))
    done = run("revoke", "--subject", "user-7", folder=folder)
    assert (done.returncode, "memory" in done.stderr) == (1, True)
