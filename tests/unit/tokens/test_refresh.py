"""Refresh tokens: wire form, rotation, grace, reuse, and what a copy of the database gives away."""

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.json import encode

from watchword import KeyRing, Watchword
from watchword.clock import FrozenClock
from watchword.crypto.encryption import open_under
from watchword.errors import (
    BindingError,
    ConfigurationError,
    InsufficientScopeError,
    MalformedTokenError,
    ProofError,
    SealError,
    SignatureError,
    StaleRevocationError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
    WatchwordError,
)
from watchword.keys.key import Key
from watchword.principal import Proof
from watchword.revocation.feed import catch_up_now
from watchword.revocation.view import View
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import Issued
from watchword.tokens.refresh import FamilyInfo, RefreshTokens

DAY = 86_400
GRACE, IDLE, LIFE = 10, 14 * DAY, 30 * DAY
NOW = 1_800_000_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


def watchword(url: str, clock: FrozenClock, **options: Any) -> Watchword:
    return Watchword(url, issuer="https://as.test", audience="https://api.test", clock=clock, **options)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def ww(url: str, clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with watchword(url, clock) as opened:
        yield opened


@pytest.fixture
async def plain(clock: FrozenClock) -> AsyncIterator[Watchword]:
    """In memory alone, for what no store has a part in."""
    async with watchword("memory:", clock) as opened:
        yield opened


@pytest.fixture
async def strict(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with watchword("memory:", clock, refresh_grace=timedelta(0)) as opened:
        yield opened


async def snapshot(ww: Watchword) -> bytes:
    """All that the store holds."""
    kinds = ("session", "refresh", "refresh_sealed")
    found = [await ww.store.find(kind, now=0, limit=10_000) for kind in kinds]
    feed = await ww.store.tail(0, now=0)
    return encode([found, feed.head, feed.events, await ww.store.audited()])


async def issue(ww: Watchword, **more: Any) -> Issued:
    return await ww.refresh.issue("user-7", **{"client_id": "mobile", "scopes": ["a", "b"], **more})


async def is_live(ww: Watchword, token: str) -> bool:
    """Whether the family of the token is; changes nothing."""
    try:
        await ww.refresh.family_of(token)
    except TokenRevokedError:
        return False
    return True


# issue and wire form


async def test_issue(ww: Watchword) -> None:
    issued = await issue(ww, session_id="s-1", device="Pixel 9", roles=["r"], auth_time=5)
    assert (issued.subject, issued.client_id, issued.session_id, issued.auth_time) == ("user-7", "mobile", "s-1", 5)
    assert (issued.scopes, issued.roles) == (frozenset("ab"), frozenset("r"))
    assert issued.expires_at == NOW + IDLE
    assert issued.token_id == f"{issued.family_id}.1"
    assert await ww.refresh.list("user-7") == [
        FamilyInfo(
            family_id=str(issued.family_id),
            client_id="mobile",
            created_at=NOW,
            rotated_at=NOW,
            expires_at=NOW + IDLE,
            scopes=frozenset("ab"),
            session_id="s-1",
            device="Pixel 9",
        )
    ]
    who = await ww.refresh.authenticate(issued.token)
    assert (who.kind, who.subject, who.family_id, who.session_id) == ("refresh", "user-7", issued.family_id, "s-1")
    assert (who.expires_at, who.auth_time, who.rev) == (NOW + IDLE, 5, issued.rev)


async def test_the_wire_form(plain: Watchword) -> None:
    issued = await issue(plain)
    prefix, family, generation, secret, mac = *issued.token.split("_", 2)[:1], *issued.token[6:].split(".")
    assert prefix == "ww"
    assert (family, generation) == (issued.family_id, "1")
    assert (len(family), len(secret), len(mac)) == (22, 43, 22)
    rotated = await plain.refresh.rotate(issued.token)
    family_2, generation_2, secret_2, _ = rotated.token[6:].split(".")
    assert (family_2, generation_2) == (family, "2")
    assert secret_2 != secret


async def test_no_two_tokens_share_a_secret(plain: Watchword) -> None:
    tokens = [(await issue(plain)).token for _ in range(20)]
    for _ in range(20):
        tokens.append((await plain.refresh.rotate(tokens[-1])).token)
    assert len({token.split(".")[2] for token in tokens}) == len(tokens) == 40


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"client_id": ""}, "a client_id"),
        ({"scopes": "a b"}, "scopes"),
        ({"scopes": ["a b"]}, "scopes"),
        ({"roles": "admin"}, "roles"),
    ],
)
async def test_what_cannot_be_issued(plain: Watchword, more: dict[str, Any], message: str) -> None:
    before = await snapshot(plain)
    with pytest.raises(ConfigurationError, match=message):
        await issue(plain, **more)
    with pytest.raises(ConfigurationError, match="a subject"):
        await plain.refresh.issue("", client_id="c")
    assert await snapshot(plain) == before


async def test_a_device_is_text_to_look_at(plain: Watchword) -> None:
    for device in ("a\nb" + "x" * 300, "", "é"):
        await issue(plain, device=device)
    assert [one.device for one in await plain.refresh.list("user-7")] == ["a?b" + "x" * 252, "", "é"]


def mutants(token: str) -> list[str]:
    """The token with each character changed, segments dropped, doubled and swapped."""
    changed = [
        token[:place] + other + token[place + 1 :]
        for place, character in enumerate(token)
        for other in {"A", "Q", "1", "2", "-", ".", "é", "=", " "} - {character}
    ]
    parts = token[6:].split(".")
    shapes = [
        parts[:3],
        parts[:2] + parts[3:],
        parts[1:],
        [*parts, parts[3]],
        ["", *parts],
        [parts[0], parts[1], parts[3], parts[2]],
        [parts[2], parts[1], parts[0], parts[3]],
        [*parts[:3], ""],
        [*parts[:3], parts[3][:-1]],
        [*parts[:3], parts[3] + "A"],
        [*parts[:3], parts[3] * 2],
        *([parts[0], number, *parts[2:]] for number in ("", "0", "01", "-1", "+1", "1e0", "1" * 10, "१", "1_0", " 1")),
    ]
    return [*changed, *("ww_rt_" + ".".join(shape) for shape in shapes), token + "\n", " " + token, token[6:]]


async def test_a_token_that_was_tampered_with_changes_nothing(ww: Watchword) -> None:
    first = await issue(ww)
    current = await ww.refresh.rotate(first.token)
    before = await snapshot(ww)
    for token in (first.token, current.token):
        for mutant in mutants(token):
            with pytest.raises((MalformedTokenError, SignatureError)):
                await ww.refresh.rotate(mutant)
    assert await snapshot(ww) == before
    await ww.refresh.rotate(current.token)


async def test_every_segment_is_under_the_mac(plain: Watchword) -> None:
    """The wrong MAC is SignatureError: who has no key cannot even name a family, or end one."""
    one, two = (await issue(plain)).token[6:].split("."), (await issue(plain)).token[6:].split(".")
    before = await snapshot(plain)
    for place in range(4):
        mixed = [*one[:place], "9" if place == 1 else two[place], *one[place + 1 :]]
        with pytest.raises(SignatureError):
            await plain.refresh.rotate("ww_rt_" + ".".join(mixed))
    assert await snapshot(plain) == before


async def test_the_mac_of_another_ring_is_wrong(plain: Watchword, clock: FrozenClock) -> None:
    token = (await issue(plain)).token
    async with watchword("memory:", clock) as stranger:
        with pytest.raises(SignatureError):
            await stranger.refresh.rotate(token)
        with pytest.raises(SignatureError):
            await plain.refresh.rotate((await issue(stranger)).token)


async def test_a_mac_key_that_no_longer_signs_still_verifies_until_it_retires(clock: FrozenClock) -> None:
    store, ring = MemoryStore(), KeyRing.of(Key.generate("HS256", use="mac"), clock=clock)
    store.open_blocking()
    refresh = RefreshTokens(store, ring, clock=clock)
    old = await refresh.issue("u", client_id="c")
    (first,) = [slot.key.kid for slot in ring]
    ring.announce(second := Key.generate("HS256", use="mac"))
    clock.advance(ring.policy.lead)
    ring.activate(second.kid)
    new = await refresh.rotate(old.token)
    ring.retire(first)
    with pytest.raises(SignatureError):
        await refresh.rotate(old.token)
    await refresh.rotate(new.token)


@pytest.mark.parametrize("untrusted", ["", "ww_rt_", "ww_ss_" + "A" * 43, "x" * 300, b"\xff", None, 7])
async def test_what_is_no_refresh_token(plain: Watchword, untrusted: Any) -> None:
    verbs: list[Callable[[Any], Coroutine[Any, Any, Any]]] = [
        plain.refresh.rotate,
        plain.refresh.authenticate,
        plain.refresh.family_of,
        plain.refresh.revocation_of,
    ]
    for verb in verbs:
        with pytest.raises(MalformedTokenError):
            await verb(untrusted)


async def test_a_token_of_ours_whose_family_is_gone(plain: Watchword, clock: FrozenClock) -> None:
    token = (await issue(plain)).token
    clock.advance(LIFE + DAY - 1)
    with pytest.raises(TokenExpiredError):
        await plain.refresh.rotate(token)
    clock.advance(1)
    with pytest.raises(TokenNotFoundError):
        await plain.refresh.rotate(token)


# rotate


async def test_rotate(ww: Watchword, clock: FrozenClock) -> None:
    first = await issue(ww, session_id="s-1", roles=["r"])
    clock.advance(100)
    second = await ww.refresh.rotate(first.token, client_id="mobile")
    assert second.token != first.token
    assert second.token_id == f"{first.family_id}.2"
    assert second.expires_at == NOW + 100 + IDLE
    for name in ("subject", "scopes", "roles", "client_id", "session_id", "family_id", "rev", "auth_time"):
        assert getattr(second, name) == getattr(first, name), name
    assert (await ww.refresh.authenticate(second.token)).token_id == second.token_id
    with pytest.raises(TokenRevokedError, match="rotated"):
        await ww.refresh.authenticate(first.token)
    (info,) = await ww.refresh.list("user-7")
    assert (info.rotated_at, info.created_at) == (NOW + 100, NOW)


async def test_a_rotated_family_is_as_old_as_it_was(plain: Watchword) -> None:
    first = await issue(plain)
    await plain.revoke(client="somebody else")
    second = await plain.refresh.rotate(first.token)
    assert second.rev == first.rev != plain.view.rev
    assert (await plain.refresh.authenticate(second.token)).rev == first.rev


async def test_a_family_takes_the_rev_of_its_parent(plain: Watchword) -> None:
    session = await plain.sessions.start("user-7")
    await plain.revoke(client="somebody else")
    issued = await issue(plain, session_id=session.session_id, rev=session.rev)
    assert issued.rev == session.rev != plain.view.rev


@pytest.mark.parametrize("seconds", [0, GRACE - 1, GRACE])
async def test_within_the_grace_the_same_successor_comes_again(ww: Watchword, clock: FrozenClock, seconds: int) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    before = await snapshot(ww)
    clock.advance(seconds)
    for _ in range(3):
        again = await ww.refresh.rotate(first.token)
        assert again.token == second.token
        assert again == second
    assert await snapshot(ww) == before
    third = await ww.refresh.rotate(second.token)
    assert third.token != second.token


async def test_one_second_after_the_grace_it_is_reuse(ww: Watchword, clock: FrozenClock) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    clock.advance(GRACE + 1)
    with pytest.raises(TokenReusedError) as caught:
        await ww.refresh.rotate(first.token)
    assert caught.value.family_id == first.family_id
    for token in (first.token, second.token):
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(token)


async def test_a_successor_in_the_grace_narrows_as_it_was_asked_to(plain: Watchword) -> None:
    first = await issue(plain)
    second = await plain.refresh.rotate(first.token)
    again = await plain.refresh.rotate(first.token, scopes=["a"])
    assert (again.token, again.scopes) == (second.token, frozenset("a"))


async def test_after_its_successor_was_used_a_token_is_reuse_even_within_the_grace(ww: Watchword) -> None:
    """No time passes at all: generations decide, not seconds (keycloak #50999)."""
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    third = await ww.refresh.rotate(second.token)
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(first.token)
    for token in (first.token, second.token, third.token):
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(token)


async def test_without_grace_the_second_use_is_reuse(strict: Watchword) -> None:
    first = await issue(strict)
    second = await strict.refresh.rotate(first.token)
    assert await strict.store.find("refresh_sealed", now=0) == []
    with pytest.raises(TokenReusedError):
        await strict.refresh.rotate(first.token)
    with pytest.raises(TokenRevokedError):
        await strict.refresh.rotate(second.token)


@pytest.mark.parametrize("seconds", [-1, 61, 86_400])
async def test_a_grace_that_would_hide_reuse_is_refused(seconds: int) -> None:
    """In a grace that never ends, a thief and the owner would take turns, and nobody would notice."""
    with pytest.raises(ConfigurationError, match="grace"):
        RefreshTokens(MemoryStore(), KeyRing(), grace=timedelta(seconds=seconds))
    RefreshTokens(MemoryStore(), KeyRing(), grace=timedelta(seconds=60))


# another client, other scopes


@pytest.mark.parametrize("age", ["current", "predecessor", "older"])
async def test_another_client_is_refused_and_nothing_changes(ww: Watchword, age: str) -> None:
    tokens = [(await issue(ww)).token]
    for _ in range({"current": 0, "predecessor": 1, "older": 2}[age]):
        tokens.append((await ww.refresh.rotate(tokens[-1])).token)
    before = await snapshot(ww)
    for client in ("web", "", "Mobile", "mobile "):
        with pytest.raises(BindingError):
            await ww.refresh.rotate(tokens[0], client_id=client)
    assert await snapshot(ww) == before
    await ww.refresh.rotate(tokens[-1], client_id="mobile")


@pytest.mark.parametrize("age", ["current", "predecessor", "older"])
async def test_another_key_or_none_is_refused_and_nothing_changes(ww: Watchword, age: str) -> None:
    """F-26, R-9449-7: without its proof, not even the token of an attacker who holds an old one ends the family."""
    key, good = Key.generate("ES256"), Proof(Key.generate("ES256").thumbprint())
    first = await issue(ww, bind=good.jkt, fpt="salt.agent-x")
    assert (first.jkt, first.fpt) == (good.jkt, "salt.agent-x")
    tokens = [first.token]
    for _ in range({"current": 0, "predecessor": 1, "older": 2}[age]):
        tokens.append((await ww.refresh.rotate(tokens[-1], proof=good)).token)
    before = await snapshot(ww)
    with pytest.raises(ProofError):
        await ww.refresh.rotate(tokens[0])
    with pytest.raises(BindingError):
        await ww.refresh.rotate(tokens[0], proof=Proof(key.thumbprint()))
    assert await snapshot(ww) == before
    successor = await ww.refresh.rotate(tokens[-1], proof=good)
    assert (successor.jkt, successor.fpt) == (good.jkt, "salt.agent-x")
    who = await ww.refresh.unproven(tokens[0])
    assert (who.jkt, who.fpt, who.family_id) == (good.jkt, "salt.agent-x", first.family_id)


async def test_a_family_of_no_key_wants_no_proof(ww: Watchword) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token, proof=Proof("x"))
    assert (await ww.refresh.rotate(second.token)).jkt is None


@pytest.mark.parametrize("age", ["current", "predecessor", "older"])
async def test_wider_scopes_are_refused_and_nothing_changes(ww: Watchword, age: str) -> None:
    tokens = [(await issue(ww)).token]
    for _ in range({"current": 0, "predecessor": 1, "older": 2}[age]):
        tokens.append((await ww.refresh.rotate(tokens[-1])).token)
    before = await snapshot(ww)
    for scopes in (["a", "c"], ["c"], ["A"]):
        with pytest.raises(InsufficientScopeError) as caught:
            await ww.refresh.rotate(tokens[0], scopes=scopes)
        assert caught.value.scope == scopes[-1]
    with pytest.raises(ConfigurationError):
        await ww.refresh.rotate(tokens[0], scopes="a")
    assert await snapshot(ww) == before
    await ww.refresh.rotate(tokens[-1], scopes=["b", "a"])


async def test_narrowing_is_for_what_is_issued_and_the_family_keeps_its_grant(plain: Watchword) -> None:
    first = await issue(plain)
    second = await plain.refresh.rotate(first.token, scopes=(scope for scope in "a"))
    assert second.scopes == {"a"}
    assert (await plain.refresh.rotate(second.token)).scopes == {"a", "b"}
    assert (await plain.refresh.rotate((await issue(plain)).token, scopes=[])).scopes == frozenset()


# reuse


async def test_reuse_kills_family_session_and_their_access_tokens_and_is_on_record(ww: Watchword) -> None:
    session, bystander = await ww.sessions.start("user-7"), await ww.sessions.start("user-7")
    first = await issue(ww, session_id=session.session_id, rev=session.rev)
    sibling = await issue(ww, session_id=session.session_id)
    stranger = await issue(ww, session_id=bystander.session_id)
    second = await ww.refresh.rotate(first.token)
    third = await ww.refresh.rotate(second.token)
    by_session = ww.access.issue("user-7", session_id=session.session_id, rev=first.rev).token
    by_family = ww.access.issue("user-7", family_id=first.family_id, rev=first.rev).token
    untouched = [ww.access.issue("user-7", session_id=bystander.session_id).token, ww.access.issue("user-7").token]
    for token in (by_session, by_family, *untouched):
        ww.access.verify(token)
    with pytest.raises(TokenReusedError) as caught:
        await ww.refresh.rotate(first.token)
    assert caught.value.family_id == first.family_id
    assert not await is_live(ww, third.token)
    assert not await is_live(ww, sibling.token)
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(session.token)
    for token in (by_session, by_family):
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)
    await ww.sessions.authenticate(bystander.token)
    await ww.refresh.rotate(stranger.token)
    for token in untouched:
        ww.access.verify(token)
    (row,) = [one for one in await ww.events(subject="user-7") if one.name == "refresh_reused"]
    assert (row.at, row.detail) == (NOW, {"family_id": first.family_id, "client_id": "mobile"})


async def test_reuse_is_told_once_and_the_family_stays_dead(ww: Watchword, clock: FrozenClock) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    await ww.refresh.rotate(second.token)
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(first.token)
    after = await snapshot(ww)
    for seconds in (0, GRACE, DAY, IDLE):
        clock.advance(seconds)
        for token in (first.token, second.token):
            with pytest.raises(TokenRevokedError):
                await ww.refresh.rotate(token)
    assert await ww.refresh.list("user-7") == []
    assert await snapshot(ww) == after


@pytest.mark.parametrize("wait", [0, GRACE + 1])
async def test_reuse_is_recognised_after_a_restart(tmp_path: Path, clock: FrozenClock, wait: int) -> None:
    """CVE-2026-9802: what is only in memory is forgotten. Two rotations in one second: order is by generation."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with watchword(url, clock) as ww:
        session = await ww.sessions.start("user-7")
        first = await issue(ww, session_id=session.session_id)
        second = await ww.refresh.rotate(first.token)
        third = await ww.refresh.rotate(second.token)
        access = ww.access.issue("user-7", family_id=first.family_id).token
    clock.advance(wait)
    async with watchword(url, clock) as ww:
        assert await is_live(ww, third.token)
        with pytest.raises(TokenReusedError):
            await ww.refresh.rotate(first.token)
    async with watchword(url, clock) as ww:
        for token in (first.token, second.token, third.token):
            with pytest.raises(TokenRevokedError):
                await ww.refresh.rotate(token)
        with pytest.raises(TokenRevokedError):
            await ww.sessions.authenticate(session.token)
        with pytest.raises(TokenRevokedError):
            ww.access.verify(access)


async def test_the_grace_outlives_a_restart(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with watchword(url, clock) as ww:
        first = await issue(ww)
        second = await ww.refresh.rotate(first.token)
    clock.advance(GRACE)
    async with watchword(url, clock) as ww:
        assert await ww.refresh.rotate(first.token) == second
    clock.advance(1)
    async with watchword(url, clock) as ww:
        with pytest.raises(TokenReusedError):
            await ww.refresh.rotate(first.token)


@pytest.mark.parametrize("back", [GRACE, GRACE + 1, 3600])
async def test_a_clock_set_back_over_a_restart_begins_no_new_grace(
    tmp_path: Path, clock: FrozenClock, back: int
) -> None:
    """A node that has seen the time goes by it; one that has not must not take an old token for one of just now."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with watchword(url, clock) as ww:
        first = await issue(ww)
        second = await ww.refresh.rotate(first.token)
    clock.set_wall(clock.now() - back)
    async with watchword(url, clock) as ww:
        if back == GRACE:
            assert await ww.refresh.rotate(first.token) == second
            return
        with pytest.raises(TokenReusedError):
            await ww.refresh.rotate(first.token)
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(second.token)


async def test_a_database_that_was_set_back_ends_the_family(plain: Watchword) -> None:
    """A generation that this record never reached: two lines of tokens are about, so none is good."""
    first = await issue(plain)
    record = await plain.store.get("refresh", str(first.family_id), now=NOW)
    assert record is not None
    second = await plain.refresh.rotate(first.token)
    assert await plain.store.swap(record, version=2)
    with pytest.raises(TokenReusedError):
        await plain.refresh.rotate(second.token)


# time


async def test_idle_ends_a_family_at_its_second(plain: Watchword, clock: FrozenClock) -> None:
    early, late = await issue(plain), await issue(plain)
    clock.advance(IDLE - 1)
    rotated = await plain.refresh.rotate(early.token)
    assert rotated.expires_at == NOW + 2 * IDLE - 1
    clock.advance(1)
    for verb in (plain.refresh.rotate, plain.refresh.authenticate, plain.refresh.family_of):
        with pytest.raises(TokenExpiredError):
            await verb(late.token)
    assert [one.family_id for one in await plain.refresh.list("user-7")] == [early.family_id]


async def test_an_expired_family_is_not_killed_for_reuse(plain: Watchword, clock: FrozenClock) -> None:
    first = await issue(plain)
    await plain.refresh.rotate(first.token)
    clock.advance(IDLE)
    before = await snapshot(plain)
    with pytest.raises(TokenExpiredError):
        await plain.refresh.rotate(first.token)
    assert await snapshot(plain) == before


async def test_a_hundred_rotations_never_extend_the_family(plain: Watchword, clock: FrozenClock) -> None:
    issued = await issue(plain)
    step = LIFE // 101
    for number in range(100):
        clock.advance(step)
        issued = await plain.refresh.rotate(issued.token)
        assert issued.expires_at == min(NOW + LIFE, NOW + (number + 1) * step + IDLE)
    clock.advance(LIFE - 100 * step - 1)
    last = await plain.refresh.rotate(issued.token)
    assert last.expires_at == NOW + LIFE
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await plain.refresh.rotate(last.token)


async def test_other_lifetimes(clock: FrozenClock) -> None:
    store, ring = MemoryStore(), KeyRing.of(Key.generate("HS256", use="mac"), clock=clock)
    store.open_blocking()
    short = RefreshTokens(store, ring, clock=clock, idle=timedelta(minutes=5), life=timedelta(minutes=8))
    issued = await short.issue("u", client_id="c")
    assert issued.expires_at == NOW + 300
    clock.advance(299)
    assert (await short.rotate(issued.token)).expires_at == NOW + 480
    for options in ({"idle": timedelta(0)}, {"life": timedelta(days=31)}):
        with pytest.raises(ConfigurationError, match="lives up to"):
            RefreshTokens(store, ring, **options)  # type: ignore[arg-type]


# revoked


KEYWORDS: list[Callable[[Issued], dict[str, Any]]] = [
    lambda issued: {"token": issued.token},
    lambda issued: {"family": issued.family_id},
    lambda issued: {"session": issued.session_id},
    lambda issued: {"subject": issued.subject},
    lambda issued: {"client": issued.client_id},
    lambda issued: {"everything": True},
]


@pytest.mark.parametrize("keyword", KEYWORDS, ids=["token", "family", "session", "subject", "client", "everything"])
async def test_a_revoked_family_rotates_no_more(ww: Watchword, keyword: Callable[[Issued], dict[str, Any]]) -> None:
    first = await issue(ww, session_id="s-1")
    second = await ww.refresh.rotate(first.token)
    await ww.revoke(**keyword(second))
    before = await snapshot(ww)
    for token in (second.token, first.token):
        for verb in (ww.refresh.rotate, ww.refresh.authenticate, ww.refresh.family_of):
            with pytest.raises(TokenRevokedError):
                await verb(token)
    assert await ww.refresh.list("user-7") == []
    assert await snapshot(ww) == before


async def test_a_sign_in_after_a_cut_off_is_good(plain: Watchword) -> None:
    await issue(plain)
    await plain.revoke(subject="user-7")
    fresh = await issue(plain)
    await plain.refresh.rotate(fresh.token)
    assert [one.family_id for one in await plain.refresh.list("user-7")] == [fresh.family_id]


async def test_any_generation_names_its_family(plain: Watchword, clock: FrozenClock) -> None:
    first = await issue(plain)
    second = await plain.refresh.rotate(first.token)
    await plain.refresh.rotate(second.token)
    for token in (first.token, second.token):
        found = await plain.refresh.revocation_of(token)
        assert found is not None
        assert (found.what, found.value, found.at) == ("family", first.family_id, NOW)
        assert (await plain.refresh.family_of(token)).family_id == first.family_id
    clock.advance(IDLE)
    assert await plain.refresh.revocation_of(first.token) is None


async def test_without_a_fresh_view_nothing_is_good(clock: FrozenClock) -> None:
    store, view = MemoryStore(), View(clock=clock)
    store.open_blocking()
    catch_up_now(store, view)
    refresh = RefreshTokens(store, KeyRing.of(Key.generate("HS256", use="mac"), clock=clock), view=view)
    issued = await refresh.issue("u", client_id="c")
    clock.advance(5)
    before = await store.find("refresh", now=0)
    for verb in (refresh.rotate, refresh.authenticate, refresh.family_of, refresh.revocation_of):
        with pytest.raises(StaleRevocationError):
            await verb(issued.token)
    with pytest.raises(StaleRevocationError):
        await refresh.list("u")
    assert await store.find("refresh", now=0) == before


# list


async def test_list_has_the_live_families_of_the_subject_oldest_first(plain: Watchword) -> None:
    families = [await issue(plain, device=name) for name in ("c", "a", "b")]
    await plain.refresh.issue("other", client_id="mobile")
    await plain.revoke(family=str(families[1].family_id))
    await plain.refresh.rotate(families[0].token)
    assert [one.device for one in await plain.refresh.list("user-7")] == ["c", "b"]


async def test_dead_rows_hide_no_live_family(plain: Watchword) -> None:
    for _ in range(1001):
        dead = await issue(plain)
    await plain.revoke(subject="user-7")
    fresh = await issue(plain)
    assert dead.family_id != fresh.family_id
    assert [one.family_id for one in await plain.refresh.list("user-7")] == [fresh.family_id]


# what is kept


def every_spelling(token: str) -> list[bytes]:
    """A token and its secret, as a thief would look for them."""
    spelled = [token.encode()]
    for part in token[6:].split("."):
        if len(part) in (43, 86):
            raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
            spelled += [part.encode(), raw, raw.hex().encode(), raw.hex().upper().encode()]
    return spelled


async def test_the_database_holds_no_token_and_no_secret(tmp_path: Path, clock: FrozenClock) -> None:
    tokens, scanned = list[str](), 0

    def scan() -> int:
        files = [path for path in tmp_path.iterdir() if not path.name.endswith(".keys")]
        assert {"app.db", "app.db-wal"} <= {path.name for path in files}
        everything = b"".join(path.read_bytes() for path in files)
        assert b"user-7" in everything
        for token in tokens:
            for spelling in every_spelling(token):
                assert spelling not in everything
        return len(everything)

    async with watchword(f"sqlite:///{tmp_path}/app.db", clock) as ww:
        for _ in range(3):
            session = await ww.sessions.start("user-7", device="Pixel")
            tokens.append(session.token)
            tokens.append((await ww.sessions.rotate(session.token)).token)
            tokens.append((await issue(ww, session_id=session.session_id)).token)
            for _ in range(5):
                tokens.append((await ww.refresh.rotate(tokens[-1])).token)
                assert (await ww.refresh.rotate(tokens[-2])).token == tokens[-1]
            tokens.append(ww.access.issue("user-7", session_id=session.session_id).token)
            await ww.revoke(token=tokens[-1])
            scanned = scan()
            with pytest.raises(TokenReusedError):
                await ww.refresh.rotate(tokens[-4])
            clock.advance(GRACE + 1)
        await ww.store.purge(now=clock.now())
        scan()
    assert scanned > 10_000
    assert len(tokens) == 27


async def test_the_kept_successor_opens_with_the_predecessors_secret_alone(ww: Watchword) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    (row,) = await ww.store.find("refresh_sealed", now=NOW)
    assert (row.key, list(row.data)) == (f"{first.family_id}.1", ["sealed"])
    hidden = urlsafe_b64decode(row.data["sealed"] + "==")
    secrets = {token: urlsafe_b64decode(token.split(".")[2] + "=") for token in (first.token, second.token)}
    context = b"watchword.refresh.v1"
    assert open_under(secrets[first.token], hidden, context).decode() == second.token
    for wrong in (secrets[second.token], bytes(32), secrets[first.token][::-1]):
        with pytest.raises(SealError):
            open_under(wrong, hidden, context)


async def test_the_kept_successor_is_gone_after_the_grace_and_a_purge(ww: Watchword, clock: FrozenClock) -> None:
    token = (await issue(ww)).token
    for _ in range(3):
        token = (await ww.refresh.rotate(token)).token
    clock.advance(GRACE)
    await ww.store.purge(now=clock.now())
    assert len(await ww.store.find("refresh_sealed", now=0)) == 3
    clock.advance(1)
    assert await ww.store.find("refresh_sealed", now=clock.now()) == []
    await ww.store.purge(now=clock.now())
    assert await ww.store.find("refresh_sealed", now=0) == []
    assert await is_live(ww, token)


async def test_a_kept_successor_that_was_tampered_with_is_not_issued(plain: Watchword) -> None:
    first = await issue(plain)
    await plain.refresh.rotate(first.token)
    other = await issue(plain)
    await plain.refresh.rotate(other.token)
    mine, theirs = await plain.store.find("refresh_sealed", now=NOW)
    assert await plain.store.swap(
        type(mine)(kind=mine.kind, key=mine.key, data=theirs.data, expires_at=mine.expires_at), version=1
    )
    with pytest.raises(TokenNotFoundError):
        await plain.refresh.rotate(first.token)


async def test_each_change_leaves_one_audit_row(ww: Watchword, clock: FrozenClock) -> None:
    first = await issue(ww)
    second = await ww.refresh.rotate(first.token)
    await ww.refresh.rotate(first.token)
    await ww.refresh.rotate(second.token)
    for _ in range(2):
        with pytest.raises(TokenRevokedError if _ else TokenReusedError):
            await ww.refresh.rotate(first.token)
    names = [one.name for one in await ww.events(subject="user-7")]
    assert names == ["refresh_issued", "refresh_rotated", "refresh_rotated", "refresh_reused"]


async def test_nothing_that_is_shown_says_a_token(plain: Watchword, clock: FrozenClock) -> None:
    first = await issue(plain)
    second = await plain.refresh.rotate(first.token)
    secret = first.token.split(".")[2]
    shown = [repr(first), str(first), repr(await plain.refresh.list("user-7")), repr(plain.refresh), repr(plain)]
    shown.append(repr(await plain.refresh.authenticate(second.token)))
    attempts: list[Coroutine[Any, Any, Any]] = [
        plain.refresh.rotate(first.token, client_id="web"),
        plain.refresh.rotate(first.token, scopes=["c"]),
        plain.refresh.rotate(first.token[:-1]),
        plain.refresh.rotate(first.token[:-22] + "A" * 22),
        plain.refresh.rotate((await plain.refresh.rotate(second.token)).token + "."),
        plain.refresh.rotate(first.token),
        plain.refresh.rotate(first.token),
    ]
    for attempt in attempts:
        with pytest.raises(WatchwordError) as caught:
            await attempt
        error: BaseException | None = caught.value
        while error is not None:
            shown += [repr(error), str(error)]
            error = error.__cause__ or error.__context__
    assert secret not in "".join(shown)
    assert "ww_rt_" not in "".join(shown)
