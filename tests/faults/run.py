"""Run the catalogue: ``python -m tests.faults.run [--only F-08] [--store redis] [--scale full] [--json FILE]``.

One JSON line a row on stdout, progress on stderr. ``--json``: the lines also replace those of the same fault and store
in this file. Each row ends by itself, or after ``LONGEST`` seconds, which is an error of the row.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.faults.row import Fault, Line, NotRunError, Row
from tests.faults.rows import catalogue
from tests.faults.setting import Scale, Setting

LONGEST = {"quick": 60.0, "full": 1200.0}
ROOT = Path(__file__).parents[2]
LINES = ROOT / "docs" / "reference" / "faults.jsonl"


async def run(fault: Fault, store: str, *, folder: Path, scale: Scale = "quick", seed: int = 1) -> Row:
    """One row. What the machine refuses is a row too, with the reason."""
    place = Setting(id=fault.id, store=store, folder=folder, scale=scale, seed=seed)
    with place.ending:
        try:
            async with asyncio.timeout(LONGEST[scale]):
                return await fault.run(place)
        except NotRunError as error:
            return place.row(not_run=str(error))


def lines(faults: Iterable[tuple[Fault, str]], *, scale: Scale, seed: int) -> Iterator[Line]:
    commit, machine = _commit(), _machine()
    for fault, store in faults:
        print(f"{fault.id} {store}: {fault.what} ...", file=sys.stderr, flush=True)  # noqa: T201 - progress
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="watchword-fault-") as folder:
            try:
                row = asyncio.run(run(fault, store, folder=Path(folder), scale=scale, seed=seed))
            except Exception as error:  # noqa: BLE001 - the other rows are still to come, and the line says it
                traceback.print_exc()
                row = Row(id=fault.id, store=store, seed=seed, failed=repr(error))
        took = round(time.monotonic() - began, 1)
        date = datetime.now(UTC).date().isoformat()
        yield Line(row=row, scale=scale, seconds=took, commit=commit, date=date, machine=machine)


def verdict(fault: Fault, row: Row) -> str:
    """In a few words, for who watches."""
    if row.not_run is not None:
        return f"not run: {row.not_run}"
    if row.failed is not None:
        return f"FAILED: {row.failed}"
    missed = [f"{target} (was {row.figure(target.figure)})" for target in fault.held(row.store) if not target.met(row)]
    wrong = [f"wrong_accepts {row.wrong_accepts}"] if row.wrong_accepts else []
    return "; ".join([*wrong, *(f"missed: {one}" for one in missed)]) or "as expected"


def keep(line: Line, file: Path) -> None:
    """Put the line into the file, in the place of the one of the same fault and store."""
    kept = read(file) if file.exists() else []
    order = {(fault.id, store): n for n, (fault, store) in enumerate(_all())}
    name = line.row.id, line.row.store
    kept = [one for one in kept if (one.row.id, one.row.store) != name] + [line]
    kept.sort(key=lambda one: order.get((one.row.id, one.row.store), len(order)))
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in kept))


def read(file: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in file.read_bytes().splitlines()]


def _all() -> Iterator[tuple[Fault, str]]:
    return ((fault, store) for fault in catalogue() for store in fault.stores)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _machine() -> str:
    try:
        cpus = [one for one in Path("/proc/cpuinfo").read_text().splitlines() if one.startswith("model name")]
    except OSError:
        cpus = []
    cpu = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, CPython {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this fault; may be given again")
    parser.add_argument("--store", action="append", default=[], help="over this store; may be given again")
    parser.add_argument("--scale", choices=("quick", "full"), default="quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    logging.disable()
    chosen = [
        (fault, store)
        for fault, store in _all()
        if (not given.only or fault.id in given.only) and (not given.store or store in given.store)
    ]
    if not chosen:
        parser.error(f"no such row; there are {', '.join(dict.fromkeys(fault.id for fault, _ in _all()))}")
    by_id, wrong = {fault.id: fault for fault, _ in chosen}, 0
    for line in lines(chosen, scale=given.scale, seed=given.seed):
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
        print(f"    {line.seconds} s: {verdict(by_id[line.row.id], line.row)}", file=sys.stderr)  # noqa: T201
        if given.json is not None:
            keep(line, given.json)
        wrong += line.row.wrong_accepts + (line.row.failed is not None)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
