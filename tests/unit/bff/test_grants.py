"""Tokens behind a session: sealed, refreshed once, never lost to a race, gone with the session."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from watchword import Watchword
from watchword.bff import grants as module
from watchword.bff.base import GrantRefusedError, Tokens, Want
from watchword.bff.grants import HOLD_TIMES, MARGIN, RECORD, YOUNGEST, Grants
from watchword.bff.own import OwnTokens
from watchword.bff.seal import LONGEST
from watchword.clock import FrozenClock
from watchword.errors import (
    ConfigurationError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    UnavailableError,
    WrongTypeError,
)
from watchword.keys.ring import KeyRing
from watchword.principal import Principal
from watchword.stores.base import Record
from watchword.tokens.base import Issued

from .house import Strict, house, signed_in


@pytest.fixture
async def source() -> Strict:
    return Strict()


@pytest.fixture
async def grants(ww: Watchword, source: Strict) -> AsyncIterator[Grants]:
    made = Grants(ww, source)
    yield made
    await made.close()


@pytest.fixture
async def session(ww: Watchword) -> Issued:
    return (await signed_in(ww))[0]


@pytest.fixture
async def who(ww: Watchword, session: Issued, grants: Grants, source: Strict) -> Principal:
    """Ada, with tokens behind her session that last 300 s."""
    await grants.keep(session, source.first())
    return await ww.sessions.authenticate(session.token)


async def row(ww: Watchword, who: Principal) -> Record:
    record = await ww.store.get(RECORD, str(who.session_id), now=ww.clock.now())
    assert record is not None
    return record


# Kept


async def test_what_is_kept_is_used_until_it_is_due(
    grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    clock.advance(300 - MARGIN - 1)
    assert await grants.bearer(who) == "at-0"
    assert source.calls == 0
    clock.advance(1)
    assert await grants.bearer(who) == "at-1"
    assert await grants.bearer(who) == "at-1"
    assert source.calls == 1


async def test_the_store_holds_no_token(ww: Watchword, grants: Grants, who: Principal, session: Issued) -> None:
    tokens = Tokens(access_token="the-access-token", expires_in=300, refresh_token="the-refresh-token")
    await grants.keep(session, tokens)
    said = str(await row(ww, who))
    assert "the-" not in said
    assert said.count("v4.local.") == 2


async def test_what_was_sealed_for_one_session_opens_for_no_other(
    ww: Watchword, grants: Grants, who: Principal, source: Strict
) -> None:
    other, eve = await signed_in(ww, "eve")
    await grants.keep(other, Tokens(access_token="at-eve", expires_in=300))
    mine, hers = await row(ww, who), await row(ww, eve)
    assert await ww.store.swap(replace(hers, data=mine.data), version=hers.version)
    with pytest.raises(TokenError):
        await grants.bearer(eve)


async def test_an_access_token_does_not_stand_in_for_a_refresh_token(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    record = await row(ww, who)
    swapped = dict(record.data) | {"refresh": record.data["access"][Want().name]["sealed"]}
    assert await ww.store.swap(replace(record, data=swapped), version=record.version)
    clock.advance(280)
    with pytest.raises(TokenError):
        await grants.bearer(who)
    assert source.calls == 0


async def test_a_sealed_token_of_another_kind_is_no_grant(ww: Watchword, grants: Grants, who: Principal) -> None:
    record = await row(ww, who)
    forged = ww.sealed.seal({"token": "evil"}, purpose="bff", bound_to="ada").token
    access = {Want().name: record.data["access"][Want().name] | {"sealed": forged}}
    assert await ww.store.swap(replace(record, data=dict(record.data) | {"access": access}), version=record.version)
    with pytest.raises(TokenError):
        await grants.bearer(who)


async def test_a_ring_of_jwe_keys_seals_too(clock: FrozenClock) -> None:
    ring, source = KeyRing.generate("ES256", "A256GCM", "HS256", clock=clock), Strict()
    async with house(clock, ring=ring) as ww:
        grants = Grants(ww, source)
        session, who = await signed_in(ww)
        await grants.keep(session, source.first())
        assert await grants.bearer(who) == "at-0"


async def test_the_row_ends_with_the_session(ww: Watchword, grants: Grants, who: Principal, session: Issued) -> None:
    [info] = await ww.sessions.list("ada")
    assert (await row(ww, who)).expires_at == info.ends_at


async def test_a_session_that_has_ended_keeps_nothing(ww: Watchword, grants: Grants, source: Strict) -> None:
    session, who = await signed_in(ww)
    await ww.sessions.end(str(session.session_id))
    with pytest.raises(TokenRevokedError):
        await grants.keep(session, source.first())
    with pytest.raises(TokenNotFoundError):
        await grants.bearer(who)


async def test_a_second_sign_in_replaces_what_was_kept(grants: Grants, who: Principal, session: Issued) -> None:
    await grants.keep(session, Tokens(access_token="at-new", expires_in=300))
    assert await grants.bearer(who) == "at-new"


async def test_only_a_session_has_tokens_behind_it(ww: Watchword, grants: Grants, who: Principal) -> None:
    bearer = ww.access.verify(ww.access.issue("ada", session_id=who.session_id).token)
    with pytest.raises(WrongTypeError):
        await grants.bearer(bearer)


async def test_what_is_too_long_or_empty_is_not_kept(grants: Grants, session: Issued) -> None:
    await grants.keep(session, Tokens(access_token="a" * LONGEST, expires_in=300))
    for wrong in (
        Tokens(access_token="a" * (LONGEST + 1)),
        Tokens(access_token=""),
        Tokens(access_token="a", expires_in=0),
    ):
        with pytest.raises(ConfigurationError):
            await grants.keep(session, wrong)


def test_no_token_is_in_a_repr() -> None:
    assert "secret" not in repr(Tokens(access_token="secret-1", refresh_token="secret-2"))


# Refreshed once


async def test_fifty_at_once_are_one_refresh(
    grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    clock.advance(400)
    assert set(await asyncio.gather(*(grants.bearer(who) for _ in range(50)))) == {"at-1"}
    assert (source.calls, source.dead) == (1, False)


async def test_those_who_wait_here_do_not_ask_the_store_again_and_again(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(400)
    read, reads = ww.store.get, 0

    async def counted(kind: str, key: str, *, now: int) -> Record | None:
        nonlocal reads
        reads += kind == RECORD
        return await read(kind, key, now=now)

    monkeypatch.setattr(ww.store, "get", counted)
    source.go.clear()
    asked = [asyncio.ensure_future(grants.bearer(who)) for _ in range(50)]
    await source.begun.wait()
    await asyncio.sleep(6 * module.POLL)
    assert reads < 60
    source.go.set()
    await asyncio.gather(*asked)


@pytest.mark.parametrize("store", ["sqlite", "postgres", "valkey"])
async def test_two_nodes_over_one_store_are_one_refresh(
    clock: FrozenClock, tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    """Each has its own locks: the lease in the row is all they share."""
    url = f"sqlite:///{tmp_path}/app.db" if store == "sqlite" else request.getfixturevalue(store).fresh()
    source, keys = Strict(), tmp_path / "app.keys"
    async with house(clock, url, keys=keys) as one, house(clock, url, keys=keys) as two:
        here, there = Grants(one, source), Grants(two, source)
        session, who = await signed_in(one)
        await here.keep(session, source.first())
        clock.advance(400)
        source.go.clear()
        asked = [asyncio.ensure_future(node.bearer(who)) for node in (here, there) for _ in range(10)]
        await source.begun.wait()
        await asyncio.sleep(4 * module.POLL)
        source.go.set()
        assert set(await asyncio.gather(*asked)) == {"at-1"}
        assert (source.calls, source.dead) == (1, False)


async def test_a_caller_that_goes_away_loses_nothing(
    grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    clock.advance(400)
    source.go.clear()
    asked = asyncio.ensure_future(grants.bearer(who))
    await source.begun.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    source.go.set()
    assert await grants.bearer(who) == "at-1"
    assert (source.calls, source.dead) == (1, False)


async def test_a_holder_that_died_is_followed_by_another(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    record = await row(ww, who)
    left = dict(record.data) | {"lease": "somebody"}
    assert await ww.store.swap(replace(record, data=left), version=record.version)
    clock.advance(400)
    asked = asyncio.ensure_future(grants.bearer(who))
    await asyncio.sleep(3 * module.POLL)
    assert source.calls == 0  # it may be at it
    clock.advance(HOLD_TIMES * source.patience)
    assert await asked == "at-1"


async def test_a_lost_race_throws_no_good_token_away(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    """One pauses after the server has rotated; another takes the lease and is refused; the first comes back."""
    clock.advance(400)
    source.go.clear()
    slow = asyncio.ensure_future(grants.bearer(who))
    await source.begun.wait()
    other = asyncio.ensure_future(Grants(ww, source).bearer(who))
    await asyncio.sleep(3 * module.POLL)
    clock.advance(HOLD_TIMES * source.patience)
    with pytest.raises(TokenRevokedError):
        await other
    source.go.set()
    assert await slow == "at-1"
    assert await grants.bearer(who) == "at-1"


async def test_a_refusal_gives_way_to_what_another_got(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    """The other order: who is refused finds that the row has moved on, and uses what is there."""
    clock.advance(400)

    class Late(Strict):
        async def refresh(self, refresh_token: str, want: Want) -> Tokens:
            self.calls += 1
            record = await row(ww, who)
            data = grants._filled(
                record.key, record.data, Tokens(access_token="theirs", expires_in=300), want, clock.now()
            )
            assert await ww.store.swap(replace(record, data=data), version=record.version)
            raise GrantRefusedError("reused")

    late = Late()
    assert await Grants(ww, late).bearer(who) == "theirs"
    assert late.calls == 1


async def test_a_store_that_fails_for_a_moment_loses_no_rotated_token(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(400)
    swap, failures = ww.store.swap, iter([False, True, True])

    async def failing(record: Record, **more: object) -> bool:
        if next(failures, False):
            raise StoreUnavailableError("gone for a moment")
        return await swap(record, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ww.store, "swap", failing)
    assert await grants.bearer(who) == "at-1"
    assert await grants.bearer(who) == "at-1"
    assert source.calls == 1


# When it cannot be


async def test_while_the_source_is_down_what_is_good_is_used(
    grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    source.down = True
    clock.advance(299)
    assert await grants.bearer(who) == "at-0"
    clock.advance(1)
    with pytest.raises(UnavailableError):
        await grants.bearer(who)
    source.down = False
    assert await grants.bearer(who) == f"at-{source.calls}"
    assert not source.dead


async def test_what_the_source_refuses_stays_refused(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    source.dead = True
    clock.advance(400)
    for _ in range(3):
        with pytest.raises(TokenRevokedError):
            await grants.bearer(who)
    assert source.calls == 1
    assert dict((await row(ww, who)).data) == {"state": "refused"}


async def test_without_a_refresh_token_it_ends_with_the_access_token(
    grants: Grants, session: Issued, who: Principal, clock: FrozenClock
) -> None:
    await grants.keep(session, Tokens(access_token="at-0", expires_in=300))
    clock.advance(290)
    with pytest.raises(TokenExpiredError):
        await grants.bearer(who)


async def test_a_token_that_is_refused_is_replaced_once_it_is_some_seconds_old(
    grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    with pytest.raises(TokenRevokedError):
        await grants.bearer(who, refused="at-0")
    clock.advance(YOUNGEST)
    assert set(await asyncio.gather(*(grants.bearer(who, refused="at-0") for _ in range(20)))) == {"at-1"}
    assert source.calls == 1


async def test_each_wish_has_its_own_token(grants: Grants, who: Principal, source: Strict) -> None:
    orders, bills = Want(audience="https://orders", scopes=("read",)), Want(audience="https://bills")
    assert await grants.bearer(who, orders) == "at-1"
    assert await grants.bearer(who, bills) == "at-2"
    assert [await grants.bearer(who, one) for one in (orders, bills, Want())] == ["at-1", "at-2", "at-0"]
    assert source.wants == [orders, bills]


# The end of the session


async def test_sign_out_forgets_and_tells_the_source(grants: Grants, who: Principal, source: Strict) -> None:
    assert await grants.end(str(who.session_id))
    assert source.revoked == ["rt-0"]
    with pytest.raises(TokenNotFoundError):
        await grants.bearer(who)
    assert not await grants.end(str(who.session_id))


async def test_a_session_that_ends_during_a_refresh_gets_nothing(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    clock.advance(400)
    source.go.clear()
    asked = asyncio.ensure_future(grants.bearer(who))
    await source.begun.wait()
    await grants.end(str(who.session_id))
    source.go.set()
    with pytest.raises(TokenNotFoundError):
        await asked
    assert source.revoked == ["rt-0", "rt-1"]
    assert await ww.store.get(RECORD, str(who.session_id), now=clock.now()) is None


@pytest.mark.parametrize("how", ["subject", "session", "everything", "ended", "disabled"])
@pytest.mark.parametrize("more", [{}, {"max_staleness": timedelta(0), "on_stale": "ask"}])
async def test_who_was_let_through_before_a_revocation_gets_nothing_after_it(
    clock: FrozenClock, source: Strict, how: str, more: dict[str, Any]
) -> None:
    """Between the corridor and the upstream a body may take its time, or a refresh."""
    async with house(clock, **more) as ww:
        grants = Grants(ww, source)
        session, who = await signed_in(ww)
        await grants.keep(session, source.first())
        await stop(ww, how, who)
        with pytest.raises(TokenRevokedError):
            await grants.bearer(who)


async def test_a_revocation_during_a_refresh_is_heard(
    ww: Watchword, grants: Grants, who: Principal, source: Strict, clock: FrozenClock
) -> None:
    clock.advance(400)
    source.go.clear()
    asked = asyncio.ensure_future(grants.bearer(who))
    await source.begun.wait()
    await ww.revoke(subject="ada")
    source.go.set()
    with pytest.raises(TokenRevokedError):
        await asked


async def test_a_session_that_outlives_a_new_password_keeps_its_tokens(
    ww: Watchword, grants: Grants, who: Principal
) -> None:
    await ww.subject_changed("ada", "password", keep=str(who.session_id))
    assert await grants.bearer(who) == "at-0"


async def stop(ww: Watchword, how: str, who: Principal) -> None:
    if how == "ended":
        await ww.sessions.end(str(who.session_id))
    elif how == "disabled":
        await ww.subject_changed(who.subject, "disabled")
    else:
        whom: dict[str, Any] = {how: {"subject": who.subject, "session": who.session_id}.get(how, True)}
        await ww.revoke(**whom)


# Our own tokens


async def test_our_own_tokens_end_with_the_session(clock: FrozenClock) -> None:
    async with house(clock, access_lifetime=timedelta(minutes=5)) as ww:
        own = OwnTokens(ww)
        grants = Grants(ww, own)
        session, who = await signed_in(ww)
        await grants.keep(session, await own.issue(session, scopes=["orders:read", "orders:write"]))
        first = await grants.bearer(who)
        assert ww.access.verify(first).scopes == {"orders:read", "orders:write"}
        clock.advance(301)
        second = ww.access.verify(await grants.bearer(who))
        assert (second.session_id, second.subject) == (who.session_id, "ada")
        narrow = Want(audience="https://orders.example", scopes=("orders:read",))
        assert await grants.bearer(who, narrow) != await grants.bearer(who)
        with pytest.raises(ConfigurationError):
            await grants.bearer(who, Want(scopes=("admin",)))
        kept = await grants.bearer(who)
        await ww.sessions.end(str(who.session_id))
        with pytest.raises(TokenRevokedError):
            ww.access.verify(kept)
        clock.advance(301)
        with pytest.raises(TokenRevokedError):
            await grants.bearer(who)


async def test_our_own_tokens_are_not_for_a_session_that_has_ended(ww: Watchword) -> None:
    session, _ = await signed_in(ww)
    await ww.sessions.end(str(session.session_id))
    with pytest.raises(TokenRevokedError):
        await OwnTokens(ww).issue(session)
