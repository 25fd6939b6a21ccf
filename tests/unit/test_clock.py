"""Clocks: one that never goes back, and what hangs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Watchword
from watchword.clock import AHEAD, SteadyClock
from watchword.errors import TokenConsumedError, TokenExpiredError, TokenRevokedError
from watchword.revocation.feed import catch_up
from watchword.runtime.janitor import Janitor

NOW = 1_800_000_000
OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


def test_a_steady_clock_waits_where_the_other_goes_back() -> None:
    clock = FrozenClock(NOW)
    steady = SteadyClock(clock)
    assert steady.now() == NOW
    clock.set_wall(NOW + 10)
    assert steady.now() == NOW + 10
    clock.set_wall(NOW)
    assert steady.now() == NOW + 10
    clock.advance(11)
    assert steady.now() == NOW + 11
    assert steady.monotonic() == clock.monotonic()


@pytest.mark.anyio
async def test_what_is_signed_has_the_time_of_the_clock_and_what_is_kept_has_ended_for_good() -> None:
    """F-20. After a jump and back other nodes must be able to take our tokens, and no session may come back."""
    clock = FrozenClock(NOW)
    async with Watchword("memory:", clock=clock, **OPTIONS) as ww:
        session = await ww.sessions.start("u")
        clock.set_wall(NOW + 1800)
        with pytest.raises(TokenExpiredError):
            await ww.sessions.authenticate(session.token)
        clock.set_wall(NOW)
        with pytest.raises(TokenExpiredError):
            await ww.sessions.authenticate(session.token)
        assert ww.access.verify(ww.access.issue("u").token).issued_at == NOW
        fresh = await ww.sessions.start("u")
        assert (await ww.sessions.authenticate(fresh.token)).subject == "u"


@pytest.mark.anyio
async def test_a_clock_that_is_an_hour_ahead_forgets_no_revocation_and_no_use(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    async with Watchword(f"sqlite:///{tmp_path}/app.db", clock=clock, **OPTIONS) as ww:
        token = ww.access.issue("u").token
        await ww.revoke(token=token)
        paid = ww.sealed.seal({"n": 1}, purpose="payment", bound_to="u").token
        await ww.sealed.redeem(paid, purpose="payment", bound_to="u")
        clock.set_wall(NOW + AHEAD)
        await Janitor(ww.store, clock).tick()
        ww.view.forget()
        await catch_up(ww.store, ww.view)
        clock.set_wall(NOW)
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)
        with pytest.raises(TokenConsumedError):
            await ww.sealed.redeem(paid, purpose="payment", bound_to="u")
