"""The plugin in a project of its own, found by the entry point that pyproject.toml declares."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

FLASK = """
import pytest
from flask import Flask
from watchword.integrations.flask import Auth

@pytest.fixture
def client(watchword_blocking):
    app = Flask(__name__)
    auth = Auth(watchword_blocking)
    auth.init_app(app)

    @app.get("/orders")
    @auth.require("orders:read")
    def orders():
        return auth.who.subject

    return app.test_client()

def test_alice(client, as_user):
    assert as_user("alice", scopes=["orders:read"]).get("/orders").text == "alice"
    as_user("bob", client, scopes=["orders:read"], kind="access")
    assert client.get("/orders").text == "bob"
    assert as_user("carol").get("/orders").status_code == 403

def test_nobody_is_left_from_another_test(client):
    assert client.get("/orders").status_code == 401

def test_time(client, as_user, watchword_clock):
    as_user("alice", scopes=["orders:read"])
    watchword_clock.advance(31 * 60)
    assert client.get("/orders").status_code == 401

def test_attack(client, assert_rejects_all):
    assert_rejects_all(client, "/orders", scopes=["orders:read"])
"""
FASTAPI = """
from typing import Annotated
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from watchword import Principal
from watchword.integrations.fastapi import Auth

@pytest.fixture
def client(watchword_async):
    app = FastAPI()
    auth = Auth(watchword_async)
    auth.attach(app)

    @app.get("/me")
    async def me(who: Annotated[Principal, Depends(auth)]) -> str:
        return who.subject

    with TestClient(app) as made:
        yield made

def test_alice(as_user, client, watchword_mint, assert_rejects_all):
    assert as_user("alice", roles=["admin"]).get("/me").json() == "alice"
    bad = {"authorization": "Bearer " + watchword_mint("access", flaw="expired")}
    assert_rejects_all(client, "/me")
"""
OWN = """
import pytest
from watchword.blocking import Watchword

@pytest.fixture(scope="session")
def mine():
    with Watchword("sqlite:///own.db", issuer="https://a.example", audience="https://b.example") as ww:
        yield ww

@pytest.fixture
def watchword_tested(mine):
    return mine

def test_mine(mine, watchword_mint):
    assert mine.access.verify(watchword_mint("access", "alice")).subject == "alice"
"""
BROKEN = """
import jwt
import pytest
from flask import Flask, request

def test_broken(watchword_tested, assert_rejects_all):
    key = watchword_tested.ring.active("sign", format="jwt").public().to_pem()
    app = Flask(__name__)

    @app.get("/me")
    def me():
        try:
            text = request.headers.get("authorization", "").removeprefix("Bearer ")
            return jwt.decode(text, key, algorithms=["ES256"], options={"verify_aud": False})["sub"]
        except jwt.PyJWTError:
            return "", 401

    assert_rejects_all(app.test_client(), "/me")
"""


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder with one file of tests; the plugin comes by the entry point, as it does when installed."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [(name, module)] = config["project"]["entry-points"]["pytest11"].items()
    installed = folder / "installed" / "watchword_plugin-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: watchword-plugin\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    (folder / "test_project.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    paths = os.pathsep.join([str(installed.parent), str(ROOT / "src")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("source", "passed"), [(FLASK, 4), (FASTAPI, 1), (OWN, 1)], ids=["flask", "fastapi", "own"])
def test_a_project_has_the_fixtures(tmp_path: Path, source: str, passed: int) -> None:
    done = run(tmp_path, source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout


def test_the_page_of_the_documentation_is_such_a_project(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/test-your-application.md").read_text(encoding="utf-8")
    source = page.partition("<!-- snippet: test-with-pytest -->\n```python\n")[2].partition("```")[0]
    done = run(tmp_path, source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_project_with_a_broken_endpoint_reads_why(tmp_path: Path) -> None:
    done = run(tmp_path, BROKEN)
    assert done.returncode == 1
    assert "GET /me was shown 72 hostile credentials: " in done.stdout
    assert "got in: a JWT: wrong audience: 200" in done.stdout
    assert "got in: a JWT: expired" not in done.stdout


@pytest.mark.parametrize("statement", ["import watchword", "import watchword.testing"])
def test_pytest_comes_with_the_plugin_alone(statement: str) -> None:
    code = f"import sys; {statement}; sys.exit('pytest' in sys.modules or 'httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
