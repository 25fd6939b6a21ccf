"""No input of at most 8 KiB costs more than 5 ms: CPU time of the thread, best of several runs, the primitive included.

What costs more by nature has a name and a reason in ``fuzz.cost.by_nature``, and its figure on the conformance page.
"""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from fuzz.cost import ALLOWED_MS, cost, inputs
from fuzz.costly import documents
from fuzz.families import FAMILIES, JSON, LIMIT
from fuzz.targets import TARGETS, load

A_KEY_MS: Final = 1.5
"""A key of a document, which is fetched beside the path of a request."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_family_is_slow(name: str) -> None:
    doors = load(name).doors
    slow = []
    for door, what, text in inputs(name):
        assert len(text) <= LIMIT * (2 if door == "large" else 1)
        if (took := cost(doors[door], text)) > ALLOWED_MS:
            took = min(took, cost(doors[door], text, tries=40))  # another process was in the way?
        if took > ALLOWED_MS:
            slow.append((door, what, took))
    assert slow == []


DOORS: Final = [(name, door) for name in TARGETS for door in load(name).doors]
PIECES: Final = st.lists(st.tuples(st.sampled_from(sorted(FAMILIES)), st.integers(8, LIMIT)), min_size=1, max_size=4)


def _text(door: tuple[str, str], pieces: list[tuple[str, int]], seed: int, merged: bool) -> bytes:
    """Pieces of families in a row, behind a seed of the door or within it."""
    name, wanted = door
    seeds = [text for one, text in load(name).seeds if one == wanted] or [b""]
    start = seeds[seed % len(seeds)]
    if merged and start.startswith(b"{"):
        inner = [FAMILIES[one](size)[1:-1] for one, size in pieces if one in JSON]
        return (b",".join([start[:-1], *inner]) + b"}")[:LIMIT]
    return (start + b"".join(FAMILIES[one](size) for one, size in pieces))[:LIMIT]


@settings(max_examples=400)
@given(st.sampled_from(DOORS), PIECES, st.integers(0, 20), st.booleans())
def test_no_mixture_is_slow(door: tuple[str, str], pieces: list[tuple[str, int]], seed: int, merged: bool) -> None:
    """Hypothesis looks for what takes longest."""
    call, text = load(door[0]).doors[door[1]], _text(door, pieces, seed, merged)
    took = cost(call, text)
    if took > ALLOWED_MS:
        took = cost(call, text, tries=40)
    target(took)
    assert took <= ALLOWED_MS


def test_a_key_of_a_document_has_its_price() -> None:
    doors = load("documents").doors
    for door, what, count, text in documents():
        assert len(text) <= LIMIT
        assert cost(doors[door], text, tries=20, enough=0) <= count * A_KEY_MS, what


def test_what_is_measured_is_large() -> None:
    """The families fill 8 KiB, and those of JSON are read as JSON where they are meant to be."""
    assert all(LIMIT - 4_200 <= len(fill(LIMIT)) <= LIMIT for fill in FAMILIES.values())
    read: dict[str, Any] = {}
    for name, fill in JSON.items():
        try:
            read[name] = json.loads(fill(LIMIT))
        except (ValueError, RecursionError):
            continue
    assert len(read) > 25
