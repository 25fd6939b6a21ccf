"""Processes that write over a SQLite file and say what they do, before and after: ``python -m tests.faults.scribe``.

Each line of stdin is a ``Task``, for which it forks a child; each line of stdout a ``Word``. A word is one write to the
pipe, so a child that is killed has said it or has not. SIGTERM ends a child after what it has begun.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tests.faults.setting import AUDIENCE, ISSUER
from watchword import Watchword
from watchword.errors import WatchwordError

PURPOSE = "password-reset"
TABLE = "CREATE TABLE IF NOT EXISTS effects (token TEXT)"
EFFECT = "INSERT INTO effects VALUES (?)"
T = TypeVar("T")


class Task(Struct):
    """``rest``: seconds between two rounds of one of ``writers``. ``reads``: there is one who reads as well."""

    name: str
    url: str
    keys: str
    writers: int = 4
    rest: float = 0.0
    reads: bool = False


class Word(Struct, array_like=True):
    """``said``: ready, open, try, done, failed (then ``status``) or ended. ``came``: what came of ``token``."""

    said: str
    verb: str = ""
    token: str = ""
    came: str = ""
    status: int = 0


def say(word: Word) -> None:
    os.write(1, msgspec.json.encode(word) + b"\n")


class Scribe:
    """One child at work."""

    def __init__(self, ww: Watchword, task: Task) -> None:
        self._ww, self._task, self._over = ww, task, False

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        say(Word("open", came=str(os.getpid())))
        async with asyncio.TaskGroup() as group:
            for n in range(self._task.writers):
                group.create_task(self._write(f"{self._task.name}-{n}"))
            if self._task.reads:
                group.create_task(self._read(f"{self._task.name}-reader"))

    def _end(self) -> None:
        self._over = True

    async def _write(self, name: str) -> None:
        refresh, turn = "", 0
        while not self._over:
            who, turn = f"{name}-{turn}", turn + 1
            if not refresh:
                refresh = await self._did("issue", name, self._ww.refresh.issue(name, client_id="app"))
            else:
                refresh = await self._did("rotate", refresh, self._ww.refresh.rotate(refresh)) or refresh
            token = await self._did("link", who, self._ww.one_time.issue(who, purpose=PURPOSE))
            if token:
                await self._did("redeem", token, self._redeem(token))
            token = await self._did("start", who, self._ww.sessions.start(who))
            if token:
                await self._did("read", token, self._ww.sessions.authenticate(token))
                await self._did("revoke", token, self._ww.revoke(token=token))
            await asyncio.sleep(self._task.rest)

    async def _read(self, name: str) -> None:
        token = await self._did("start", name, self._ww.sessions.start(name))
        while token and not self._over:
            await self._did("read", token, self._ww.sessions.authenticate(token))
            await asyncio.sleep(self._task.rest)

    async def _redeem(self, token: str) -> None:
        await self._ww.one_time.redeem(token, purpose=PURPOSE, effect=lambda db: db.execute(EFFECT, (token,)))

    async def _did(self, verb: str, token: str, doing: Any) -> str:
        """The token that came of it, if one did."""
        say(Word("try", verb, token))
        try:
            came = getattr(await doing, "token", "")
        except WatchwordError as error:
            say(Word("failed", verb, token, error.code, error.status))
            await asyncio.sleep(0.01)
            return ""
        except Exception as error:  # noqa: BLE001 - what a row is there to find out
            say(Word("failed", verb, token, repr(error), 500))
            return ""
        say(Word("done", verb, token, came))
        return came


async def _work(task: Task) -> None:
    options: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": task.keys}
    async with Watchword(task.url, **options) as ww:
        await Scribe(ww, task).run()


def main() -> None:
    logging.disable()
    say(Word("ready"))
    for line in sys.stdin.buffer:
        task = msgspec.json.decode(line, type=Task)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(_work(task))
                code = 0
            except WatchwordError as error:
                say(Word("failed", "open", "", error.code, error.status))
            finally:
                os._exit(code)
        say(Word("ended", status=os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
