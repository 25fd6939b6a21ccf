"""The field's advice, row by row: a golden system comes out so, or the audit, the doctor or inspect says it.

What is left out of it decides nothing: what to measure (``watchword bench``), the history, what is often said wrongly
(both in the explanations).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from tests.unit.advisor.golden import GOLDEN
from watchword.advisor.answers import answers_of
from watchword.advisor.audit import audit
from watchword.advisor.decide import decide
from watchword.advisor.plan import Plan
from watchword.advisor.questions import QUESTIONS
from watchword.config import settings_of
from watchword.diagnosis.doctor import AILMENTS
from watchword.diagnosis.findings.table import FINDINGS


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of advice, and what of ours answers to it."""

    part: str
    says: str
    systems: list[str] = []
    choice: dict[str, str] = {}
    offers: dict[str, list[str]] = {}
    rejects: dict[str, list[str]] = {}
    rules: dict[str, list[str]] = {}
    carrier: dict[str, str] = {}
    lifetime: dict[str, int] = {}
    settings: dict[str, Any] = {}
    checklist: list[str] = []
    ended: bool = False
    audit: tuple[dict[str, Any], str] | None = None
    doctor: list[str] = []
    inspect: list[str] = []
    asked: list[str] = []
    better: str = ""


ROWS = [
    msgspec.convert(row, Row)
    for row in tomllib.loads(Path(__file__).with_name("judgement.toml").read_text(encoding="utf-8"))["row"]
]
PLANS: dict[str, Plan] = {system.name: decide(answers_of(system.answers)) for system in GOLDEN}
HOUSE = {"url": "sqlite:///app.db", "issuer": "https://id.example", "audience": "https://api.example"}


def test_no_row_is_forgotten() -> None:
    parts = Counter(row.part for row in ROWS)
    assert parts == {"client": 13, "question": 8, "job": 7, "keep": 3, "mistake": 12, "2 AM": 7, "cookies": 4}
    assert len({(row.part, row.says) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.part}: {row.says}")
def test_the_advice_of_the_field(row: Row) -> None:
    assert row.systems or row.audit or row.doctor or row.inspect or row.asked
    for name in row.systems:
        _advised(PLANS[name], row)
    if row.audit is not None:
        settings, rule = row.audit
        assert rule in {one.rule for one in audit(settings_of(HOUSE | settings, {}))}
        assert rule not in {one.rule for one in audit(settings_of(HOUSE, {}))}
    assert set(row.doctor) <= AILMENTS.keys()
    assert set(row.inspect) <= FINDINGS.keys()
    assert [name for name in QUESTIONS if name in row.asked] == row.asked


def _advised(plan: Plan, row: Row) -> None:
    assert row.choice.items() <= {one.job: one.choice for one in plan.rows}.items()
    for job, names in row.offers.items():
        assert set(names) <= {one.id for one in plan[job].offered}, job
    for job, names in row.rejects.items():
        assert set(names) <= {one.id for one in plan[job].rejected}, job
    for job, names in row.rules.items():
        assert set(names) <= set(plan[job].rules), job
    for job, words in row.carrier.items():
        assert words in plan[job].carrier, job
    for job, most in row.lifetime.items():
        assert plan[job].lifetime in range(1, most + 1), job
    assert row.settings.items() <= plan.settings.items()
    for words in row.checklist:
        assert any(words in line for line in plan.checklist), words
    if row.ended:
        assert all(one.stops_within is not None for one in plan.rows if one.choice != "none")
