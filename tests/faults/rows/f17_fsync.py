"""F-17: an fsync of the SQLite file fails with EIO, at each of many places in the life of a process."""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

from tests.faults.ledger import Ledger, Scribes, prepared
from tests.faults.row import Fault, NotRunError, Row, Target
from tests.faults.scribe import Task
from tests.faults.setting import Setting

LOG, FILE = "whatever the thread syncs, which is the log most of all", "the file, when a checkpoint syncs it"
QUICK = [(2, LOG, 30), (9, LOG, 30), (1, FILE, 250)]
FULL = [*((n, LOG, 30) for n in [*range(1, 21), *range(25, 100, 5)]), *((n, FILE, 250) for n in range(1, 11))]
"""Which call fails, of what, and how many answers to writes are waited for (and two more for each call)."""
_CALL = re.compile(
    r"^(\d+) +(?:(fdatasync|fsync|close|pwrite64)\((\d+)<(.*?)>|<\.\.\. \w+ resumed>)(.*)$", re.MULTILINE
)
"""Thread, call, descriptor, file, rest; a call that another thread interrupts is on two lines."""


async def run(place: Setting) -> Row:
    _traceable()
    ledger, failed, refused, retried, resumed, rounds = Ledger(), 0, 0, 0, 0, 0
    file = place.folder / "app.db"
    async with place.watchword():
        prepared(file)
    for n, of, enough in place.pick(QUICK, FULL):
        rounds += 1
        log = place.folder / f"calls-{rounds}"
        trace = ("-f", "-qq", "-y", "-o", str(log), "-e", "trace=fdatasync,fsync,close,pwrite64", "-s", "0")
        inject = ("-e", f"inject=fdatasync,fsync:error=EIO:when={n}")
        only = ("-P", str(file)) if of == FILE else ()
        scribes = Scribes(place, prefix=("strace", *trace, *inject, *only))
        await scribes.start()
        words = [await scribes.begin(Task(f"user-{rounds}", place.where()["url"], str(place.keys)))]
        if words[0].said == "open":
            while sum(word.said in ("done", "failed") and word.verb != "read" for word in words) < enough + 2 * n:
                words.append(await scribes.word())
            scribes.signal(signal.SIGTERM)
        words += await scribes.words_to_the_end() if words[0].said != "ended" else []
        await scribes.close()
        errors, again = _errors(log)
        failed, retried = failed + errors, retried + again
        bad = [n for n, word in enumerate(words) if word.status == 503]
        refused += len(bad)
        resumed += not bad or any(word.said == "done" for word in words[bad[-1] :]) or words[0].said != "open"
        await ledger.compare(place, words, url=place.where()["url"], file=file)
    found = ledger.columns()
    found["more"] |= {
        "rounds": rounds,
        "failed_fsyncs": failed,
        "refused": refused,
        "fsync_tried_again": retried,
        "not_resumed": rounds - resumed,
    }
    return place.row(**found)


def _errors(log: Path) -> tuple[int, int]:
    """How many syncs failed, and how many of them were followed by one that proves nothing.

    That is one of the log on a descriptor that is still open; and of the file itself, which a checkpoint syncs, one
    before which not all was written again that the first was for.
    """
    failed = again = 0
    written: Counter[str] = Counter()
    owed: dict[str, float] = {}
    begun: dict[str, tuple[str, str, str]] = {}
    for thread, *about, result in _CALL.findall(log.read_text(errors="replace")):
        if about[0]:
            begun[thread] = about[0], about[1], about[2]
        if "unfinished" in result:
            continue
        call, descriptor, name = begun.pop(thread)
        if call == "pwrite64":
            written[descriptor] += 1
            continue
        if call == "close":
            owed.pop(descriptor, None)
        elif "INJECTED" in result:
            failed += 1
            if "app.db" in name:
                owed[descriptor] = math.inf if name.endswith("-wal") else written[descriptor]
        elif descriptor in owed:
            again += written[descriptor] < owed[descriptor]
            owed = {one: left for one, left in owed.items() if one != descriptor or math.isinf(left)}
        written[descriptor] = 0
    return failed, again


def _traceable() -> None:
    """Raises: NotRunError, with what the machine says."""
    if shutil.which("strace") is None:
        raise NotRunError("no strace on PATH")
    trying = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "true"]
    done = subprocess.run(trying, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRunError(f"strace may not trace: {done.stderr.strip()}")


FAULTS = (
    Fault(
        id="F-17",
        what="an fsync that fails",
        injected="EIO at the n-th fdatasync of a thread, or of the file itself (strace), for many n; four writers over"
        " one SQLite file",
        expected="the writes that it was for are 503; its connection is closed and never synced again (SQLite would be"
        " told that all is well: what failed is no longer dirty), the next write opens another. A checkpoint that fails"
        " is done again from the log. The file is whole",
        run=run,
        stores=("sqlite",),
        targets=(
            Target("acknowledged_lost", 0),
            Target("half_done", 0),
            Target("not_whole", 0),
            Target("other_5xx", 0),
            Target("fsync_tried_again", 0),
            Target("not_resumed", 0),
            Target("failed_fsyncs", 1, least=True),
            Target("refused", 1, least=True),
        ),
        words={
            "failed_fsyncs": "calls that returned EIO",
            "refused": "answers of 503",
            "fsync_tried_again": "syncs after an error that prove nothing: of the log without opening it anew, of the"
            " file without writing again what the first was for (as SQLite does at its next checkpoint)",
            "not_resumed": "processes of `rounds` in which nothing was written after the error",
        },
    ),
)
