"""Write the figures of a run into ``docs/reference/benchmarks.md``: ``python benchmarks/page.py RUN.json …``.

    python benchmarks/formats.py --json > formats.json
    python benchmarks/hot_path.py --json > hot_path.json
    python benchmarks/page.py formats.json hot_path.json

Everything between the two marks of the page is replaced; the words around it are written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "benchmarks.md"
BEGIN, END = "<!-- figures: benchmarks/page.py writes what follows -->\n", "<!-- end of figures -->\n"
LIBRARIES = ("watchword", "PyJWT", "joserfc", "jwcrypto", "pyseto", "oxyjwt", "ryjwt", "webtoken")


def main() -> None:
    runs = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    if not runs:
        sys.exit("usage: python benchmarks/page.py RUN.json [RUN.json ...]; make them with --json")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(_figures(runs)) + "\n\n" + END + after)


def _figures(runs: list[dict[str, Any]]) -> Iterator[str]:
    for run in runs:
        yield from _facts(run)
        matrix = [one for one in run["tables"] if one["name"].startswith(("verify", "sign", "decrypt", "encrypt"))]
        if matrix:
            yield from _matrix(matrix)
        yield from _goals(run["tables"])
        for table in run.get("stages", ()):
            yield from _rows(table)
        for table in (one for one in run["tables"] if one not in matrix):
            yield from _rows(table)
        if run.get("added"):
            yield from _added(run["added"])
        if run.get("threads"):
            yield from _threads(run["threads"])
        if run.get("bytes"):
            yield from _bytes(run["bytes"])


def _facts(run: dict[str, Any]) -> Iterator[str]:
    machine = run["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if version)
    load = f"load {machine['load'][0]} before, {machine['load_after'][0]} after"
    yield f"Commit {run['commit']}, {run['rounds']} rounds; {machine['cpu']}, {machine['cores']} cores,"
    yield f"{machine['system']}, {machine['python']}, {machine['openssl']}; {load};"
    yield f"{libraries}.\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _matrix(tables: list[dict[str, Any]]) -> Iterator[str]:
    """Microseconds of the quietest round, and how many times the raw primitive that is."""
    present = [name for name in LIBRARIES if any(row["name"] == name for table in tables for row in table["rows"])]
    yield _line(["µs (× raw)", "raw", *present])
    yield "|---|" + "---:|" * (len(present) + 1)
    for table in tables:
        rows = {row["name"]: row["min"] for row in table["rows"]}
        raw = table["rows"][0]["min"]
        cells = [f"{rows[name]:.1f} ({rows[name] / raw:.2f})" if name in rows else "" for name in present]
        yield _line([table["name"], f"{raw:.1f}", *cells])
    yield ""


def _goals(tables: list[dict[str, Any]]) -> Iterator[str]:
    found = [(f"{t['name']}: {one['case']} over {one['over']}", one, "") for t in tables for one in t["ratios"]]
    found += [(f"{t['name']}: {one['name']}", one, " µs") for t in tables for one in t["rows"]]
    yield _line(["job", "median", "quietest", "goal", ""])
    yield "|---|---:|---:|---:|---|"
    for name, one, unit in found:
        if one["goal"]:
            median, least = one["median"], one["min"]
            yield _line([name, f"{median:.2f}{unit}", f"{least:.2f}{unit}", one["goal"], _verdict(one)])
    yield ""


def _verdict(one: dict[str, Any]) -> str:
    wanted = re.match(r"([≤≥]) ([\d.]+)", one["goal"])
    if wanted is None:
        return ""
    sign, limit = wanted[1], float(wanted[2])
    held = [figure <= limit if sign == "≤" else figure >= limit for figure in (one["median"], one["min"])]
    return "held" if all(held) else "on the line" if any(held) else "missed"


def _rows(table: dict[str, Any]) -> Iterator[str]:
    yield _line([f"{table['name']}, µs", "median", "quietest"])
    yield "|---|---:|---:|"
    for row in table["rows"]:
        yield _line([row["name"], f"{row['median']:.2f}", f"{row['min']:.2f}"])
    yield f"\n{table['note'][0].upper()}{table['note'][1:]}.\n" if table["note"] else ""


def _added(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield _line(["CPU added to a request, µs", "median", "quietest", "goal", ""])
    yield "|---|---:|---:|---|---|"
    for row in rows:
        name = f"{row['name']}, over {row['over']}"
        yield _line([name, f"{row['median']:.1f}", f"{row['min']:.1f}", row["goal"], _verdict(row)])
    yield ""


def _threads(threads: list[dict[str, Any]]) -> Iterator[str]:
    yield _line(["verifications a second, wall time", "one thread", "two threads", "factor"])
    yield "|---|---:|---:|---:|"
    for one in threads:
        name = f"{one['algorithm']}, {one['name']}"
        yield _line([name, f"{one['one']:,.0f}", f"{one['two']:,.0f}", f"{one['factor']:.2f}"])
    yield ""


def _bytes(found: dict[str, dict[str, int]]) -> Iterator[str]:
    sets = list(next(iter(found.values())))
    yield _line(["bytes of a token, claims:", *sets])
    yield "|---|" + "---:|" * len(sets)
    for name, row in found.items():
        yield _line([name, *(f"{row[one]:,}" for one in sets)])
    yield ""


if __name__ == "__main__":
    main()
