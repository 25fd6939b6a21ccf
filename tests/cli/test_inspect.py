"""watchword inspect, as a process: what it prints, its exit codes, and what it never prints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.processes import COMMAND, environment, run
from tests.cli.terminal import shown
from watchword import KeyRing
from watchword.blocking import Watchword
from watchword.formats import opaque

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
TOML = f"""
url = "sqlite:///app.db"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
"""
SESSION = opaque.issue("ww_ss_")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchword.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def tokens(folder: Path) -> dict[str, str]:
    with Watchword(f"sqlite:///{folder}/app.db", issuer=ISSUER, audience=AUDIENCE) as ww:
        session = ww.sessions.start("user-7")
        return {
            "jwt": ww.access.issue("user-7").token,
            "paseto": ww.access.issue("user-7", format="paseto").token,
            "sealed": ww.sealed.seal({"amount": 1}, purpose="payment", bound_to="user-7").token,
            "session": session.token,
            "refresh": ww.refresh.issue("user-7", client_id="app").token,
            "key": ww.api_keys.issue("acme", environment="live").token,
        }


def secret_of(token: str) -> str:
    return token.rpartition("." if "." in token else "_")[2]


@pytest.mark.parametrize("name", ["jwt", "paseto", "sealed", "session", "refresh", "key"])
def test_every_kind_from_a_pipe_a_file_and_a_header(folder: Path, tokens: dict[str, str], name: str) -> None:
    token = tokens[name]
    (folder / "t.txt").write_text(f"{token}\n")
    piped = run("inspect", "-", "--json", stdin=f"{token}\n", folder=folder)
    filed = run("inspect", "--file", "t.txt", "--json", folder=folder)
    for done in (piped, filed):
        told = json.loads(done.stdout)
        assert (done.returncode, done.stderr, told["stopped_at"]) == (0, "", None)
        assert told["size"] == len(token)
    assert secret_of(token) not in piped.stdout + run("inspect", "-", stdin=token, folder=folder).stdout


def test_with_our_own_keys_it_walks_to_the_end(folder: Path, tokens: dict[str, str]) -> None:
    for name, more in (
        ("jwt", ()),
        ("paseto", ()),
        ("sealed", ("--as", "sealed", "--purpose", "payment", "--bound-to", "user-7", "--audience", AUDIENCE)),
    ):
        done = run("inspect", "-", "--config", "watchword.toml", *more, "--json", stdin=tokens[name], folder=folder)
        states = {step["stage"]: step["state"] for step in json.loads(done.stdout)["walk"]}
        assert (done.returncode, states["verify"], states["claims"]) == (0, "passed", "passed")
        assert states["revocation"] == "unchecked"
    wrong = ("--as", "sealed", "--purpose", "payment", "--bound-to", "user-8", "--audience", AUDIENCE)
    done = run("inspect", "-", "--config", "watchword.toml", *wrong, "--json", stdin=tokens["sealed"], folder=folder)
    assert (done.returncode, json.loads(done.stdout)["stopped_at"]) == (1, "verify")
    other = run(
        "inspect", "-", "--config", "watchword.toml", "--audience", "https://b", stdin=tokens["jwt"], folder=folder
    )
    assert other.returncode == 1
    assert "wrong_audience" in other.stdout


def test_keys_from_a_file(folder: Path, tokens: dict[str, str]) -> None:
    ring = KeyRing.load(folder / "app.db.keys")
    (folder / "jwks.json").write_text(json.dumps(ring.jwks()))
    (folder / "paseto.json").write_text(json.dumps(ring.paseto_keys()))
    (folder / "others.json").write_text(json.dumps(KeyRing.generate("ES256").jwks()))
    for name, file in (("jwt", "jwks.json"), ("paseto", "paseto.json")):
        words = ("inspect", "-", "--jwks", file, "--issuer", ISSUER, "--audience", AUDIENCE, "--json")
        done = run(*words, stdin=tokens[name], folder=folder)
        assert (done.returncode, json.loads(done.stdout)["stopped_at"]) == (0, None), done.stderr
    done = run("inspect", "-", "--jwks", "others.json", "--json", stdin=tokens["jwt"], folder=folder)
    assert (done.returncode, json.loads(done.stdout)["stopped_at"]) == (1, "key")
    for file, says in (("none.json", "cannot be read"), ("watchword.toml", "no key document")):
        done = run("inspect", "-", "--jwks", file, stdin=tokens["jwt"], folder=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert says in done.stderr


@pytest.fixture
def published(folder: Path, tokens: dict[str, str]) -> Iterator[str]:
    """An issuer on this machine."""
    jwks = KeyRing.load(folder / "app.db.keys").jwks()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://{self.headers['host']}"
            pages: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": base, "jwks_uri": f"{base}/jwks"},
                "/jwks": jwks,
            }
            body = json.dumps(pages.get(self.path)).encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_keys_from_a_url_and_from_an_issuer(folder: Path, tokens: dict[str, str], published: str) -> None:
    words = ("--jwks", f"{published}/jwks", "--issuer", ISSUER, "--audience", AUDIENCE)
    done = run("inspect", "-", "--json", *words, stdin=tokens["jwt"])
    assert (done.returncode, json.loads(done.stdout)["stopped_at"]) == (0, None), done.stderr
    found = run("inspect", "-", "--json", "--issuer", published, "--audience", AUDIENCE, stdin=tokens["jwt"])
    told = json.loads(found.stdout)
    assert (found.returncode, told["stopped_at"]) == (1, "claims")  # its keys fit, and it names another issuer
    assert "wrong_issuer" in found.stdout
    away = run("inspect", "-", "--jwks", f"{published}/none", stdin=tokens["jwt"])
    assert (away.returncode, away.stdout) == (1, "")
    assert away.stderr.startswith("error: ")


def test_the_exit_code_tells() -> None:
    assert run("inspect", "-", stdin=SESSION).returncode == 0
    assert run("inspect", "-", stdin="nothing of ours").returncode == 1
    assert run("inspect", "-", stdin="Set-Cookie: sid=abcdefgh").returncode == 3
    assert run("inspect", "a", "b").returncode == 2
    assert run("inspect", "-", "--file", "x").returncode == 2
    missing = run("inspect", "--file", "/nowhere/t.txt")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_a_token_on_the_command_line_is_taken_and_said_to_stay_in_the_history() -> None:
    done = run("inspect", SESSION)
    assert done.returncode == 0
    assert "history" in done.stderr
    assert SESSION[6:] not in done.stdout + done.stderr


def test_a_token_in_the_wrong_place_is_not_repeated() -> None:
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0." + "A" * 86
    foreign = "ghp_" + "Z" * 36
    for words in (("inspect", SESSION, jwt), (SESSION,), ("keys", jwt), ("users", "add", "a", SESSION), (foreign,)):
        done = run(*words)
        assert done.returncode == 2
        assert SESSION[6:] not in done.stderr
        assert "A" * 40 not in done.stderr
        assert "Z" * 36 not in done.stderr


def test_any_bytes_on_standard_input_are_a_report_and_no_traceback() -> None:
    for raw in (b"", b"\xff\xfe\x00", b"\x1b[31m", b"eyJ\xff.\x80.", bytes(range(256)) * 9000):
        done = subprocess.run([*COMMAND, "inspect", "-"], input=raw, capture_output=True, env=environment(), timeout=60)
        assert (done.returncode, done.stderr) == (1, b"")
        assert b"\x1b" not in done.stdout
        assert b"walk" in done.stdout


def test_at_a_terminal_it_asks_without_showing_and_uses_colour() -> None:
    code, said = shown("inspect", typed=[("Token", SESSION)])
    assert code == 0
    assert "session" in said
    assert SESSION[6:] not in said
    assert "\x1b[" in said
    code, said = shown("inspect", typed=[("Token", SESSION)], NO_COLOR="1")
    assert (code, "\x1b[" in said) == (0, False)


def test_nothing_is_sent_by_itself() -> None:
    """The process may not open a socket at all."""
    code = (
        "import socket, sys\n"
        "def no(*a, **k): raise SystemExit('reached out')\n"
        "socket.socket.connect = socket.getaddrinfo = no\n"
        "sys.argv = ['watchword', 'inspect', '-']\n"
        "from watchword.__main__ import main\nmain()"
    )
    head = "eyJhbGciOiJFUzI1NiIsImprdSI6Imh0dHBzOi8vZXZpbC5leGFtcGxlL2tleXMifQ"
    given = f"{head}.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.AAAA"
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.returncode == 1
    assert "brings-key" in done.stdout
    assert "reached out" not in done.stderr
