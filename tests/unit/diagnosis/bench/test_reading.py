"""A report read back: what was written is read, and any bytes are a report or a ConfigurationError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.diagnosis.bench.sample import hostile, sample
from watchword.diagnosis.bench.compare import compare
from watchword.diagnosis.bench.html import page
from watchword.diagnosis.bench.reading import LONGEST, read_report, report_of
from watchword.diagnosis.bench.result import Report
from watchword.errors import ConfigurationError

WHOLE = msgspec.json.encode(sample())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
FIGURES = st.one_of(st.floats(0, 1e15), st.sampled_from([0.0, 5e-324, 1e-9, 1e15]))
ROWS = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]) | st.text(max_size=60), "median": FIGURES, "p99": FIGURES},
    optional={
        "ours": st.booleans(),
        "at": st.none() | st.integers(1, 10**15),
        "bytes": st.none() | st.integers(0, 10**15),
        "note": st.text(max_size=9),
    },
)
TABLES = st.fixed_dictionaries(
    {"id": st.sampled_from("xy"), "title": st.text(max_size=9), "rows": st.lists(ROWS, max_size=6)},
    optional={"over": st.sampled_from(["", "a"]), "unit": st.text(max_size=4), "note": st.text(max_size=9)},
)
SECTIONS = st.fixed_dictionaries(
    {"id": st.text(max_size=4), "title": st.text(max_size=4), "words": st.text(max_size=4)}
    | {"tables": st.lists(TABLES, max_size=3)}
)
REPORTS = st.fixed_dictionaries(
    {"watchword": st.text(max_size=9), "at": st.text(max_size=9), "seconds": FIGURES, "quick": st.booleans()}
    | {"machine": st.dictionaries(st.text(max_size=6) | st.sampled_from(["load", "libraries", "cpu"]), JSON)}
    | {"sections": st.lists(SECTIONS, max_size=2)}
)


def test_what_was_written_is_read() -> None:
    assert report_of(WHOLE) == sample()
    assert report_of(json.dumps(msgspec.to_builtins(hostile()), indent=1).encode()) == hostile()
    assert report_of(msgspec.json.encode(msgspec.to_builtins(sample()) | {"compared": {}})) == sample()


@given(st.binary(max_size=300) | st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end]))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"watchword":' * 100_000)
@example(b'{"machine":{"a":' + b"[" * 100_000)
@example(b'{"watchword":"\xff"}')
@example(b'{"machine":{"\xff":1}}')
@example(b"\xff\xfe\x00")
@example(b"9" * 5000)
def test_any_bytes_are_a_report_or_an_error(raw: bytes) -> None:
    refused = ""
    try:
        assert isinstance(report_of(raw), Report)
    except ConfigurationError as error:
        refused = str(error)
    if refused:
        assert refused.startswith("no report of watchword bench: ")
        assert refused.endswith("; make one with: watchword bench --output FILE")
        assert refused.count(";") == 1
        assert refused.isprintable()


@given(st.sampled_from(["watchword", "at", "seconds", "quick", "machine", "sections"]), JSON)
@settings(max_examples=50)
def test_so_is_a_report_with_something_else_in_a_member(member: str, value: Any) -> None:
    changed = msgspec.to_builtins(sample()) | {member: value}
    try:
        report = report_of(msgspec.json.encode(changed))
    except ConfigurationError:
        return
    assert page(report, compared=compare(report, sample()))


@given(REPORTS, REPORTS)
@settings(max_examples=60, deadline=None)
def test_every_report_that_is_read_can_be_drawn_and_compared(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = (report_of(msgspec.json.encode(which)) for which in (one, other))
    for report in (old, new):
        said = page(report, compared=compare(old, report))
        assert "nan" not in said.split("<main>")[1].partition('class="scroll"')[0].partition("<svg")[2]
        assert said.isprintable() or said.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "row",
    [
        {"median": -1.0},
        {"median": 1e16},
        {"p99": -0.5},
        {"at": 0},
        {"at": -(10**30)},
        {"at": 10**16},
        {"bytes": -1},
    ],
    ids=str,
)
def test_figures_that_nobody_measured_are_refused(row: dict[str, Any]) -> None:
    document = msgspec.to_builtins(sample())
    document["sections"][0]["tables"][0]["rows"][1] |= row
    with pytest.raises(ConfigurationError, match="no report of watchword bench"):
        report_of(msgspec.json.encode(document))


def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"old\.json cannot be read: No such file"):
        read_report(str(tmp_path / "old.json"))
    (tmp_path / "old.json").write_bytes(b" " * (LONGEST + 1))
    with pytest.raises(ConfigurationError, match=r"old\.json is no report of watchword bench: more than 8,388,608"):
        read_report(str(tmp_path / "old.json"))
    (tmp_path / "old.json").write_bytes(WHOLE)
    assert read_report(str(tmp_path / "old.json")) == sample()
