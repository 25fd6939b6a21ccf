"""What ``watchword advise --write`` writes: the configuration starts, the audit has nothing to say, its tests pass.

A few plans here; ``make soak`` writes each golden plan, in one framework after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.cli.processes import environment, run, running
from tests.services.postgres import Postgres
from tests.unit.advisor.golden import GOLDEN, System
from watchword.advisor.answers import answers_of
from watchword.advisor.decide import decide
from watchword.advisor.writing import FRAMEWORKS, project

FEW = {
    "server-rendered monolith": "django",
    "banking SPA": "fastapi",
    "mobile application with a vendor's sign-in": "flask",
    "device fleet": "litestar",
    "payment hand-over to another company": "starlette",
    "fleet of internal services, one owner": "flask",
}
"""A plan of each sort, and every framework."""
WHOLE = "WATCHWORD_SOAK" in os.environ
CASES = [
    (system, FEW.get(system.name, FRAMEWORKS[number % len(FRAMEWORKS)]))
    for number, system in enumerate(GOLDEN)
    if WHOLE or system.name in FEW
]


def written(system: System, framework: str, folder: Path) -> Path:
    """The folder that the command wrote."""
    (folder / "answers.json").write_text(json.dumps(system.answers))
    done = run("advise", "--answers", "answers.json", "--framework", framework, "--write", "app", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    *jobs, last = done.stdout.splitlines()
    first = (folder / "app/app.py").read_text().splitlines()[0].rstrip('"')
    assert last == f"next: cd app; pytest test_plan.py; {first.partition('Run it with: ')[2]}"
    plan = decide(answers_of(system.answers))
    assert jobs[: len(plan.rows)] == [f"{row.name}: {row.what}" for row in plan.rows]
    told = any(line.startswith("check_password in app.py is yours to write") for line in jobs)
    assert told is ("def check_password" in (folder / "app/app.py").read_text())
    assert all(told or line.startswith("wrote ") for line in jobs[len(plan.rows) :])
    return folder / "app"


def own_tests(folder: Path) -> str:
    """What pytest says of them; the plugin by name, as its entry point brings it where watchword is installed."""
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "watchword.testing.plugin")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_plan.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("system", "framework"), CASES, ids=[system.name for system, _ in CASES])
def test_what_is_written_starts_and_its_tests_pass(
    system: System, framework: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = written(system, framework, tmp_path)
    assert "passed" in own_tests(folder)
    audit = run("advise", "--audit", "watchword.toml", "--json", folder=folder)
    assert {one["level"] for one in json.loads(audit.stdout)["findings"]} <= {"note"}
    more: dict[str, str] = {}
    if 'url = "postgresql:' in (folder / "watchword.toml").read_text():
        server: Postgres = request.getfixturevalue("postgres")
        more["WATCHWORD_URL"] = server.fresh()
    with running("serve", "--port", "0", folder=folder, **more) as serving:
        base = serving.line("stderr", "serving").partition(" on ")[2].partition(" ")[0]
        assert httpx2.get(f"{base}/health", trust_env=False).status_code == 200
        assert serving.stop()[0] == 0


def test_the_frameworks_all_come_up() -> None:
    assert set(FEW.values()) == set(FRAMEWORKS)
    assert FEW.keys() <= {system.name for system in GOLDEN}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_written_is_tidy(framework: str, tmp_path: Path) -> None:
    """Python that ruff has nothing to say about, and TOML with a reason for each setting."""
    for number, system in enumerate(GOLDEN):
        plan = decide(answers_of(system.answers))
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in project(plan, framework).items():
            assert "#[" not in text
            assert "$" not in text
            assert max(map(len, text.splitlines())) <= 120
            (folder / name).write_text(text)
        assert "watchword has to be installed where pytest runs" in (folder / "test_plan.py").read_text()
        toml = (folder / "watchword.toml").read_text()
        assert all(f"({rule}: " in toml.replace("\n# ", " ") for rule in plan.because.values())
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,W,B,UP",
        "--line-length",
        "120",
        ".",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_written_lets_nobody_in_until_somebody_writes_how(framework: str, tmp_path: Path) -> None:
    for name, text in project(decide(answers_of({"client": "web"})), framework).items():
        (tmp_path / name).write_text(text)
    code = "import app; assert app.check_password('admin', 'admin') is None"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")


def test_json_names_what_was_written(tmp_path: Path) -> None:
    done = run("advise", "--client", "web", "--needs", "none", "--write", "new/app", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["written"] == ["new/app/watchword.toml", "new/app/app.py", "new/app/test_plan.py"]
    assert sorted(path.name for path in (tmp_path / "new/app").iterdir()) == [
        "app.py",
        "test_plan.py",
        "watchword.toml",
    ]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine")
    done = run("advise", "--client", "web", "--write", ".", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "error: app.py is there already, and is not overwritten"
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]


def test_a_weakened_configuration_fails_its_own_tests(tmp_path: Path) -> None:
    """The written tests hold the plan: with a longer life, or less, they say so."""
    [system] = [one for one in GOLDEN if one.name == "banking SPA"]
    folder = written(system, "fastapi", tmp_path)
    config = folder / "watchword.toml"
    config.write_text(config.read_text().replace("idle = 900", "idle = 3600"))
    with pytest.raises(AssertionError, match="test_the_configuration_keeps_the_rules_it_came_from"):
        own_tests(folder)
