"""What is recommended for passwords, on machines that do not exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from watchword.diagnosis.bench import passwords
from watchword.diagnosis.bench.base import Ask
from watchword.diagnosis.bench.passwords import FLOOR, LARGEST, MIB, SEARCHES, Cost, calibrated
from watchword.diagnosis.bench.run import bench
from watchword.errors import ConfigurationError


class Machine:
    """It takes so many milliseconds for a MiB and a pass over it."""

    def __init__(self, ms: float, *, more_when_large: float = 0) -> None:
        self.ms, self.more, self.asked = ms, more_when_large, list[Cost]()

    def __call__(self, cost: Cost) -> float:
        self.asked.append(cost)
        size = cost.memory_kib / MIB
        return size * cost.passes * self.ms * (1 + self.more * size)


@pytest.mark.parametrize(
    ("ms", "target", "expected"),
    [
        (0.6, 250, Cost(192 * MIB, 2, 1)),  # 230 ms; 256 MiB would be 307
        (0.6, 500, Cost(384 * MIB, 2, 1)),
        (0.6, 100, Cost(64 * MIB, 2, 1)),
        (0.6, 58, Cost(48 * MIB, 2, 1)),
        (0.6, 25, FLOOR),
        (6.0, 250, FLOOR),
        (60.0, 250, FLOOR),  # slower than it may be, and never less
        (0.1, 250, Cost(LARGEST * MIB, 2, 1)),
        (0.05, 250, Cost(LARGEST * MIB, 4, 1)),  # no more memory is taken, so more passes are
    ],
)
def test_memory_comes_first_and_then_passes(ms: float, target: float, expected: Cost) -> None:
    machine = Machine(ms)
    assert calibrated(target, machine) == expected
    assert expected == FLOOR or Machine(ms)(expected) <= target


def test_passes_fill_the_time_that_the_next_step_of_memory_does_not_fit_into() -> None:
    assert calibrated(250, Machine(0.6), most_kib=64 * MIB) == Cost(64 * MIB, 6, 1)


@pytest.mark.parametrize("ms", [0.0001, 0.01, 0.6, 10.0])
def test_it_makes_few_hashes_and_none_that_is_far_too_slow(ms: float) -> None:
    machine = Machine(ms, more_when_large=0.002)
    best = calibrated(250, machine)
    assert len(machine.asked) <= SEARCHES + 2
    assert best == FLOOR or machine(best) <= 250
    assert all(machine(cost) <= 500 for cost in machine.asked[2 : SEARCHES + 2])
    assert best.memory_kib >= FLOOR.memory_kib
    assert best.passes >= FLOOR.passes


def test_memory_that_is_not_there_is_not_taken() -> None:
    machine = Machine(0.01)
    assert calibrated(250, machine, most_kib=100 * MIB).memory_kib == 96 * MIB
    assert max(cost.memory_kib for cost in machine.asked) <= 100 * MIB


def test_the_floor_is_what_watchword_writes_and_what_owasp_asks_for() -> None:
    assert Cost(19 * MIB, 2, 1) == FLOOR


def test_the_recommendation_says_what_to_write(ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "timed", Machine(3.0))
    section = passwords.section(ask())
    [table] = section.tables
    assert (table.unit, table.rows[-1].name, table.rows[-1].note.partition(":")[0]) == (
        "ms",
        "recommended",
        "19 MiB, 2 passes, 1 lane",
    )
    assert "m=19456,t=2,p=1 and has no setting" in table.note
    monkeypatch.setattr(passwords, "timed", Machine(0.001))
    assert "PasswordHasher(time_cost=" in passwords.section(ask()).tables[0].rows[-1].note


@pytest.mark.parametrize("target", [0, -1, 2001, float("nan")])
def test_a_time_that_makes_no_sense_is_an_error(target: float) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 2000 ms"):
        bench(quick=True, only=["passwords"], argon2_ms=target)


def test_a_recommendation_that_was_too_slow_when_measured_again_says_so(
    ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(0.001)
    busy = Machine(1.0)
    monkeypatch.setattr(passwords, "calibrated", lambda *given, **more: calibrated(given[0], machine))
    monkeypatch.setattr(passwords, "timed", busy)
    assert "measure again on a quiet machine" in passwords.section(ask()).tables[0].rows[-1].note
    monkeypatch.setattr(passwords, "timed", machine)
    assert "quiet" not in passwords.section(ask()).tables[0].rows[-1].note
