"""One-time tokens: one purpose, one use, one live token, an effect in the same transaction."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Issued, Watchword, blocking
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    RateLimitedError,
    TokenConsumedError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
)
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.tokens.one_time import PURPOSES, OneTimeTokens

pytestmark = pytest.mark.anyio

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
DAY = 86_400
RESET = "password-reset"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
async def ww(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Watchword]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as opened:
        yield opened


async def rows(ww: Watchword) -> list[Record]:
    kinds = ("one_time", "one_time_slot", "one_time_used")
    return [row for kind in kinds for row in await ww.store.find(kind, now=0)]


async def refusal(ww: Watchword, token: str, purpose: str = RESET, **more: Any) -> type[TokenError] | None:
    try:
        await ww.one_time.redeem(token, purpose=purpose, **more)
    except TokenError as error:
        return type(error)
    return None


async def test_a_token_works_once(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET, data={"mail": "u@x.example"})
    assert issued.token.startswith("ww_ot_")
    assert issued.token not in repr(issued)
    who = await ww.one_time.redeem(issued.token, purpose=RESET)
    assert (who.subject, who.kind, who.token_id) == ("u", "one_time", issued.token_id)
    assert dict(who.claims) == {"mail": "u@x.example"}
    for _ in range(3):
        assert await refusal(ww, issued.token) is TokenConsumedError
    clock.advance(DAY)
    await ww.store.purge(now=clock.now())
    assert await refusal(ww, issued.token) is TokenConsumedError


@pytest.mark.parametrize(("purpose", "life"), PURPOSES.items())
async def test_each_purpose_has_its_life(ww: Watchword, clock: FrozenClock, purpose: str, life: timedelta) -> None:
    seconds = int(life.total_seconds())
    early, late = [await ww.one_time.issue(subject, purpose=purpose) for subject in ("a", "b")]
    assert early.expires_at == clock.now() + seconds
    clock.advance(seconds - 1)
    assert await refusal(ww, early.token, purpose) is None
    clock.advance(1)
    assert await refusal(ww, late.token, purpose) is TokenExpiredError


async def test_the_default_lives_are_those_of_the_standard() -> None:
    assert {purpose: life.total_seconds() for purpose, life in PURPOSES.items()} == {
        "email-verification": DAY,
        "password-reset": 1800,
        "magic-link": 600,
    }


async def test_a_purpose_of_ones_own_names_its_life(ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="lifetime="):
        await ww.one_time.issue("u", purpose="invite")
    with pytest.raises(ConfigurationError, match="lives up to"):
        await ww.one_time.issue("u", purpose="invite", lifetime=timedelta(days=8))
    issued = await ww.one_time.issue("u", purpose="invite", lifetime=timedelta(days=7))
    assert (await ww.one_time.redeem(issued.token, purpose="invite")).subject == "u"


@pytest.mark.parametrize("purpose", ["", "a b", "ü", "a\0b", "x" * 65])
async def test_a_purpose_that_is_no_name(ww: Watchword, purpose: str) -> None:
    with pytest.raises(ConfigurationError, match="purpose"):
        await ww.one_time.issue("u", purpose=purpose, lifetime=timedelta(hours=1))


async def test_a_wrong_purpose_finds_nothing_and_uses_nothing_up(ww: Watchword) -> None:
    issued = {purpose: await ww.one_time.issue("u", purpose=purpose) for purpose in PURPOSES}
    before = await rows(ww)
    for mine in PURPOSES:
        for other in PURPOSES:
            if mine != other:
                assert await refusal(ww, issued[mine].token, other) is TokenNotFoundError
                with pytest.raises(TokenNotFoundError):
                    await ww.one_time.look(issued[mine].token, purpose=other)
    assert await rows(ww) == before
    for purpose, one in issued.items():
        assert await refusal(ww, one.token, purpose) is None


@pytest.mark.parametrize(
    "untrusted", ["", "ww_ot_", "ww_ot_" + "A" * 42, "ww_ot_" + "A" * 42 + "B", "ww_ss_" + "A" * 43, "x" * 10_000, "é"]
)
async def test_what_is_no_token_is_malformed(ww: Watchword, untrusted: str) -> None:
    with pytest.raises(MalformedTokenError):
        await ww.one_time.redeem(untrusted, purpose=RESET)


async def test_every_change_of_a_character_finds_nothing(ww: Watchword) -> None:
    token = (await ww.one_time.issue("u", purpose=RESET)).token
    for place in range(6, len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert await refusal(ww, changed) is TokenNotFoundError
    assert await refusal(ww, token) is None


async def test_the_store_keeps_no_token_and_drops_the_data_with_the_use(ww: Watchword) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET, data={"mail": "u@x.example"}, version="hash-1")
    kept = repr(await rows(ww))
    assert issued.token[6:] not in kept
    assert "hash-1" not in kept
    await ww.one_time.redeem(issued.token, purpose=RESET, version="hash-1")
    assert "u@x.example" not in repr(await rows(ww))
    assert issued.token not in repr(await ww.events())


# One live token, and not too many


async def test_a_newer_token_voids_the_one_before(ww: Watchword, clock: FrozenClock) -> None:
    first = await ww.one_time.issue("u", purpose=RESET)
    other = await ww.one_time.issue("u", purpose="magic-link")
    clock.advance(300)
    second = await ww.one_time.issue("u", purpose=RESET)
    assert await refusal(ww, first.token) is TokenRevokedError
    assert await refusal(ww, second.token) is None
    assert await refusal(ww, first.token) is TokenRevokedError
    assert await refusal(ww, other.token, "magic-link") is None


async def test_a_used_token_stays_used_when_newer_ones_come(ww: Watchword, clock: FrozenClock) -> None:
    first = await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.redeem(first.token, purpose=RESET)
    clock.advance(300)
    await ww.one_time.issue("u", purpose=RESET)
    assert await refusal(ww, first.token) is TokenConsumedError


@pytest.mark.parametrize("used", [False, True])
async def test_one_in_five_minutes_also_after_a_redeem(ww: Watchword, clock: FrozenClock, used: bool) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    if used:
        await ww.one_time.redeem(issued.token, purpose=RESET)
    clock.advance(100)
    with pytest.raises(RateLimitedError) as caught:
        await ww.one_time.issue("u", purpose=RESET)
    assert caught.value.retry_after == 200
    await ww.one_time.issue("other", purpose=RESET)
    await ww.one_time.issue("u", purpose="magic-link")
    clock.advance(199)
    with pytest.raises(RateLimitedError) as caught:
        await ww.one_time.issue("u", purpose=RESET)
    assert caught.value.retry_after == 1
    if not used:
        assert await refusal(ww, issued.token) is None, "a refused issue voids nothing"
    clock.advance(1)
    await ww.one_time.issue("u", purpose=RESET)


async def test_a_clock_that_went_back_locks_nobody_out_for_long() -> None:
    clock, store = FrozenClock(), MemoryStore()
    store.open_blocking()
    tokens = OneTimeTokens(store, clock=clock)
    await tokens.issue("u", purpose=RESET)
    clock.set_wall(clock.now() - 3600)
    assert (await tokens.issue("u", purpose=RESET)).subject == "u"


async def test_how_often_is_a_setting(clock: FrozenClock) -> None:
    with pytest.raises(ConfigurationError):
        OneTimeTokens(MemoryStore(), every=timedelta(seconds=-1))
    with pytest.raises(ConfigurationError, match="a day"):  # so long is the last one remembered
        OneTimeTokens(MemoryStore(), every=timedelta(days=1, seconds=1))
    async with Watchword("memory:", clock=clock, one_time_every=timedelta(0), **OPTIONS) as ww:
        issued = [await ww.one_time.issue("u", purpose=RESET) for _ in range(3)]
        assert [await refusal(ww, one.token) for one in issued] == [TokenRevokedError, TokenRevokedError, None]


async def test_long_after_a_slot_is_dead_there_is_a_new_one(ww: Watchword, clock: FrozenClock) -> None:
    for wait in (0, 3 * DAY, 30 * DAY):
        clock.advance(wait)
        assert await refusal(ww, (await ww.one_time.issue("u", purpose=RESET)).token) is None
    clock.advance(30 * DAY)
    await ww.store.purge(now=clock.now())
    assert await rows(ww) == []


# The time in the row


async def test_the_end_can_be_moved_after_issue(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    assert await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(hours=3)) is True
    clock.advance(3 * 3600 - 1)
    assert (await ww.one_time.look(issued.token, purpose=RESET)).expires_at == clock.now() + 1
    assert await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(seconds=10)) is True
    clock.advance(10)
    assert await refusal(ww, issued.token) is TokenExpiredError
    assert await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(hours=1)) is False


async def test_no_move_goes_beyond_a_week_after_issue(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(days=7))
    clock.advance(6 * DAY)
    await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(days=7))
    assert (await ww.one_time.look(issued.token, purpose=RESET)).expires_at == issued.expires_at - 1800 + 7 * DAY
    with pytest.raises(ConfigurationError):
        await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(days=8))


# What voids a token


async def test_looking_changes_nothing(ww: Watchword) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET, data={"n": 1})
    before = await rows(ww)
    seen = await ww.one_time.look(issued.token, purpose=RESET)
    assert (seen.subject, seen.purpose, seen.expires_at, seen.data) == ("u", RESET, issued.expires_at, {"n": 1})
    assert await rows(ww) == before


async def test_void_ends_the_live_one(ww: Watchword) -> None:
    assert await ww.one_time.void("u", purpose=RESET) is False
    issued = await ww.one_time.issue("u", purpose=RESET)
    assert await ww.one_time.void("u", purpose="magic-link") is False
    assert await ww.one_time.void("u", purpose=RESET) is True
    assert await ww.one_time.void("u", purpose=RESET) is False
    assert await refusal(ww, issued.token) is TokenRevokedError


@pytest.mark.parametrize("by", ["token", "subject", "everything"])
async def test_what_ww_revoke_reaches(ww: Watchword, clock: FrozenClock, by: str) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    what: dict[str, Any] = {"token": issued.token, "subject": "u", "everything": True}
    await ww.revoke(**{by: what[by]})
    assert await refusal(ww, issued.token) is TokenRevokedError
    clock.advance(300)
    assert await refusal(ww, (await ww.one_time.issue("u", purpose=RESET)).token) is None


async def test_revoking_what_needs_it_not_and_what_cannot_be_found(ww: Watchword) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.redeem(issued.token, purpose=RESET)
    assert (await ww.revoke(token=issued.token)).acknowledged == ("self",)
    own = await ww.one_time.issue("u", purpose="invite", lifetime=timedelta(days=1))
    with pytest.raises(TokenNotFoundError, match="void"):
        await ww.revoke(token=own.token)


async def test_a_password_change_voids_what_was_bound_to_the_account(ww: Watchword) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET, version="hash-1")
    assert await refusal(ww, issued.token, version="hash-2") is TokenRevokedError
    with pytest.raises(ConfigurationError, match="version"):
        await ww.one_time.redeem(issued.token, purpose=RESET)
    assert await refusal(ww, issued.token, version="hash-1") is None
    unbound = await ww.one_time.issue("v", purpose=RESET)
    assert await refusal(ww, unbound.token, version="hash-1") is TokenRevokedError


async def test_it_is_no_credential(ww: Watchword) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    with pytest.raises(TokenNotFoundError):
        await ww.one_time.authenticate(issued.token)
    assert await refusal(ww, issued.token) is None


@pytest.mark.parametrize("data", [{"x": "y" * 5000}, {"x": object()}, {1: 2}])
async def test_data_is_small_plain_json(ww: Watchword, data: Any) -> None:
    with pytest.raises(ConfigurationError):
        await ww.one_time.issue("u", purpose=RESET, data=data)


# Effects


async def test_an_effect_that_raises_leaves_the_token_as_it_was(ww: Watchword) -> None:
    def fail(_: object) -> None:
        raise LookupError

    issued = await ww.one_time.issue("u", purpose=RESET)
    before, trail = await rows(ww), await ww.events()
    with pytest.raises(LookupError):
        await ww.one_time.redeem(issued.token, purpose=RESET, effect=fail)
    assert (await rows(ww), await ww.events()) == (before, trail)
    ran: list[object] = []
    await ww.one_time.redeem(issued.token, purpose=RESET, effect=ran.append)
    assert len(ran) == 1
    assert await refusal(ww, issued.token, effect=ran.append) is TokenConsumedError
    assert len(ran) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda clock: clock.advance(1800),
        lambda clock: None,
    ],
    ids=["expired", "wrong-purpose"],
)
async def test_a_refused_token_has_no_effect(
    ww: Watchword, clock: FrozenClock, spoil: Callable[[FrozenClock], object]
) -> None:
    issued: Issued = await ww.one_time.issue("u", purpose="magic-link")
    spoil(clock)
    ran: list[object] = []
    assert await refusal(ww, issued.token, effect=ran.append) is not None
    assert ran == []


def test_a_password_is_changed_with_the_use_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as app:
        app.execute("CREATE TABLE users (id TEXT PRIMARY KEY, password TEXT NOT NULL CHECK (length(password) > 3))")
        app.execute("INSERT INTO users VALUES ('u', 'old one')")
        app.commit()

    def change(password: str) -> Callable[[sqlite3.Connection], object]:
        return lambda connection: connection.execute("UPDATE users SET password = ? WHERE id = 'u'", (password,))

    with blocking.Watchword(f"sqlite:///{path}", **OPTIONS) as ww, closing(sqlite3.connect(path)) as app:
        token = ww.one_time.issue("u", purpose=RESET).token
        with pytest.raises(sqlite3.IntegrityError):
            ww.one_time.redeem(token, purpose=RESET, effect=change("no"))
        assert app.execute("SELECT password FROM users").fetchone() == ("old one",)
        ww.one_time.redeem(token, purpose=RESET, effect=change("new one"))
        assert app.execute("SELECT password FROM users").fetchone() == ("new one",)
        with pytest.raises(TokenConsumedError):
            ww.one_time.redeem(token, purpose=RESET, effect=change("another"))
        assert app.execute("SELECT password FROM users").fetchone() == ("new one",)


async def test_the_trail_has_each_step(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(hours=1))
    await ww.one_time.redeem(issued.token, purpose=RESET)
    clock.advance(300)
    await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.void("u", purpose=RESET)
    names = [one.name.removeprefix("one_time_") for one in await ww.events(subject="u")]
    assert names == ["issued", "changed", "redeemed", "issued", "voided"]
