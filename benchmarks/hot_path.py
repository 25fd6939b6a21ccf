"""The checks of every request, which find what they know: ``python benchmarks/hot_path.py`` (part of ``make bench``).

Prints microseconds and, what counts, ratios inside each table. Nothing here passes or fails: the goals of the design
stand beside the figures, and ``docs/reference/benchmarks.md`` says how to read them.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import stateful
from benchmarks.command import Run


def main() -> None:
    run = Run("Measure what watchword looks up on every request.")
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder, ExitStack() as stack:
        run.tell(stateful.tables(run.only, run.setting.sizes, Path(folder), stack))


if __name__ == "__main__":
    main()
