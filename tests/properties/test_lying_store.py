"""I23: whatever the store says, what the true one refuses is refused, and nothing but our own errors is raised.

BELIEVED says what no reader can know: a row that was true once, told again in place of one that no event of the feed
speaks of. There the store is believed, and the lie ends with the next write, which is held to the row's version.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import lying
from tests.properties.lying import WRONG, Liar, Lie
from tests.properties.nodes import Quiet, run
from watchword import app
from watchword.clock import FrozenClock
from watchword.errors import UnavailableError, WatchwordError
from watchword.principal import Principal
from watchword.revocation.feed import catch_up
from watchword.tokens.base import Issued

RESET = "password-reset"
LIES: dict[str, Lie] = {
    "another's row": lying.another,
    "no row": lying.gone,
    "an expired row": lying.expired,
    "a row where there is none": lying.extra,
    "an empty row": lying.empty,
    "a row of nobody": lying.nobody,
    "a row of an odd sort": lying.odd,
    "the row of one write ago": lying.old(1),
    "the row as it began": lying.old(99),
}
FEEDS = {
    "goes back": lying.goes_back,
    "repeats": lying.repeats,
    "turns round": lying.turns_round,
    "begins anew": lying.begins_anew,
    "is of another sort": lying.of_another_sort,
    "says nonsense": lying.says_nonsense,
}

Verb = Callable[[Any, str], Coroutine[Any, Any, Any]]


async def verify(ww: Any, token: str) -> Any:
    return ww.access.verify(token)


VERBS: dict[str, Verb] = {
    "session": lambda ww, token: ww.sessions.authenticate(token),
    "session rotate": lambda ww, token: ww.sessions.rotate(token),
    "session update": lambda ww, token: ww.sessions.update(token, data={"a": 1}),
    "session end": lambda ww, token: ww.sessions.end(token),
    "opaque": lambda ww, token: ww.opaque_access.authenticate(token),
    "introspect": lambda ww, token: ww.opaque_access.introspect(token),
    "api key": lambda ww, token: ww.api_keys.authenticate(token),
    "api key rotate": lambda ww, token: ww.api_keys.rotate(token),
    "api key revoke": lambda ww, token: ww.api_keys.revoke(token),
    "refresh": lambda ww, token: ww.refresh.rotate(token),
    "refresh show": lambda ww, token: ww.refresh.unproven(token),
    "one-time": lambda ww, token: ww.one_time.redeem(token, purpose=RESET),
    "one-time look": lambda ww, token: ww.one_time.look(token, purpose=RESET),
    "sealed": lambda ww, token: ww.sealed.redeem(token, purpose="payment", bound_to="u"),
    "access": verify,
}
LISTS: dict[str, Verb] = {
    "sessions": lambda ww, subject: ww.sessions.list(subject),
    "families": lambda ww, subject: ww.refresh.list(subject),
    "keys": lambda ww, subject: ww.api_keys.list(subject),
    "opaque": lambda ww, subject: ww.opaque_access.list(subject),
    "devices": lambda ww, subject: ww.devices.list(subject),
    "end all": lambda ww, subject: ww.sessions.end_all(subject),
    "settle": lambda ww, subject: ww.api_keys.settle(subject),
    "revoke": lambda ww, subject: ww.revoke(subject=subject),
    "roles": lambda ww, subject: ww.roles.of(subject),
    "set roles": lambda ww, subject: ww.roles.set(subject, ["admin"]),
    "one-time": lambda ww, subject: ww.one_time.issue(subject, purpose="magic-link"),
    "flush": lambda ww, subject: ww.api_keys.flush(),
}


class World:
    """Two subjects with one of each kind, good and ended."""

    def __init__(self) -> None:
        self.store, self.clock = Liar(), FrozenClock()
        with patch.object(app, "open_store", lambda url, **more: self.store):
            self.ww = Quiet(
                "memory:",
                issuer="https://as.test",
                audience="https://api.test",
                clock=self.clock,
                one_time_every=timedelta(0),
            )
        run(self.ww.open())
        self.tokens: dict[str, tuple[str, str]] = {}
        """name -> (verb that it is for, token)."""
        self.others: dict[str, tuple[str, str]] = {}
        """The same of somebody else."""
        for subject in ("u", "v"):
            run(self.fill(subject))

    async def fill(self, subject: str) -> None:
        ww, mine = self.ww, self.tokens if subject == "u" else self.others
        await ww.roles.set(subject, ["user"])
        session = await ww.sessions.start(subject, roles=["user"])
        mine["session"] = "session", session.token
        mine["rotated session"] = "session", (stale := await ww.sessions.start(subject)).token
        await ww.sessions.rotate(stale.token)
        mine["ended session"] = "session", (over := await ww.sessions.start(subject)).token
        await ww.sessions.end(over.token)
        mine["opaque"] = "opaque", (await ww.opaque_access.issue(subject)).token
        mine["revoked opaque"] = "opaque", (dead := await ww.opaque_access.issue(subject)).token
        await ww.opaque_access.revoke(dead.token_id)
        mine["api key"] = "api key", (await ww.api_keys.issue(subject)).token
        mine["revoked api key"] = "api key", (lost := await ww.api_keys.issue(subject)).token
        await ww.api_keys.revoke(lost.token)
        gone = await ww.refresh.issue(subject, client_id="c")
        await ww.revoke(family=gone.family_id)
        mine["revoked refresh"] = "refresh", gone.token
        first = await ww.refresh.issue(subject, client_id="c", scopes=["a"])
        second = await ww.refresh.rotate(first.token)
        third = await ww.refresh.rotate(second.token)
        mine["refresh"], mine["spent refresh"] = ("refresh", third.token), ("refresh", first.token)
        mine["used link"] = "one-time", (used := await ww.one_time.issue(subject, purpose=RESET)).token
        await ww.one_time.redeem(used.token, purpose=RESET)
        mine["void link"] = "one-time", (await ww.one_time.issue(subject, purpose=RESET)).token
        mine["link"] = "one-time", (await ww.one_time.issue(subject, purpose=RESET)).token
        mine["sealed"] = "sealed", ww.sealed.seal({"n": 1}, purpose="payment", bound_to=subject).token
        mine["used sealed"] = "sealed", ww.sealed.seal({"n": 1}, purpose="payment", bound_to=subject).token
        await ww.sealed.redeem(mine["used sealed"][1], purpose="payment", bound_to=subject)
        mine["access"] = "access", ww.access.issue(subject).token
        stopped = ww.access.issue(subject)
        mine["revoked access"] = "access", stopped.token
        await ww.revoke(token=stopped.token)
        self.forget_near()

    def forget_near(self) -> None:
        for near in (self.ww.api_keys.near, self.ww.opaque_access.near):
            near._young, near._old = {}, {}

    def ask(self, verb: Verb, word: str) -> Any:
        """What it says, or the error; any other exception comes out."""
        try:
            return run(verb(self.ww, word))
        except WatchwordError as error:
            return error


ENDED = [
    "rotated session",
    "ended session",
    "revoked opaque",
    "revoked api key",
    "spent refresh",
    "revoked refresh",
    "used link",
    "void link",
    "used sealed",
    "revoked access",
]
GOOD = ["session", "opaque", "api key", "refresh", "link", "sealed", "access"]

BELIEVED: set[tuple[str, str]] = {
    ("rotated session", "the row of one write ago"),
    ("rotated session", "the row as it began"),
    ("spent refresh", "the row of one write ago"),
}
"""(token, lie): what is accepted, because it was true and nothing else speaks of it. Nothing else is.

What a spent refresh token is given there is its successor once more, which is spent as well.
"""


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ENDED)
def test_what_has_ended_is_refused_whatever_is_said(name: str, lie: str) -> None:
    verb, _ = World().tokens[name]
    for after in range(3):
        world = World()
        world.store.tell(LIES[lie], after)
        found = world.ask(VERBS[verb], world.tokens[name][1])
        if (name, lie) in BELIEVED and not isinstance(found, WatchwordError):
            assert after == 0
            continue
        assert isinstance(found, WatchwordError), (after, found)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", GOOD)
def test_what_is_good_is_itself_or_refused(name: str, lie: str) -> None:
    for after in range(4):
        world = World()
        world.store.tell(LIES[lie], after)
        verb, token = world.tokens[name]
        found = world.ask(VERBS[verb], token)
        for_whom(found)
        if lie == "an expired row" and after == 0 and verb not in ("access", "sealed"):
            assert isinstance(found, WatchwordError), "missing and expired are the same"
        world.store.be_honest()
        unharmed(world)


@pytest.mark.parametrize("verb", VERBS)
def test_another_s_row_is_nobody_s(verb: str) -> None:
    """Whatever is done with a token: it neither shows nor ends what is somebody else's."""
    kind = kind_of(verb)
    for name in (one for one in (*ENDED, *GOOD) if World().tokens[one][0] == kind):
        for after in range(3):
            world = World()
            world.store.tell(lying.another, after)
            for_whom(world.ask(VERBS[verb], world.tokens[name][1]))
            world.store.be_honest()
            unharmed(world)


def kind_of(verb: str) -> str:
    return verb.split()[0].replace("introspect", "opaque").replace("api", "api key")


def for_whom(found: Any) -> None:
    """Another's row makes nobody another."""
    if isinstance(found, Principal | Issued):
        assert found.subject == "u"


def unharmed(world: World) -> None:
    """What was said of one is no reason to end what another has."""
    world.forget_near()
    for name in ("session", "opaque", "api key", "refresh"):
        verb, token = world.others[name]
        assert not isinstance(world.ask(VERBS[verb], token), WatchwordError), name


BROKEN = st.one_of(
    st.builds(lying.broken, st.integers(0, 30), st.sampled_from(sorted(WRONG))),
    st.builds(lying.lacking, st.integers(0, 30)),
    st.sampled_from(sorted(LIES)).map(LIES.__getitem__),
)


@given(data=st.data(), lie=BROKEN, after=st.integers(0, 3), verb=st.sampled_from(sorted(VERBS)))
@settings(max_examples=600, deadline=None, derandomize=True)
def test_a_broken_row_opens_nothing_and_raises_nothing_of_its_own(
    data: st.DataObject, lie: Lie, after: int, verb: str
) -> None:
    world = World()
    kind = kind_of(verb)
    name = data.draw(st.sampled_from([one for one in (*ENDED, *GOOD) if world.tokens[one][0] == kind]))
    world.store.tell(lie, after)
    for_whom(world.ask(VERBS[verb], world.tokens[name][1]))
    world.store.be_honest()
    unharmed(world)
    if name in ENDED and verb in VERBS.keys() - {"refresh show", "session end", "api key revoke"}:
        world.forget_near()
        assert isinstance(world.ask(VERBS[verb], world.tokens[name][1]), WatchwordError)


@given(lie=BROKEN, after=st.integers(0, 3), verb=st.sampled_from(sorted(LISTS)))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_lists_raise_nothing_of_their_own(lie: Lie, after: int, verb: str) -> None:
    world = World()
    world.store.tell(lie, after)
    world.ask(LISTS[verb], "u")
    world.store.be_honest()
    unharmed(world)


@pytest.mark.parametrize("lie", FEEDS)
def test_a_feed_that_lies_lets_nothing_revoked_through(lie: str) -> None:
    """Until it is honest again, what is revoked is refused: as revoked, or because nothing is known (503)."""
    world = World()
    world.store.feed_lie = FEEDS[lie]
    for seconds in (0, 1, 3, 2, 5):
        world.clock.advance(seconds)
        error = world.ask(lambda ww, _: catch_up(ww.store, ww.view), "")
        assert error is None or isinstance(error, UnavailableError), error
        for name in ("revoked access", "revoked opaque", "revoked api key", "revoked refresh", "ended session"):
            verb, token = world.tokens[name]
            assert isinstance(world.ask(VERBS[verb], token), WatchwordError)
    world.store.be_honest()
    run(catch_up(world.store, world.ww.view))
    for name in ("access", "session", "opaque", "api key"):
        verb, token = world.tokens[name]
        assert not isinstance(world.ask(VERBS[verb], token), WatchwordError), name
