"""Search with atheris (libFuzzer, guided by the coverage of watchword's code): ``make fuzz``.

    python -m fuzz.run [--seconds 600] [--only NAME] [--folder build/fuzz] [--record FILE]

The targets share the seconds and run one after the other, each in a process of its own. What was found stands in
``FOLDER/findings``; ``python -m fuzz.run --again FILE`` hands such a file to its target once more. The inputs that
reached something new are kept in ``FOLDER/corpus``, so that the next run goes on from there.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time_ns
from typing import Any

from benchmarks.measure import commit, machine
from fuzz.targets import TARGETS, load

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    options = _options()
    if options.again:
        name = options.again.name.partition("--")[0]
        load(name).feed(options.again.read_bytes())
        print(f"{name}: a value or a refusal, as it should be")
        return 0
    names = [options.only] if options.only else list(TARGETS)
    revision = commit(ROOT)
    rows = [_row(name, max(1, options.seconds // len(names)), options.folder) for name in names]
    _print(rows)
    if options.record:
        options.record.write_text(json.dumps(_record(options.seconds, revision, rows), indent=1) + "\n")
    return 1 if any(row["findings"] or row["ended"] for row in rows) else 0


def _options() -> argparse.Namespace:
    read = argparse.ArgumentParser(prog="make fuzz")
    read.add_argument("--seconds", type=int, default=600, help="for all targets together")
    read.add_argument("--only", choices=TARGETS)
    read.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    read.add_argument("--record", type=Path, help="a JSON file for the figures")
    read.add_argument("--again", type=Path, help="a file of FOLDER/findings")
    return read.parse_args()


def _row(name: str, seconds: int, folder: Path) -> dict[str, Any]:
    """Run one target and read from libFuzzer's log what came of it."""
    found = folder / "findings"
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.glob(f"{name}--*"))
    print(f"{name}: {seconds} s ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "fuzz.search", name, str(seconds), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    (folder / f"log-{name}").write_text(done.stdout + done.stderr)
    findings = sorted(path.name for path in set(found.glob(f"{name}--*")) - before)
    if findings or done.returncode:
        print(done.stdout[-2000:] + done.stderr[-4000:], file=sys.stderr)
    covered = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)
    return {
        "target": name,
        "seconds": seconds,
        "executions": int((re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stderr) or [0])[-1]),
        "edges": int(covered[-1][0]) if covered else 0,
        "findings": len(findings),
        "ended": done.returncode,
        "slowest_ms": _slowest(name, folder),
    }


def _slowest(name: str, folder: Path) -> float:
    """CPU milliseconds, without the fuzzer, of the input that took longest: the best of five."""
    path = folder / f"slowest-{name}"
    if not path.exists():
        return 0.0
    target, times = load(name), []
    for _ in range(5):
        started = thread_time_ns()
        target.feed(path.read_bytes())
        times.append(thread_time_ns() - started)
    return round(min(times) / 1e6, 3)


def _print(rows: list[dict[str, Any]]) -> None:
    names = ("target", "seconds", "executions", "edges", "findings", "slowest_ms")
    print("  ".join(f"{name:>11}" for name in names))
    for row in rows:
        print("  ".join(f"{row[name]:>11}" for name in names))
    print(f"{sum(row['executions'] for row in rows):,} executions, {sum(row['findings'] for row in rows)} findings")


def _record(seconds: int, revision: str | None, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from importlib.metadata import version

    where = machine()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": revision,
        "command": f"make fuzz SECONDS={seconds}",
        "atheris": version("atheris"),
        "machine": {name: where[name] for name in ("cpu", "cores", "system", "python", "openssl")},
        "targets": [{name: value for name, value in row.items() if name != "ended"} for row in rows],
    }


if __name__ == "__main__":
    sys.exit(main())
