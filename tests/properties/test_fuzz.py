"""The search of ``make fuzz`` in small: the same targets, a few thousand mutations that are the same everywhere.

Any bytes end in a value or a WatchwordError (I19), and what a door accepts stands up to its second opinion.
"""

from typing import Final

import pytest

from fuzz.mutate import mutants
from fuzz.target import Target, enter
from fuzz.targets import TARGETS, load
from watchword.errors import MalformedTokenError

MUTATIONS: Final = 4_000
ONLY_REFUSES: Final = {("sealed", "agreed"), ("sealed", "passwords")}
"""Doors that no seed opens: a stranger's key that fits no tag; a danger that is not allowed."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_door_opens_to_one_of_its_seeds(name: str) -> None:
    """Otherwise the search stays in front of it."""
    target = load(name)
    opened = {door for door, text in target.seeds if enter(target.doors[door], text)}
    assert target.doors.keys() - opened == {door for room, door in ONLY_REFUSES if room == name}


@pytest.mark.parametrize("name", TARGETS)
def test_a_value_or_a_refusal(name: str) -> None:
    target = load(name)
    for data in (*target.inputs(), *mutants(target, MUTATIONS)):
        target.feed(data)


def test_mutations_are_many_and_always_the_same() -> None:
    target = Target({"a": bytes, "b": bytes}, [("a", b"one.two"), ("b", b'{"x":1}')])
    found = list(mutants(target, 500))
    assert found == list(mutants(target, 500))
    assert len(set(found)) > 300
    assert {data[0] % 2 for data in found} == {0, 1}


def test_what_is_no_refusal_comes_out() -> None:
    def refuses(_: bytes) -> None:
        raise MalformedTokenError

    def breaks(text: bytes) -> None:
        raise KeyError(text)

    target = Target({"refuses": refuses, "breaks": breaks}, [])
    target.feed(b"\0x")
    with pytest.raises(KeyError):
        target.feed(b"\1x")
    with pytest.raises(KeyError):
        target.feed(b"\3")
    target.feed(b"")
