"""What both commands share: the flags, the clock's settings, how a table and the machine are printed."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .measure import Measured, Table, commit, machine, measure, say

ROOT = Path(__file__).resolve().parents[1]


class Setting(NamedTuple):
    rounds: int
    slice_ms: float
    sizes: tuple[int, int]
    """How many revocations are few, and how many are many."""


FULL = Setting(rounds=21, slice_ms=10.0, sizes=(1_000, 1_000_000))
QUICK = Setting(rounds=3, slice_ms=0.3, sizes=(100, 1_000))


class Run:
    """One run of a command: what was asked for, and the report that it fills."""

    def __init__(self, description: str) -> None:
        given = _arguments(description)
        logging.getLogger("watchword").setLevel(logging.ERROR)
        self.setting = QUICK if given.quick else FULL
        self.rounds = given.rounds or self.setting.rounds
        self.json = given.json
        self._wanted = given.only.lower()
        self._started = time.monotonic()
        self.report: dict[str, Any] = {
            "machine": machine(),
            "commit": commit(ROOT),
            "quick": given.quick,
            "rounds": self.rounds,
        }

    def only(self, name: str) -> bool:
        return self._wanted in name.lower()

    def measured(self, tables: Iterable[Table]) -> Iterator[Measured]:
        """Each table, timed when its turn comes; progress goes to standard error."""
        for table in tables:
            self.say(f"{table.name}: {len(table.cases)} cases, {self.rounds} rounds")
            yield measure(table, rounds=self.rounds, slice_ms=self.setting.slice_ms)

    def tell(self, tables: Iterable[Table]) -> None:
        """Time the tables and print each as it comes, or with ``--json`` one document at the end."""
        found = []
        for one in self.measured(tables):
            found.append(one)
            if not self.json:
                print_table(one)
        self.end({"tables": msgspec.to_builtins(found)})
        if not self.json:
            self.print_facts()

    def end(self, report: dict[str, Any]) -> None:
        """The last of a run: the load afterwards, and the document, where that is wanted."""
        self.report["machine"]["load_after"] = machine()["load"]
        self.say("done")
        if self.json:
            print(msgspec.json.format(msgspec.json.encode(self.report | report)).decode())

    def say(self, text: str) -> None:
        say(f"[{time.monotonic() - self._started:4.0f} s] {text}")

    def print_facts(self) -> None:
        facts = dict(self.report["machine"])
        libraries = ", ".join(f"{name} {version}" for name, version in facts.pop("libraries").items() if version)
        quick = ", quick" if self.report["quick"] else ""
        print(f"\ncommit {self.report['commit']}, {self.rounds} rounds{quick}")
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))
        print(f"libraries: {libraries}")
        print("Thread CPU time, collector off, cases turn about; min is the quietest round. Compare ratios, not µs.")


def print_table(found: Measured) -> None:
    wall = "   wall" if found.waits else ""
    print(f"\n{found.name}\n{'':52}  median     min{wall}  µs")
    for row in found.rows:
        waited = f"{row.wall:7.1f}" if found.waits else ""
        print(f"  {row.name:50}{row.median:8.2f}{row.min:8.2f}{waited}  {row.goal and 'goal ' + row.goal}")
    print_ratios(found)
    if found.note:
        print(f"  {found.note}")


def print_ratios(found: Measured) -> None:
    for ratio in found.ratios:
        goal = ratio.goal and f"goal {ratio.goal}"
        print(f"  {ratio.case + '  /  ' + ratio.over:66} {ratio.median:6.2f}x {ratio.min:6.2f}x  {goal}")


def _arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"{description} See docs/reference/benchmarks.md.")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds: its figures mean nothing")
    parser.add_argument("--only", default="", help="only tables whose name holds this text, for example ES256")
    parser.add_argument("--rounds", type=int, default=0, help="rounds for each table, at least 1 (21; quick: 3)")
    return parser.parse_args()
