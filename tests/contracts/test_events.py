"""The event matrix, done for real: each event, on each kind of credential, on each store; what died is what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.events_page import PAGE, write
from watchword import FrozenClock, Issued, Watchword
from watchword.errors import ConfigurationError, TokenError, TokenReusedError, TokenRevokedError
from watchword.principal import Principal
from watchword.revocation.event import BY_CUTOFF, BY_NAME, event
from watchword.revocation.feed import catch_up, catch_up_now
from watchword.revocation.matrix import COLUMNS, COPY, ENDS, LIVES, MATRIX, READS, WORDS
from watchword.revocation.view import View
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import KINDS
from watchword.tokens.sessions import Sessions

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
LEDGER = "https://api.test"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite", "postgres", "valkey"])
async def ww(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Watchword]:
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/app.db"}
    url = urls.get(request.param) or request.getfixturevalue(request.param).fresh()
    keys = None if url == "memory:" else tmp_path / "app.keys"
    async with Watchword(url, keys=keys, clock=clock, **OPTIONS) as opened:
        yield opened


class Holder:
    """All that one subject can hold, of each kind. It is its own client: subject and ``client_id`` are one name."""

    def __init__(self, ww: Watchword, name: str) -> None:
        self.ww, self.name = ww, name
        self.held: dict[str, tuple[str, Issued]] = {}
        """What it is -> its kind and itself. What hangs on the session says so."""

    async def sign_in(self) -> None:
        ww, name, held = self.ww, self.name, self.held
        session = await ww.sessions.start(name, roles=["clerk"])
        held["session"] = "session", session
        held["another session"] = "session", await ww.sessions.start(name, roles=["clerk"])
        held["plain session"] = "session", await ww.sessions.start(name)
        here: dict[str, Any] = {"client_id": name, "session_id": session.session_id, "roles": ["clerk"]}
        held["family of the session"] = "refresh", await ww.refresh.issue(name, **here)
        held["family alone"] = "refresh", await ww.refresh.issue(name, client_id=name, roles=["clerk"])
        held["plain family"] = "refresh", await ww.refresh.issue(name, client_id=name)
        here["family_id"] = held["family of the session"][1].family_id
        held["access of the session"] = "access", ww.access.issue(name, format="jwt", **here)
        held["access alone"] = "access", ww.access.issue(name, client_id=name, format="paseto")
        held["opaque of the session"] = "opaque_access", await ww.opaque_access.issue(name, **here)
        held["opaque alone"] = "opaque_access", await ww.opaque_access.issue(name, client_id=name)
        held["link"] = "one_time", await ww.one_time.issue(name, purpose="password-reset")
        held["payment"] = "sealed", ww.sealed.seal({"a": 1}, purpose="payment", bound_to=name)
        held["plain key"] = "api_key", await ww.api_keys.issue(name)
        held["key with roles"] = "api_key", await ww.api_keys.issue(name, roles=["clerk"])
        held["service"] = "service", ww.service.issue(name, audience=LEDGER)

    async def show(self, what: str) -> Principal | None:
        """The Principal, where its kind has one; nothing is used up."""
        kind, one = self.held[what]
        ww, token = self.ww, one.token
        if kind in ("access", "service"):
            found: Principal = getattr(ww, kind).verify(token)
            return found
        if kind == "one_time":
            await ww.one_time.look(token, purpose="password-reset")
        elif kind == "sealed":
            ww.sealed.open(token, purpose="payment", bound_to=self.name)
        else:
            shelf = {"session": ww.sessions, "refresh": ww.refresh, "api_key": ww.api_keys}.get(kind, ww.opaque_access)
            who: Principal = await shelf.authenticate(token)  # type: ignore[attr-defined]
            return who
        return None

    async def living(self) -> set[str]:
        living = set()
        for what in self.held:
            try:
                await self.show(what)
                living.add(what)
            except TokenError:
                pass
        return living


async def _later(ww: Watchword, clock: FrozenClock, by: timedelta) -> None:
    clock.advance(by)
    await catch_up(ww.store, ww.view)


async def _reused(ww: Watchword, clock: FrozenClock, alice: Holder) -> None:
    first = alice.held["family of the session"][1].token
    await ww.refresh.rotate(first)
    await _later(ww, clock, timedelta(seconds=11))
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(first)


async def _keys(ww: Watchword, _: FrozenClock, __: Holder) -> None:
    for kid in [slot.key.kid for slot in ww.ring]:
        await ww.revoke(key=kid)


async def _session(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
    assert await ww.sessions.end(str(alice.held["session"][1].session_id))


async def _device(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
    assert await ww.devices.end(alice.name, str(alice.held["session"][1].session_id))


async def _client(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
    await ww.revoke(client=alice.name)


async def _all(ww: Watchword, _: FrozenClock, __: Holder) -> None:
    await ww.revoke(everything=True)


async def _roles(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
    await ww.subject_changed(alice.name, "roles", roles=["guest"])


async def _roles_unsaid(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
    await ww.subject_changed(alice.name, "roles")


def _word(word: Any) -> Callable[[Watchword, FrozenClock, Holder], Awaitable[None]]:
    async def say(ww: Watchword, _: FrozenClock, alice: Holder) -> None:
        await ww.subject_changed(alice.name, word)

    return say


HAPPEN: dict[str, Callable[[Watchword, FrozenClock, Holder], Awaitable[None]]] = {
    "sign-out": _session,
    "refresh_reuse": _reused,
    "client_disabled": _client,
    "key_compromised": _keys,
    "everything": _all,
    "device_lost_known": _device,
    **{word: _word(word) for word in WORDS},
    "roles": _roles,
    "roles_unsaid": _roles_unsaid,
}
OF_THE_SESSION = {"session", "family of the session", "access of the session", "opaque of the session"}
NARROW = ("the session", "the device", "the family and its session")
FAR = ("everybody", "the key")
"""Whose credentials are meant: those that hang on one session; those of other subjects as well."""


def test_the_table_is_whole() -> None:
    assert set(COLUMNS) <= KINDS.keys()
    assert HAPPEN.keys() == MATRIX.keys()
    for name, row in MATRIX.items():
        assert set(row.by) <= {*BY_NAME, *BY_CUTOFF}, name
        assert set(row.dies) <= set(COLUMNS), name
        assert set(row.dies.values()) <= {ENDS, READS, COPY}, name
    assert {MATRIX[word].of for word in WORDS} == {"the subject"}


@pytest.mark.parametrize("name", MATRIX)
async def test_what_dies_is_what_the_table_says(ww: Watchword, clock: FrozenClock, name: str) -> None:
    row, alice, bob = MATRIX[name], Holder(ww, "alice"), Holder(ww, "bob")
    for one in (alice, bob):
        await one.sign_in()
        assert await one.living() == set(one.held), "all is good before"
    before = ww.view.seq
    await HAPPEN[name](ww, clock, alice)
    said = {event.what for event in (await ww.store.tail(before, now=clock.now())).events}
    assert said - {"token"} == set(row.by) - ({"family"} if name == "device_lost_known" else set()), (
        "by the events it says; API keys by theirs"
    )

    def expected(what: str) -> bool:
        kind = alice.held[what][0]
        word = row.dies.get(kind, LIVES)
        if row.of in NARROW and what not in OF_THE_SESSION:
            return True
        return word in (LIVES, READS) or (word == COPY and "plain" in what)

    lives = {what for what in alice.held if expected(what)}
    assert await alice.living() == lives
    assert await bob.living() == (lives if row.of in FAR else set(bob.held)), "nobody else is touched"
    if READS in row.dies.values():
        for what in ("session", "family alone"):
            who = await alice.show(what)
            assert who is not None
            assert who.roles == ({"guest"} if what == "session" else set())
    fresh = Holder(ww, "alice")
    await _later(ww, clock, timedelta(minutes=5))
    await fresh.sign_in()
    assert await fresh.living() == set(fresh.held), "and what is issued afterwards is good"


@pytest.mark.parametrize("word", WORDS)
async def test_the_trail_says_what_changed(ww: Watchword, word: Any) -> None:
    await ww.subject_changed("alice", word)
    trail = await ww.events(subject="alice")
    if word == "roles":
        assert [one.name for one in trail] == ["roles_set"]
    else:
        assert [(one.name, one.detail) for one in trail] == [
            ("subject_changed", {"what": word, "by": MATRIX[word].by[0]})
        ]


async def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == write(), "run: make events"


@pytest.mark.parametrize(
    ("word", "more", "says"),
    [
        ("sign-out", {}, "one of: password"),
        ("holiday", {}, "one of: password"),
        ("disabled", {"keep": "s"}, "not keep="),
        ("suspicious", {"roles": ["r"]}, "not roles="),
        ("roles", {"api_keys": True}, "takes roles="),
        ("password", {"roles": ["r"]}, "takes keep=, api_keys="),
    ],
)
async def test_what_does_not_go_together(ww: Watchword, word: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        await ww.subject_changed("alice", word, **more)
    assert await ww.events() == []


async def test_a_new_password_ends_api_keys_when_asked_to(ww: Watchword, clock: FrozenClock) -> None:
    key = (await ww.api_keys.issue("alice", lifetime=timedelta(days=300))).token
    await ww.subject_changed("alice", "password")
    await ww.api_keys.authenticate(key)
    await ww.subject_changed("alice", "password", api_keys=True)
    for days in (0, 31, 200):
        await _later(ww, clock, timedelta(days=days))
        await ww.store.purge(now=clock.now())
        with pytest.raises(TokenError):
            await ww.api_keys.authenticate(key)


@pytest.mark.parametrize("by", ["id", "token"])
async def test_one_session_may_outlive_a_new_password(ww: Watchword, by: str) -> None:
    here, there = Holder(ww, "alice"), Holder(ww, "bob")
    await here.sign_in()
    await there.sign_in()
    kept = here.held["session"][1]
    await ww.subject_changed("alice", "password", keep=str(kept.session_id) if by == "id" else kept.token)
    assert await here.living() == {"session", "plain key", "key with roles", "service"}
    assert await there.living() == set(there.held)
    who = await ww.sessions.authenticate(kept.token)
    token = ww.access.issue("alice", session_id=who.session_id, rev=who.rev).token
    ww.access.verify(token)
    await ww.subject_changed("alice", "disabled")
    assert await here.living() == set()


async def test_a_session_of_somebody_else_is_not_kept(ww: Watchword) -> None:
    alice, bob = Holder(ww, "alice"), Holder(ww, "bob")
    await alice.sign_in()
    await bob.sign_in()
    for keep in (str(bob.held["session"][1].session_id), bob.held["session"][1].token, "no such session"):
        await ww.subject_changed("alice", "password", keep=keep)
        assert await alice.living() == {"plain key", "key with roles", "service"}
        assert await bob.living() == set(bob.held)


async def test_the_session_of_somebody_else_is_not_even_written(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("bob")
    fact = event("signed_in", "alice", now=clock.now())
    for keep in (str(session.session_id), session.token, "no such session"):
        assert await ww.sessions.outlive(fact, keep) is False
    assert ww.view.seq == await ww.store.append() == 0


async def test_a_revocation_in_the_same_moment_ends_the_session_that_was_to_be_kept(clock: FrozenClock) -> None:
    """It may have been meant by the other one, which was not heard when it was judged."""

    class Busy(MemoryStore):
        async def swap(self, record: Record, **more: Any) -> bool:
            for other in (event("token", "t", now=clock.now()), event("subject", "alice", now=clock.now())):
                await self.append(other)
            return await super().swap(record, **more)

    store, view = Busy(), View(clock=clock)
    store.open_blocking()
    view.pull = lambda: catch_up_now(store, view)
    sessions = Sessions(store, view=view)
    await catch_up(store, view)
    session = await sessions.start("alice")
    assert await sessions.outlive(event("signed_in", "alice", now=clock.now()), session.token)
    await catch_up(store, view)
    with pytest.raises(TokenRevokedError):
        await sessions.authenticate(session.token)


async def test_a_dead_session_is_not_kept(ww: Watchword) -> None:
    session = await ww.sessions.start("alice")
    await ww.subject_changed("alice", "suspicious")
    await ww.subject_changed("alice", "password", keep=session.session_id)
    with pytest.raises(TokenError):
        await ww.sessions.authenticate(session.token)


async def test_a_session_is_kept_with_the_roles_of_now(ww: Watchword) -> None:
    session = await ww.sessions.start("alice", roles=["admin"])
    await ww.roles.set("alice", ["guest"])
    await ww.subject_changed("alice", "password", keep=session.session_id)
    assert (await ww.sessions.authenticate(session.token)).roles == {"guest"}
