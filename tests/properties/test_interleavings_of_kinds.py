"""The same seeded scheduler over what happens once: sign-ins, the limit, one-time tokens, API keys (I8)."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from tests.properties.test_interleavings import SEEDS, World, classes, issued
from watchword.errors import (
    RateLimitedError,
    TokenConsumedError,
    TokenExpiredError,
    TokenRevokedError,
)
from watchword.principal import Principal
from watchword.revocation.feed import catch_up
from watchword.stores.base import Record
from watchword.tokens.api_keys import ApiKeys
from watchword.tokens.base import Issued
from watchword.tokens.one_time import OneTimeTokens
from watchword.tokens.sessions import SessionInfo, Sessions

RESET = "password-reset"
Call = Coroutine[Any, Any, Any]


class Kinds(World):
    """A world with all kinds, in which somebody may look between any two steps."""

    def __init__(self, seed: int = 0, **limits: Any) -> None:
        super().__init__(seed)
        self.sessions = Sessions(self.store, view=self.view, **limits)
        self.one_time = OneTimeTokens(self.store, view=self.view)
        self.api_keys = ApiKeys(self.store, view=self.view)

    def watched(self, look: Callable[[], None], *coroutines: Call) -> list[Any]:
        """``together``, with a look at the world after each step."""

        def seen(coroutine: Call) -> Call:
            async def steps() -> Any:
                return await _Looking(coroutine, look)

            return steps()

        return self.together(*(seen(one) for one in coroutines))

    def live(self, kind: str) -> list[Record]:
        """The rows that are live in this very moment, without taking a turn."""
        held = self.store._tables.rows.get(kind, {}).values()
        return [row for row in (one.read() for one in held) if row.data.get("state") == "live"]


class _Looking:
    """Runs a coroutine step by step, and looks after each."""

    def __init__(self, coroutine: Call, look: Callable[[], None]) -> None:
        self.coroutine, self.look = coroutine, look

    def __await__(self) -> Any:
        while True:
            try:
                self.coroutine.send(None)
            except StopIteration as stop:
                self.look()
                return stop.value
            self.look()
            yield


# sessions


def test_there_is_no_moment_in_which_both_or_neither_token_of_a_session_works() -> None:
    for seed in SEEDS:
        world = Kinds(seed)
        first = world.done(world.sessions.start("u"))

        def one(world: Kinds = world) -> None:
            assert len(world.live("session")) == 1

        results = world.watched(
            one,
            *(world.sessions.rotate(first.token) for _ in range(3)),
            world.sessions.update(first.token, data={"a": 1}),
            world.sessions.authenticate(first.token),
        )
        (winner,) = issued(results)
        assert not world.session_is_live(first.token)
        assert world.session_is_live(winner.token)


def test_there_is_no_moment_in_which_both_or_neither_session_of_a_sign_in_live() -> None:
    """At sign-in the browser's old session, perhaps somebody else's, ends as the new one begins."""
    for seed in SEEDS:
        world = Kinds(seed)
        guest = world.done(world.sessions.start("guest"))

        def one(world: Kinds = world) -> None:
            assert len(world.live("session")) == 1

        rotated, signed_in, _ = world.watched(
            one,
            world.sessions.rotate(guest.token),
            world.sessions.start("u", replaces=guest.session_id),
            world.sessions.authenticate(guest.token),
        )
        assert world.session_is_live(signed_in.token)
        for token in (guest.token, *(one.token for one in issued([rotated]))):
            assert not world.session_is_live(token)


def test_of_parallel_sign_ins_over_one_session_one_ends_it_and_the_rest_begin_beside() -> None:
    for seed in SEEDS[:100]:
        world = Kinds(seed)
        guest = world.done(world.sessions.start("guest"))
        results = world.together(*(world.sessions.start("u", replaces=guest.session_id) for _ in range(3)))
        assert classes(results) == {Issued}
        assert not world.session_is_live(guest.token)
        assert len(world.done(world.sessions.list("u"))) == 3


@pytest.mark.parametrize("limit", [1, 3])
def test_the_limit_holds_when_many_sign_in_at_once(limit: int) -> None:
    for seed in SEEDS:
        told: list[SessionInfo] = []
        world = Kinds(seed, limit=limit, on_limit=lambda _, info, told=told: told.append(info))
        results = world.together(*(world.sessions.start("u") for _ in range(5)))
        assert classes(results) == {Issued}
        left = {one.session_id for one in world.done(world.sessions.list("u"))}
        assert len(left) == limit, seed
        assert len(told) == 5 - limit
        assert {one.session_id for one in told} | left == {one.session_id for one in results}


# one-time tokens


def test_one_of_many_redeems_has_the_effect() -> None:
    for seed in SEEDS:
        world = Kinds(seed)
        token = world.done(world.one_time.issue("u", purpose=RESET)).token
        effects: list[None] = []
        results = world.together(
            *(world.one_time.redeem(token, purpose=RESET, effect=effects.append) for _ in range(5))
        )
        assert classes(results) == {Principal, TokenConsumedError}
        assert [type(one) for one in results].count(Principal) == len(effects) == 1


def test_a_redeem_beside_a_newer_token_wins_or_finds_itself_void() -> None:
    seen = set()
    for seed in SEEDS:
        world = Kinds(seed)
        old = world.done(world.one_time.issue("u", purpose=RESET))
        for _ in range(75):
            world.clock.advance(4)
            world.done(catch_up(world.store, world.view))
        redeemed, newer, second = world.together(
            world.one_time.redeem(old.token, purpose=RESET),
            world.one_time.issue("u", purpose=RESET),
            world.one_time.issue("u", purpose=RESET),
        )
        assert {type(newer), type(second)} == {Issued, RateLimitedError}
        assert type(redeemed) in (Principal, TokenRevokedError)
        (live,) = issued([newer, second])
        (again,) = world.together(world.one_time.redeem(old.token, purpose=RESET))
        assert type(again) is (TokenConsumedError if isinstance(redeemed, Principal) else TokenRevokedError)
        (used,) = world.together(world.one_time.redeem(live.token, purpose=RESET))
        assert isinstance(used, Principal)
        seen.add(type(redeemed))
    assert seen == {Principal, TokenRevokedError}, "both orders were tried"


def test_what_was_void_or_expired_before_has_no_effect_after() -> None:
    async def end(world: Kinds, seed: int) -> list[None]:
        if seed % 2:
            await world.one_time.void("u", purpose=RESET)
        else:
            await world.revoke("subject", "u")
        return list(effects)

    seen = set()
    for seed in SEEDS:
        world, effects = Kinds(seed), list[None]()
        token = world.done(world.one_time.issue("u", purpose=RESET)).token
        redeemed, before = world.together(
            world.one_time.redeem(token, purpose=RESET, effect=effects.append), end(world, seed)
        )
        if seed % 2:
            assert effects == before, "nothing happens after void returned"
        assert isinstance(redeemed, Principal) is (len(effects) == 1)
        assert type(redeemed) in (Principal, TokenRevokedError)
        (after,) = world.together(world.one_time.redeem(token, purpose=RESET, effect=effects.append))
        assert type(after) in (TokenConsumedError, TokenRevokedError)
        seen.add((seed % 2, len(effects)))
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}, "both orders were tried"


def test_a_moved_end_holds_from_when_it_returned() -> None:
    async def shorten_then_wait(world: Kinds) -> None:
        await world.one_time.set_lifetime("u", purpose=RESET, lifetime=timedelta(seconds=1))
        world.clock.advance(1)

    for seed in SEEDS:
        world = Kinds(seed)
        token = world.done(world.one_time.issue("u", purpose=RESET)).token
        redeemed, _ = world.together(world.one_time.redeem(token, purpose=RESET), shorten_then_wait(world))
        assert type(redeemed) in (Principal, TokenExpiredError)
        (after,) = world.together(world.one_time.redeem(token, purpose=RESET))
        assert type(after) in (TokenConsumedError, TokenExpiredError)


# API keys


def test_of_parallel_rotations_of_a_key_one_wins() -> None:
    for seed in SEEDS:
        world = Kinds(seed)
        key = world.done(world.api_keys.issue("u"))
        results = world.together(*(world.api_keys.rotate(key.token_id) for _ in range(4)))
        (winner,) = issued(results)
        assert [type(one) for one in results].count(TokenRevokedError) == 3
        assert {one.key_id for one in world.done(world.api_keys.list("u"))} == {key.token_id, winner.token_id}


def test_there_is_no_moment_in_which_no_key_works() -> None:
    for seed in SEEDS[:200]:
        world = Kinds(seed)
        key = world.done(world.api_keys.issue("u"))

        def some(world: Kinds = world) -> None:
            assert len(world.live("api_key")) in (1, 2)

        overlap = timedelta(hours=seed % 2)
        world.done(world.api_keys.authenticate(key.token))
        fresh, *_ = world.watched(some, world.api_keys.rotate(key.token_id, overlap=overlap), world.api_keys.flush())
        assert isinstance(fresh, Issued)
        assert len(world.live("api_key")) == 1 + seed % 2


@pytest.mark.parametrize("what", ["subject", "everything"])
def test_no_key_survives_a_revocation_that_returned(what: str) -> None:
    lost = set()
    for seed in SEEDS:
        world = Kinds(seed)
        key = world.done(world.api_keys.issue("u"))
        world.done(world.api_keys.authenticate(key.token))
        *results, _ = world.together(
            world.api_keys.rotate(key.token_id),
            world.api_keys.flush(),
            world.revoke(what, "u" if what == "subject" else ""),
        )
        for one in (key, *issued(results)):
            (found,) = world.together(world.api_keys.authenticate(one.token))
            assert isinstance(found, TokenRevokedError)
        lost.add(len(issued(results)))
    assert lost == {0, 1}, "both orders were tried"


def test_a_key_that_was_revoked_stays_so_beside_rotation_and_last_use() -> None:
    for seed in SEEDS:
        world = Kinds(seed)
        key = world.done(world.api_keys.issue("u"))
        world.done(world.api_keys.authenticate(key.token))
        revoked, *results = world.together(
            world.api_keys.revoke(key.token_id),
            world.api_keys.rotate(key.token_id, overlap=timedelta(seconds=seed % 2)),
            world.api_keys.flush(),
            world.api_keys.authenticate(key.token),
        )
        rotated = isinstance(results[0], Issued)
        assert revoked is True or (rotated and seed % 2 == 0)
        assert isinstance(world.together(world.api_keys.authenticate(key.token))[0], TokenRevokedError)
        assert len(world.done(world.api_keys.list("u"))) == int(rotated)
