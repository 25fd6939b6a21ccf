"""The breaker: five failures in a row open it, one try at a time closes it."""

import pytest

from watchword.clock import FrozenClock
from watchword.stores.breaker import Breaker


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def opened(clock: FrozenClock, *, jitter: float = 0.5) -> Breaker:
    breaker = Breaker(clock, jitter=lambda: jitter)
    for _ in range(5):
        assert (breaker.state, breaker.allows()) == ("closed", True)
        breaker.failed()
    assert breaker.state == "open"
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row_and_no_other(clock: FrozenClock) -> None:
    breaker = Breaker(clock)
    for _ in range(9):
        for _ in range(4):
            breaker.failed()
        assert (breaker.state, breaker.allows()) == ("closed", True)
        breaker.succeeded()
    assert opened(clock).allows() is False


def test_open_it_lets_one_try_and_closes_when_that_succeeds(clock: FrozenClock) -> None:
    breaker = opened(clock)
    clock.advance(0.49)
    assert breaker.allows() is False
    clock.advance(0.01)
    assert (breaker.allows(), breaker.allows(), breaker.state) == (True, False, "half_open")
    breaker.succeeded()
    assert (breaker.state, breaker.allows(), breaker.allows()) == ("closed", True, True)


def test_a_try_that_fails_opens_it_again_at_once(clock: FrozenClock) -> None:
    breaker = opened(clock)
    for _ in range(3):
        clock.advance(0.5)
        assert breaker.allows() is True
        breaker.failed()
        assert (breaker.state, breaker.allows()) == ("open", False)


def test_a_try_that_never_ends_is_followed_by_another(clock: FrozenClock) -> None:
    breaker = opened(clock)
    for _ in range(3):
        clock.advance(0.5)
        assert (breaker.allows(), breaker.allows()) == (True, False)


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0.375), (1.0, 0.625)])
def test_tries_of_many_nodes_are_spread(clock: FrozenClock, jitter: float, wait: float) -> None:
    breaker = opened(clock, jitter=jitter)
    clock.advance(wait - 0.01)
    assert breaker.allows() is False
    clock.advance(0.01)
    assert breaker.allows() is True
