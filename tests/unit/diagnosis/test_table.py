"""The table of probes and ailments, the report and its SARIF, and what the doctor never does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec import to_builtins

from tests.unit.diagnosis.lies import FAULTS
from tests.unit.diagnosis.sarif_schema import wrong
from watchword.clock import FrozenClock
from watchword.config import settings_of
from watchword.diagnosis.canary import Canary, read_canary
from watchword.diagnosis.doctor import AILMENTS, FAMILIES, PROBES, Report, examine
from watchword.diagnosis.patient import Answer, Patient, UnreachableError
from watchword.diagnosis.probes.base import CannotRunError, Case, Configured, Probe, Sign
from watchword.diagnosis.sarif import sarif
from watchword.diagnosis.tokens import said_by
from watchword.diagnosis.untrusted import Untrusted
from watchword.errors import ConfigurationError

HERE = Path(__file__).parent


def test_ids_are_unique_and_every_ailment_is_seen_by_a_probe() -> None:
    ids = [one.id for family in FAMILIES for one in family.ailments]
    assert Counter(ids).most_common(1)[0][1] == 1
    assert Counter(probe.id for probe in PROBES).most_common(1)[0][1] == 1
    assert {id for probe in PROBES for id in probe.finds} == set(ids)
    for family in FAMILIES:
        assert {id for probe in family.probes for id in probe.finds} == {one.id for one in family.ailments}


def test_every_ailment_is_injected_by_some_test() -> None:
    """And at least 25 of them into a server that runs."""
    names = {"test_pains.py", "test_table.py"}
    text = "\n".join(path.read_text() for path in sorted(HERE.glob("*.py")) if path.name not in names)
    assert [id for id in AILMENTS if f'"{id}"' not in text] == []
    assert len(FAULTS) >= 80
    assert len({id for row in FAULTS.values() for id in row.expected}) >= 70


def test_what_a_probe_names_is_what_it_finds() -> None:
    """A probe's source names no ailment that it does not declare."""
    for path in sorted(Path("src/watchword/diagnosis/probes").glob("*.py")):
        named = set(re.findall(r'Sign\(\s*"([a-z-]+\.[a-z-]+)"', path.read_text()))
        assert named <= set(AILMENTS), path


def _probe(run: object, *needs: str) -> Probe:
    return Probe(id="p", asks="", needs=needs, run=run, finds=("keys.old", "keys.missing"))  # type: ignore[arg-type]


def _signs(*ids: str) -> object:
    return lambda case: iter([Sign(id, "seen eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl") for id in ids])


def _cannot(case: Case) -> object:
    raise CannotRunError("it is night")


def test_a_report_fails_on_failures_alone_and_what_could_not_run_is_no_health() -> None:
    def report(*probes: Probe) -> Report:
        return examine(probes=probes, environ={})

    well, warned = report(_probe(_signs())), report(_probe(_signs("keys.old")))
    ill, dark = report(_probe(_signs("keys.old", "keys.missing"))), report(_probe(_cannot))
    assert [one.failed for one in (well, warned, ill, dark)] == [False, False, True, True]
    assert [one.count("healthy") for one in (well, warned, ill, dark)] == [1, 0, 0, 0]
    assert (dark.results[0].health, dark.results[0].why) == ("unknown", "it is night")
    assert "ES256" not in repr(ill)
    assert "c2lnbmF0dXJl" not in repr(ill)
    missing = report(_probe(_signs(), "canary"))
    assert missing.results[0].why.startswith("needs an account of its own: --canary")


def test_sarif_has_the_shape_of_2_1_0() -> None:
    report = examine(probes=(_probe(_signs("keys.missing", "keys.old")), _probe(_cannot)), environ={})
    log = sarif(report, "1.0")
    assert list(wrong(log)) == []
    assert (log["version"], set(log)) == ("2.1.0", {"$schema", "version", "runs"})
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(AILMENTS)
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("keys.missing", "error"),
        ("keys.old", "warning"),
    ]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["message"]["text"]
        assert "uri" in one["locations"][0]["physicalLocation"]["artifactLocation"]
    [notice] = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"] == "p could not run: it is night"
    assert to_builtins(report)["results"][0]["findings"][0]["id"] == "keys.missing"


def test_a_place_in_sarif_is_a_uri_and_two_places_are_two(tmp_path: Path) -> None:
    folder = tmp_path / "meine Häuser"
    folder.mkdir()
    paths = [folder / "one.toml", folder / "two.toml"]
    for path in paths:
        path.write_text("url = 'memory:'\n")
    probes = (_probe(_signs("keys.old"), "config"), _probe(_signs("keys.missing"), "configs"))
    log = sarif(examine(map(str, paths), probes=probes, environ={}), "1.0")
    assert list(wrong(log)) == []
    found = [
        [place["physicalLocation"]["artifactLocation"]["uri"] for place in one["locations"]]
        for one in log["runs"][0]["results"]
    ]
    uris = [f"{quote(str(tmp_path))}/meine%20H%C3%A4user/{path.name}" for path in paths]
    assert found == [[uris[0]], [uris[1]], uris]


def test_the_check_of_sarif_sees_what_is_wrong() -> None:
    log = sarif(examine(probes=(_probe(_signs("keys.missing")),), environ={}), "1.0")
    [result] = log["runs"][0]["results"]
    del result["message"]
    result |= {"level": "failure", "colour": "red", "ruleIndex": "1"}
    log["version"] = "2.0"
    assert len(list(wrong(log))) == 5


@pytest.mark.parametrize(
    ("said", "configured", "bound"), [(2.0, 9.0, 2.0), (None, 9.0, 9.0), (None, None, 5.0), (0.0, 9.0, 0.0)]
)
def test_the_bound_of_a_sign_out_is_what_was_declared(
    said: float | None, configured: float | None, bound: float
) -> None:
    names = {"url": "memory:", "issuer": "https://id.example", "audience": "https://api.example"}
    settings = None if configured is None else settings_of(names | {"max_staleness": configured}, {})
    case = Case(clock=FrozenClock(), canary=Canary(max_staleness=said), config=Configured("w.toml", settings))
    assert case.bound == bound


def test_a_probe_of_a_server_knows_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text("url = 'memory:'\nissuer = 'https://id.example'\naudience = 'a'\nmax_staleness = 9\n")
    patient, bounds = Patient("http://127.0.0.1:1"), list[float]()

    def noted(case: Case) -> Iterator[Sign]:
        bounds.append(case.bound)
        yield from ()

    probe = _probe(noted, "url")
    examine([str(path)], [patient], probes=(probe,), environ={})
    examine([], [patient], probes=(probe,), environ={})
    patient.close()
    assert bounds == [9.0, 5.0]


def test_a_canary_that_others_can_read_is_refused_and_variables_win(tmp_path: Path) -> None:
    path = tmp_path / "canary.toml"
    path.write_text('username = "c"\npassword = "hunter2"\n')
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600") as refused:
        read_canary(str(path), {})
    assert "hunter2" not in str(refused.value)
    path.chmod(0o600)
    found = read_canary(str(path), {"WATCHWORD_CANARY_PASSWORD": "other"})
    assert (found.username, found.password, found.acts) == ("c", "other", True)
    assert "other" not in repr(found)
    assert not read_canary(None, {}).acts
    path.write_text('pasword = "hunter2"\n')
    with pytest.raises(ConfigurationError, match="pasword"):
        read_canary(str(path), {})
    path.write_text('[paths]\nme = "GET http://evil.example/"\n')
    with pytest.raises(ConfigurationError, match="does not fit"):
        read_canary(str(path), {})
    path.write_text('password = "hunter2')
    with pytest.raises(ConfigurationError, match="is not TOML") as broken:
        read_canary(str(path), {})
    assert "hunter2" not in str(broken.value)


@pytest.mark.parametrize(
    "url",
    [
        "app.example",
        "ftp://app.example",
        "https://",
        "https://u:hunter2@app.example",
        "https://app.example/x",
        "https://[",
        "https://a:x",
    ],
)
def test_a_url_is_an_origin(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Patient(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("path", ["GET //evil.example/", "GET http://evil.example/", "GET \\\\evil.example", "GET"])
def test_no_path_leads_to_another_origin(path: str) -> None:
    patient = Patient("http://127.0.0.1:1")
    with pytest.raises(UnreachableError, match="no path of this server"):
        patient.ask(path)
    patient.close()


def test_what_holds_secrets_shows_none() -> None:
    answer = Answer(200, (("set-cookie", "sid=secret"),), b"secret")
    assert "secret" not in repr((answer, Canary(username="u", password="secret"), said_by("eyJhIjoic2VjcmV0In0.e30.")))
    assert said_by("x").claims == said_by("a.b").claims == said_by("ww_at_1").claims == Untrusted({})
