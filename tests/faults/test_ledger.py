"""Those who compare what was said with what is there find what is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.families import Families, families
from tests.faults.journal import Journal
from tests.faults.ledger import Ledger, prepared
from tests.faults.scribe import EFFECT, PURPOSE, Word
from tests.faults.setting import Setting
from watchword import Watchword

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("verbs", "said", "figures"),
    [
        ((), ("link", "start", "issue"), {}),
        (("redeem", "effect", "revoke"), ("link", "start", "redeem", "revoke"), {}),
        ((), ("link", "redeem"), {"acknowledged_lost": 1}),
        (("redeem", "effect"), ("link",), {"acknowledged_lost": 1}),
        (("redeem",), ("link", "redeem"), {"half_done": 1}),
        (("effect",), ("link",), {"half_done": 1}),
        (("redeem", "effect", "effect"), ("link", "redeem"), {"half_done": 1}),
        ((), ("start", "revoke"), {"acknowledged_lost": 1}),
        (("revoke",), ("start",), {"acknowledged_lost": 1}),
        (("lose",), ("issue",), {"acknowledged_lost": 1}),
    ],
)
async def test_what_was_said_and_is_not_there_is_found(
    tmp_path: Path, verbs: tuple[str, ...], said: tuple[str, ...], figures: dict[str, int]
) -> None:
    place, file, ledger = Setting(id="F-0", store="sqlite", folder=tmp_path), tmp_path / "app.db", Ledger()
    async with place.watchword() as ww:
        prepared(file)
        link = (await ww.one_time.issue("u", purpose=PURPOSE)).token
        start, issue = (await ww.sessions.start("u")).token, (await families(ww, 1))[0]
        doing: dict[str, Any] = {
            "redeem": lambda: ww.one_time.redeem(link, purpose=PURPOSE),
            "revoke": lambda: ww.revoke(token=start),
            "lose": lambda: ww.revoke(token=issue),
        }
        for verb in verbs:
            if verb != "effect":
                await doing[verb]()
                continue
            with closing(sqlite3.connect(file, isolation_level=None)) as db:
                db.execute(EFFECT, (link,))
    words = {
        "link": Word("done", "link", "u", link),
        "start": Word("done", "start", "u", start),
        "issue": Word("done", "issue", "u", issue),
        "redeem": Word("done", "redeem", link),
        "revoke": Word("done", "revoke", start),
    }
    await ledger.compare(place, [words[one] for one in said], url=place.where()["url"], file=file)
    found = ledger.figures()
    assert {name: found[name] for name in ("acknowledged_lost", "half_done", "not_whole")} == {
        "acknowledged_lost": 0,
        "half_done": 0,
        "not_whole": 0,
        **figures,
    }
    assert found["compared"] > 0
    assert ("wrong" in found) == ("acknowledged_lost" in figures or (bool(figures) and verbs.count("effect") < 2))


async def test_two_successors_and_a_family_that_is_lost_are_counted(tmp_path: Path) -> None:
    place, journal = Setting(id="F-0", store="sqlite", folder=tmp_path), Journal()
    async with place.watchword() as ww:
        tokens = await families(ww, 3)
        clients = Families([Lying(ww, tokens[0])], tokens, journal, rate=100)
        await ww.revoke(token=tokens[1])
        clients.begin()
        await clients.end()
    assert (clients.figures()["two_successors"], clients.figures()["families_lost"]) == (1, 1)
    assert {op.status for op in journal.ops} == {200, 401}


class Lying(Watchword):
    """Gives another family's token for the second presentation of one."""

    def __init__(self, ww: Watchword, token: str) -> None:
        self._ww, self._token, self._times = ww, token, 0

    @property
    def refresh(self) -> Any:  # type: ignore[override]
        return self

    async def rotate(self, token: str) -> Any:
        self._times += token == self._token
        if token == self._token and self._times > 1:
            return await self._ww.refresh.issue("another", client_id="app")
        return await self._ww.refresh.rotate(token)
