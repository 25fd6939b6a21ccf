"""Writes ``docs/reference/conformance.md``: ``make conformance``, which first runs what the page speaks of."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.conformance.corpora import ORIGINS, Corpus, corpora
from tests.conformance.hostile import IDS, LATER, named, rows
from tests.conformance.interop import interop
from tests.vectors.corpus import published

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "conformance.md"
RECORDS: Final = Path(__file__).resolve().parent / "records"
SLOWEST: Final = 15
"""Doors on the page; the others are faster."""


def page() -> str:
    parts = (_head(), _corpora(), _exceptions(), _interop(), _hostile(), _fuzz(), _cost())
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield "# Conformance"
    yield ""
    yield "What was run against watchword, and how it ended. `make conformance` runs the corpora, the hostile tokens"
    yield "and the other implementations, and writes this page; a test holds the page to the files. The fuzz run and"
    yield "the costs are records of one machine: `make fuzz` and `make cost` take them again."
    yield ""


def _table(names: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A name that ends in a colon is that of a column of numbers."""
    names = list(names)
    yield f"| {' | '.join(name.rstrip(':') for name in names)} |"
    yield f"|{'|'.join('---:' if name.endswith(':') else '---' for name in names)}|"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in row)} |"
    yield ""


def _differences(corpus: Corpus) -> str:
    differs = [f"{count}: {reason}" for reason, count in corpus.differs.items()]
    return "; ".join([*differs, *corpus.notes]) or "–"


def _corpora() -> Iterator[str]:
    found = corpora()
    yield "## Corpora"
    yield ""
    yield "A vector passes when it ends as upstream says, at its own stage of the corridor where the runner names one."
    yield "The others are exceptions, each with its reason."
    yield ""
    yield from _table(
        ("corpus", "run:", "as upstream:", "exceptions and notes"),
        ((one.name, one.run, one.as_upstream, _differences(one)) for one in found),
    )
    total, agreed = sum(one.run for one in found), sum(one.as_upstream for one in found)
    yield f"In all {total:,} vectors, {agreed:,} as upstream says. Names in small letters are files of Wycheproof."
    yield ""
    yield from _table(
        ("origin", "commit", "date", "licence"),
        ((one.repository, f"`{one.commit}`", one.date, one.licence) for one in ORIGINS),
    )


def _exceptions() -> Iterator[str]:
    record = published("exceptions.json")
    yield "## Exceptions on record"
    yield ""
    yield "What of the published results a strict verifier cannot meet, or meets under a stated policy, as it was"
    yield "recorded with the corpora. Numbers are those of the vectors."
    yield ""
    yield from _table(
        ("corpus", "vectors", "reason"),
        (
            (corpus.removesuffix("_test.json"), f"{numbers} ({sort.replace('_', ' ')})", reason)
            for corpus, sorts in record.items()
            if isinstance(sorts, dict)
            for sort, reasons in sorts.items()
            for numbers, reason in reasons.items()
        ),
    )


def _interop() -> Iterator[str]:
    yield "## Other implementations"
    yield ""
    yield "Both ways: they read ours, and we read theirs. Versions are exact."
    yield ""
    yield from _table(
        ("tests in", "libraries", "tests:"),
        ((f"`tests/interop/{one.runner}`", ", ".join(one.libraries), one.tests) for one in interop()),
    )


def _hostile() -> Iterator[str]:
    in_rows, in_tests = rows(), named()
    yield "## Hostile tokens"
    yield ""
    yield "Each row is one token or key that must be refused with its class, reason and stage; tests name what needs"
    yield "more than a row. T are attacks, H- are rows of the table of hostile access tokens."
    yield ""
    yield from _table(
        ("id", "what", "rows:", "tests:"),
        (
            (one, what + (f" ({LATER[one]})" if one in LATER else ""), in_rows[one], in_tests[one])
            for one, what in IDS.items()
        ),
    )


def _recorded(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text())
    return record


def _where(record: dict[str, Any]) -> str:
    machine = record["machine"]
    return (
        f"`{record['command']}` on {record['date']} at commit `{record['commit']}`: {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['system']}, {machine['python']}, {machine['openssl']}"
    )


def _fuzz() -> Iterator[str]:
    record = _recorded("fuzz")
    targets = record["targets"]
    runs, findings = sum(one["executions"] for one in targets), sum(one["findings"] for one in targets)
    yield "## Fuzzing"
    yield ""
    yield f"{_where(record)}, atheris {record['atheris']}, one process at low priority."
    yield f"**{runs:,} executions, {findings} findings.** A finding is any exception but a WatchwordError, a second"
    yield "opinion that differs (where that is cheap, a door has one: Python's own reader, a round trip, the tokens"
    yield "that were issued), more than 10 s or more than 2 GiB. The first byte of an input chooses the door; headers,"
    yield "claims, footers and payloads are signed or sealed on the way, so that what lies behind a signature is"
    yield "reached. `make fuzz ARGS='--again FILE'` hands a finding to its door once more. A copy with 4,000"
    yield "fixed mutations for each target runs with the tests."
    yield ""
    yield from _table(
        ("target", "seconds:", "executions:", "edges:", "findings:"),
        ((one["target"], one["seconds"], f"{one['executions']:,}", one["edges"], one["findings"]) for one in targets),
    )


def _cost() -> Iterator[str]:
    record = _recorded("cost")
    yield "## What 8 KiB may cost"
    yield ""
    yield "No input of at most 8 KiB costs more than 5 ms of CPU time (16 KiB where a ring holds ML-DSA keys), the"
    yield "primitive included, but for what is named below. A test holds that over the families of `fuzz/families.py`"
    yield "and `fuzz/costly.py`, and Hypothesis mixes them. Some doors ask several readers; their figure is the sum."
    yield f"{_where(record)}; best of five, {record['inputs']:,} inputs. The slowest doors:"
    yield ""
    slowest = record["doors"][:SLOWEST]
    yield from _table(
        ("door", "ms:", "input"), ((f"{one['target']}: {one['door']}", one["ms"], one["input"]) for one in slowest)
    )
    yield f"The other {len(record['doors']) - len(slowest)} doors stay below that. What costs more, by nature:"
    yield ""
    yield from _table(
        ("what", "ms:", "why it may"),
        ((one["what"], one["ms"], one["why"]) for one in record["by nature"] if one["ms"] >= 5),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
