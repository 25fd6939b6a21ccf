"""A run gives a report with every section, and tells how far it is. What the figures are is nobody's business here."""

from __future__ import annotations

import logging
import math
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword import __version__
from watchword.diagnosis.bench.result import Report, Row, Table
from watchword.diagnosis.bench.run import SECTIONS, Step, bench
from watchword.errors import ConfigurationError

SIGNED = ("hs256", "rs256", "es256", "ed25519", "v4_public")
IDS = {
    "formats": [
        *(f"formats.{name}.{verb}" for name in SIGNED for verb in ("verify", "sign")),
        *(f"formats.{name}.{verb}" for name in ("v4_local", "jwe_dir") for verb in ("decrypt", "encrypt")),
        *("formats.again", "formats.near"),
    ],
    "stores": [
        *("stores.read", "stores.write"),
        *("stores.coalesced.memory", "stores.coalesced.sqlite", "stores.coalesced_writes.sqlite"),
    ],
    "revocation": ["revocation.lag", "revocation.blocklist", "revocation.growth"],
    "requests": ["requests.asgi", "requests.cpu", "requests.wait"],
    "passwords": ["passwords.argon2id"],
}


@pytest.fixture
def whole(servers: None) -> tuple[Report, list[Step]]:
    return _whole()


@cache
def _whole() -> tuple[Report, list[Step]]:
    steps: list[Step] = []
    return bench(quick=True, argon2_ms=1, progress=steps.append), steps


def rows(report: Report, table: str) -> dict[str, Row]:
    [found] = [one for section in report.sections for one in section.tables if one.id == table]
    return {row.name: row for row in found.rows}


def test_every_section_has_its_tables_and_their_ids_stay(whole: tuple[Report, list[Step]]) -> None:
    assert {section.id: [table.id for table in section.tables] for section in whole[0].sections} == IDS
    assert list(SECTIONS) == list(IDS)


def test_a_report_says_where_and_when(whole: tuple[Report, list[Step]]) -> None:
    report, _ = whole
    assert (report.watchword, report.quick) == (__version__, True)
    assert report.seconds > 0
    assert report.at.endswith("Z")
    assert report.machine.keys() >= {"cpu", "cores", "load", "load_after", "system", "python", "openssl", "libraries"}
    assert report.machine["libraries"]["cryptography"]


def test_a_report_comes_back_from_json(whole: tuple[Report, list[Step]]) -> None:
    report, _ = whole
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_each_table_has_ours_positive_figures_and_what_it_is_compared_with(whole: tuple[Report, list[Step]]) -> None:
    for section in whole[0].sections:
        assert section.title
        assert section.words.endswith(".")
        for table in section.tables:
            assert all(math.isfinite(row.p99) and 0 < row.median <= row.p99 for row in table.rows), table
            assert any(row.ours for row in table.rows), table.id
            assert table.over in {row.name for row in table.rows}, table.id
            assert len({(row.name, row.at) for row in table.rows}) == len(table.rows), table.id


def test_formats_stand_beside_the_primitive_and_every_installed_peer(whole: tuple[Report, list[Step]]) -> None:
    report, _ = whole
    for table in IDS["formats"][:8]:
        assert rows(report, table).keys() >= {"the raw primitive", "watchword", "PyJWT", "joserfc", "jwcrypto"}, table
    for table in ("formats.v4_public.sign", "formats.v4_local.decrypt", "formats.v4_local.encrypt"):
        assert rows(report, table).keys() >= {"the raw primitive", "watchword", "pyseto"}, table
    assert rows(report, "formats.jwe_dir.decrypt").keys() == {"the raw primitive", "watchword", "joserfc", "jwcrypto"}
    assert report.sections[0].not_run == []


def test_tokens_have_their_bytes(whole: tuple[Report, list[Step]]) -> None:
    report, _ = whole
    for table in IDS["formats"][:-2]:
        assert all(row.bytes or row.note for row in rows(report, table).values() if row.ours), table
    assert rows(report, "formats.near")["a session kept near"].bytes == 49
    assert 0 < (rows(report, "formats.hs256.sign")["watchword"].bytes or 0) < 500


def test_what_is_remembered_is_set_over_a_digest_of_its_own_length(whole: tuple[Report, list[Step]]) -> None:
    for table in ("formats.again", "formats.near"):
        sizes = [row.bytes or 0 for row in rows(whole[0], table).values()]
        assert 0 < max(sizes) <= min(sizes) + 15, table


def test_rows_say_what_sets_them_apart_from_those_beside_them(whole: tuple[Report, list[Step]]) -> None:
    for table in ("requests.asgi", "requests.cpu", "requests.wait"):
        assert rows(whole[0], table)["watchword, a bearer token seen before"].note == "remembered"
    asgi = rows(whole[0], "requests.asgi")
    assert asgi["watchword, a session read from SQLite each time"].note == "without the wait for the store"
    assert asgi["watchword, a session read from memory each time"].note == ""


def test_growth_has_a_row_for_each_number_of_entries(whole: tuple[Report, list[Step]]) -> None:
    [table] = [one for one in whole[0].sections[2].tables if one.id == "revocation.growth"]
    assert [(row.name, row.at) for row in table.rows] == [
        (name, at) for name in ("the check alone", "a token seen before") for at in (10, 200)
    ]
    assert "bytes an entry" in table.note


def test_whole_requests_know_their_caller_in_each_way(whole: tuple[Report, list[Step]]) -> None:
    assert rows(whole[0], "requests.asgi").keys() == {
        "no auth",
        "watchword, a bearer token seen before",
        "watchword, each bearer token new",
        "watchword, a session kept near",
        "watchword, a session read from memory each time",
        "watchword, a session read from SQLite each time",
        "PyJWT in a middleware",
    }


def test_over_loopback_the_same_callers_are_known(whole: tuple[Report, list[Step]]) -> None:
    for table in ("requests.cpu", "requests.wait"):
        assert list(rows(whole[0], table)) == [
            "no auth",
            "watchword, a bearer token seen before",
            "watchword, a session kept near",
            "PyJWT in a middleware",
        ]


def test_what_was_not_given_is_said(whole: tuple[Report, list[Step]]) -> None:
    for section in whole[0].sections[1:4]:
        assert [line.split()[0] for line in section.not_run] == ["PostgreSQL", "Redis"]
        assert "--postgres URL" in section.not_run[0]
        assert "--redis URL" in section.not_run[1]


def test_progress_is_told_from_the_first_unit_to_the_last(whole: tuple[Report, list[Step]]) -> None:
    steps = whole[1]
    for name in SECTIONS:
        told = [step for step in steps if step.section == name]
        assert [step.done for step in told] == list(range(told[0].of + 1))
        assert {step.of for step in told} == {told[0].of}
        assert all(step.what for step in told[:-1])


def test_servers_that_are_given_are_measured(
    postgres: Postgres, valkey: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    steps: list[Step] = []
    only = ("stores", "revocation", "requests")
    report = bench(quick=True, only=only, postgres=postgres.fresh(), redis=valkey.fresh(), progress=steps.append)
    assert [section.not_run for section in report.sections[:2]] == [[], []]
    assert rows(report, "stores.read").keys() == {"memory", "SQLite", "PostgreSQL", "Redis"}
    assert rows(report, "stores.write").keys() == {"memory", "SQLite", "PostgreSQL", "Redis"}
    assert rows(report, "stores.coalesced.redis").keys() == {"one after the other", "32 at once"}
    assert rows(report, "revocation.lag").keys() == {"SQLite", "PostgreSQL", "Redis"}
    assert rows(report, "revocation.blocklist").keys() >= {
        "the View",
        "a read of PostgreSQL",
        "a read of Redis",
        "PyJWT, and a GET through redis.asyncio",
    }
    assert "watchword, a session read from Redis each time" in rows(report, "requests.asgi")
    assert [step.done for step in steps if step.section == "stores"] == list(range(4 + 9 * 2 + 1))
    assert caplog.records == []


def test_only_the_named_sections_run() -> None:
    report = bench(quick=True, only=["requests"])
    assert [section.id for section in report.sections] == ["requests"]


def test_a_section_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="there are: formats, stores, revocation, requests, passwords"):
        bench(quick=True, only=["request"])


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bench(quick=True, only=["stores"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_any_name_is_worked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "a?b#c%20d"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    report = bench(quick=True, only=["stores"])
    assert "SQLite" in rows(report, "stores.read")
    assert list(odd.iterdir()) == []


def test_a_table_names_its_unit(whole: tuple[Report, list[Step]]) -> None:
    assert Table(id="one", title="One", rows=[]).unit == "µs"
    assert {
        table.id: table.unit for section in whole[0].sections for table in section.tables if table.unit != "µs"
    } == {
        "revocation.lag": "ms",
        "passwords.argon2id": "ms",
    }
