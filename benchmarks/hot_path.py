"""The checks of every request, which find what they know: ``python benchmarks/hot_path.py`` (part of ``make bench``).

Prints microseconds and, what counts, ratios inside each table. Nothing here passes or fails: the goals of the design
stand beside the figures, and ``docs/reference/benchmarks.md`` says how to read them.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import stateful
from benchmarks.command import Run, print_table
from benchmarks.measure import machine


def main() -> None:
    run = Run("Measure what watchword looks up on every request.")
    run.report["tables"] = []
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder, ExitStack() as stack:
        for found in run.measured(stateful.tables(run.only, run.setting.sizes, Path(folder), stack)):
            run.report["tables"].append(msgspec.to_builtins(found))
            if not run.json:
                print_table(found)
    run.report["machine"]["load_after"] = machine()["load"]
    run.say("done")
    if run.json:
        print(msgspec.json.format(msgspec.json.encode(run.report)).decode())
    else:
        run.print_facts()


if __name__ == "__main__":
    main()
