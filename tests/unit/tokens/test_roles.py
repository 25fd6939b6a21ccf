"""Roles that change: who has them when, what is dead, and what nobody gains by it. Two processes on one store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Watchword, blocking
from watchword.errors import (
    ConfigurationError,
    StaleRevocationError,
    StoreConflictError,
    StoreUnavailableError,
    TokenNotFoundError,
    TokenRevokedError,
)
from watchword.principal import Principal
from watchword.revocation.event import LONGEST_LIFE, MARGIN, event
from watchword.revocation.feed import catch_up
from watchword.revocation.view import View
from watchword.runtime.ticker import drive
from watchword.stores.base import Event, Feed, Record
from watchword.tokens.roles import RECORD

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
NOW = 1_800_000_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=["memory", "sqlite"])
async def ww(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Watchword]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as opened:
        yield opened


@pytest.fixture
async def pair(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[tuple[Watchword, Watchword]]:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as one, Watchword(url, clock=clock, **OPTIONS) as two:
        yield one, two


def minted(ww: Watchword, who: Principal) -> str:
    return ww.access.issue(who.subject, roles=who.roles, session_id=who.session_id, rev=who.rev).token


async def test_a_session_lives_on_with_the_new_roles(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["admin", "clerk"], data={"plan": "pro"})
    await ww.roles.set("ada", ["clerk", "auditor"])
    who = await ww.sessions.authenticate(session.token)
    assert (who.roles, who.session_id, who.claims["plan"]) == (
        frozenset({"clerk", "auditor"}),
        session.session_id,
        "pro",
    )
    assert await ww.roles.of("ada") == frozenset({"clerk", "auditor"})


async def test_an_access_token_from_before_is_dead_and_the_next_one_is_right(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    before = minted(ww, await ww.sessions.authenticate(session.token))
    assert ww.access.verify(before).roles == {"admin"}
    await ww.roles.set("ada", ["clerk"])
    with pytest.raises(TokenRevokedError, match="roles of the subject have changed"):
        ww.access.verify(before)
    after = minted(ww, await ww.sessions.authenticate(session.token))
    assert ww.access.verify(after).roles == {"clerk"}


async def test_a_token_without_roles_is_renewed_as_well(ww: Watchword) -> None:
    before = ww.access.issue("ada").token
    await ww.roles.set("ada", ["clerk"])
    with pytest.raises(TokenRevokedError):
        ww.access.verify(before)


async def test_nobody_else_notices(ww: Watchword) -> None:
    session, token = await ww.sessions.start("bob", roles=["admin"]), ww.access.issue("bob", roles=["admin"]).token
    await ww.roles.set("ada", [])
    assert (await ww.sessions.authenticate(session.token)).roles == {"admin"}
    assert ww.access.verify(token).roles == {"admin"}
    assert await ww.roles.of("bob") is None


async def test_a_token_minted_from_a_session_that_was_read_before_is_dead(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    who = await ww.sessions.authenticate(session.token)
    await ww.roles.set("ada", [])
    with pytest.raises(TokenRevokedError):
        ww.access.verify(minted(ww, who))


async def test_what_starts_afterwards_has_what_it_is_given(ww: Watchword) -> None:
    await ww.roles.set("ada", ["clerk"])
    session = await ww.sessions.start("ada", roles=["auditor"])
    assert (await ww.sessions.authenticate(session.token)).roles == {"auditor"}
    assert ww.access.verify(ww.access.issue("ada", roles=["auditor"]).token).roles == {"auditor"}


async def test_changes_follow_each_other(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["a"])
    for roles in (["b"], [], ["a", "b"], ["c"], ["c"]):
        await ww.roles.set("ada", roles)
        who = await ww.sessions.authenticate(session.token)
        assert who.roles == set(roles)
        assert ww.access.verify(minted(ww, who)).roles == set(roles)


async def test_the_row_is_written_with_its_next_change(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    await ww.roles.set("ada", ["clerk"])
    clock.advance(61)  # a touch is due
    await ww.sessions.authenticate(session.token)
    (row,) = await ww.store.find("session", now=clock.now(), subject="ada")
    assert (row.data["roles"], row.data["rev"]) == (["clerk"], ww.view.rev)
    after = await ww.sessions.update(session.token, roles=["guest"])
    assert after.roles == {"guest"}
    assert (await ww.sessions.authenticate(session.token)).roles == {"guest"}
    assert (await ww.sessions.rotate(session.token)).roles == {"guest"}


async def test_a_rotation_right_after_has_the_new_roles(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    await ww.roles.set("ada", ["clerk"])
    rotated = await ww.sessions.rotate(session.token)
    assert rotated.roles == {"clerk"}
    assert (await ww.sessions.authenticate(rotated.token)).roles == {"clerk"}


async def test_a_family_loses_what_was_taken_and_gains_nothing(ww: Watchword) -> None:
    wide = await ww.refresh.issue("ada", client_id="phone", roles=["admin", "clerk"])
    narrow = await ww.refresh.issue("ada", client_id="their-app", roles=[])
    await ww.roles.set("ada", ["clerk", "auditor"])
    assert (await ww.refresh.authenticate(wide.token)).roles == {"clerk"}
    after = await ww.refresh.rotate(wide.token)
    assert after.roles == {"clerk"}
    assert (await ww.refresh.rotate(narrow.token)).roles == frozenset()
    token = ww.access.issue("ada", roles=after.roles, family_id=after.family_id, rev=after.rev).token
    assert ww.access.verify(token).roles == {"clerk"}
    await ww.roles.set("ada", ["admin", "clerk"])
    assert (await ww.refresh.rotate(after.token)).roles == {"clerk"}


async def test_within_the_grace_the_same_successor_has_the_new_roles(ww: Watchword) -> None:
    first = await ww.refresh.issue("ada", client_id="phone", roles=["admin", "clerk"])
    second = await ww.refresh.rotate(first.token)
    await ww.roles.set("ada", ["clerk"])
    again = await ww.refresh.rotate(first.token)
    assert (again.token, again.roles) == (second.token, frozenset({"clerk"}))


@pytest.mark.parametrize("order", ["before", "after"])
async def test_what_was_revoked_stays_so(ww: Watchword, order: str) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    family = await ww.refresh.issue("ada", client_id="phone", roles=["admin"])
    if order == "before":
        await ww.revoke(subject="ada")
    await ww.roles.set("ada", ["clerk"])
    if order == "after":
        await ww.revoke(subject="ada")
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(session.token)
    with pytest.raises(TokenRevokedError):
        await ww.refresh.rotate(family.token)


async def test_a_cutoff_between_two_changes_is_not_slept_through(ww: Watchword, clock: FrozenClock) -> None:
    """The row takes the position of the change for its own; it must have passed all that came before that."""
    session = await ww.sessions.start("ada", roles=["admin"])
    await ww.roles.set("ada", ["clerk"])
    clock.advance(61)
    await ww.sessions.authenticate(session.token)  # written, with the position of the change
    await ww.revoke(everything=True)
    await ww.roles.set("ada", ["auditor"])
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(session.token)


@pytest.mark.parametrize("kind", ["session", "refresh"])
async def test_a_revocation_heard_beside_a_change_brings_nobody_back(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Another thread hears both, the revocation and a later change, just when the check has passed."""
    async with Watchword("memory:", clock=clock, **OPTIONS) as ww:
        session = await ww.sessions.start("ada", roles=["admin"])
        family = await ww.refresh.issue("ada", client_id="phone", roles=["admin"])
        clock.advance(61)
        check, seen = View.check, 0

        def passed(view: View, who: Principal, kid: str | None = None) -> None:
            nonlocal seen
            check(view, who, kid)
            if (seen := seen + 1) == 1:
                drive(ww.store.append(event("subject", "ada", now=clock.now())))
                drive(ww.roles.set("ada", ["clerk"]))

        with monkeypatch.context() as patch, suppress(TokenRevokedError):
            patch.setattr(View, "check", passed)
            token = (await ww.refresh.rotate(family.token)).token if kind == "refresh" else session.token
            await ww.sessions.authenticate(session.token)
        with pytest.raises(TokenRevokedError):
            await (ww.refresh.rotate(token) if kind == "refresh" else ww.sessions.authenticate(token))


async def test_the_other_process_follows_at_its_next_question(
    pair: tuple[Watchword, Watchword], clock: FrozenClock
) -> None:
    one, two = pair
    session = await one.sessions.start("ada", roles=["admin"])
    token = minted(one, await one.sessions.authenticate(session.token))
    await one.roles.set("ada", ["clerk"])
    clock.advance(6)  # past max_staleness: two must ask before it says anything
    with pytest.raises(TokenRevokedError):
        two.access.verify(token)
    assert (await two.sessions.authenticate(session.token)).roles == {"clerk"}


async def test_a_session_that_another_process_started_unaware_follows_too(pair: tuple[Watchword, Watchword]) -> None:
    one, two = pair
    await one.roles.set("ada", ["clerk"])
    session = await two.sessions.start("ada", roles=["admin"])  # two has not heard of it
    for each in (one, two):
        await catch_up(each.store, each.view)
        assert (await each.sessions.authenticate(session.token)).roles == {"clerk"}


async def test_a_stale_view_says_nothing(ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
    clock.advance(10)
    with pytest.raises(StaleRevocationError):
        await ww.sessions.authenticate(session.token)


async def test_roles_that_nobody_knows_any_more_are_none(ww: Watchword) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])
    await ww.roles.set("ada", ["clerk"])
    (row,) = await ww.store.find(RECORD, now=NOW)
    await ww.store.drop(RECORD, row.key)
    with pytest.raises(TokenRevokedError, match="nobody knows to what"):
        await ww.sessions.authenticate(session.token)


async def test_it_is_remembered_as_long_as_a_session_can_live(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("ada", roles=["admin"], remember=True)
    await ww.roles.set("ada", ["clerk"])
    clock.advance(LONGEST_LIFE - 1)
    await ww.store.purge(now=clock.now())
    assert (await ww.sessions.authenticate(session.token)).roles == {"clerk"}


async def test_an_api_key_with_roles_stays_dead_and_one_without_lives(ww: Watchword, clock: FrozenClock) -> None:
    armed = await ww.api_keys.issue("ada", roles=["admin"], lifetime=timedelta(days=300))
    plain = await ww.api_keys.issue("ada", scopes=["orders:read"], lifetime=timedelta(days=300))
    await ww.roles.set("ada", ["clerk"])
    for days in (0, 31, 200):
        clock.advance(days * 86_400)
        await ww.store.purge(now=clock.now())
        with pytest.raises((TokenRevokedError, TokenNotFoundError)):  # its row stays for a day
            await ww.api_keys.authenticate(armed.token)
        assert (await ww.api_keys.authenticate(plain.token)).scopes == {"orders:read"}


async def test_an_opaque_access_token_is_dead(ww: Watchword) -> None:
    token = (await ww.opaque_access.issue("ada", roles=["admin"])).token
    await ww.roles.set("ada", ["clerk"])
    with pytest.raises(TokenRevokedError):
        await ww.opaque_access.authenticate(token)


async def test_it_can_be_set_again_where_the_old_row_has_expired(ww: Watchword, clock: FrozenClock) -> None:
    await ww.roles.set("ada", ["clerk"])
    clock.advance(LONGEST_LIFE + MARGIN)
    assert await ww.roles.of("ada") is None
    await ww.roles.set("ada", ["auditor"])
    assert await ww.roles.of("ada") == frozenset({"auditor"})


async def test_it_stands_in_the_trail(ww: Watchword) -> None:
    done = await ww.roles.set("ada", ["clerk", "auditor"])
    (row,) = [row for row in await ww.events(subject="ada") if row.name == "roles_set"]
    assert row.detail == {"roles": ["auditor", "clerk"]}
    assert ww.view.rev.endswith(f".{done.seq}")


@pytest.mark.parametrize(("subject", "roles"), [("", ["a"]), ("ada", "clerk"), ("ada", ["two words"]), (7, [])])
async def test_what_cannot_be_is_refused(ww: Watchword, subject: Any, roles: Any) -> None:
    with pytest.raises(ConfigurationError):
        await ww.roles.set(subject, roles)
    assert await ww.store.find(RECORD, now=NOW) == []


async def test_a_store_that_is_away_changes_nothing(ww: Watchword, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await ww.sessions.start("ada", roles=["admin"])

    async def away(*_: object, **__: object) -> bool:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(ww.store, "swap", away)
        with pytest.raises(StoreUnavailableError):
            await ww.roles.set("ada", [])
    await catch_up(ww.store, ww.view)
    assert (await ww.sessions.authenticate(session.token)).roles == {"admin"}
    assert await ww.roles.of("ada") is None


async def test_who_always_loses_the_race_is_told(ww: Watchword, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(record: Record, **_: object) -> bool:
        return False

    monkeypatch.setattr(ww.store, "swap", lost)
    with pytest.raises(StoreConflictError):
        await ww.roles.set("ada", [])


def test_threads_have_the_same_words() -> None:
    with blocking.Watchword("memory:", **OPTIONS) as ww:
        session = ww.sessions.start("ada", roles=["admin"])
        ww.roles.set("ada", ["clerk"])
        assert ww.sessions.authenticate(session.token).roles == ww.roles.of("ada") == frozenset({"clerk"})


# The view


def heard(clock: FrozenClock, *events: Event) -> View:
    view = View(clock=clock)
    view.hear(Feed(epoch="e", head=len(events), events=events), asked_after=0, sent_at=clock.monotonic())
    return view


def holding(kind: str, *roles: str, rev: str | None = "e.0") -> Principal:
    return Principal(subject="ada", kind=kind, token_id="t", issued_at=1, expires_at=2, roles=frozenset(roles), rev=rev)


CHANGE = Event(what="roles", value="ada", at=NOW, until=NOW + 100, seq=1)


@pytest.mark.parametrize(
    ("kind", "roles", "dead"),
    [
        ("access", ["a"], True),
        ("access", [], True),
        ("opaque_access", [], True),
        ("session", ["a"], False),
        ("refresh", ["a"], False),
        ("api_key", ["a"], True),
        ("api_key", [], False),
        ("one_time", [], False),
        ("something new", ["a"], True),
    ],
)
def test_a_change_ends_what_carries_a_copy(clock: FrozenClock, kind: str, roles: list[str], dead: bool) -> None:
    view = heard(clock, CHANGE)
    if dead:
        with pytest.raises(TokenRevokedError):
            view.check(holding(kind, *roles))
    else:
        view.check(holding(kind, *roles))
    view.check(holding(kind, *roles, rev="e.1"))


@pytest.mark.parametrize(
    ("rev", "changed"), [("e.0", "e.1"), ("e.1", None), ("e.2", None), ("d.9", "e.1"), (None, "e.1")]
)
def test_the_view_says_since_when(clock: FrozenClock, rev: str | None, changed: str | None) -> None:
    assert heard(clock, CHANGE).roles_changed(holding("session", rev=rev)) == changed
    assert heard(clock).roles_changed(holding("session", rev=rev)) is None


async def test_a_key_rotated_where_the_change_was_not_heard_gains_no_time(
    pair: tuple[Watchword, Watchword], clock: FrozenClock
) -> None:
    """The change is remembered as long as the old key lives; its successor, with the old roles, would outlive that."""
    one, two = pair
    old = await one.api_keys.issue("acme", roles=["admin"], lifetime=timedelta(days=300))
    clock.advance(timedelta(days=290))
    await two.sessions.list("acme")  # the last it hears
    two.view.pull = None
    await one.roles.set("acme", ["clerk"])
    two.view.lease_until = float("inf")
    with pytest.raises(TokenRevokedError):
        await two.api_keys.rotate(old.token_id)
    clock.advance(timedelta(days=40))
    await one.store.purge(now=clock.now())
    one.view.forget()
    assert await one.api_keys.list("acme") == []


async def test_a_key_issued_while_the_roles_change_gains_no_time(
    ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not counted when the change was asked how long it must be remembered."""
    remembered_for = ww.api_keys.remembered_for
    late: list[str] = []

    async def interrupted(subject: str) -> int:
        life = await remembered_for(subject)
        late.append((await ww.api_keys.issue("acme", roles=["admin"], lifetime=timedelta(days=300))).token)
        return life

    monkeypatch.setattr(ww.api_keys, "remembered_for", interrupted)
    await ww.roles.set("acme", ["clerk"])
    clock.advance(timedelta(days=60))
    await ww.store.purge(now=clock.now())
    ww.view.forget()
    with pytest.raises((TokenRevokedError, TokenNotFoundError)):
        await ww.api_keys.authenticate(late[0])
