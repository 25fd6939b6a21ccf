"""docs/reference/redis.md against what all kinds, used in every way, leave in a server."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.services.valkey import Server
from watchword import Watchword
from watchword.revocation.event import NOTICES
from watchword.server.accounts.accounts import Accounts
from watchword.server.accounts.password_pool import PasswordPool
from watchword.stores.redis import RedisStore
from watchword.web.ratelimit import Limits, RateLimit

pytestmark = pytest.mark.anyio

PAGE = (ROOT / "docs/reference/redis.md").read_text("utf-8")
OWN = PAGE[: PAGE.index("## Beside an SQL store")]
SHAPES = re.findall(r"^\| `\{ww\}:([^`]+)` \| ([a-z ]+) \|", OWN, re.MULTILINE)
RECORDS = {
    row[0]: row[1:]
    for row in re.findall(
        r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
        PAGE[PAGE.index("## Records") : PAGE.index("## Reading")],
        re.MULTILINE,
    )
}
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
DAY = 86_400


class Seen:
    """What is in the server under the prefix of one store."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server, self._at = server, f"{{{prefix}}}:"
        self.keys: dict[str, tuple[str, int]] = {}
        self.records: dict[str, tuple[bool, bool]] = {}

    def look(self) -> None:
        """Take in each key, with its type and TTL; of records the kind, and whether they have a subject and a group."""
        with self._server.client() as client:
            found: Any = list(client.scan_iter(match=f"{self._at}*", count=1000))
            for key in found:
                name = key.decode().removeprefix(self._at)
                kind: Any = client.type(key)
                self.keys.setdefault(name, (kind.decode().replace("zset", "sorted set"), int(client.ttl(key))))
                if name.startswith("r:"):
                    held: Any = client.hmget(key, "s", "g")
                    self.records[name] = (held[0] is not None, held[1] is not None)


def shape_of(name: str) -> list[tuple[str, str]]:
    """The rows of the page that a key fits."""
    found = []
    for shape, kind in SHAPES:
        pattern = re.sub("[A-Z]+", ".*", re.escape(shape).replace("WHAT", "[a-z_]+").replace("KIND", "[a-z_]+"))
        if re.fullmatch(pattern, name, re.DOTALL):
            found.append((shape, kind))
    return found


def seconds(text: str) -> int | None:
    """What a cell says at first: ``30 min + 2 d``."""
    if text.startswith("none"):
        return None
    return sum(
        int(number) * UNITS[unit]
        for number, unit in re.findall(r"(\d+) (s|min|h|d)\b", text.partition(",")[0].partition(";")[0])
    )


async def tour(ww: Watchword, seen: Seen) -> None:
    """Every kind that keeps something, used in every way that keeps something else."""
    session = await ww.sessions.start("u")
    family = await ww.refresh.issue("u", client_id="c", session_id=session.session_id)
    await ww.refresh.rotate(family.token)
    await ww.opaque_access.issue("u")
    await ww.api_keys.issue("u")
    link = await ww.one_time.issue("u", purpose="password-reset")
    await ww.one_time.redeem(link.token, purpose="password-reset", effect=lambda _: seen.look())
    sealed = ww.sealed.seal({}, purpose="p", bound_to="u")
    await ww.sealed.redeem(sealed.token, purpose="p", bound_to="u")
    await ww.roles.set("another", ["admin"])
    await ww.limits.hit(Limits("login", account=RateLimit("5/min")), account="u")
    passwords = PasswordPool(1)
    await Accounts(ww, passwords).add("somebody", "correct horse battery staple 1")
    passwords.close()
    access = ww.access.issue("u", client_id="c")
    seen.look()
    await ww.revoke(token=access.token)
    names: list[dict[str, Any]] = [{what: f"a {what}"} for what in ("session", "family", "subject", "client", "key")]
    for name in names:
        await ww.revoke(**name)
    await ww.subject_changed("u", "password")
    await ww.revoke(everything=True, wait=True)
    seen.look()


async def test_all_that_is_left_behind_stands_on_the_page_and_all_that_stands_there_is_left_behind(
    valkey: Server, tmp_path: Path
) -> None:
    url = valkey.fresh()
    async with Watchword(url, issuer="https://a.example", audience="https://b.example", keys=tmp_path / "keys") as ww:
        assert isinstance(ww.store, RedisStore)
        seen = Seen(valkey, ww.store.address.prefix)
        await tour(ww, seen)
    met = set()
    for name, (kind, _) in seen.keys.items():
        rows = shape_of(name)
        assert [found for _, found in rows] == [kind], f"{name} is a {kind}, and the page says {rows}"
        met.add(rows[0])
    assert set(SHAPES) - met == {("news", "sharded channel")}
    lives: dict[str, list[tuple[int, bool, bool]]] = {}
    for name, owned in seen.records.items():
        lives.setdefault(name.split(":")[1], []).append((seen.keys[name][1], *owned))
    assert lives.keys() == RECORDS.keys()
    for kind, (subject, group, life) in RECORDS.items():
        for left, has_subject, has_group in lives[kind]:
            assert (has_subject, has_group) == (subject != "–", group != "–"), kind
            expected = seconds(life)
            assert left == -1 if expected is None else expected - 30 < left <= expected, (kind, left)


async def test_the_blocklist_has_a_key_for_each_thing_that_can_be_revoked(valkey: Server, tmp_path: Path) -> None:
    url = valkey.fresh()
    async with Watchword(url, issuer="https://a.example", audience="https://b.example", keys=tmp_path / "keys") as ww:
        assert isinstance(ww.store, RedisStore)
        seen = Seen(valkey, ww.store.address.prefix)
        await tour(ww, seen)
    named = {name.split(":")[1] for name in seen.keys if name.startswith("b:")}
    documented = set(re.findall(r"^\| [^|]+ \| `\{ww\}:b:([a-z_]+):", PAGE, re.MULTILINE))
    assert named - set(NOTICES) == documented
    lives = {name: life for name, (_, life) in seen.keys.items() if name.startswith("b:")}
    access = int(timedelta(minutes=15).total_seconds())
    facts = {name: left for name, left in lives.items() if not name.startswith(tuple(f"b:{one}:" for one in NOTICES))}
    assert all(left > access + 60 + 60 + DAY - 30 for left in facts.values())
    assert lives["b:key:a key"] > 3649 * DAY < lives["b:everything:"]
    assert all(
        life > 30 * DAY for name, life in lives.items() if name.startswith(("b:subject:", "b:client:", "b:session:"))
    )
