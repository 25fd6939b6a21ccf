"""Each hostile request gets its status and its code, changes nothing, and takes nothing from the good credentials."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.hostile.requests import ACCESS, COOKIE, COVERED, DEAD, REFRESH, ROWS, Props, Row, written
from tests.unit.server.house import SECRET, House, open_house
from watchword.crypto import passwords


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[tuple[House, Props]]:
    """One server for all rows: none may change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        async with open_house() as house:
            yield house, await _props(house)


async def _props(house: House) -> Props:
    cookie = await house.sign_in()
    expired = house.ww.access.issue("alice").token
    house.clock.advance(901)
    revoked, rotated, subjects = (
        await house.mint(cookie),
        await house.mint(cookie),
        await house.mint(await house.sign_in("bob")),
    )
    await house.ww.revoke(token=revoked["access_token"])
    await house.refresh(rotated["refresh_token"])
    await house.ww.revoke(family=(await house.ww.refresh.family_of(rotated["refresh_token"])).family_id)
    await house.ww.revoke(subject="bob")
    good = await house.mint(cookie)
    return {
        COOKIE: cookie,
        ACCESS: good["access_token"],
        REFRESH: good["refresh_token"],
        DEAD["unknown"]: good["access_token"][:-10] + "AAAAAAAAAA",
        DEAD["malformed"]: "eyJ.not-a-token.x",
        DEAD["expired"]: expired,
        DEAD["revoked"]: revoked["access_token"],
        DEAD["of another audience"]: house.ww.access.issue("alice", audience="https://ledger.test").token,
        DEAD["of a rotated family"]: rotated["refresh_token"],
        DEAD["of a revoked subject"]: subjects["access_token"],
    }


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.id} {row.what}") for row in ROWS])
async def test_row(stage: tuple[House, Props], row: Row, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "httpx2")  # the client of this test, which logs the URLs it was told
    caplog.set_level(logging.DEBUG)
    house, props = stage
    before = await house.state()
    reply = await house.http.send(written(row.ask, props))
    assert reply.status_code == row.status, reply.text
    if isinstance(row.error, bytes):
        assert reply.content == row.error
    else:
        assert reply.json().get("error") == row.error
    assert set(row.also) <= set(reply.headers.items())
    assert "set-cookie" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"
    assert await house.state() == before
    assert caplog.records, "the log was read"
    for secret in (props[COOKIE], props[ACCESS], props[REFRESH], SECRET):
        assert secret not in caplog.text
        assert secret not in reply.text


async def test_the_good_credentials_are_good_to_the_end(stage: tuple[House, Props]) -> None:
    """After all of that: else a row could have "changed nothing" because there was nothing left to change."""
    house, props = stage
    assert (await house.ask("GET", "/account/session", cookie=props[COOKIE])).status_code == 200
    assert (await house.ask("GET", "/api/me", bearer=props[ACCESS])).status_code == 200
    assert (await house.refresh(props[REFRESH])).status_code == 200


async def test_a_secret_in_a_url_leaves_an_event(stage: tuple[House, Props], caplog: pytest.LogCaptureFixture) -> None:
    house, props = stage
    await house.ask("GET", f"/api/me?access_token={props[ACCESS]}")
    assert [record.levelname for record in caplog.records if record.getMessage().startswith("secret_in_url")] == [
        "WARNING"
    ]


def test_the_table_has_its_rows_and_says_nothing_twice() -> None:
    assert {row.id for row in ROWS} == COVERED
    assert len({(row.id, row.what) for row in ROWS}) == len(ROWS) > 150
