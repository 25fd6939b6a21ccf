"""watchword doctor as a process: its words, its JSON, its SARIF, its exit codes, and no secret in any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.processes import run, running
from tests.cli.terminal import shown
from watchword.diagnosis.doctor import FAMILIES

TOML = """
url = "sqlite:///auth.db"
issuer = "https://auth.example"
audience = "https://api.example"
"""
PASSWORD = "a small yellow bird"


def configured(folder: Path, more: str = "") -> Path:
    (folder / "watchword.toml").write_text(TOML + more)
    assert run("users", "add", "canary", stdin=f"{PASSWORD}\n", folder=folder).returncode == 0
    return folder


def test_a_healthy_configuration(tmp_path: Path) -> None:
    done = run("doctor", folder=configured(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    *skipped, last = done.stdout.splitlines()
    assert re.fullmatch(r"1\d probes healthy, 0 findings, [34]\d could not run", last)
    [live] = [line for line in skipped if line.endswith(": needs a server: --url https://app.example")]
    assert re.fullmatch(r"not looked at: [34]\d probes: .*", live), "a line a reason, and no list of names"
    assert "session-ends" in run("doctor", "--json", folder=tmp_path).stdout


def test_a_finding_is_symptom_probe_cause_mend_and_page(tmp_path: Path) -> None:
    (configured(tmp_path) / "auth.db.keys").chmod(0o644)
    done = run("doctor", "--output", "report.sarif", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "failure: keys.readable at watchword.toml"
    assert [line.split()[0] for line in lines[1:6]] == ["symptom", "probe", "cause", "mend", "runbook"]
    assert lines[5] == "  runbook  docs/runbook/key-files.md"
    log = json.loads((tmp_path / "report.sarif").read_text())
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["keys.readable"]
    told = json.loads(run("doctor", "--json", folder=tmp_path).stdout)
    assert told["failed"] is True
    [found] = [one for result in told["results"] for one in result["findings"]]
    assert (found["id"], found["runbook"]) == ("keys.readable", "key-files")


def test_a_running_server_with_a_canary(tmp_path: Path) -> None:
    configured(tmp_path, "[session]\nidle = 1800\n")
    (tmp_path / "canary.toml").write_text('username = "canary"\n')
    (tmp_path / "canary.toml").chmod(0o600)
    with running("serve", "--port", "0", folder=tmp_path) as server:
        base = server.line("stderr", "serving").partition(" on ")[2].partition(" ")[0]
        arguments = ("doctor", "--config", "watchword.toml", "--url", base, "--canary", "canary.toml", "--json")
        done = run(*arguments, folder=tmp_path, WATCHWORD_CANARY_PASSWORD=PASSWORD)
        wrong = run(*arguments, folder=tmp_path, WATCHWORD_CANARY_PASSWORD="four quiet grey owls")
        server.stop()
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, ""), told
    unknown = {one["probe"] for one in told["results"] if one["health"] == "unknown"}
    assert unknown == {"key-sprawl", "server-hsts", "document-nodes", "node-known", "node-restarted"}
    found = [one["id"] for result in json.loads(wrong.stdout)["results"] for one in result["findings"]]
    assert (wrong.returncode, found) == (1, ["session.no-sign-in"])
    for said in (done.stdout, wrong.stdout):
        assert not any(word in said for word in (PASSWORD, "quiet grey", "eyJ", "ww_ss_", "ww_rt_"))


def test_what_is_wrongly_used(tmp_path: Path) -> None:
    nothing = run("doctor", folder=tmp_path)
    assert (nothing.returncode, nothing.stderr.splitlines()[0]) == (1, "error: there is nothing to examine")
    (tmp_path / "canary.toml").write_text('username = "c"\npassword = "hunter2"\n')
    (tmp_path / "canary.toml").chmod(0o644)
    for arguments in (
        ("--url", "https://u:hunter2@app.example"),
        ("--url", "http://127.0.0.1:1", "--canary", "canary.toml"),
        ("--url", "http://127.0.0.1:1", "--ca", "canary.toml"),
        ("--explain", "no.such"),
        ("--config", "nope.toml"),
    ):
        done = run("doctor", *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert "hunter2" not in done.stderr
    assert "there is no nope.toml" in run("doctor", "--config", "nope.toml", folder=tmp_path).stderr
    assert run("doctor", "--workers", "0").returncode == 2


def test_one_finding_is_explained() -> None:
    done = run("doctor", "--explain", "token.unsigned")
    assert done.returncode == 0
    assert "runbook  token-checks" in done.stdout
    family = next(one for one in FAMILIES if one.page == "token-checks")
    assert f"see it   {family.look}\n" in done.stdout
    assert f"prevent  {family.prevent}\n" in done.stdout
    assert json.loads(run("doctor", "--explain", "token.unsigned", "--json").stdout)["probes"] == ["token-forged"]


def test_on_a_terminal_it_has_colour_unless_that_is_not_wanted(tmp_path: Path) -> None:
    (configured(tmp_path) / "auth.db.keys").chmod(0o644)
    for no_colour, coloured in (("", True), ("1", False)):
        code, said = shown("doctor", folder=tmp_path, NO_COLOR=no_colour)
        assert (code, "\x1b[" in said) == (1, coloured)
