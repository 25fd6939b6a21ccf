"""F-15: the disk is full; and a process may not make its file any larger."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.faults.ledger import Ledger, Scribes, prepared
from tests.faults.row import Fault, NotRunError, Row, Target
from tests.faults.scribe import Task, Word
from tests.faults.setting import Setting

DISK = 1 << 20
"""Bytes."""
ENOUGH = 12
"""Answers that are waited for, before the disk is full, while it is, and afterwards."""
_MOUNT = 'mount -t tmpfs -o size="$1" watchword "$0" && shift && exec "$@"'


class Disk:
    """A tmpfs that the scribes alone have, in a mount namespace of theirs; another file fills it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "app.db"
        self.prefix: tuple[str, ...] = ("unshare", "--mount", "sh", "-c", _MOUNT, str(folder), str(DISK))

    def seen(self, scribes: Scribes) -> Path:
        """The file, as those outside see it."""
        return Path(f"/proc/{scribes.process.pid}/root{self.file}")

    def fill(self, scribes: Scribes) -> None:
        with self.seen(scribes).with_name("ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                return

    def free(self, scribes: Scribes) -> None:
        self.seen(scribes).with_name("ballast").unlink()


class Limit:
    """RLIMIT_FSIZE of the one scribe: no file of its may grow past the size that its log has now."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "app.db"
        self.prefix: tuple[str, ...] = ()

    def seen(self, scribes: Scribes) -> Path:
        return self.file

    def fill(self, scribes: Scribes) -> None:
        size = Path(f"{self.file}-wal").stat().st_size
        resource.prlimit(scribes.child, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, scribes: Scribes) -> None:
        unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
        resource.prlimit(scribes.child, resource.RLIMIT_FSIZE, unlimited)


async def run(place: Setting) -> Row:
    if not hasattr(resource, "prlimit"):
        raise NotRunError("no prlimit on this system")
    ledger, refused, reads, resumed = Ledger(), 0, 0, 0
    template = place.folder / "app.db"
    async with place.watchword():
        prepared(template)
    why = _no_mounts()
    rounds = [case for case in (Limit, Disk) if case is Limit or why is None for _ in range(place.pick(1, 20))]
    for n, case in enumerate(rounds):
        folder = place.folder / f"disk-{n}"
        folder.mkdir()
        way, scribes = case(folder), Scribes(place, prefix=case(folder).prefix)
        await scribes.start()
        task = Task(f"user-{n}", f"sqlite:///{way.file}", str(place.keys), rest=0.02, reads=True)
        shutil.copy(template, way.seen(scribes))
        before, full, after = await _filled(way, scribes, task)
        refused += sum(word.status == 503 for word in full)
        reads += sum((word.said, word.verb) == ("done", "read") for word in full)
        resumed += any(_written(word) for word in after)
        copy = place.folder / f"copy-{n}"
        shutil.copytree(way.seen(scribes).parent, copy)
        await ledger.compare(place, [*before, *full, *after], url=f"sqlite:///{copy}/app.db", file=copy / "app.db")
        await scribes.close()
    found = ledger.columns()
    found["more"] |= {"rounds": len(rounds), "refused": refused, "reads_while_full": reads, "resumed": resumed}
    found["more"]["not_resumed"] = len(rounds) - resumed
    found["more"]["tmpfs"] = "yes" if why is None else f"not run: {why}"
    return place.row(**found)


async def _filled(way: Disk | Limit, scribes: Scribes, task: Task) -> tuple[list[Word], list[Word], list[Word]]:
    """What was said before the disk was full, while it was, and after that."""

    async def until(is_one: Callable[[Word], bool]) -> list[Word]:
        words: list[Word] = []
        while sum(map(is_one, words)) < ENOUGH:
            words.append(await scribes.word())
            assert words[-1].said != "ended", words[-1]
        return words

    opened = await scribes.begin(task)
    assert opened.said == "open", opened
    before = await until(_written)
    way.fill(scribes)
    full = await until(lambda word: word.status == 503)
    full += await until(lambda word: (word.said, word.verb) == ("done", "read"))
    way.free(scribes)
    after = await until(_written)
    scribes.signal(signal.SIGTERM)
    return before, full, after + await scribes.words_to_the_end()


def _written(word: Word) -> bool:
    return word.said == "done" and word.verb != "read"


def _no_mounts() -> str | None:
    """Why there can be no tmpfs of our own; None if there can."""
    if shutil.which("unshare") is None or not os.path.isdir("/proc/self/root"):
        return "no unshare on this machine"
    trying = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs watchword /tmp"]
    done = subprocess.run(trying, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


FAULTS = (
    Fault(
        id="F-15",
        what="a full disk",
        injected="a tmpfs of 1 MB, which another file fills, under four writers and a reader over a SQLite file on it;"
        " and RLIMIT_FSIZE at the size that its log has; both end again",
        expected="writes are 503 and not acknowledged, reads go on; when there is space again, so do writes, without a"
        " repair; the file is whole, and all that was acknowledged is in it",
        run=run,
        stores=("sqlite",),
        targets=(
            Target("acknowledged_lost", 0),
            Target("half_done", 0),
            Target("not_whole", 0),
            Target("other_5xx", 0),
            Target("not_resumed", 0),
            Target("refused", ENOUGH, least=True),
            Target("reads_while_full", ENOUGH, least=True),
        ),
        words={
            "tmpfs": "whether this machine let us mount one",
            "not_resumed": "rounds of `rounds` in which nothing could be written when there was space again",
        },
    ),
)
