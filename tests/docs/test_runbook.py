"""The runbook is the doctor's table: every finding has its page, with symptom, probe, cause, mend and prevention."""

from __future__ import annotations

from pathlib import Path

from tests.docs.runbook import FOLDER, pages
from watchword.diagnosis.doctor import AILMENTS, PAGES

ROOT = Path(__file__).parents[2]


def test_the_pages_are_those_that_the_table_writes() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.md")} == pages(), "run: make runbook"


def test_every_finding_has_its_section() -> None:
    for id, row in AILMENTS.items():
        page = (FOLDER / f"{PAGES[id]}.md").read_text()
        section = page.partition(f"## `{id}`\n")[2].partition("\n## ")[0]
        assert all(text in section for text in (row.symptom, row.cause, row.mend, "**Seen by.**")), id
        assert "**How to prevent it.**" in page


def test_every_probe_stands_in_the_guide() -> None:
    from watchword.diagnosis.doctor import FAMILIES

    guide = (ROOT / "docs/how-to/use-the-doctor.md").read_text()
    for family in FAMILIES:
        assert f"(../runbook/{family.page}.md)" in guide
        for probe in family.probes:
            assert f"`{probe.id}`" in guide, probe.id
