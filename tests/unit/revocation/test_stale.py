"""Past the lease: refused, taken in an open window, or asked of the store; and who may never be taken."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchword.app import Watchword
from watchword.authn.routes import declared
from watchword.clock import FrozenClock
from watchword.errors import (
    ConfigurationError,
    StaleRevocationError,
    StoreUnavailableError,
    TokenRevokedError,
    UnavailableError,
)
from watchword.keys.ring import KeyRing
from watchword.policy.rbac import RBAC, Role
from watchword.principal import Principal
from watchword.revocation.event import BY_CUTOFF, BY_NAME, event
from watchword.revocation.stale import asked, asked_now, renew
from watchword.revocation.view import LONGEST_OPEN, OnStale, View
from watchword.runtime.ticker import drive
from watchword.stores.base import Event, Feed
from watchword.stores.memory import MemoryStore
from watchword.tokens.access import AccessTokens
from watchword.tokens.base import KINDS

pytestmark = pytest.mark.anyio

LEASE, WINDOW = timedelta(seconds=5), timedelta(seconds=30)
RING = KeyRing.generate("ES256")
ISSUER: dict[str, Any] = {"issuer": "https://as.example", "audience": "https://api.example"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def heard(clock: FrozenClock, *events: Event, **policy: Any) -> View:
    view = View(clock=clock, **policy)
    view.hear(Feed("e", len(events), events), asked_after=0, sent_at=clock.monotonic())
    return view


def tokens(view: View) -> AccessTokens:
    return AccessTokens(RING, **ISSUER, view=view, clock=view.clock)


# what may be declared


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"on_stale": "maybe"}, "closed"),
        ({"on_stale": "open"}, "open_for="),
        ({"on_stale": "open", "open_for": timedelta(seconds=LONGEST_OPEN + 1)}, "open_for"),
        ({"open_for": timedelta(seconds=-1)}, "open_for"),
        ({"open_for": 30}, "timedelta"),
        ({"max_staleness": timedelta(0)}, "on_stale='ask'"),
        ({"max_staleness": timedelta(0), "on_stale": "open", "open_for": WINDOW}, "on_stale='ask'"),
        ({"max_staleness": timedelta(seconds=-1), "on_stale": "ask"}, "max_staleness"),
        ({"max_staleness": timedelta(0), "on_stale": "ask", "open_for": WINDOW}, "nothing is known"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(policy: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        View(**policy)
    with pytest.raises(ConfigurationError, match=says):
        Watchword("memory:", **ISSUER, **policy)


@pytest.mark.parametrize("policy", [{"on_stale": "open", "open_for": WINDOW}, {"open_for": WINDOW}])
def test_high_risk_is_never_open(policy: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="high_risk"):
        Watchword("memory:", **ISSUER, profile="high_risk", **policy)
    Watchword("memory:", **ISSUER, profile="high_risk", on_stale="ask")


def test_one_column_says_which_kinds_may_be_open() -> None:
    assert [kind.name for kind in KINDS.values() if kind.opens] == ["access"]


@pytest.mark.parametrize("default", ["closed", "ask", "open"])
def test_what_a_route_may_declare(default: OnStale) -> None:
    view = View(on_stale=default, open_for=WINDOW)
    assert [declared(word, view, privileged=False) for word in (None, "closed", "open", "ask")] == [
        *(None, "closed", "open", "ask")
    ]
    assert declared(None, view, privileged=True) == ("closed" if default == "open" else None)
    assert declared("ask", view, privileged=True) == "ask"
    with pytest.raises(ConfigurationError, match="low risk"):
        declared("open", view, privileged=True)
    with pytest.raises(ConfigurationError, match="'closed', 'open' or 'ask'"):
        declared("opne", view, privileged=False)  # type: ignore[arg-type]  # somebody will
    with pytest.raises(ConfigurationError, match="open_for"):
        declared("open", View(), privileged=False)


# open


async def take(kind: AccessTokens, token: str, how: str) -> Principal:
    if how == "verify":
        return kind.verify(token)
    return await kind.authenticate(token, on_stale="open")


@pytest.mark.parametrize("how", ["verify", "authenticate"])
async def test_open_takes_for_the_window_and_not_one_instant_longer(clock: FrozenClock, how: str) -> None:
    view = heard(clock, on_stale="open" if how == "verify" else "closed", open_for=WINDOW)
    kind = tokens(view)
    token = kind.issue("u").token
    assert not (await take(kind, token, how)).stale
    clock.advance(5)
    assert (await take(kind, token, how)).stale
    clock.advance(29.999)
    assert (await take(kind, token, how)).stale
    assert view.taken_stale == 2
    clock.advance(0.001)
    with pytest.raises(StaleRevocationError):
        await take(kind, token, how)
    view.hear(Feed("e", 0), asked_after=0, sent_at=clock.monotonic())
    assert not (await take(kind, token, how)).stale


async def test_the_window_counts_on_the_boot_time_clock(clock: FrozenClock) -> None:
    kind = tokens(heard(clock, on_stale="open", open_for=WINDOW))
    token = kind.issue("u", lifetime=timedelta(minutes=60)).token
    clock.advance(36)
    clock.set_wall(clock.now() - 36)
    with pytest.raises(StaleRevocationError):
        kind.verify(token)


@pytest.mark.parametrize("how", ["verify", "authenticate"])
@pytest.mark.parametrize("what", [*BY_NAME, *BY_CUTOFF])
async def test_open_never_takes_what_is_known_to_be_revoked(clock: FrozenClock, how: str, what: str) -> None:
    made = tokens(heard(clock)).issue("u", session_id="s", family_id="f", client_id="c")
    values = {"token": made.token_id, "session": "s", "family": "f", "client": "c", "everything": ""}
    value = values.get(what, "u") if what != "key" else RING.active("sign").kid
    dead = Event(what=what, value=value, at=clock.now(), until=clock.now() + 900, seq=1)
    view = heard(clock, dead, on_stale="open", open_for=WINDOW)
    clock.advance(6)
    with pytest.raises(TokenRevokedError):
        await take(tokens(view), made.token, how)
    assert view.taken_stale == 0


async def test_a_view_that_never_heard_anything_is_never_open(clock: FrozenClock) -> None:
    view = View(clock=clock, on_stale="open", open_for=WINDOW)
    token = tokens(heard(clock)).issue("u").token
    with pytest.raises(StaleRevocationError):
        tokens(view).verify(token)


async def test_a_feed_that_began_a_new_life_closes_the_window(clock: FrozenClock) -> None:
    """Half a snapshot is no word at all: what it lacks may be what was known before."""
    view = heard(clock, on_stale="open", open_for=WINDOW)
    token = tokens(view).issue("u").token
    view.hear(Feed("other", 3), asked_after=0, sent_at=clock.monotonic(), complete=False)
    with pytest.raises(StaleRevocationError):
        tokens(view).verify(token)


async def test_a_store_that_cannot_be_pulled_leaves_the_window_open(clock: FrozenClock) -> None:
    view = heard(clock, on_stale="open", open_for=WINDOW)
    token = tokens(view).issue("u").token

    def broken() -> None:
        raise StoreUnavailableError

    view.pull = broken
    clock.advance(6)
    assert tokens(view).verify(token).stale
    view.on_stale = "closed"
    with pytest.raises(StoreUnavailableError):
        tokens(view).verify(token)


async def test_the_log_says_when_a_window_opens_and_each_that_is_taken(
    clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "watchword.revocation")
    view = heard(clock, on_stale="open", open_for=WINDOW)
    kind = tokens(view)
    made = kind.issue("u")
    for _ in range(2):
        clock.advance(6)
        for _ in range(3):
            kind.verify(made.token)
        view.hear(Feed("e", 0), asked_after=0, sent_at=clock.monotonic())
    warnings = [one.message for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "low-risk requests are let through for 30 s at most" in warnings[0]
    assert sum(made.token_id in one.message for one in caplog.records) == 6
    assert made.token not in caplog.text


async def test_what_was_taken_on_a_stale_word_has_no_role_and_no_fresh_sign_in(clock: FrozenClock) -> None:
    kind = tokens(heard(clock, on_stale="open", open_for=WINDOW))
    token = kind.issue("u", roles=["admin"], scopes=["orders:read"], auth_time=clock.now()).token
    clock.advance(6)
    who = kind.verify(token)
    assert who.stale
    who.require("orders:read")
    for needed in ({"role": "admin"}, {"fresh": timedelta(hours=1)}):
        with pytest.raises(StaleRevocationError, match="stale word"):
            who.require(clock=clock, **needed)


# whole Watchwords that hear nothing more


@pytest.fixture
async def deaf(
    clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Watchword, Callable[[], None]]]:
    ww = Watchword(
        "memory:",
        **ISSUER,
        clock=clock,
        on_stale="open",
        open_for=WINDOW,
        policy=RBAC({"admin": Role(permissions=["orders:cancel"])}),
    )

    def fall_silent() -> None:
        monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
        clock.advance(6)

    async with ww:
        yield ww, fall_silent
        monkeypatch.undo()


async def test_of_all_kinds_access_tokens_alone_are_ever_taken(deaf: Any) -> None:
    ww, fall_silent = deaf
    session, access = await ww.sessions.start("u"), ww.access.issue("u")
    opaque, key = await ww.opaque_access.issue("u"), await ww.api_keys.issue("u")
    refresh, service = await ww.refresh.issue("u", client_id="c"), ww.service.issue("u", audience=ISSUER["audience"])
    link = await ww.one_time.issue("u", purpose="password-reset")
    sealed = ww.sealed.seal({}, purpose="p", bound_to="u").token
    fall_silent()
    assert (await ww.access.authenticate(access.token)).stale
    bound: dict[str, Any] = {"purpose": "p", "bound_to": "u"}
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "session": lambda: ww.sessions.authenticate(session.token, on_stale="open"),
        "opaque_access": lambda: ww.opaque_access.authenticate(opaque.token, on_stale="open"),
        "api_key": lambda: ww.api_keys.authenticate(key.token, on_stale="open"),
        "service": lambda: ww.service.authenticate(service.token, on_stale="open"),
        "refresh": lambda: ww.refresh.rotate(refresh.token),
        "one_time": lambda: ww.one_time.redeem(link.token, purpose="password-reset"),
        "sealed": lambda: ww.sealed.redeem(sealed, **bound),
    }
    assert {*attempts, "access"} == KINDS.keys()
    for attempt in attempts.values():
        with pytest.raises(StaleRevocationError):
            await attempt()
    with pytest.raises(StaleRevocationError):
        ww.service.verify(service.token)
    with pytest.raises(StaleRevocationError):
        ww.sealed.open(sealed, **bound)
    assert ww.view.taken_stale == 1


async def test_a_policy_is_not_asked_about_a_stale_caller(deaf: Any) -> None:
    ww, fall_silent = deaf
    token = ww.access.issue("u", roles=["admin"]).token
    assert (await ww.authorize(ww.access.verify(token), "orders:cancel")).allowed
    fall_silent()
    with pytest.raises(StaleRevocationError):
        await ww.authorize(ww.access.verify(token), "orders:cancel")


async def test_a_closed_watchword_is_not_open(deaf: Any) -> None:
    ww, fall_silent = deaf
    access = ww.access
    token = access.issue("u").token
    fall_silent()
    assert access.verify(token).stale
    await ww.close()
    with pytest.raises(ConfigurationError, match="open it first"):
        access.verify(token)


# ask


def asking(store: MemoryStore, clock: FrozenClock) -> View:
    """Of a store that could suspend: nothing is pulled."""
    view = View(clock=clock, max_staleness=timedelta(0), on_stale="ask")
    view.ask = store.standing
    return view


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    made = MemoryStore()
    await made.open()
    yield made
    await made.close()


class Slow(MemoryStore):
    """Answers when it is let; ``asked`` counts the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may, self.away = 0, anyio.Event(), False
        self.pulls_inline = False

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        self.asked += 1
        await self.may.wait()
        if self.away:
            raise StoreUnavailableError("away")
        return await super().tail(after, now=now, limit=limit)


@pytest.mark.parametrize("away", [False, True])
async def test_past_the_lease_one_asks_the_feed_and_the_others_wait(clock: FrozenClock, away: bool) -> None:
    store, view, errors = Slow(), View(clock=clock), []
    await store.open()
    view.signal, store.away = anyio.Event, away

    async def one() -> None:
        try:
            await renew(store, view)
            view.ensure_fresh()
        except UnavailableError as error:
            errors.append(type(error))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        assert store.asked == 1
        store.may.set()
    assert store.asked == 1
    assert errors == ([StoreUnavailableError] + [StaleRevocationError] * 49 if away else [])
    clock.advance(10)
    store.away = False
    await one()
    assert (store.asked, view.fresh()) == (2, True), "who comes later asks anew"
    await store.close()


async def test_who_is_cancelled_while_it_asks_keeps_nobody_waiting(clock: FrozenClock) -> None:
    store, view = Slow(), View(clock=clock)
    await store.open()
    view.signal = anyio.Event
    scope = anyio.CancelScope()

    async def asks() -> None:
        with scope:
            await renew(store, view)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(asks)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(renew, store, view)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert view.renewing is None
    await store.close()


@pytest.mark.parametrize("word", [None, "ask", "closed"])
async def test_without_a_lease_every_check_asks(store: MemoryStore, clock: FrozenClock, word: OnStale | None) -> None:
    view = asking(store, clock)
    view.hear(await store.standing((), now=clock.now()), asked_after=0, sent_at=clock.monotonic())
    kind = tokens(view)
    issued = kind.issue("u")
    assert (await kind.authenticate(issued.token, on_stale=word)).subject == "u"
    await store.append(event("token", issued.token_id, now=clock.now()))
    with pytest.raises(TokenRevokedError):
        await kind.authenticate(issued.token, on_stale=word)


async def test_without_a_lease_a_plain_check_says_what_to_use(store: MemoryStore, clock: FrozenClock) -> None:
    view = asking(store, clock)
    view.hear(await store.standing((), now=clock.now()), asked_after=0, sent_at=clock.monotonic())
    kind = tokens(view)
    token = kind.issue("u").token
    with pytest.raises(ConfigurationError, match=r"await …authenticate"):
        kind.verify(token)
    assert (await kind.authenticate(token)).subject == "u"
    view.ask_now = lambda names, *, now: drive(store.standing(names, now=now))
    assert kind.verify(token).subject == "u"


async def test_with_a_lease_a_plain_check_refuses_and_says_what_would_ask(clock: FrozenClock) -> None:
    view = heard(clock, on_stale="ask")
    kind = tokens(view)
    token = kind.issue("u").token
    kind.verify(token)
    clock.advance(5)
    with pytest.raises(StaleRevocationError, match=r"await …authenticate"):
        kind.verify(token)


async def test_the_store_is_asked_past_the_lease_alone(store: MemoryStore, clock: FrozenClock) -> None:
    view = heard(clock, on_stale="closed")
    kind = tokens(view)
    token = kind.issue("u").token
    asked_for: list[int] = []

    async def counted(names: Any, *, now: int) -> Feed:
        asked_for.append(now)
        return await store.standing(names, now=now)

    view.ask = counted
    await kind.authenticate(token, on_stale="ask")
    assert asked_for == []
    clock.advance(5)
    with pytest.raises(StaleRevocationError):
        await kind.authenticate(token)
    assert not (await kind.authenticate(token, on_stale="ask")).stale
    assert len(asked_for) == 1


async def test_a_store_that_does_not_answer_is_no_yes(store: MemoryStore, clock: FrozenClock) -> None:
    view = heard(clock, on_stale="ask", open_for=WINDOW)
    kind = tokens(view)
    token = kind.issue("u").token

    async def away(names: Any, *, now: int) -> Feed:
        raise StoreUnavailableError

    view.ask = away
    clock.advance(6)
    with pytest.raises(StoreUnavailableError):
        await kind.authenticate(token)


@pytest.mark.parametrize("what", [*BY_NAME, *BY_CUTOFF])
async def test_whatever_a_token_belongs_to_is_asked_about(store: MemoryStore, clock: FrozenClock, what: str) -> None:
    view = asking(store, clock)
    view.hear(await store.standing((), now=clock.now()), asked_after=0, sent_at=clock.monotonic())
    kind = tokens(view)
    made = kind.issue("u", session_id="s", family_id="f", client_id="c")
    values = {"token": made.token_id, "session": "s", "family": "f", "client": "c", "everything": ""}
    values["key"] = RING.active("sign").kid
    await store.append(event(what, "somebody else", now=clock.now()))
    assert (await kind.authenticate(made.token)).subject == "u"
    await store.append(event(what, values.get(what, "u"), now=clock.now()))
    with pytest.raises(TokenRevokedError):
        await kind.authenticate(made.token)


@pytest.mark.parametrize("what", BY_NAME)
async def test_what_was_heard_by_name_stays_so_whatever_a_store_says_that_lost_it(
    store: MemoryStore, clock: FrozenClock, what: str
) -> None:
    """As after a failover to a replica that was behind, or a restored backup."""
    view = heard(clock, on_stale="ask")
    kind = tokens(view)
    made = kind.issue("u", session_id="s", family_id="f")
    values = {"token": made.token_id, "session": "s", "family": "f", "key": RING.active("sign").kid}
    fact = replace(event(what, values[what], now=clock.now()), seq=1)
    view.hear(Feed("e", 1, (fact,)), asked_after=0, sent_at=clock.monotonic())
    view.ask, view.ask_now = store.standing, lambda names, *, now: drive(store.standing(names, now=now))
    clock.advance(5)
    with pytest.raises(TokenRevokedError):
        await kind.authenticate(made.token)
    with pytest.raises(TokenRevokedError):
        kind.verify(made.token)


NAMES = st.sampled_from(["a", "b", ""])
MAYBE = st.none() | st.sampled_from(["a", "b"])
FACTS = st.lists(st.tuples(st.sampled_from([*BY_NAME, *BY_CUTOFF]), NAMES), max_size=6)


@given(
    facts=FACTS,
    subject=st.sampled_from(["a", "b"]),
    token=st.sampled_from(["a", "b"]),
    session=MAYBE,
    family=MAYBE,
    client=MAYBE,
    kid=st.sampled_from(["a", "b"]),
    kind=st.sampled_from(sorted(KINDS)),
    roles=st.sampled_from([frozenset(), frozenset({"admin"})]),
    position=st.integers(-1, 6),
    other_life=st.booleans(),
)
def test_the_store_is_judged_by_the_rules_of_the_view(
    facts: list[tuple[str, str]],
    subject: str,
    token: str,
    session: str | None,
    family: str | None,
    client: str | None,
    kid: str,
    kind: str,
    roles: frozenset[str],
    position: int,
    other_life: bool,
) -> None:
    """Whatever was revoked and whoever asks, at whichever position: one read says what the whole feed says."""
    clock, store = FrozenClock(), MemoryStore()
    store.open_blocking()
    named = [(what, "" if what == "everything" else value) for what, value in facts]
    drive(store.append(*(event(what, value, now=clock.now()) for what, value in named)))
    whole = View(clock=clock)
    feed = drive(store.tail(0, now=clock.now()))
    whole.hear(feed, asked_after=0, sent_at=clock.monotonic())
    epoch = "other" if other_life else feed.epoch
    who = Principal(
        subject=subject,
        kind=kind,
        token_id=token,
        issued_at=clock.now(),
        expires_at=clock.now() + 900,
        session_id=session,
        family_id=family,
        client_id=client,
        roles=roles,
        rev=None if position < 0 else f"{epoch}.{position}",
    )
    view = asking(store, clock)
    view.ask_now = lambda names, *, now: drive(store.standing(names, now=now))
    for judge in (drive(asked(view, who, kid)), asked_now(view, who, kid)):
        assert revoked(judge, who, kid) == revoked(whole, who, kid)
        assert (None if judge is None else judge.roles_changed(who)) == whole.roles_changed(who)


def revoked(view: View | None, who: Principal, kid: str) -> bool:
    try:
        if view is not None:
            view.check(who, kid)
    except TokenRevokedError:
        return True
    return False
