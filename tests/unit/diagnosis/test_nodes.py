"""Two nodes, TLS, clocks, and the keys of the file: what one healthy server cannot show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.diagnosis.faults import cached
from tests.unit.diagnosis.test_faults import looked_at
from tests.unit.diagnosis.wards import Ask, Asked, Said, UnansweredError, Ward, canary, none, ward
from tests.unit.runtime.test_fetch import certificate
from watchword.clock import SystemClock
from watchword.crypto import passwords
from watchword.diagnosis.canary import sign_in, visiting
from watchword.diagnosis.doctor import PROBES, Report, examine
from watchword.diagnosis.patient import MAX_BODY, Patient, UnreachableError
from watchword.diagnosis.probes import nodes
from watchword.diagnosis.probes.base import CannotRunError
from watchword.diagnosis.probes.reach import MARK
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.keys.sources import read_file

Open = Callable[..., Ward]


def ids(report: Report) -> set[str]:
    return {one.id for one in report.findings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


def test_two_nodes_of_one_store_have_no_finding(wards: Open, folder: Path) -> None:
    issuer = "https://as.example"
    report = looked_at(wards(folder=folder, issuer=issuer), wards(folder=folder, issuer=issuer, clock=SystemClock()))
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    assert {one.probe for one in report.results if one.health == "unknown"} == {
        "key-sprawl",
        "server-hsts",
        "node-restarted",
    }


def test_two_nodes_with_a_store_each(wards: Open) -> None:
    report = looked_at(
        wards(issuer="https://as.example"), wards(issuer="https://as.example", clock=SystemClock()), config=False
    )
    assert ids(report) == {"node.session-lost", "document.nodes-differ"}


def test_two_nodes_with_keys_each(wards: Open, folder: Path) -> None:
    one = wards(folder=folder, issuer="https://as.example")
    report = looked_at(one, wards(folder=folder, issuer="https://as.example", keys=f"{folder}/own.keys"), config=False)
    assert ids(report) == {"node.token-refused", "document.nodes-differ"}


def test_a_node_that_hears_of_no_sign_out(wards: Open, folder: Path) -> None:
    one, deaf = (wards(folder=folder, issuer="https://as.example", clock=clock) for clock in (None, SystemClock()))
    deaf.meddler.fault = cached("cookie")(deaf)
    try:
        report = looked_at(one, deaf)
    finally:
        deaf.meddler.fault = none
    assert ids(report) == {"node.deaf", "session.lives"}  # it is also asked alone


def restarted_as(there: Ward, after: Ward | None) -> Report:
    """Another process takes the place of the one that was asked; None: none does."""
    before = there.meddler.app

    def restart() -> None:
        if after is None:
            raise CannotRunError("the restart ended with 1")
        there.meddler.app = after.meddler.app

    try:
        return looked_at(there, config=False, restart=restart)
    finally:
        there.meddler.app = before


def test_what_a_restart_leaves(wards: Open, folder: Path) -> None:
    """As after a restart the same store and keys; then another store, then other keys."""
    issuer = "https://as.example"
    one, same = wards(folder=folder, issuer=issuer), wards(folder=folder, issuer=issuer, clock=SystemClock())
    report = restarted_as(one, same)
    assert (ids(report), _health(report)) == (set(), "healthy")
    assert ids(restarted_as(one, wards(issuer=issuer))) == {"restart.session-lost", "restart.token-refused"}
    other = wards(folder=folder, issuer=issuer, keys=f"{folder}/own.keys")
    assert ids(restarted_as(one, other)) == {"restart.token-refused"}
    assert _health(restarted_as(one, None)) == "unknown"


def test_a_restart_that_does_not_come_back(wards: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "BACK", 0.1)
    there = wards()

    async def gone(asked: Asked, ask: Ask) -> Said:
        raise UnansweredError

    def restart() -> None:
        there.meddler.fault = gone

    try:
        [probe] = [one for one in PROBES if one.id == "node-restarted"]
        report = looked_at(there, config=False, restart=restart, probes=[probe])
    finally:
        there.meddler.fault = none
    assert ids(report) == {"restart.stays-away"}


def _health(report: Report) -> str:
    return next(one.health for one in report.results if one.probe == "node-restarted")


class Ahead(SystemClock):
    def now(self) -> int:
        return super().now() + 30


def test_a_node_whose_clock_is_wrong_behind_a_proxy_whose_clock_is_right(wards: Open) -> None:
    assert ids(looked_at(wards(clock=Ahead()))) == {"clock.issuer"}


def test_a_document_that_is_older_than_the_key_file(wards: Open, tmp_path: Path) -> None:
    """The server was not told: its process has the key still, and the file has it no more."""
    there = wards(issuer="https://old.example")
    file = Path(f"{there.ww.key_file}")
    ring = KeyRing(read_file(file))
    kept, extra = ring.active("sign", format="jwt"), Key.generate("ES256")
    ring.add(extra.public())
    ring.retire(extra.kid)
    ring.save(file)

    async def older(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_("GET /.well-known/jwks.json"):
            assert kept.kid.encode() in said.body
            said.body = KeyRing.of(kept, extra.public()).jwks().__repr__().replace("'", '"').encode()
        return said

    there.meddler.fault = older
    try:
        report = looked_at(there)
    finally:
        there.meddler.fault = none
    assert ids(report) == {"document.retired"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ward, str]]:
    where = tmp_path_factory.mktemp("tls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        made = certificate(where, "localhost")
        with ward(where, tls=made) as one:
            yield one, str(made[0])


def over_tls(secured: tuple[Ward, str], ca: str | None) -> Report:
    patient = Patient(secured[0].url, ca=ca)
    try:
        return examine([str(secured[0].config)], [patient], canary(), environ={})
    finally:
        patient.close()


def test_over_tls_a_healthy_server_has_no_finding(secured: tuple[Ward, str]) -> None:
    report = over_tls(secured, secured[1])
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    assert "server-hsts" in {one.probe for one in report.results if one.health == "healthy"}


@pytest.mark.parametrize("value", [None, "max-age=600"])
def test_hsts_that_a_proxy_lost(secured: tuple[Ward, str], value: str | None) -> None:
    async def lost(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        said.put("strict-transport-security", value)
        return said

    secured[0].meddler.fault = lost
    try:
        assert ids(over_tls(secured, secured[1])) == {"server.no-hsts"}
    finally:
        secured[0].meddler.fault = none


def test_a_certificate_that_nobody_vouches_for(secured: tuple[Ward, str]) -> None:
    report = over_tls(secured, None)
    assert ids(report) == {"server.unreachable"}
    assert report.failed
    live = {one.probe: one.health for one in report.results if one.where == secured[0].url}
    assert set(live.values()) == {"ailing", "unknown"}, "what could not be looked at counts as healthy"


def test_a_server_that_is_away() -> None:
    patient = Patient("http://127.0.0.1:1")
    report = examine([], [patient], canary(), environ={})
    patient.close()
    assert ids(report) == {"server.unreachable"}


def test_no_credential_goes_to_another_machine_without_tls(wards: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very same server, by an address that is not called loopback: nothing of the canary is sent there."""
    there, seen = wards(), list[Asked]()
    monkeypatch.setattr("watchword.diagnosis.patient.is_loopback", lambda host: False)

    async def watched(asked: Asked, ask: Ask) -> Said:
        seen.append(asked)
        return await ask(asked)

    there.meddler.fault = watched
    try:
        report = looked_at(there)
    finally:
        there.meddler.fault = none
    assert ids(report) == {"server.plain"}
    why = {one.probe: one.why for one in report.results if one.health == "unknown"}
    assert why["token-good"] == "the URL is http and of another machine: no credential is sent there"
    assert seen
    assert not any(asked.path == "/account/sign-in" for asked in seen)
    assert {asked.get("cookie") for asked in seen} == {"", f"session={MARK}"}


def test_the_password_itself_is_held_back_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.diagnosis.patient.is_loopback", lambda host: False)
    patient = Patient("http://127.0.0.1:1")
    with pytest.raises(UnreachableError, match="has no TLS"):
        sign_in(canary(), patient, [])
    patient.close()


def test_redirects_to_another_origin_are_not_followed(wards: Open, folder: Path) -> None:
    there, elsewhere = wards(), wards(folder=folder, issuer="https://as.example")
    seen = list[str]()

    async def watched(asked: Asked, ask: Ask) -> Said:
        seen.append(asked.path)
        return await ask(asked)

    async def away(asked: Asked, ask: Ask) -> Said:
        return Said(307, [(b"location", f"{elsewhere.url}{asked.path}".encode())])

    there.meddler.fault, elsewhere.meddler.fault = away, watched
    try:
        report = looked_at(there)
    finally:
        there.meddler.fault = elsewhere.meddler.fault = none
    assert seen == []
    assert report.failed


def test_an_answer_without_an_end_is_cut(wards: Open) -> None:
    there = wards()

    async def endless(asked: Asked, ask: Ask) -> Said:
        return Said(200, [(b"content-type", b"text/html")], b"x" * 3_000_000)

    there.meddler.fault = endless
    patient = Patient(there.url)
    try:
        assert len(patient.ask("GET /").body) == MAX_BODY
    finally:
        there.meddler.fault = none
        patient.close()


def test_proxies_of_the_environment_are_not_used(wards: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    patient = Patient(wards().url)
    assert patient.ask("GET /health").ok
    patient.close()


def test_the_canary_leaves_no_session_behind(wards: Open) -> None:
    there = wards(issuer="https://clean.example")
    assert not looked_at(there).findings
    patient = Patient(there.url)
    with visiting(canary(), patient) as visit:
        sessions = patient.ask(visit.paths.sessions, headers=visit.own()).json().items("sessions")
    patient.close()
    assert [one.members["current"] for one in sessions or ()] == [True]
