"""Every row of the catalogue at the scale of a test run, and the page of what they found at full scale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import require
from tests.faults import rows
from tests.faults.page import PAGE, page
from tests.faults.row import Fault, Row, Target
from tests.faults.rows import catalogue
from tests.faults.run import LINES, read, run
from tests.faults.setting import FOUND, SERVICES

SLACK = 20
"""A machine that has other work may take so many times as long; counts are held as they are."""
TURNS = 3
"""A stall of the machine is one turn's; what is slow by itself is so in each. A count that is missed once is missed."""
MISSED = re.compile(r"\| ([A-Z]-\w+) \|.*\*\*missed\*\*")
CASES = [(fault, store) for fault in catalogue() for store in fault.stores]


@pytest.mark.anyio
@pytest.mark.parametrize(("fault", "store"), CASES, ids=[f"{fault.id}-{store}" for fault, store in CASES])
async def test_a_row_is_as_expected(fault: Fault, store: str, tmp_path: Path) -> None:
    for service in SERVICES.get(store, ()):
        require(service, FOUND[service](), f"{fault.id} over {store} starts one of its own")
    held = [target for target in fault.held(store) if target.figure not in fault.misses]
    for turn in range(TURNS):
        (folder := tmp_path / str(turn)).mkdir()
        row = await run(fault, store, folder=folder)
        if row.not_run is not None:
            assert row.not_run  # the machine refuses, and its words are in the row
            return
        assert row.ops > 0
        assert row.wrong_accepts == 0
        late = [target for target in held if not target.met(row, slack=SLACK)]
        missed = {str(target): row.figure(target.figure) for target in late}
        assert all(target.timed for target in late), (missed, row)
        if not late:
            return
    raise AssertionError(missed, row)


def test_every_file_of_rows_is_in_the_catalogue() -> None:
    folder = Path(rows.__file__).parent
    assert sorted(rows.FILES) == sorted(path.stem for path in folder.glob("[!_]*.py"))
    ids = [fault.id for fault in catalogue()]
    assert len(ids) == len(set(ids))


def test_the_page_says_what_the_lines_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read(LINES)), "run `python -m tests.faults.page`"


def test_the_headline_counts_every_goal_that_a_row_marks_as_missed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    marked = [(found[1], line.count("**missed**")) for line in text.splitlines() if (found := MISSED.match(line))]
    headline = next(line for line in text.splitlines() if line.startswith("**") and "goals missed" in line)
    assert f"; {sum(count for _, count in marked)} of " in headline
    assert re.findall(r"\[(\S+)\]\(#", headline) == sorted({name for name, _ in marked})


def test_every_fault_has_its_line_and_nothing_dead_was_ever_accepted() -> None:
    lines = read(LINES)
    assert [(line.row.id, line.row.store) for line in lines] == [(fault.id, store) for fault, store in CASES]
    assert [line.row.id for line in lines if line.row.wrong_accepts] == []
    assert [line.row.id for line in lines if line.row.failed is not None or line.row.not_run == ""] == []


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("p99_ms", 2), True),
        (Target("p99_ms", 1), False),
        (Target("lost", 0), False),
        (Target("lost", 1), True),
        (Target("lost", 2, least=True), False),
        (Target("p50_ms", 1), False),
    ],
)
def test_what_was_not_measured_meets_no_target(target: Target, met: bool) -> None:
    assert target.met(Row(id="F-0", p99_ms=1.5, more={"lost": 1})) is met


def test_a_status_is_a_figure_and_a_store_is_held_to_its_own_targets() -> None:
    row = Row(id="F-0", store="redis", http={"200": 5, "503": 1})
    assert not Target("503", 0).met(row)
    assert Target("504", 0).met(row)
    for fault in catalogue():
        assert {store for target in fault.targets for store in target.over} <= set(fault.stores), fault.id


def test_a_busy_machine_is_given_time_and_nothing_else() -> None:
    assert Target("p99_ms", 1).met(Row(id="F-0", p99_ms=15), slack=SLACK)
    assert not Target("ops", 1).met(Row(id="F-0", ops=2), slack=SLACK)


def test_the_catalogue_is_complete() -> None:
    asked = {f"F-{n:02}" for n in (*range(1, 18), *range(19, 29), 30, *range(36, 42), 50)}
    assert asked <= {fault.id for fault in catalogue()}
