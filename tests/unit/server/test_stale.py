"""The auth server past the lease: it vouches for nothing that it does not know, and asks where it is told to."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.server.house import SECRET, House, open_house

pytestmark = pytest.mark.anyio

OPEN: dict[str, Any] = {"on_stale": "open", "open_for": timedelta(seconds=30)}
ASK: dict[str, Any] = {"on_stale": "ask", "max_staleness": timedelta(0)}


def fall_silent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.ww.view, "hear", lambda *args, **kwargs: True)
    house.clock.advance(6)


async def test_an_open_window_is_not_lent_to_resource_servers(
    monkeypatch: pytest.MonkeyPatch, cheap_hashes: None
) -> None:
    async with open_house(stale=OPEN) as house:
        token = house.ww.access.issue("alice", client_id="backend").token
        assert (await house.introspect(token)).json()["active"] is True
        fall_silent(house, monkeypatch)
        assert (await house.ask("GET", "/api/me", bearer=token)).status_code == 200
        assert (await house.introspect(token)).status_code == 503
        monkeypatch.undo()


async def test_a_server_that_asks_each_time_serves_all_the_same(tmp_path: Path, cheap_hashes: None) -> None:
    async with open_house(f"sqlite:///{tmp_path}/auth.db", stale=ASK) as house:
        house.ww.view.ask_now = None  # as over a network: whatever is not awaited cannot ask
        cookie = await house.sign_in()
        minted = await house.mint(cookie)
        access, refresh = minted["access_token"], minted["refresh_token"]
        assert (await house.ask("GET", "/api/me", bearer=access)).status_code == 200
        assert (await house.refresh(refresh)).status_code == 200
        for token in (access, house.ww.access.issue("alice", client_id="backend").token):
            assert (await house.introspect(token)).json()["active"] is True
        own = house.ww.access.issue("alice", client_id="backend").token
        assert (await house.form("/oauth/revoke", ("backend", SECRET), token=own)).status_code == 200
        assert (await house.introspect(own)).json() == {"active": False}
        assert (await house.ask("POST", "/account/sign-out", cookie=cookie)).status_code in (200, 204, 303)
        assert (await house.ask("GET", "/api/me", bearer=access)).status_code == 401
