"""Who is timed when, and how often. How long it took is nobody's business here."""

from __future__ import annotations

import asyncio
import gc

import pytest

from watchword.diagnosis.bench.base import Ask, Entry, Plan, Setting, Step, Steps, measured, row_of
from watchword.diagnosis.bench.measure import Case, p99, turn_about


def test_cases_take_turns_and_every_other_round_runs_backwards() -> None:
    order: list[str] = []
    rounds: list[int] = []

    def case(name: str) -> Case:
        return Case(name, lambda: order.append(name))

    found = turn_about(
        [case("a"), case("b"), case("c")], rounds=3, slice_ms=0.001, told=lambda: rounds.append(len(order))
    )
    calls = [order[first:last] for first, last in zip(rounds, [*rounds[1:], None], strict=True)]
    turns = [list(dict.fromkeys(one)) for one in calls]
    assert turns == [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]
    assert [len(samples) for samples in found] == [3, 3, 3]


def test_inputs_are_taken_in_turn_for_ever() -> None:
    taken: list[int] = []
    turn_about([Case("a", taken.append, [(1,), (2,), (3,)])], rounds=2, slice_ms=0.01)
    assert taken[:6] == [1, 2, 3, 1, 2, 3]
    assert len(taken) > 3


def test_a_slice_is_cut_into_samples_of_single_calls() -> None:
    [samples] = turn_about([Case("a", lambda: sum(range(20_000)))], rounds=2, slice_ms=5, sample_ms=0)
    assert len(samples) >= 2
    assert len({one.cpu for one in samples}) > 1, "each call for itself"


def test_nothing_is_collected_while_it_is_timed_and_afterwards_it_is_as_before() -> None:
    on: list[bool] = []
    frozen = gc.get_freeze_count()
    turn_about([Case("a", lambda: on.append(gc.isenabled()))], rounds=1, slice_ms=0.01)
    assert set(on) == {False}
    assert gc.isenabled()
    assert gc.get_freeze_count() <= frozen

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turn_about([Case("a", fail)], rounds=1, slice_ms=0.01)
    assert gc.isenabled()


def test_coroutines_run_one_after_the_other_on_the_runner() -> None:
    under_way, most = 0, 0

    async def call() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    with asyncio.Runner() as runner:
        for waits in (False, True):
            [samples] = turn_about([Case("a", call)], rounds=2, slice_ms=0.1, sample_ms=0, waits=waits, runner=runner)
            assert all(one.wall > 0 for one in samples)
    assert most == 1


@pytest.mark.parametrize(
    ("times", "expected"), [([5.0], 5.0), ([1.0, 1.0], 1.0), ([float(n) for n in range(101)], 99.0)]
)
def test_p99_is_what_99_of_100_do_not_exceed(times: list[float], expected: float) -> None:
    assert p99(times) == expected


def test_a_row_has_the_median_and_says_what_it_was_told() -> None:
    row = row_of("a", [3.0, 1.0, 2.0], ours=True, at=7, bytes=9, note="so")
    assert (row.median, row.ours, row.at, row.bytes, row.note) == (2.0, True, 7, 9, "so")


def test_a_call_that_does_many_things_is_shared_among_them(ask: object) -> None:
    assert callable(ask)
    given: Ask = ask()

    async def call() -> None:
        await asyncio.sleep(0.002)

    cases = [Entry("one", call), Entry("forty", call, per=40)]
    plan = Plan(id="t", title="T", cases=cases, over="one", waits=True)
    setting = Setting(rounds=3, slice_ms=1, sizes=(), lags=0, hashes=0)
    with asyncio.Runner() as runner:
        one, forty = measured(plan, setting, Steps(given, "t", 3), runner).rows
    assert one.median / forty.median > 4


def test_steps_end_at_their_number(ask: object) -> None:
    assert callable(ask)
    told: list[Step] = []
    given: Ask = ask(told=told.append)
    steps = Steps(given, "stores", 2)
    steps("first")
    steps("second")
    steps.over()
    assert told == [Step("stores", 0, 2, "first"), Step("stores", 1, 2, "second"), Step("stores", 2, 2, "")]
