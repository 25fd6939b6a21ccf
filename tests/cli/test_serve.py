"""watchword serve: what it says when it cannot, and what it keeps to itself when it can."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx2
import pytest

from tests.cli.processes import run, running

TOML = """
url = "sqlite:///auth.db"
issuer = "http://localhost"
audience = "http://localhost/api"
"""


def configured(folder: Path, text: str = TOML) -> Path:
    (folder / "watchword.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (TOML + "[sevrer]\nport = 1\n", "unknown setting sevrer", "did you mean server?"),
        (TOML + "[server]\nprot = 1\n", "unknown setting server.prot", "did you mean server.port?"),
        (TOML + "[server]\nport = 'web'\n", "the configuration does not fit", ""),
        ("url = 'memory:'", "the configuration does not fit", ""),
        ("url = ", "watchword.toml is not TOML", ""),
        (TOML.replace("sqlite:///auth.db", "mysql://x"), "no store for the URL scheme 'mysql'", "use one of"),
        (TOML + "[server]\norigins = ['app']\n", "origins= has 'app', which is not an origin", "write "),
        (
            TOML + "[[server.clients]]\nid = 'a'\nsecret_sha256 = 'x'\n",
            "the secret_sha256 of a is not a hex SHA-256",
            "make it",
        ),
        (TOML.replace("auth.db", "no/such/folder/auth.db"), "", ""),
    ],
)
def test_a_wrong_configuration(tmp_path: Path, text: str, error: str, hint: str) -> None:
    done = run("serve", "--port", "0", folder=configured(tmp_path, text))
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"error: {error}")
    assert len(lines) <= 2
    assert not hint or lines[1].startswith(f"hint: {hint}")


def test_no_configuration(tmp_path: Path) -> None:
    done = run("serve", "--config", "other.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error == "error: there is no other.toml"
    assert "watchword demo" in hint


def test_a_port_that_is_taken_and_a_host_that_is_none(tmp_path: Path) -> None:
    configured(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run("serve", "--port", port, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2] == f"error: cannot listen on 127.0.0.1:{port}: address already in use"
    done = run("serve", "--host", "256.1.1.1", folder=tmp_path)
    assert (done.returncode, "is not an address of this machine" in done.stderr) == (1, True)


def test_key_files_that_others_can_read(tmp_path: Path) -> None:
    """A-13.3.1: it does not start."""
    configured(tmp_path)
    run("users", "list", folder=tmp_path)
    (tmp_path / "auth.db.keys").chmod(0o644)
    done = run("serve", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert "others can read it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    with running("serve", "--port", "0", folder=configured(tmp_path)) as server:
        line = server.line("stderr", "serving http://localhost on http://127.0.0.1:")
        base = line.partition(" on ")[2].partition(" ")[0]
        reply = httpx2.get(f"{base}/health", trust_env=False)
        assert (reply.status_code, reply.json()["status"]) == (200, "ok")
        assert "server" not in reply.headers
        code, out, _ = server.stop(number)
    assert (code, out) == (0 if number == signal.SIGINT else -signal.SIGTERM, "")
    assert (tmp_path / "auth.db.keys").stat().st_mode & 0o777 == 0o600


def test_the_log_has_no_query_and_no_token(tmp_path: Path) -> None:
    """Q-33: neither in uvicorn's lines nor in ours, at any place of the URL."""
    with running("serve", "--port", "0", folder=configured(tmp_path)) as server:
        base = server.line("stderr", "serving").partition(" on ")[2].partition(" ")[0]
        secret = "ww_ss_" + "S3NT1NEL" * 5
        for path in (f"/api/me?access_token={secret}", f"/{secret}", f"/account/sessions/{secret}?x={secret}"):
            httpx2.get(f"{base}{path}", headers={"authorization": f"Bearer {secret}"}, trust_env=False)
        code, out, err = server.stop()
    assert code == 0
    assert "GET /api/me 401" in err
    assert "secret_in_url" in err
    assert "S3NT1NEL" not in out + err


def test_forwarded_headers_are_believed_of_nobody_or_of_those_that_are_listed(tmp_path: Path) -> None:
    """Q-36: the scheme of a request is what it came by; HSTS shows which it is taken for."""
    claims = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1", "forwarded": "proto=https"}
    for more, believed in (("", False), ("[server]\ntrusted_proxies = ['127.0.0.1']\n", True)):
        with running("serve", "--port", "0", folder=configured(tmp_path, TOML + more)) as server:
            base = server.line("stderr", "serving").partition(" on ")[2].partition(" ")[0]
            reply = httpx2.get(f"{base}/health", headers=claims, trust_env=False)
        assert ("strict-transport-security" in reply.headers) is believed


def test_a_memory_store_is_served_with_a_warning(tmp_path: Path) -> None:
    text = TOML.replace("sqlite:///auth.db", "memory:") + "[server]\nport = 0\n"
    with running("serve", folder=configured(tmp_path, text)) as server:
        assert "is gone when this stops" in server.line("stderr", "WARNING")
        server.line("stderr", "serving")


def test_the_network_is_warned_of(tmp_path: Path) -> None:
    with running("serve", "--port", "0", "--host", "0.0.0.0", folder=configured(tmp_path)) as server:  # noqa: S104
        assert "without TLS" in server.line("stderr", "WARNING")
        server.line("stderr", "serving")


SMUGGLED = {
    "CL and TE": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two CL": b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "xchunked": b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "obs-fold": b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "a space before the colon": b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
    "a NUL in a header": b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n",
    "a control in the path": b"GET /hea\x01lth HTTP/1.1\r\nHost: x\r\n\r\n",
}


def test_smuggling(tmp_path: Path) -> None:
    """Q-37: what two servers could read in two ways is 400, and the connection is closed."""
    with running("serve", "--port", "0", folder=configured(tmp_path)) as server:
        port = int(server.line("stderr", "serving").partition("127.0.0.1:")[2].partition(" ")[0])
        for what, request in SMUGGLED.items():
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
                connection.makefile("rb") as answer,
            ):
                connection.sendall(request)
                assert answer.read().startswith(b"HTTP/1.1 400 "), what
