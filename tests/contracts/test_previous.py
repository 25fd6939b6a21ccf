"""N-1: what the release before wrote, this one reads; what this one adds, the release before may ignore.

The rows and tokens were written by ``previous/write.py`` with the sources of the commit that names the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword import FrozenClock, Watchword
from watchword.errors import (
    TokenConsumedError,
    TokenError,
    TokenReusedError,
    TokenRevokedError,
)
from watchword.principal import Principal
from watchword.revocation.feed import catch_up
from watchword.server.accounts.accounts import Accounts
from watchword.server.accounts.password_pool import PasswordPool
from watchword.stores.base import Event
from watchword.stores.sql import migrations

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent / "previous"
COMMITS = sorted(file.stem for file in FOLDER.glob("*.json"))
COLUMNS = {
    "records": ("id", "kind", "key", "version", "subject", "grp", "expires_at", "data"),
    "events": ("seq", "what", "value", "at", "until"),
    "feed": ("epoch", "head"),
    "audit": ("seq", "name", "at", "subject", "detail"),
}
PASSWORD = "correct horse battery"
Tokens = dict[str, str]


@cache
def written(commit: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{commit}.json").read_text())
    return found


def first_tables(dialect: str) -> list[str]:
    """The tables as they were: of the first migration alone."""
    first = migrations(dialect)[0]
    table = "CREATE TABLE watchword_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
    row = f"INSERT INTO watchword_migrations VALUES (1, '{first.name}', '{first.checksum}')"  # noqa: S608 - ours
    return [*first.statements, "DELETE FROM watchword_feed", table, row]


def in_sqlite(rows: dict[str, list[list[Any]]], path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        for statement in first_tables("sqlite"):
            file.execute(statement)
        for table, names in COLUMNS.items():
            marks = ", ".join("CAST(? AS BLOB)" if name in ("data", "detail") else "?" for name in names)
            file.executemany(f"INSERT INTO watchword_{table} VALUES ({marks})", rows[table])  # noqa: S608 - ours
        file.commit()
    return f"sqlite:///{path}"


def in_postgres(rows: dict[str, list[list[Any]]], url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in first_tables("postgres"):
            connection.execute(statement.encode())
        for table, names in COLUMNS.items():
            marks = ", ".join("convert_to(%s, 'UTF8')" if name in ("data", "detail") else "%s" for name in names)
            kept = "OVERRIDING SYSTEM VALUE" if table in ("records", "audit") else ""
            for row in rows[table]:
                connection.execute(f"INSERT INTO watchword_{table} {kept} VALUES ({marks})".encode(), row)  # noqa: S608
        for table, name in (("records", "id"), ("audit", "seq")):
            last = len(rows[table]) + 1000
            connection.execute(f"ALTER TABLE watchword_{table} ALTER COLUMN {name} RESTART WITH {last}".encode())
    return url


def in_redis(rows: list[list[Any]], server: Server) -> str:
    url = server.fresh()
    at = f"{{{url.partition('prefix=')[2]}}}:"
    with server.client() as client:
        for key, sort, value in rows:
            if sort == "hash":
                client.hset(at + key, mapping=value)
            elif sort == "zset":
                client.zadd(at + key, dict(value))
            else:
                client.set(at + key, value)
    return url


@pytest.fixture(params=COMMITS)
def commit(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def house(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def before(commit: str, house: str) -> dict[str, Any]:
    found: dict[str, Any] = written(commit)["redis" if house == "redis" else "sql"]
    return found


@pytest.fixture
def tokens(before: dict[str, Any]) -> Tokens:
    found: Tokens = before["tokens"]
    return found


@pytest.fixture
async def ww(
    before: dict[str, Any], house: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Watchword]:
    keys = tmp_path / "app.keys"
    keys.write_text(json.dumps(before["keys"]))
    keys.chmod(0o600)
    if house == "sqlite":
        url = in_sqlite(before["rows"], tmp_path / "app.db")
    elif house == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = in_postgres(before["rows"], server.fresh())
    else:
        url = in_redis(before["rows"], request.getfixturevalue("valkey"))
    clock = FrozenClock(before["now"] + 1)
    made = Watchword(url, issuer="https://app.example", audience="https://api.example", keys=keys, clock=clock)
    async with made:
        yield made


async def verified(ww: Watchword, tokens: Tokens, name: str) -> Principal:
    kind = name.partition(" ")[0]
    if kind in ("access", "service"):
        return getattr(ww, kind).verify(tokens[name])  # type: ignore[no-any-return]
    if kind == "from":
        return ww.access.verify(tokens[name])
    components: dict[str, Any] = {"session": ww.sessions, "api_key": ww.api_keys, "opaque_access": ww.opaque_access}
    who: Principal = await components[kind].authenticate(tokens[name])
    return who


GOOD = {
    "session": "user-7",
    "session rotated": "user-7",
    "session of alice": "alice",
    "access jwt": "user-7",
    "access paseto": "user-7",
    "service": "billing",
    "opaque_access": "user-7",
    "api_key": "acme",
    "api_key for ever": "acme",
    "api_key in overlap": "acme",
    "api_key rotated": "acme",
}
DEAD = [
    "from before everything",
    "session rotated away",
    "session ended",
    "access of a revoked session",
    "access revoked",
    "access of alice before",
    "access of a revoked client",
    "session of a revoked subject",
]
OTHER = {"refresh", "one_time", "sealed"}


def test_every_token_that_was_written_is_looked_at(tokens: Tokens) -> None:
    assert {name for name in tokens if name.partition(" ")[0] not in OTHER} == {*GOOD, *DEAD}


async def test_what_was_good_is_good(ww: Watchword, tokens: Tokens) -> None:
    for name, subject in GOOD.items():
        assert (await verified(ww, tokens, name)).subject == subject, name
    who = await ww.sessions.authenticate(tokens["session"])
    assert who.roles == {"admin"}
    assert (await ww.sessions.authenticate(tokens["session of alice"])).roles == {"auditor"}
    access = ww.access.verify(tokens["access paseto"])
    assert access.scopes == {"orders:read"}
    assert (access.claims["team"], access.session_id) == ("blue", who.session_id)
    assert (await ww.api_keys.authenticate(tokens["api_key"])).scopes == {"invoices:read"}
    assert {device.label for device in await ww.devices.list("user-7")} >= {"Firefox", "Pixel 9"}


async def test_what_was_dead_is_dead(ww: Watchword, tokens: Tokens, house: str) -> None:
    for name in DEAD:
        if house == "redis" and name == "from before everything":
            continue
        with pytest.raises(TokenRevokedError):
            await verified(ww, tokens, name)


async def test_families_go_on_and_a_reuse_is_still_one(ww: Watchword, tokens: Tokens) -> None:
    fresh = await ww.refresh.rotate(tokens["refresh"], client_id="mobile")
    assert fresh.scopes == {"orders:read"}
    again = await ww.refresh.rotate(tokens["refresh rotated"], client_id="web")
    assert again.token == tokens["refresh successor"], "within the grace it is the same successor"
    third = await ww.refresh.rotate(tokens["refresh successor"], client_id="web")
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(tokens["refresh rotated"], client_id="web")
    for dead in (third.token, tokens["refresh reused"]):
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(dead, client_id="web")


async def test_once_is_once_across_the_releases(ww: Watchword, tokens: Tokens) -> None:
    with pytest.raises(TokenConsumedError):
        await ww.one_time.redeem(tokens["one_time used"], purpose="email-verification")
    assert (await ww.one_time.redeem(tokens["one_time"], purpose="password-reset")).subject == "user-7"
    with pytest.raises(TokenConsumedError):
        await ww.one_time.redeem(tokens["one_time"], purpose="password-reset")
    with pytest.raises(TokenConsumedError):
        await ww.sealed.redeem(tokens["sealed used"], purpose="payment", bound_to="user-7")
    assert await ww.sealed.redeem(tokens["sealed"], purpose="payment", bound_to="user-7") == {"order": "sealed"}


async def test_everything_can_be_ended_and_changed(ww: Watchword, tokens: Tokens) -> None:
    who = await ww.sessions.authenticate(tokens["session"])
    await ww.sessions.update(tokens["session"], data={"plan": "team"})
    await ww.sessions.end(who.session_id or "")
    await ww.revoke(subject="acme")
    await ww.revoke(token=tokens["opaque_access"])
    for name in ("session", "access jwt", "access paseto", "api_key", "api_key for ever", "opaque_access"):
        with pytest.raises(TokenError):
            await verified(ww, tokens, name)
    rotated = await ww.sessions.rotate(tokens["session rotated"])
    assert (await ww.sessions.authenticate(rotated.token)).subject == "user-7"


async def test_users_sign_in(ww: Watchword) -> None:
    passwords = PasswordPool(1)
    await passwords.open()
    account = await Accounts(ww, passwords).check("alice", PASSWORD)
    passwords.close()
    assert (account.name, account.roles, account.scopes) == ("alice", ("auditor",), ("orders:read",))


async def test_the_feed_and_the_trail_go_on_where_they_were(ww: Watchword, before: dict[str, Any], house: str) -> None:
    clock = ww.clock.now()
    feed = await ww.store.tail(0, now=clock)
    trail = await ww.events()
    if house != "redis":
        assert [[one.seq, one.what, one.value, one.at, one.until] for one in feed.events] == before["rows"]["events"]
        assert [feed.epoch, feed.head] == before["rows"]["feed"][0]
        assert [row.name for row in trail] == [row[1] for row in before["rows"]["audit"]]
    assert {one.what for one in feed.events} >= {"token", "session", "family", "subject", "client", "key", "roles"}
    revocation = await ww.revoke(session="another")
    assert revocation.seq == feed.head + 1
    assert (await ww.events())[-1].seq > trail[-1].seq


# The other direction: fields of the future


async def test_fields_that_a_later_release_adds_are_ignored(ww: Watchword, tokens: Tokens) -> None:
    """What this release must be able to do today, so that the next one may add fields to the payload of any record."""
    kinds = sorted(ww.store.survey(now=0)[0].records)
    assert {"session", "api_key", "opaque_access", "user", "roles", "sealed"} <= set(kinds)
    for record in [one for kind in kinds for one in await ww.store.find(kind, now=0, limit=10_000)]:
        later = replace(record, data={**record.data, "later": {"deep": [1]}})
        assert await ww.store.swap(later, version=record.version)
    for name, subject in GOOD.items():
        assert (await verified(ww, tokens, name)).subject == subject, name
    for name in set(DEAD) - {"from before everything"}:
        with pytest.raises(TokenRevokedError):
            await verified(ww, tokens, name)
    await test_families_go_on_and_a_reuse_is_still_one(ww, tokens)
    await test_once_is_once_across_the_releases(ww, tokens)
    await test_everything_can_be_ended_and_changed(ww, tokens)
    await test_users_sign_in(ww)


async def test_of_facts_that_only_a_later_release_knows_notices_hurt_nobody(ww: Watchword, tokens: Tokens) -> None:
    """Any other is a revocation that this release cannot judge, so it refuses what it could be about."""
    now = ww.clock.now()
    await ww.store.append(Event(what="notice.later", value="x", at=now, until=now + 100))
    await catch_up(ww.store, ww.view)
    assert ww.access.verify(tokens["access jwt"]).subject == "user-7"
    await ww.store.append(Event(what="tenant", value="acme", at=now, until=now + 100))
    await catch_up(ww.store, ww.view)
    with pytest.raises(TokenRevokedError):
        ww.access.verify(tokens["access jwt"])
    assert ww.access.verify(ww.access.issue("user-7").token).subject == "user-7"
