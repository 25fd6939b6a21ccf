"""decide is total, deterministic and monotone, whatever is answered; and the tables hold together."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.advisor.answers import answers_of, plain
from watchword.advisor.base import Rule, Says
from watchword.advisor.decide import decide
from watchword.advisor.jobs import FEED, JOBS, NONE
from watchword.advisor.plan import Plan
from watchword.advisor.questions import QUESTIONS, Question
from watchword.advisor.rules import RULES, table
from watchword.errors import ConfigurationError

GOOD = {
    "browser": {"session", "bff", "token-cookie", "token-memory"},
    "api": {"cookie", "opaque", "jwt", "paseto", "existing"},
    "refresh": {"opaque", "behind"},
    "service": {"jwt", "paseto", "opaque"},
    "api-keys": {"opaque"},
    "verification": {"one-time"},
    "reset": {"one-time"},
    "handover": {"sealed", "jwe"},
}
"""What may be chosen at all; everything else is rejected whatever is answered."""
STRICTER = {"stop": ("no", "minutes", "seconds", "at-once"), "level": ("ordinary", "regulated", "high")}
SOURCES = re.compile(
    r"(RFC (\d{4}|6265bis)( §[\d.]+)?|ASVS \d+\.\d+\.\d+|NIST SP 800-63B-4 §[\d.]+"
    r"|draft-ietf-oauth-browser-based-apps §[\d.]+|OpenID Connect Core §[\d.]+|PASETO specification)"
)


def _one(question: Question) -> st.SearchStrategy[Any]:
    if question.many:
        least = 1 if question.id == "client" else 0
        return st.lists(st.sampled_from(list(question.choices)), unique=True, min_size=least)
    return st.sampled_from(list(question.choices))


ANSWERS = st.fixed_dictionaries({}, optional={name: _one(question) for name, question in QUESTIONS.items()})


@given(ANSWERS)
def test_it_is_total_each_job_has_one_answer_and_each_alternative_a_word(given_answers: dict[str, Any]) -> None:
    plan = decide(answers_of(given_answers))
    assert [row.job for row in plan.rows] == list(JOBS)
    for row in plan.rows:
        alternatives = set(JOBS[row.job].alternatives)
        offered, rejected = {one.id for one in row.offered}, {one.id for one in row.rejected}
        assert row.choice in GOOD[row.job] | {NONE}
        assert offered <= alternatives - {row.choice, NONE}
        assert offered | rejected | {row.choice, NONE} == alternatives
        assert not offered & rejected
        assert row.choice not in rejected
        assert all(one.reason and one.rule in RULES for one in row.rejected)
        assert row.rule in row.rules
        assert {*plan.because.values()} <= RULES.keys()
        assert plan.settings.keys() == plan.because.keys()


@given(ANSWERS)
def test_some_things_are_never_recommended(given_answers: dict[str, Any]) -> None:
    plan = decide(answers_of(given_answers))
    for row in plan.rows:
        for never in alternatives_never(row.job):
            assert never not in (row.choice, *(one.id for one in row.offered))


@given(ANSWERS)
def test_what_is_never_right_is_rejected_for_a_reason_of_its_own(given_answers: dict[str, Any]) -> None:
    for row in decide(answers_of(given_answers)).rows:
        reasons = {one.id: one.reason for one in row.rejected}
        bad = [reasons[never] for never in alternatives_never(row.job)]
        assert not [reason for reason in bad if reason.startswith("another answer fits")]


def alternatives_never(job: str) -> set[str]:
    sometimes_offered = {"api": {"local"}}
    return set(JOBS[job].alternatives) - GOOD[job] - {NONE} - sometimes_offered.get(job, set())


@given(ANSWERS)
def test_it_is_deterministic_and_the_order_of_answers_means_nothing(given_answers: dict[str, Any]) -> None:
    turned = {
        name: value[::-1] if isinstance(value, list) else value for name, value in reversed(list(given_answers.items()))
    }
    assert decide(answers_of(given_answers)).to_json() == decide(answers_of(turned)).to_json()
    assert answers_of(plain(answers_of(given_answers))) == answers_of(given_answers)


@given(ANSWERS)
def test_a_stricter_stop_never_lengthens_a_bound(given_answers: dict[str, Any]) -> None:
    plans = [decide(answers_of(given_answers | {"stop": stop})) for stop in STRICTER["stop"]]
    for looser, stricter in pairwise(plans):
        assert stricter.settings.get("max_staleness", FEED) <= looser.settings.get("max_staleness", FEED)
        for job in JOBS:
            before, after = looser[job].stops_within, stricter[job].stops_within
            assert before is None or after is None or after <= before
            assert (looser[job].choice == NONE) == (stricter[job].choice == NONE)
    assert {plans[-1][job].stops_within for job in JOBS} <= {0, None}


@given(ANSWERS)
def test_a_higher_level_never_lengthens_a_life_and_changes_no_choice(given_answers: dict[str, Any]) -> None:
    plans = [decide(answers_of(given_answers | {"level": level})) for level in STRICTER["level"]]
    for lower, higher in pairwise(plans):
        _no_longer(lower, higher)
        assert lower.settings.get("strict", False) <= higher.settings.get("strict", False)


@given(ANSWERS, _one(QUESTIONS["threat"]))
def test_one_more_threat_never_lengthens_a_life_and_changes_no_choice(
    given_answers: dict[str, Any], more: list[str]
) -> None:
    fewer = answers_of(given_answers)
    _no_longer(decide(fewer), decide(answers_of(given_answers | {"threat": [*fewer["threat"], *more]})))


def _no_longer(before: Plan, after: Plan) -> None:
    for job in JOBS:
        assert after[job].choice == before[job].choice
        for was, now in (
            (before[job].lifetime, after[job].lifetime),
            (before[job].idle, after[job].idle),
            (before[job].stops_within, after[job].stops_within),
        ):
            assert (was is None) == (now is None)
            assert was is None or now is None or now <= was


@given(ANSWERS)
def test_an_end_at_once_and_local_verification_are_offered_both_answers(given_answers: dict[str, Any]) -> None:
    wanted = {"stop": "at-once", "verify": "local", "client": ["mobile"]}
    row = decide(answers_of(given_answers | wanted))["api"]
    assert (row.choice, row.stops_within) == ("opaque", 0)
    view = next(one for one in row.offered if one.id == "jwt")
    assert view.stops_within == 5


@given(ANSWERS)
def test_a_symmetric_key_is_never_for_several_verifiers(given_answers: dict[str, Any]) -> None:
    row = decide(answers_of(given_answers | {"verify": "local", "client": ["mobile"]}))["api"]
    assert {"hs256", "local"} <= {one.id for one in row.rejected}


def test_of_two_rules_that_disagree_the_first_is_right() -> None:
    first, second = (
        Rule(id=name, question="stop", says={job: Says(recommends=choice) for job in JOBS}, why="so", sources=())
        for name, choice in (("one", NONE), ("two", NONE))
    )
    assert all(row.rule == "one" for row in decide(answers_of({}), [first, second]).rows)
    assert all(row.rule == "two" for row in decide(answers_of({}), [second, first]).rows)


def test_what_an_earlier_rule_rejects_a_later_one_cannot_bring_back() -> None:
    rows = decide(answers_of({"client": ["mobile"], "verify": "local", "layers": "jwt"}))
    said = [(one.rule, one.said, one.by) for one in rows["api"].overruled]
    assert ("own-both-ends", "recommends paseto", "layers-know-jwt") in said


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_names_what_there_is(rule: Rule) -> None:
    assert rule.question in QUESTIONS or rule.question == "default"
    for condition in (rule.when, rule.unless):
        for name, words in condition.items():
            assert set(words.split()) <= QUESTIONS[name].choices.keys()
    for job, says in rule.says.items():
        named = {*([says.recommends] if says.recommends else []), *says.offers, *says.rejects}
        assert named <= JOBS[job].alternatives.keys()
    assert rule.why
    assert rule.sources
    assert all(SOURCES.fullmatch(source) for source in rule.sources), rule.sources


def test_the_questions_come_in_their_order() -> None:
    order = "client stop verify unreadable party layers ends threat nodes devices team existing level needs"
    assert list(QUESTIONS) == order.split()
    for question in QUESTIONS.values():
        assert set(question.default) <= question.choices.keys()
        assert question.many or len(question.default) == 1


def test_two_rules_of_one_name_are_an_error() -> None:
    [rule, *_] = RULES.values()
    with pytest.raises(AssertionError, match="one id"):
        table([rule, rule])


@pytest.mark.parametrize(
    ("given_answers", "told"),
    [
        ({"clint": "web"}, "no question 'clint'; did you mean client?"),
        ({"client": "wab"}, "'wab' is no answer to client; did you mean web?"),
        ({"client": []}, "at least one"),
        ({"stop": ["no", "seconds"]}, "exactly one answer"),
        ({"stop": 5}, "text or a list of texts"),
        ({"stop": [5]}, "text or a list of texts"),
        ({"colour": "blue"}, "there are: client"),
    ],
)
def test_answers_that_are_none(given_answers: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        answers_of(given_answers)
