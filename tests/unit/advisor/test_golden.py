"""Described systems come out as the field's advice has it, and every rule is needed by at least one of them."""

from __future__ import annotations

import pytest

from tests.unit.advisor.golden import GOLDEN, System
from watchword.advisor.answers import Answers, answers_of
from watchword.advisor.base import Rule
from watchword.advisor.decide import decide
from watchword.advisor.jobs import JOBS, NONE
from watchword.advisor.plan import Plan
from watchword.advisor.rules import RULES

ANSWERS: list[Answers] = [answers_of(system.answers) for system in GOLDEN]
PLANS: list[Plan] = [decide(answers) for answers in ANSWERS]


def test_there_are_at_least_40_systems_and_no_two_have_one_name() -> None:
    assert len({system.name for system in GOLDEN}) == len(GOLDEN) >= 40


@pytest.mark.parametrize("system", GOLDEN, ids=lambda system: system.name)
def test_a_described_system(system: System) -> None:
    plan = decide(answers_of(system.answers))
    assert {row.job: row.choice for row in plan.rows} == dict.fromkeys(JOBS, NONE) | system.plan
    for job, names in system.offers.items():
        assert set(names) <= {one.id for one in plan[job].offered}, job
    for job, names in system.rejects.items():
        assert set(names) <= {one.id for one in plan[job].rejected}, job
    assert {name: plan.settings[name] for name in system.settings} == system.settings
    assert len(plan.checklist) == system.checklist


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_is_reached(rule: Rule) -> None:
    assert any(rule.holds(answers) for answers in ANSWERS)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_rule_is_idle_without_it_a_plan_would_be_another(rule: Rule) -> None:
    others = [one for one in RULES.values() if one is not rule]

    def without(answers: Answers) -> Plan | None:
        try:
            return decide(answers, others)
        except AssertionError:
            return None

    def shown(plan: Plan | None) -> object:
        """What a reader is told, but for the list of rules that had a say."""
        if plan is None:
            return None
        told = plan.to_json()
        for row in told["plan"].values():
            del row["rules"]
        return told

    held = [(answers, plan) for answers, plan in zip(ANSWERS, PLANS, strict=True) if rule.holds(answers)]
    assert any(shown(without(answers)) != shown(plan) for answers, plan in held)


def test_every_alternative_is_chosen_offered_or_rejected_somewhere() -> None:
    for job in JOBS.values():
        for name in job.alternatives.keys() - {NONE}:
            rows = [row for plan in PLANS for row in plan.rows if row.name == job.name]
            told = {row.choice for row in rows} | {one.id for row in rows for one in row.offered}
            assert name in told | {one.id for row in rows for one in row.rejected}
