"""F-06: Redis answers with errors: a proxy puts them in the place of its replies."""

from __future__ import annotations

from functools import partial

import hiredis

from tests.faults.carrier import copies, used_again
from tests.faults.journal import Journal, clock, columns, detected
from tests.faults.load import Person, people
from tests.faults.proxy import Rewrite
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import BESIDE, Setting
from watchword import Watchword
from watchword.errors import WatchwordError
from watchword.server.replies import refusal

MARK = "raw-words-of-the-server"
REPLIES = (
    "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM this user has no permissions to run the command",
    "MOVED 3999 127.0.0.1:1",
    "ASK 3999 127.0.0.1:1",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "BUSY Redis is busy running a script.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "ERR something that nobody has thought of",
)


async def run(place: Setting) -> Row:
    journal, proxy = Journal(), place.proxy()
    detect, recover, again, leaks = [0.0], [0.0], [0.0], 0
    async with place.watchword(place.where(port=proxy.port), session_near=False) as ww:
        pool = await people(ww, len(REPLIES))
        for round_ in range(place.pick(1, 20)):
            for who, words in zip(pool, REPLIES, strict=True):
                for handshakes in (False, True):
                    proxy.rewrite(_saying(f"-{words} {MARK}\r\n".encode(), handshakes))
                    if handshakes:
                        proxy.cut()
                    began = clock.monotonic()
                    leaks += await _asked(ww, journal, who, f"{who.key}-{round_}")
                    detect.append(detected(journal.ops, began) or 0)
                    proxy.heal()
                    recover.append(await journal.served(lambda: ww.sessions.start("user-new")))
                    await _shown(ww, journal, who)
                    again.append(await used_again(ww.store, partial(_shown, ww, journal, who)))
    found = columns([journal], bound=5)
    found["more"] |= {"leaks": leaks, "errors": len(REPLIES), **copies(ww.store)}
    if copies(ww.store):
        found["more"]["used_again_ms"] = max(again)
    return place.row(t_detect_ms=max(detect), t_recover_ms=max(recover), **found)


async def _shown(ww: Watchword, journal: Journal, who: Person) -> None:
    await journal.did("session", who.key, ww.sessions.authenticate(who.session))


async def _asked(ww: Watchword, journal: Journal, who: Person, name: str) -> int:
    """Ask in each way; how often the server's own words came out. ``name``: of a session that nobody has."""
    leaks = 0
    for doing in (
        ww.sessions.authenticate(who.session),
        ww.sessions.start("user-new"),
        ww.revoke(session=name),
        ww.store.tail(0, now=0),
    ):
        began = clock.monotonic()
        try:
            await doing
            journal.write("asked", "", began, 200)
        except Exception as error:  # noqa: BLE001 - whatever it is, its words count
            journal.write("asked", "", began, journal.status(error))
            leaks += MARK in f"{error} {error!r} {_outside(error)!r}"
    return leaks


def _outside(error: Exception) -> object:
    return refusal(error).body if isinstance(error, WatchwordError) else error.args


def _saying(error: bytes, handshakes: bool) -> Rewrite:
    """As many errors as there were replies. ``handshakes``: to what a client says first, too."""

    def change(answer: bytes, question: bytes) -> bytes:
        if not handshakes and (b"CLIENT" in question or b"SUBSCRIBE" in question):
            return answer
        reader, replies = hiredis.Reader(notEnoughData=change), 0
        reader.feed(answer)
        while reader.gets() is not change:
            replies += 1
        return error * replies

    return change


FAULTS = (
    Fault(
        id="F-06",
        what="Redis answers with errors",
        injected="a proxy rewrites replies to READONLY, LOADING, MISCONF, NOAUTH, WRONGPASS, NOPERM, MOVED, ASK,"
        " CLUSTERDOWN, MASTERDOWN, TRYAGAIN, BUSY, OOM and an unknown error; on standing connections, and from the"
        " first word of new ones",
        expected="503 each time, none of the server's words in an error, its repr or a reply; good again soon. Beside"
        " SQL every answer is good, and Redis is used again soon",
        run=run,
        stores=("redis", BESIDE),
        targets=(
            Target("leaks", 0),
            Target("other_5xx", 0),
            Target("503", 0, over=(BESIDE,)),
            Target("401", 0, over=(BESIDE,)),
            Target("used_again_ms", 2000, over=(BESIDE,)),
            Target("t_recover_ms", 2000),
        ),
        words={
            "leaks": "errors in which the server's own words were found",
            "used_again_ms": "from the end of a fault until Redis answered a lookup, where it stands beside SQL",
        },
    ),
)
