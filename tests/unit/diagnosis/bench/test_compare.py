"""Two runs: factors by the ids of tables, what else differs, and what is in one of them alone."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.diagnosis.bench.sample import GROWTH, MACHINE, SIGN, VERIFY, hostile, row, sample
from watchword.diagnosis.bench.compare import compare
from watchword.diagnosis.bench.figures import number, ratio, text, times
from watchword.diagnosis.bench.glance import glance
from watchword.diagnosis.bench.result import Section, Table


def only(*tables: Table) -> list[Section]:
    return [Section(id="formats", title="Formats", words="", tables=list(tables))]


def test_a_run_beside_itself() -> None:
    found = compare(sample(), sample())
    assert (found.differs, found.only_old, found.only_new) == ([], [], [])
    assert {one.factor for one in found.changes} == {1.0}
    assert len(found.changes) == sum(len(table.rows) for section in sample().sections for table in section.tables)


def test_factors_are_of_the_same_row_and_what_is_alone_is_named() -> None:
    rows = [row("watchword", 39.05, ours=True), row("gone", 1.0), row("PyJWT", 0.0)]
    old = sample(sections=only(msgspec.structs.replace(VERIFY, rows=rows), GROWTH))
    found = compare(old, sample(sections=only(VERIFY, SIGN)))
    assert found.of(VERIFY, VERIFY.rows[1]) == found.changes[0]
    assert (found.changes[0].old, found.changes[0].new, found.changes[0].factor) == (39.05, 78.1, 2.0)
    assert (found.changes[1].name, found.changes[1].factor) == ("PyJWT", None)
    assert found.of(SIGN, SIGN.rows[1]) is None
    assert found.only_old == ["revocation.growth", "formats.es256.verify: gone"]
    assert found.only_new[:2] == ["formats.es256.sign", "formats.es256.verify: the raw primitive"]


def test_a_section_that_was_not_asked_for_is_not_missing() -> None:
    more = Section(id="revocation", title="Revocation", words="", tables=[GROWTH])
    old = sample(sections=[*only(VERIFY, SIGN), more])
    assert compare(old, sample(sections=only(VERIFY))).only_old == ["formats.es256.sign"]


def test_rows_of_growth_are_told_apart_by_their_entries() -> None:
    fewer = msgspec.structs.replace(GROWTH, rows=[one for one in GROWTH.rows if one.at != 10_000])
    found = compare(sample(sections=only(fewer)), sample(sections=only(GROWTH)))
    assert {one.factor for one in found.changes} == {1.0}
    assert found.only_new == [f"revocation.growth: {name} at 10,000" for name in ("the View", GROWTH.rows[-1].name)]


def test_a_table_in_another_unit_is_not_compared() -> None:
    found = compare(sample(sections=only(msgspec.structs.replace(SIGN, unit="ms"))), sample(sections=only(SIGN)))
    assert found.changes == []
    assert found.differs == ["formats.es256.sign: measured in another unit, not compared"]


def test_what_differs_is_said_in_words() -> None:
    libraries = MACHINE["libraries"] | {"msgspec": "0.21.0", "pyseto": "1.10.0"}
    machine = MACHINE | {"cpu": "Another CPU", "libraries": libraries, "load": [3.5, 1.0, 1.0]}
    found = compare(sample(watchword="0.0.9", quick=True, machine=machine), sample())
    assert found.differs == [
        "watchword was 0.0.9, and is 0.1.0",
        "the old run was quick and the new one was not: fewer rounds, other batches",
        "cpu was Another CPU, and is An Example CPU @ 3.20GHz",
        "msgspec was 0.21.0, and is 0.22.0",
        "pyseto was 1.10.0, and is not there",
        "the machine was busier at the old run: load 3.5 then, 0.4 now",
    ]
    assert found.against == "watchword 0.0.9, 2026-11-23T06:00:00Z"


def test_no_text_of_it_is_obeyed_by_a_terminal() -> None:
    asked = [msgspec.structs.replace(one, tables=[]) for one in hostile().sections]
    found = compare(hostile(), sample(sections=[*sample().sections, *asked]))
    everything = (found.against, *found.differs, *found.only_old, *found.only_new)
    assert all(said.isprintable() for said in everything)
    assert sum(text("\x1b[31m\u202e") in said for said in everything) == 5


def test_a_text_of_megabytes_is_cut() -> None:
    huge = "x" * 4_000_000
    old = sample(watchword=huge, machine={huge: huge}, sections=only(msgspec.structs.replace(SIGN, id=huge)))
    found = compare(old, sample(sections=only(VERIFY)))
    assert max(map(len, (found.against, *found.differs, *found.only_old))) < 10_000
    assert max(map(len, found.only_old)) == 4_001


def test_ratios_hold_within_a_table() -> None:
    assert ratio(VERIFY, VERIFY.rows[2]) == 123.4 / 73.9
    assert ratio(VERIFY, VERIFY.rows[0]) == 1.0
    assert ratio(GROWTH, GROWTH.rows[3]) == pytest.approx(1.06)
    assert ratio(GROWTH, GROWTH.rows[4]) == 1.0
    assert ratio(msgspec.structs.replace(VERIFY, over=""), VERIFY.rows[0]) is None
    assert ratio(msgspec.structs.replace(VERIFY, over="nobody"), VERIFY.rows[0]) is None
    for least in (0.0, 5e-324):
        none = Table(id="x", title="x", rows=[row("a", least), row("b", 1.0)], over="a")
        assert ratio(none, none.rows[1]) is None


def test_numbers_have_three_digits_that_count() -> None:
    said = [number(one) for one in (0.0, 0.4116, 0.9996, 4.116, 41.16, 99.96, 411.6, 4116.4)]
    assert said == ["0.000", "0.412", "1.00", "4.12", "41.2", "100", "412", "4,116"]
    said = [times(one) for one in (None, 0.0057, 1.0, 9.949, 31.44, 99.6, 1234.5)]
    assert said == ["–", "0.0057×", "1.00×", "9.95×", "31.4×", "100×", "1,234×"]


def test_in_short() -> None:
    found = {one.table: one for one in glance(sample())}
    verify = found["Verify an ES256 JWT"]
    assert (verify.ours, verify.median) == ("", "78.1 µs")
    assert (verify.over, verify.other) == ("1.06× the raw primitive", "PyJWT 1.58×")
    assert found["Is it revoked?"].over == "1.06× from 1,000 to 1,000,000 entries"
    floors = [*VERIFY.rows[:2], row("the raw primitive in a slower library", 76.0)]
    [alone] = glance(sample(sections=only(msgspec.structs.replace(VERIFY, rows=floors))))
    assert alone.other == ""


def test_in_short_says_what_our_row_has_and_the_fastest_peer_has_not() -> None:
    noted = [VERIFY.rows[0], msgspec.structs.replace(VERIFY.rows[1], note="remembered"), *VERIFY.rows[2:]]
    [line] = glance(sample(sections=only(msgspec.structs.replace(VERIFY, rows=noted))))
    assert (line.ours, line.other) == ("(remembered)", "PyJWT 1.58×")
    [line] = glance(sample(sections=only(msgspec.structs.replace(VERIFY, rows=noted[:2]))))
    assert line.ours == ""
