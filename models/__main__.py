"""``python -m models``: every model, its states, and the shortest way to the fault of each mutant. ``--deep``: larger
bounds."""

from __future__ import annotations

import sys
import time
from typing import Any

from . import feed_order, key_life, lease, one_time, refresh_family
from .search import search

MODELS: dict[str, Any] = {
    "A lease": lease,
    "A2 feed order": feed_order,
    "B refresh family": refresh_family,
    "C key life": key_life,
    "D one-time": one_time,
}


def main(deep: bool) -> int:
    """Print the table. Returns 1 when a design does not hold, or a mutant is not found."""
    wrong = 0
    for name, model in MODELS.items():
        began = time.perf_counter()
        verdict = search(model.DEEP if deep else model.DESIGN)
        took = time.perf_counter() - began
        print(f"{name:<18} {verdict.states:>9,} states {took:5.1f} s  {verdict.broken or 'holds'}")
        wrong += verdict.broken is not None
        for mutant, seeded in model.MUTANTS.items():
            found = search(seeded)
            print(f"  {mutant:<46} {found.broken or 'NOT FOUND'}")
            print(f"      {' -> '.join(found.trace)}")
            wrong += found.broken is None
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--deep" in sys.argv[1:]))
