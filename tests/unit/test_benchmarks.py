"""The benchmark runs and reports what it promises. What it measures is nobody's business here: machines differ."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    command = (sys.executable, ROOT / "benchmarks" / "hot_path.py", "--quick", "--json")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "verify ES256" in done.stderr, "progress goes to standard error"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_says_what_was_measured_and_where(report: dict[str, Any]) -> None:
    assert report.keys() == {"machine", "commit", "quick", "rounds", "tables"}
    assert report["quick"] is True
    assert {"cpu", "cores", "python", "openssl", "load", "load_after", "libraries"} <= report["machine"].keys()
    assert {"cryptography", "pyjwt", "joserfc", "pyseto"} <= report["machine"]["libraries"].keys()


def test_every_job_has_its_table(report: dict[str, Any]) -> None:
    names = [table["name"] for table in report["tables"]]
    signed = [
        f"{verb} {name}" for name in ("HS256", "ES256", "RS256", "Ed25519", "v4.public") for verb in ("verify", "sign")
    ]
    assert names == [*signed, "seen again", "revocation", "session", "refresh", "v4.local"]


def test_times_and_ratios_are_positive_and_about_the_cases_of_their_table(report: dict[str, Any]) -> None:
    for table in report["tables"]:
        cases = {row["name"] for row in table["rows"]}
        assert len(cases) == len(table["rows"]) >= 3
        assert table["ratios"]
        for row in table["rows"]:
            assert 0 < row["min"] <= row["median"], (table["name"], row)
        for ratio in table["ratios"]:
            assert {ratio["case"], ratio["over"]} <= cases
            assert ratio["median"] > 0 < ratio["min"], (table["name"], ratio)
