"""The small models (security-reliability §5.3): each design holds in every state, and each seeded mutant is found."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import search as searching
from models.__main__ import MODELS, main
from models.search import search

ROOT = Path(__file__).parents[2]
FEWEST = {
    "A lease": 100_000,
    "A2 feed order": 200,
    "B refresh family": 7_000,
    "C key life": 10_000,
    "D one-time": 20,
}
"""States: fewer would mean that something can happen no more."""
MUTANTS = [(name, mutant) for name, model in MODELS.items() for mutant in model.MUTANTS]


@pytest.mark.parametrize("name", MODELS)
def test_the_design_holds_in_every_state(name: str) -> None:
    verdict = search(MODELS[name].DEEP if "WATCHWORD_SOAK" in os.environ else MODELS[name].DESIGN)
    assert (verdict.broken, verdict.trace) == (None, ())
    assert verdict.states > FEWEST[name]


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
def test_the_mutant_is_found(name: str, mutant: str) -> None:
    verdict = search(MODELS[name].MUTANTS[mutant])
    assert verdict.broken is not None
    assert verdict.trace


def test_every_mutant_of_the_list_is_seeded() -> None:
    seeded = {mutant.split()[0] for _, mutant in MUTANTS}
    assert seeded >= {f"M{number}" for number in range(1, 14)}


@pytest.mark.parametrize("name", MODELS)
def test_it_says_which_code_it_models(name: str) -> None:
    lines = re.findall(r"^Models: (\S+) (.+)$", str(MODELS[name].__doc__), re.MULTILINE)
    assert lines
    for path, names in lines:
        code = (ROOT / path).read_text()
        for one in names.split(", "):
            *outer, inner = one.split(".")
            assert re.search(rf"(def|class) {inner}\b|^{inner}\b", code, re.MULTILINE), one
            assert all(re.search(rf"class {outside}\b", code) for outside in outer), one


def test_the_table_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A lease", "B refresh family"):
        monkeypatch.delitem(MODELS, name)
    assert main(deep=False) == 0
    printed = capsys.readouterr().out
    assert printed.count("holds") == len(MODELS)
    assert "M13 the number is taken before the commit" in printed
    assert "NOT FOUND" not in printed


# the search itself


class Count:
    """A counter that goes up by one or two."""

    def __init__(self, wrong: int, last: int) -> None:
        self.wrong, self.last = wrong, last

    def start(self) -> int:
        return 0

    def moves(self, state: int) -> Iterator[tuple[str, int]]:
        yield from ((f"+{step}", state + step) for step in (1, 2) if state + step <= self.last)

    def broken(self, state: int) -> str | None:
        return "there" if state == self.wrong else None


def test_the_search_gives_a_shortest_way() -> None:
    found = search(Count(wrong=5, last=9))
    assert (found.broken, len(found.trace)) == ("there", 3)
    assert sorted(found.trace) == ["+1", "+2", "+2"]


def test_the_search_sees_every_state_once() -> None:
    assert search(Count(wrong=99, last=9)) == searching.Verdict(states=10)


def test_the_search_does_not_stop_early_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST", 5)
    model: Any = Count(wrong=99, last=9)
    with pytest.raises(OverflowError, match="smaller bounds"):
        search(model)
