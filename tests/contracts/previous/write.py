"""Writes what test_previous.py reads: rows and tokens of every kind, as the release on the path makes them.

Run with the sources of an older commit, once for a release, and commit what it prints:
``PYTHONPATH=<older>/src:. python tests/contracts/previous/write.py > tests/contracts/previous/<commit>.json``
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.services import valkey
from watchword import FrozenClock, Watchword
from watchword.errors import TokenReusedError
from watchword.server.accounts.accounts import Accounts
from watchword.server.accounts.password_pool import PasswordPool

NOW = 1_800_000_000
PASSWORD = "correct horse battery"


async def live(ww: Watchword, *, everything: bool) -> dict[str, Any]:
    """One life of a house: everything is used, ended and revoked once; what is left is said.

    Rows of a Redis are read in another one, whose feed has another epoch: there, nothing would outlive ``everything``.
    """
    told: dict[str, Any] = {}
    await ww.sessions.start("gone", data={}, roles=[])
    told["from before everything"] = ww.access.issue("user-7").token
    if everything:
        await ww.revoke(everything=True)
    session = await ww.sessions.start(
        "user-7", data={"plan": "pro"}, roles=["admin"], device="Firefox", ip="203.0.113.9"
    )
    rotated = await ww.sessions.start("user-7", data={"n": 1}, roles=["admin"])
    told["session"] = session.token
    told["session rotated away"] = rotated.token
    told["session rotated"] = (await ww.sessions.rotate(rotated.token)).token
    ended = await ww.sessions.start("user-7")
    await ww.sessions.end(ended.session_id or "")
    told["session ended"] = ended.token
    revoked = await ww.sessions.start("user-7")
    told["access of a revoked session"] = ww.access.issue("user-7", session_id=revoked.session_id).token
    await ww.revoke(session=revoked.session_id)
    for format in ("jwt", "paseto"):
        told[f"access {format}"] = ww.access.issue(
            "user-7", scopes=["orders:read"], session_id=session.session_id, claims={"team": "blue"}, format=format
        ).token
    told["access revoked"] = ww.access.issue("user-7").token
    await ww.revoke(token=told["access revoked"])
    told["service"] = ww.service.issue("billing", audience="https://api.example").token

    family = await ww.refresh.issue(
        "user-7", client_id="mobile", session_id=None, device="Pixel 9", scopes=["orders:read"]
    )
    told["refresh"] = family.token
    second = await ww.refresh.issue("user-7", client_id="web")
    told["refresh rotated"] = second.token
    told["refresh successor"] = (await ww.refresh.rotate(second.token)).token
    reused = await ww.refresh.issue("user-7", client_id="web")
    told["refresh reused"] = (await ww.refresh.rotate((await ww.refresh.rotate(reused.token)).token)).token
    with suppress(TokenReusedError):
        await ww.refresh.rotate(reused.token)
        raise AssertionError("a reuse went unseen")

    told["opaque_access"] = (await ww.opaque_access.issue("user-7", scopes=["orders:read"])).token
    told["api_key"] = (await ww.api_keys.issue("acme", scopes=["invoices:read"], environment="live", label="CI")).token
    told["api_key for ever"] = (await ww.api_keys.issue("acme", lifetime=None)).token
    older = await ww.api_keys.issue("acme")
    told["api_key in overlap"] = older.token
    told["api_key rotated"] = (await ww.api_keys.rotate(older.token)).token
    await ww.api_keys.authenticate(told["api_key"])
    await ww.api_keys.flush()
    told["one_time"] = (await ww.one_time.issue("user-7", purpose="password-reset", data={"next": "/"})).token
    told["one_time used"] = (await ww.one_time.issue("user-7", purpose="email-verification")).token
    await ww.one_time.redeem(told["one_time used"], purpose="email-verification")
    for name in ("sealed", "sealed used"):
        told[name] = ww.sealed.seal({"order": name}, purpose="payment", bound_to="user-7").token
    await ww.sealed.redeem(told["sealed used"], purpose="payment", bound_to="user-7")

    passwords = PasswordPool(1)
    accounts = Accounts(ww, passwords)
    await accounts.add("alice", PASSWORD, roles=["clerk"], scopes=["orders:read"])
    told["session of alice"] = (await ww.sessions.start("alice", roles=["clerk"])).token
    told["access of alice before"] = ww.access.issue("alice", roles=["clerk"]).token
    await accounts.set_roles("alice", ["auditor"])
    passwords.close()
    told["access of a revoked client"] = ww.access.issue("user-9", client_id="app-1").token
    await ww.revoke(client="app-1")
    told["session of a revoked subject"] = (await ww.sessions.start("mallory")).token
    await ww.revoke(subject="mallory")
    await ww.revoke(key="a-key-of-somebody")
    await ww.revoke(family=(await ww.refresh.issue("user-7", client_id="tv")).family_id)
    return told


async def house(url: str, keys: Path) -> dict[str, Any]:
    ww = Watchword(url, issuer="https://app.example", audience="https://api.example", keys=keys, clock=FrozenClock(NOW))
    async with ww:
        tokens = await live(ww, everything=url.startswith("sqlite"))
    return {"now": NOW, "tokens": tokens, "keys": json.loads(keys.read_text())}  # noqa: ASYNC240 - a file of ours


def rows(path: Path) -> dict[str, list[list[Any]]]:
    with closing(sqlite3.connect(path)) as file:
        tables = ["records", "events", "feed", "audit"]
        found = {table: file.execute(f"SELECT * FROM watchword_{table}").fetchall() for table in tables}  # noqa: S608
    return {
        table: [[one.decode() if isinstance(one, bytes) else one for one in row] for row in read]
        for table, read in found.items()
    }


def redis_keys(client: Any) -> list[list[Any]]:
    """Every key below the prefix, without it: ``[key, type, value]``."""
    found = []
    for name in sorted(client.scan_iter()):
        sort = client.type(name).decode()
        if sort == "hash":
            value: Any = {field.decode(): text.decode() for field, text in client.hgetall(name).items()}
        elif sort == "zset":
            value = [[member.decode(), score] for member, score in client.zrange(name, 0, -1, withscores=True)]
        else:
            value = client.get(name).decode()
        found.append([name.decode().partition("}:")[2], sort, value])
    return found


def main() -> None:
    with TemporaryDirectory() as named:
        folder = Path(named)
        sql = asyncio.run(house(f"sqlite:///{folder}/app.db", folder / "sql.keys"))
        sql["rows"] = rows(folder / "app.db")
        program = valkey.program()
        assert program is not None
        (folder / "valkey").mkdir()
        with valkey.Server(program, folder / "valkey") as server:
            redis = asyncio.run(house(server.fresh(), folder / "redis.keys"))
            with server.client() as client:
                redis["rows"] = redis_keys(client)
    json.dump({"sql": sql, "redis": redis}, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
