"""What scribes said, and the comparison with what is in the file afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.journal import Journal, clock, columns
from tests.faults.scribe import PURPOSE, TABLE, Task, Word
from tests.faults.setting import Setting
from watchword import Watchword
from watchword.errors import TokenConsumedError, TokenRevokedError, WatchwordError


class Scribes:
    """The process that forks them. ``prefix``: the command that starts it, as ``strace`` is one."""

    def __init__(self, place: Setting, *, prefix: tuple[str, ...] = ()) -> None:
        self._place, self._prefix = place, prefix
        self.child = 0

    async def start(self) -> None:
        """Returns when it is ready, so what its prefix was to make is made."""
        self.process = await asyncio.create_subprocess_exec(
            *(*self._prefix, sys.executable, "-m", "tests.faults.scribe"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        self._place.ending.callback(self._kill)
        assert (await self.word()).said == "ready"

    async def begin(self, task: Task) -> Word:
        """Returns when it is open, or has failed to open, or has ended before that."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        await self.process.stdin.drain()
        word = await self.word()
        self.child = int(word.came) if word.said == "open" else 0
        return word

    async def word(self) -> Word:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError((await self.process.stderr.read()).decode())
        return msgspec.json.decode(line, type=Word)

    async def words_to_the_end(self) -> list[Word]:
        words = []
        while (word := await self.word()).said != "ended":
            words.append(word)
        return words

    def signal(self, number: int) -> None:
        os.kill(self.child, number)

    async def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.communicate()

    def _kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)


class Ledger:
    """Counts over all that was compared. ``lost``: acknowledged, and not there; each in words in ``wrong``."""

    def __init__(self) -> None:
        self.compared = self.lost = self.half_done = self.not_whole = self.files = self.alive_again = 0
        self.wrong: list[str] = []
        self.journal = Journal()

    def figures(self) -> dict[str, Any]:
        return {
            "compared": self.compared,
            "acknowledged_lost": self.lost,
            "half_done": self.half_done,
            "not_whole": self.not_whole,
            "files": self.files,
            **({"wrong": "; ".join(self.wrong[:5])} if self.wrong else {}),
        }

    def columns(self) -> dict[str, Any]:
        """Those of a row: without times, for a word has none."""
        found = columns([self.journal], bound=5) | dict.fromkeys(("p50_ms", "p99_ms", "max_ms"))
        found["wrong_accepts"] += self.alive_again
        found["more"] |= self.figures()
        return found

    async def compare(self, place: Setting, words: list[Word], *, url: str, file: Path) -> None:
        """Open the file again, as the next process would, and hold it to what was said about it."""
        began = clock.monotonic()
        for word in words:
            if word.said in ("done", "failed"):
                self.journal.write(word.verb, "", began, word.status or 200)
        with closing(sqlite3.connect(file)) as db:
            self.files += 1
            self.not_whole += db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        async with place.watchword({"url": url}) as ww:
            await self._families(ww, words)
            await self._sessions(ww, words)
            await self._links(ww, words, file)

    async def _families(self, ww: Watchword, words: list[Word]) -> None:
        last: dict[str, str] = {}
        for word in words:
            if word.said == "done" and word.verb in ("issue", "rotate"):
                last.pop(word.token, None)
                last[word.came] = word.verb
        for token, verb in last.items():
            self._held("lost", verb, await _error(ww.refresh.rotate(token)), None)

    async def _sessions(self, ww: Watchword, words: list[Word]) -> None:
        said = _last(words, ("read", "revoke"))
        for token in (word.came for word in words if (word.said, word.verb) == ("done", "start")):
            error, state = await _error(ww.sessions.authenticate(token)), said.get(token)
            if state in (None, ("read", "try"), ("read", "done"), ("read", "failed")):
                self._held("lost", "start", error, None)
            elif state == ("revoke", "done"):
                self.alive_again += error is None
                self._held("lost", "revoke", error, TokenRevokedError)

    async def _links(self, ww: Watchword, words: list[Word], file: Path) -> None:
        said = _last(words, ("redeem",))
        with closing(sqlite3.connect(file)) as db:
            for token in (word.came for word in words if (word.said, word.verb) == ("done", "link")):
                [(before,)] = db.execute("SELECT count(*) FROM effects WHERE token = ?", (token,)).fetchall()
                redeem = ww.one_time.redeem(token, purpose=PURPOSE)
                error, state = await _error(redeem), said.get(token)
                if state == ("redeem", "done"):
                    self._held("lost", "redeem", error, TokenConsumedError)
                elif state is None:
                    self._held("lost", "link", error, None)
                self._held("half_done", "redeem", error, TokenConsumedError if before else None)
                self.half_done += before > 1

    def _held(self, figure: str, verb: str, error: Exception | None, expected: type[Exception] | None) -> None:
        self.compared += 1
        if (None if error is None else type(error)) is not expected:
            setattr(self, figure, getattr(self, figure) + 1)
            self.wrong.append(f"{verb}: {error!r} instead of {expected}")


def prepared(file: Path) -> None:
    """The table of the effects, which is the application's."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute(TABLE)


def _last(words: list[Word], verbs: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Token -> the last verb of these that was said about it, and how far it was."""
    return {word.token: (word.verb, word.said) for word in words if word.verb in verbs}


async def _error(doing: Any) -> WatchwordError | None:
    try:
        await doing
    except WatchwordError as error:
        return error
    return None
