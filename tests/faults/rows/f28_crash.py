"""F-28: a process dies between the use of a link and what was to come of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.crashing import POINTS
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import AUDIENCE, ISSUER, Setting
from watchword.blocking import Watchword
from watchword.crypto.digest import new_id
from watchword.errors import TokenConsumedError

PURPOSE, TABLE = "password-reset", "effects"
ROOT = Path(__file__).resolve().parents[3]


async def run(place: Setting) -> Row:
    return await asyncio.to_thread(_run, place)


def _run(place: Setting) -> Row:
    found, http = Counter[str](), Counter[str]()
    url = place.where()["url"]
    with Watchword(url, keys=place.keys, issuer=ISSUER, audience=AUDIENCE) as ww:
        _in_store(ww, f"CREATE TABLE {TABLE} (n INTEGER)")
        for turn in range(place.pick(1, 30)):
            for point in POINTS:
                token = ww.one_time.issue(f"user-{turn}-{point}", purpose=PURPOSE).token
                before = _rows(ww)
                found["kills"] += _killed(place, url, token, point)
                done = _rows(ww) - before
                try:
                    ww.one_time.redeem(token, purpose=PURPOSE)
                    used = False
                    http["200"] += 1
                except TokenConsumedError as error:
                    used = True
                    http[str(error.status)] += 1
                found["half_done"] += used != (done == 1)
                found["done"] += used
                found["wrongly_done"] += used != (point == "after")
    names = ("kills", "done", "half_done", "wrongly_done")
    return place.row(ops=sum(http.values()), http=dict(http), more={name: found[name] for name in names})


def _killed(place: Setting, url: str, token: str, point: str) -> bool:
    words = [sys.executable, "-m", "tests.faults.crashing", url, str(place.keys), token, point, TABLE]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, timeout=60)
    return done.returncode == -signal.SIGKILL


def _rows(ww: Watchword) -> int:
    [[count]] = _in_store(ww, f"SELECT count(*) FROM {TABLE}")  # noqa: S608  # a name of this row
    return int(count)


def _in_store(ww: Watchword, statement: str) -> list[Any]:
    """What a statement gives, run where effects run."""
    found: list[Any] = []
    token = ww.one_time.issue(new_id(), purpose=PURPOSE).token

    def effect(connection: Any) -> None:
        cursor = connection.execute(statement)
        found.extend(cursor.fetchall() if cursor.description else [])

    ww.one_time.redeem(token, purpose=PURPOSE, effect=effect)
    return found


FAULTS = (
    Fault(
        id="F-28",
        what="a crash between a use and its effect",
        injected=f"kill -9 of a process that uses a link with an effect, {', '.join(POINTS)} writing the effect's row",
        expected="the use and its effect are one transaction: both are there or none, and a retry is told which",
        run=run,
        stores=("sqlite", "postgres"),
        targets=(Target("half_done", 0), Target("wrongly_done", 0), Target("kills", 3, least=True)),
        words={"done": "links that were used up", "wrongly_done": "used up before the commit, or not after it"},
    ),
)
