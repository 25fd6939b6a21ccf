"""watchword demo: what it prints works as printed, and it leaves nothing behind."""

from __future__ import annotations

import json
import shlex
import signal
import socket
from pathlib import Path

import httpx2
import pytest

from tests.cli.processes import browser, run, running

NAMED = [
    *("sign_in", "session_cookie_flags", "csrf_refused", "access_jwt", "access_paseto", "keys_published"),
    *("tampered_refused", "alg_none_refused", "refresh_rotated", "refresh_grace_same_successor"),
    *("refresh_replay_kills_family", "introspect", "revoke_subject", "sign_out"),
]


def replay(line: str) -> httpx2.Response:
    """What the printed curl line does."""
    words = shlex.split(line)
    assert (words[0], words[1], words[2]) == ("curl", "-i", "-H")
    name, _, value = words[3].partition(": ")
    return httpx2.get(words[4], headers={name: value}, trust_env=False)


def test_the_tour_as_json(tmp_path: Path) -> None:
    done = run("demo", "--tour", "--json", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report.keys() == {"steps", "ok"}
    assert report["ok"] is True
    assert all(step.keys() == {"name", "ok", "detail", "ms"} and step["ok"] is True for step in report["steps"])
    assert all(isinstance(step["ms"], float) and step["detail"] for step in report["steps"])
    names = [step["name"] for step in report["steps"]]
    assert [name for name in names if name in NAMED] == NAMED
    assert len(set(names)) == len(names)
    assert list(tmp_path.iterdir()) == []


def test_the_tour_for_people(tmp_path: Path) -> None:
    done = run("demo", "--tour", "--port", "0", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    *steps, last = done.stdout.splitlines()
    assert all(line.startswith("ok   ") and " ms  " in line for line in steps)
    assert last == f"{len(steps)} of {len(steps)} steps hold"
    assert "\x1b" not in done.stdout
    for secret in ("eyJ", "v4.", "ww_ss_", "ww_rt_", "ww_ot_", "ww_at_", "sk_"):
        assert secret not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_panel_holds_and_the_end_deletes_everything(tmp_path: Path, number: int) -> None:
    with running("demo", "--port", "0", TMPDIR=str(tmp_path)) as demo:
        base = demo.line("stdout", "watchword demo").rpartition(" ")[2]
        assert base.startswith("http://localhost:")
        user, passphrase = demo.line("stdout", "Sign in as").split()[3::4]
        works, refused = demo.line("stdout", "curl"), demo.line("stdout", "curl")
        demo.line("stdout", "Ctrl-C deletes everything")
        good, bad = replay(works), replay(refused)
        assert (good.status_code, good.json()["subject"]) == (200, user)
        assert (bad.status_code, bad.json()["error"]) == (401, "invalid_token")
        with browser(base) as client:
            page = client.post("/account/sign-in", data={"username": user, "password": passphrase})
        assert (page.status_code, page.headers["location"]) == (303, "/")
        [folder] = tmp_path.iterdir()
        assert (folder / "demo.db").exists()
        assert folder.stat().st_mode & 0o077 == 0
        code, out, err = demo.stop(number)
    assert (code, err) == (0, "")
    assert "deleted" in out
    assert list(tmp_path.iterdir()) == []


def test_the_facts_as_json(tmp_path: Path) -> None:
    with running("demo", "--json", "--port", "0", TMPDIR=str(tmp_path)) as demo:
        facts = json.loads(demo.line("stdout", "{"))
        assert replay(facts["works"]).status_code == 200
        token = facts["works"].partition("Bearer ")[2].partition('"')[0]
        auth = (facts["client"], facts["client_secret"])
        said = httpx2.post(f"{facts['url']}/oauth/introspect", data={"token": token}, auth=auth, trust_env=False).json()
        assert (said["active"], said["sub"]) == (True, facts["user"])
        assert demo.stop()[:2] == (0, "")


def test_two_demos_do_not_meet(tmp_path: Path) -> None:
    """8765 is only preferred; and what one issues means nothing to the other."""
    with running("demo", "--json", TMPDIR=str(tmp_path)) as one, running("demo", "--json", TMPDIR=str(tmp_path)) as two:
        here, there = (json.loads(each.line("stdout", "{")) for each in (one, two))
        assert here["url"] != there["url"]
        assert replay(here["works"].replace(here["url"], there["url"])).status_code == 401
        assert len(list(tmp_path.iterdir())) == 2


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("demo", "--port", str(port), TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error == f"error: cannot listen on localhost:{port}: address already in use"
    assert hint.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [("--port", "99999"), ("--port", "-1"), ("--port", "web"), ("--prot", "1"), ("extra",)]
)
def test_a_wrong_use(words: tuple[str, ...]) -> None:
    done = run("demo", *words)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint == "hint: see 'watchword demo --help'"
