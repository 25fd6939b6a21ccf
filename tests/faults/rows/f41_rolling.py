"""F-41: three servers (``watchword serve``) are restarted one after the other, by SIGTERM, under load."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import httpx2

from tests.cli.processes import environment
from tests.faults.journal import Journal, Op, clock, columns, ms
from tests.faults.load import people
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import AUDIENCE, BESIDE, ISSUER, Setting
from tests.services.valkey import free_port
from watchword.errors import TokenError

SERVERS, CLIENTS = 3, 12


class Server:
    """One ``watchword serve`` on a port that stays its own."""

    def __init__(self, place: Setting) -> None:
        self.port, self._place = free_port(), place
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it answers."""
        command = (sys.executable, "-m", "watchword", "serve", "--port", str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self._place.folder, env=environment(), stderr=asyncio.subprocess.PIPE
        )
        self._place.ending.callback(_end, self._process)
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"serving" in line:
                self._reading = asyncio.create_task(self._process.stderr.read())
                return
        raise AssertionError(f"the server ended with {await self._process.wait()}")

    async def stop(self) -> float:
        """SIGTERM, and the seconds until it was gone."""
        assert self._process is not None
        began = clock.monotonic()
        self._process.send_signal(signal.SIGTERM)
        await self._process.wait()
        await self._reading
        return clock.monotonic() - began


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


class Client:
    """Reads and rotates by turns, at whichever server is next; once more at another when its connection ends."""

    def __init__(self, servers: list[Server], journal: Journal, access: str, refresh: str) -> None:
        self._servers, self._journal, self._access, self.refresh = servers, journal, access, refresh
        self._turn = 0
        self.retried = self.failed = 0

    async def run(self, over: asyncio.Event) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
            while not over.is_set():
                await self._ask(http, "verify", "GET", "/api/me", headers={"authorization": f"Bearer {self._access}"})
                form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": self.refresh}
                answer = await self._ask(http, "rotate", "POST", "/oauth/token", data=form)
                if answer is not None and answer.status_code == 200:
                    self.refresh = answer.json()["refresh_token"]
                await asyncio.sleep(0.02)

    async def _ask(
        self, http: httpx2.AsyncClient, verb: str, method: str, path: str, **words: object
    ) -> httpx2.Response | None:
        began = clock.monotonic()
        for last in (False, True):
            self._turn += 1
            base = f"http://127.0.0.1:{self._servers[self._turn % len(self._servers)].port}"
            try:
                answer = await http.request(method, base + path, **words)  # type: ignore[arg-type]
            except httpx2.TransportError:
                self.retried += not last
                continue
            self._journal.ops.append(Op(verb, "", began, clock.monotonic(), answer.status_code))
            self.failed += answer.status_code != 200
            return answer
        self._journal.ops.append(Op(verb, "", began, clock.monotonic(), 0))
        self.failed += 1
        return None


async def run(place: Setting) -> Row:
    configured(place)
    journal, drains, over = Journal(), [0.0], asyncio.Event()
    async with place.watchword() as ww:
        pool = await people(ww, CLIENTS)
        servers = [Server(place) for _ in range(SERVERS)]
        await asyncio.gather(*(server.start() for server in servers))
        clients = [Client(servers, journal, who.access, who.refresh) for who in pool]
        running = [asyncio.create_task(client.run(over)) for client in clients]
        await asyncio.sleep(0.5)
        for _ in range(place.pick(1, 5)):
            for server in servers[: place.pick(2, SERVERS)]:
                drains.append(await server.stop())
                await server.start()
                await asyncio.sleep(place.pick(0.2, 2))
        over.set()
        await asyncio.gather(*running)
        for server in servers:
            drains.append(await server.stop())
        lost = 0
        for client in clients:
            try:
                await ww.refresh.rotate(client.refresh, client_id="app")
            except TokenError:
                lost += 1
    found = columns([journal], bound=5)
    found["more"] |= {
        "restarts": len(drains) - 1 - SERVERS,
        "failed": sum(client.failed for client in clients),
        "retried": sum(client.retried for client in clients),
        "lost_writes": lost,
        "drain_ms": ms(max(drains)),
    }
    return place.row(**found)


def configured(place: Setting) -> Path:
    words = {**place.where(), "issuer": ISSUER, "audience": AUDIENCE, "keys": str(place.keys)}
    file = place.folder / "watchword.toml"
    file.write_text("".join(f'{name} = "{value}"\n' for name, value in words.items()))
    return file


FAULTS = (
    Fault(
        id="F-41",
        what="a rolling restart",
        injected=f"SIGTERM to one of {SERVERS} servers after the other, each started again, while {CLIENTS} clients"
        " read and rotate their refresh tokens over connections that stay open",
        expected="a server finishes what it has begun and goes; a client whose connection ends asks another, once; no"
        " request fails and no rotation that was answered is lost",
        run=run,
        stores=("redis", "postgres", "sqlite", BESIDE),
        targets=(Target("failed", 0), Target("lost_writes", 0), Target("drain_ms", 10_000), Target("other_5xx", 0)),
        words={"retried": "requests that were sent to another server", "drain_ms": "from SIGTERM to the end"},
    ),
)
