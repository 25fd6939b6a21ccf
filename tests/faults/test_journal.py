"""The judge finds what was accepted too late, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.journal import Journal, Op, detected, judge, recovered


def journal(name: str, *ops: tuple[str, float, float, int]) -> Journal:
    return Journal(name=name, ops=[Op(verb, "s", began, ended, status) for verb, began, ended, status in ops])


@pytest.mark.parametrize(("began", "wrong"), [(9.9, 0), (10.1, 0), (10.9, 0), (11.1, 1)])
@pytest.mark.parametrize("verb", ["verify", "session", "rotate"])
def test_another_process_has_the_bound(began: float, wrong: int, verb: str) -> None:
    found = judge([journal("a", ("revoke", 9, 10, 200)), journal("b", (verb, began, began + 9, 200))], bound=1)
    assert (found.wrong_accepts, found.wrong_rejects, found.revoked) == (wrong, 0, 1)
    assert found.staleness == [pytest.approx(max(0, began - 10))]


@pytest.mark.parametrize(("began", "wrong"), [(9.9, 0), (10.1, 1)])
def test_the_process_that_revoked_has_none(began: float, wrong: int) -> None:
    found = judge([journal("a", ("revoke", 9, 10, 200), ("verify", began, began, 200))], bound=1)
    assert found.wrong_accepts == wrong


def test_a_revocation_that_did_not_return_proves_nothing_and_excuses_a_refusal() -> None:
    ours = journal("a", ("revoke", 9, 10, 503), ("verify", 12, 12, 200), ("verify", 13, 13, 401))
    found = judge([ours], bound=1)
    assert (found.wrong_accepts, found.wrong_rejects, found.revoked) == (0, 0, 0)


def test_who_was_never_revoked_is_not_refused() -> None:
    assert judge([journal("a", ("verify", 1, 1, 401), ("revoke", 2, 3, 200))], bound=1).wrong_rejects == 1
    assert judge([journal("a", ("verify", 1, 1, 503))], bound=1).wrong_rejects == 0


def test_a_fault_is_detected_at_the_first_503_and_over_after_the_last() -> None:
    ops = journal("a", ("verify", 1, 1, 503), ("verify", 3, 4, 503), ("verify", 5, 5, 200), ("verify", 6, 7, 200)).ops
    assert detected(ops, 2) == 2000
    assert recovered(ops, 2) == 3000
    assert recovered(ops[:2], 2) is None
