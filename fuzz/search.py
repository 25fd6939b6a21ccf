"""One target under atheris, in a process of its own: ``python -m fuzz.search NAME SECONDS FOLDER``. It never returns.

Nothing of watchword is imported before atheris watches the imports: what was imported earlier has no coverage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import thread_time_ns

import atheris

with atheris.instrument_imports(include=["watchword"]):
    from fuzz.targets import load

    TARGET = load(sys.argv[1])

LONGEST = 16_384
"""Bytes of an input: those of the largest token that is read anywhere."""


class Search:
    """Feeds the target and keeps the input that took longest."""

    def __init__(self, keep: Path) -> None:
        self._keep = keep
        self._longest = 0

    def one(self, data: bytes) -> None:
        started = thread_time_ns()
        TARGET.feed(data)
        took = thread_time_ns() - started
        if took > self._longest:
            self._longest = took
            self._keep.write_bytes(data)


def main(name: str, seconds: str, folder: Path) -> None:
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(TARGET.inputs()):
        (corpus / f"seed-{number:03}").write_bytes(text)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=2048"]
    findings = f"-artifact_prefix={folder / 'findings' / name}--"
    search = Search(folder / f"slowest-{name}")
    atheris.Setup([sys.argv[0], *limits, findings, "-print_final_stats=1", str(corpus)], search.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
