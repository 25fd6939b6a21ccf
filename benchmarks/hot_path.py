"""The hot path beside the raw primitive and other libraries: ``python benchmarks/hot_path.py`` (or ``make bench``).

Prints microseconds and, what counts, ratios inside each table. Nothing here passes or fails: the goals of the design
stand beside the figures, and ``docs/reference/benchmarks.md`` says how to read them.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import signed, stateful  # noqa: E402 - the folder above must be found first
from benchmarks.measure import Measured, Table, commit, machine, measure, say  # noqa: E402


class Setting(NamedTuple):
    rounds: int
    slice_ms: float
    sizes: tuple[int, int]
    """How many revocations are few, and how many are many."""


FULL = Setting(rounds=21, slice_ms=10.0, sizes=(1_000, 1_000_000))
QUICK = Setting(rounds=3, slice_ms=0.3, sizes=(100, 1_000))


def main() -> None:
    given = _arguments()
    logging.getLogger("watchword").setLevel(logging.ERROR)
    setting = QUICK if given.quick else FULL
    rounds = given.rounds or setting.rounds
    report: dict[str, Any] = {
        "machine": machine(),
        "commit": commit(ROOT),
        "quick": given.quick,
        "rounds": rounds,
        "tables": [],
    }
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder, ExitStack() as stack:
        for table in _tables(given.only, setting.sizes, Path(folder), stack):
            say(f"[{time.monotonic() - started:4.0f} s] {table.name}: {len(table.cases)} cases, {rounds} rounds")
            found = measure(table, rounds=rounds, slice_ms=setting.slice_ms)
            report["tables"].append(msgspec.to_builtins(found))
            if not given.json:
                _print_table(found)
    report["machine"]["load_after"] = machine()["load"]
    say(f"[{time.monotonic() - started:4.0f} s] done")
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print_facts(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure watchword's hot path; see docs/reference/benchmarks.md.")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds: its figures mean nothing")
    parser.add_argument("--only", default="", help="only tables whose name holds this text, for example ES256")
    parser.add_argument("--rounds", type=int, default=0, help="rounds for each table, at least 1 (21; quick: 3)")
    return parser.parse_args()


def _tables(wanted: str, sizes: tuple[int, int], folder: Path, stack: ExitStack) -> Iterator[Table]:
    """Each table is built when its turn comes, so that its tokens are fresh and its revocations gone afterwards."""

    def only(name: str) -> bool:
        return wanted.lower() in name.lower()

    return chain(signed.tables(only), stateful.tables(only, sizes, folder, stack))


def _print_table(found: Measured) -> None:
    wall = "   wall" if found.waits else ""
    print(f"\n{found.name}\n{'':52}  median     min{wall}  µs")
    for row in found.rows:
        waited = f"{row.wall:7.1f}" if found.waits else ""
        print(f"  {row.name:50}{row.median:8.2f}{row.min:8.2f}{waited}  {row.goal and 'goal ' + row.goal}")
    for ratio in found.ratios:
        goal = ratio.goal and f"goal {ratio.goal}"
        print(f"  {ratio.case + '  /  ' + ratio.over:66} {ratio.median:6.2f}x {ratio.min:6.2f}x  {goal}")
    if found.note:
        print(f"  {found.note}")


def _print_facts(report: dict[str, Any]) -> None:
    facts = dict(report["machine"])
    libraries = ", ".join(f"{name} {version}" for name, version in facts.pop("libraries").items())
    print(f"\ncommit {report['commit']}, {report['rounds']} rounds{', quick' if report['quick'] else ''}")
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    print(f"libraries: {libraries}")
    print("Thread CPU time, collector off, cases turn about; min is the quietest round. Compare ratios, not µs.")


if __name__ == "__main__":
    main()
