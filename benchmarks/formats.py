"""The formats beside the raw primitive and other libraries, in one table: ``python benchmarks/formats.py``.

Also: two threads at once, and the bytes of a token. Part of ``make bench``; nothing here passes or fails, and
``docs/reference/benchmarks.md`` says how to read it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import encrypted, signed, stages
from benchmarks.command import Run, print_ratios, print_table
from benchmarks.measure import Measured
from benchmarks.sizes import CLAIM_SETS, sizes
from benchmarks.threads import Scaling, scalings

COLUMNS = ("watchword", "PyJWT", "joserfc", "jwcrypto", "pyseto", "oxyjwt", "ryjwt", "webtoken")


def main() -> None:
    run = Run("Measure verifying, signing, decrypting and encrypting beside other libraries.")
    found = list(run.measured(chain(signed.tables(run.only), encrypted.tables(run.only))))
    profile = list(run.measured(stages.tables(run.only)))
    run.say("two threads")
    quick = run.report["quick"]
    threads = list(scalings(run.only, rounds=3 if quick else 11, tokens=50 if quick else 500))
    bytes_of = sizes() if run.only("bytes") else {}
    more = {"stages": profile, "threads": [msgspec.to_builtins(one) | {"factor": one.factor} for one in threads]}
    run.end(msgspec.to_builtins({"tables": found, "bytes": bytes_of} | more))
    if run.json:
        return
    _print_matrix(found)
    for one in found:
        print(f"\n{one.name}: ratios (median, quietest)")
        print_ratios(one)
    for one in profile:
        print_table(one)
    _print_threads(threads)
    _print_bytes(bytes_of)
    run.print_facts()


def _print_matrix(found: Iterable[Measured]) -> None:
    """One line for each job: microseconds (quietest round), and how many times the raw primitive that is."""
    print(f"\n{'µs, × raw':28}{'raw':>9}" + "".join(f"{name:>16}" for name in COLUMNS))
    for one in found:
        rows = {row.name: row.min for row in one.rows}
        raw = one.rows[0].min
        cells = (f"{rows[name]:8.2f} {rows[name] / raw:6.2f}×" if name in rows else "-" for name in COLUMNS)
        print(f"{one.name:28}{raw:9.2f}" + "".join(f"{cell:>16}" for cell in cells))


def _print_threads(threads: Iterable[Scaling]) -> None:
    print("\nverifications a second (wall)       one thread  two threads   factor")
    for one in threads:
        print(f"  {one.algorithm + ', ' + one.name:32}{one.one:12,.0f}{one.two:13,.0f}{one.factor:9.2f}")


def _print_bytes(found: dict[str, dict[str, int]]) -> None:
    print(f"\n{'bytes of a token, claims:':32}" + "".join(f"{name:>9}" for name in CLAIM_SETS))
    for name, row in found.items():
        print(f"  {name:30}" + "".join(f"{row[claim_set]:9}" for claim_set in CLAIM_SETS))


if __name__ == "__main__":
    main()
