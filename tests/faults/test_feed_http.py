"""F-21, F-36 to F-38 over HTTP: an auth server in another process, its followers here, and what lies between them."""

from __future__ import annotations

import gzip
import resource
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest

from tests.faults.answer_proxy import answer_proxy
from tests.faults.in_time import in_time
from tests.faults.issuer_process import AUDIENCE
from tests.faults.key_server import Behave, KeyServer, answer, document, endless, key_server, reset
from watchword import FrozenClock, KeyRing
from watchword.clock import SystemClock
from watchword.errors import StaleRevocationError, TokenRevokedError
from watchword.runtime.feed_follower import FeedFollower, RevocationFeed
from watchword.runtime.issuer import Issuer
from watchword.runtime.ticker import drive

PROGRAM = Path(__file__).with_name("issuer_process.py")
SECRET = "a-secret-of-the-followers-0123456789abcdef"
CLOCK = SystemClock()
PACE = Event()
"""Never set: waiting for it lets other threads run."""


class Server:
    """The other process, and what it is told to do."""

    def __init__(self, url: str, issuer: str, client: str) -> None:
        digest = sha256(SECRET.encode()).hexdigest()
        command = [sys.executable, str(PROGRAM), url, issuer, client, digest]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin, self.process.stdout
        self.port = int(self._from.readline())
        self.url = f"http://127.0.0.1:{self.port}" if issuer == "-" else issuer

    def _told(self, line: str) -> str:
        self._to.write(line + "\n")
        self._to.flush()
        return self._from.readline().strip()

    def issue(self, session: str) -> str:
        return self._told(f"issue {session}")

    def cut_off(self, subject: str) -> None:
        self._told(f"cut-off {subject}")

    def storm(self, number: int) -> None:
        """So many revocations of other tokens at once."""
        self._told(f"storm {number}")

    def revoke(self, session: str) -> float:
        """Returns the boot-time second at which the revocation had returned there."""
        return float(self._told(f"revoke {session}"))


@contextmanager
def running(url: str, issuer: str = "-", client: str = "follower") -> Iterator[Server]:
    server = Server(url, issuer, client)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@contextmanager
def following(issuer: str, port: int, max_staleness: float) -> Iterator[Issuer]:
    base = f"http://127.0.0.1:{port}"
    bound = timedelta(seconds=max_staleness)
    feed = RevocationFeed(url=f"{base}/revocations", client_id="follower", client_secret=SECRET, max_staleness=bound)
    found = Issuer(
        issuer, audience=AUDIENCE, jwks_uri=f"{base}/.well-known/jwks.json", allow_loopback=True, revocations=feed
    )
    found.open_blocking()
    try:
        yield found
    finally:
        found.close_blocking()


def refused(issuer: Issuer, token: str) -> bool:
    try:
        issuer.verify(token)
    except (TokenRevokedError, StaleRevocationError):
        return True
    return False


def accepted(issuer: Issuer, token: str) -> None:
    """Return once the token is taken: the follower may be in a pause after a fault."""
    until = CLOCK.monotonic() + 20
    while refused(issuer, token):
        assert CLOCK.monotonic() < until, issuer
        PACE.wait(0.01)


def last_accepted(issuer: Issuer, token: str) -> float:
    """The boot-time second at which the last check began that took the token."""
    last = 0.0
    while True:
        began = CLOCK.monotonic()
        if refused(issuer, token):
            return last
        last = began
        PACE.wait(0.001)


def test_a_revocation_is_here_in_time_p99_of_200(tmp_path: Path) -> None:
    in_time(lambda: delays_of_200(tmp_path), 0.05)


def delays_of_200(tmp_path: Path) -> list[float]:
    delays = []
    with running(f"sqlite:///{tmp_path}/app.db") as server, following(server.url, server.port, 5) as issuer:
        for number in range(200):
            token = server.issue(f"s-{number}")
            accepted(issuer, token)
            returned = server.revoke(f"s-{number}")
            delays.append(max(0.0, last_accepted(issuer, token) - returned))
            with pytest.raises(TokenRevokedError):
                issuer.verify(token)
    return delays


BOUND = 1.0


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_past_the_bound_nothing_revoked_is_taken_though_the_server_is_gone(tmp_path: Path, how: str) -> None:
    """Two nodes on one store: the one revokes, the other, which we follow, is stopped before it can tell."""
    url = f"sqlite:///{tmp_path}/app.db"
    with running(url) as told, running(url, told.url) as revoking, following(told.url, told.port, BOUND) as issuer:
        token = revoking.issue("s-1")
        accepted(issuer, token)
        told.process.send_signal(signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
        returned = revoking.revoke("s-1")
        last = last_accepted(issuer, token)
        assert last < returned + BOUND
        with pytest.raises(StaleRevocationError):
            issuer.verify(token)
        if how == "stopped":
            told.process.send_signal(signal.SIGCONT)
            accepted(issuer, revoking.issue("s-2"))
            with pytest.raises(TokenRevokedError):
                issuer.verify(token)


@pytest.mark.parametrize("mode", ["drop", "late", "replay", "swap"])
def test_past_the_bound_nothing_revoked_is_taken_whatever_lies_between(tmp_path: Path, mode: str) -> None:
    with (
        running(f"sqlite:///{tmp_path}/app.db") as server,
        answer_proxy(server.port) as (proxy, port),
        following(server.url, port, BOUND) as issuer,
    ):
        proxy.late = BOUND
        for number in range(3):
            token = server.issue(f"s-{number}")
            accepted(issuer, token)
            proxy.mode = mode
            returned = server.revoke(f"s-{number}")
            last = last_accepted(issuer, token)
            assert last < returned + BOUND, f"taken {last - returned:.3f} s after the revocation had returned"
            proxy.mode = "pass"
            accepted(issuer, server.issue(f"t-{number}"))
            with pytest.raises(TokenRevokedError):
                issuer.verify(token)


def test_followers_that_read_nothing_cost_the_server_one_answer_each(tmp_path: Path) -> None:
    """F-38: two hundred ask for all there is and never read. Nothing is queued for them, and others hear in time."""
    with running(f"sqlite:///{tmp_path}/app.db") as server, following(server.url, server.port, 5) as issuer:
        token = server.issue("s-1")
        accepted(issuer, token)
        server.storm(20_000)
        before = _resident(server.process.pid)
        login = b64encode(f"follower:{SECRET}".encode()).decode()
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        try:
            for number, one in enumerate(slow):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.sendall(f"GET /revocations?nonce={number:022} HTTP/1.1\r\nHost: a\r\n".encode())
                one.sendall(f"Authorization: Basic {login}\r\n\r\n".encode())
            assert {one.recv(15) for one in slow} == {b"HTTP/1.1 200 OK"}
            server.storm(20_000)
            returned = server.revoke("s-1")
            assert last_accepted(issuer, token) < returned + 1
            assert _resident(server.process.pid) - before < 50 * 2**20
        finally:
            for one in slow:
                one.close()


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


# A server that fails or attacks


@pytest.fixture(scope="module")
def hostile() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


KIND = "application/revocations+jwt"
OK = f"HTTP/1.1 200 OK\r\nContent-Type: {KIND}\r\n"
ATTACKS = {
    "500": "bad_status",
    "401": "bad_status",
    "redirect": "bad_status",
    "reset": "fetch_failed",
    "stall": "too_slow",
    "slow drip": "too_slow",
    "slow header": "too_slow",
    "1 GB told": "too_large",
    "1 GB untold": "too_large",
    "gzip bomb": "bad_content_type",
    "json": "bad_content_type",
    "garbage": "malformed",
}


def behaviours(server: KeyServer) -> dict[str, Behave]:
    megabyte = bytes(2**20)
    bomb = gzip.compress(bytes(10**6))
    return {
        "500": answer(b"{}", status="500 Oops"),
        "401": answer(b"{}", status="401 Unauthorized"),
        "redirect": answer(b"", status="302 Found", headers=f"Location: {server.url('/canary')}\r\n"),
        "reset": reset,
        "stall": server.stall,
        "slow drip": server.drip(f"{OK}Content-Length: 100000\r\n\r\n"),
        "slow header": server.drip(f"{OK}X-Slow: "),
        "1 GB told": endless(f"{OK}Content-Length: 1000000000\r\n\r\n", megabyte),
        "1 GB untold": endless(f"{OK}Connection: close\r\n\r\n", megabyte),
        "gzip bomb": answer(bomb, kind=KIND, headers="Content-Encoding: gzip\r\n"),
        "json": answer(b"{}"),
        "garbage": answer(b"\xff" * 1000, kind=KIND),
    }


@pytest.mark.parametrize("name", ATTACKS)
def test_a_server_that_fails_or_attacks_renews_nothing(hostile: KeyServer, name: str) -> None:
    hostile.on["/revocations"] = behaviours(hostile)[name]
    hostile.on["/canary"] = document({})
    bound = timedelta(seconds=1)
    follower = FeedFollower(
        RevocationFeed(url=hostile.url("/revocations"), api_key="sk_live_x", max_staleness=bound),
        issuer="https://as.example",
        keys=KeyRing.generate("ES256"),
        clock=FrozenClock(),
        allow_loopback=True,
    )
    began, before = CLOCK.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    drive(follower.begin(threaded=True))
    assert (follower.last_error and follower.last_error.reason) == ATTACKS[name]
    assert not follower.view.fresh()
    assert CLOCK.monotonic() - began < 0.25 + 0.4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5 * 1024
    assert hostile.asked["/canary"] == 0
