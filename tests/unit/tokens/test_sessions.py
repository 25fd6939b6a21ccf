"""Sessions: every verb, its errors, and the exact seconds at which things end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.json import encode

from watchword import Watchword
from watchword.clock import FrozenClock
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    StaleRevocationError,
    StoreConflictError,
    StoreUnavailableError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WatchwordError,
)
from watchword.revocation.feed import catch_up_now
from watchword.revocation.view import View
from watchword.stores.base import Audit, Effect, Event, Feed, Record
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import Issued
from watchword.tokens.sessions import MAX_DATA, SessionInfo, Sessions

HOUR, DAY = 3600, 86_400
IDLE, ABSOLUTE = 1800, 12 * HOUR
NOW = 1_800_000_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer="https://as.test", audience="https://api.test", clock=clock) as opened:
        yield opened


@pytest.fixture
def sessions(ww: Watchword) -> Sessions:
    return ww.sessions


async def rows(ww: Watchword) -> list[Record]:
    return await ww.store.find("session", now=0, limit=10_000)


async def row(ww: Watchword) -> Record:
    (found,) = await rows(ww)
    return found


class Contended(MemoryStore):
    """Somebody else is quicker at so many swaps: they write the row just before."""

    losing = 0

    async def swap(
        self,
        record: Record,
        *,
        version: int,
        puts: Sequence[Record] = (),
        events: Sequence[Event] = (),
        audit: Sequence[Audit] = (),
        effect: Effect | None = None,
    ) -> bool:
        if self.losing:
            self.losing -= 1
            held = await self.get(record.kind, record.key, now=0)
            assert held is not None
            assert await super().swap(held, version=held.version)
        return await super().swap(record, version=version, puts=puts, events=events, audit=audit, effect=effect)


@pytest.fixture
def contended() -> Contended:
    store = Contended()
    store.open_blocking()
    return store


# start


async def test_start_and_authenticate(sessions: Sessions) -> None:
    issued = await sessions.start(
        "user-7",
        data={"plan": "pro", "list": [{"a": 1}]},
        roles=["admin"],
        scopes=["x:y"],
        device="Firefox",
        ip="203.0.113.9",
    )
    assert issued.token.startswith("ww_ss_")
    assert len(issued.token) == len("ww_ss_") + 43
    who = await sessions.authenticate(issued.token)
    assert (who.subject, who.kind, who.session_id, who.token_id) == (
        "user-7",
        "session",
        issued.session_id,
        issued.token_id,
    )
    assert (who.issued_at, who.auth_time, who.expires_at) == (NOW, NOW, NOW + IDLE) == (NOW, NOW, issued.expires_at)
    assert who.roles == issued.roles == {"admin"}
    assert who.scopes == issued.scopes == {"x:y"}
    assert who.claims == {"plan": "pro", "list": ({"a": 1},)}
    assert isinstance(who.claims["list"][0], MappingProxyType)
    assert await sessions.authenticate(issued.token.encode()) == who


async def test_every_start_is_another_session(sessions: Sessions) -> None:
    started = [await sessions.start("u") for _ in range(50)]
    assert len({one.token for one in started}) == len({one.session_id for one in started}) == 50


async def test_the_store_keeps_no_token(ww: Watchword) -> None:
    issued = await ww.sessions.start("u")
    kept = encode([await row(ww), await ww.store.audited()]).decode()
    assert issued.token not in kept
    assert issued.token.removeprefix("ww_ss_") not in kept


@pytest.mark.parametrize("subject", ["", "u" * 256, "u\n", None, 7])
async def test_a_subject_that_is_no_name(sessions: Sessions, subject: Any) -> None:
    with pytest.raises(ConfigurationError, match="a subject"):
        await sessions.start(subject)


@pytest.mark.parametrize("bad", ["admin", ["a b"], ["é"], [""], ['a"b']])
@pytest.mark.parametrize("what", ["roles", "scopes"])
async def test_roles_and_scopes_are_words(ww: Watchword, what: str, bad: Any) -> None:
    with pytest.raises(ConfigurationError, match=what):
        await ww.sessions.start("u", **{what: bad})
    assert await rows(ww) == []


NOT_PLAIN: list[Mapping[Any, Any]] = [
    {"a": datetime(2026, 1, 1, tzinfo=UTC)},
    {"a": float("nan")},
    {(1, 2): 3},
    {1: 2},
    {"a": {"b": [{1, 2}]}},
    {"a": (1, 2)},
    {"a": b"x"},
]


@pytest.mark.parametrize("data", NOT_PLAIN, ids=repr)
async def test_data_is_plain_json_or_refused(ww: Watchword, data: Any) -> None:
    with pytest.raises(ConfigurationError, match="plain JSON"):
        await ww.sessions.start("u", data=data)
    issued = await ww.sessions.start("u", data={"kept": 1})
    before = await row(ww)
    with pytest.raises(ConfigurationError, match="plain JSON"):
        await ww.sessions.update(issued.token, data=data)
    assert await row(ww) == before


async def test_data_has_16_kib(sessions: Sessions) -> None:
    room = MAX_DATA - len('{"a":""}')
    issued = await sessions.start("u", data={"a": "x" * room})
    assert len((await sessions.authenticate(issued.token)).claims["a"]) == room
    with pytest.raises(ConfigurationError, match="at most 16384"):
        await sessions.start("u", data={"a": "x" * (room + 1)})


async def test_the_callers_own_dict_is_not_kept(sessions: Sessions) -> None:
    data: dict[str, Any] = {"list": [1]}
    issued = await sessions.start("u", data=data)
    data["list"].append(2)
    assert (await sessions.authenticate(issued.token)).claims["list"] == (1,)


async def test_device_and_address_are_text_to_look_at(sessions: Sessions) -> None:
    await sessions.start("u", device="a\x1b[2J" + "x" * 300, ip="::1\n")
    (info,) = await sessions.list("u")
    assert (info.device, info.ip) == ("a?[2J" + "x" * 250, "::1?")


# authenticate: what is no session


@pytest.mark.parametrize(
    "untrusted",
    [
        "",
        "ww_ss_",
        "ww_rt_" + "A" * 43,
        "WW_SS_" + "A" * 43,
        "ww_ss_" + "A" * 42,
        "ww_ss_" + "A" * 44,
        "ww_ss_" + "A" * 42 + "B",
        "ww_ss_" + "A" * 42 + "=",
        "ww_ss_" + "A" * 42 + "+",
        "ww_ss_" + "é" * 43,
        " ww_ss_" + "A" * 43,
        "ww_ss_" + "A" * 43 + "\n",
        "ww_ss_" + "A" * 100_000,
        b"\xff" * 49,
        None,
        7,
        ["ww_ss_" + "A" * 43],
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_is_not_written_like_a_session_token(sessions: Sessions, untrusted: Any) -> None:
    with pytest.raises(MalformedTokenError):
        await sessions.authenticate(untrusted)


async def test_an_unknown_token_is_not_found_by_any_verb(sessions: Sessions) -> None:
    token = "ww_ss_" + "A" * 43
    for verb in (sessions.authenticate, sessions.update, sessions.rotate, sessions.revocation_of):
        with pytest.raises(TokenNotFoundError):
            await verb(token)


async def test_every_mutated_character_is_another_token(sessions: Sessions) -> None:
    token = (await sessions.start("u")).token
    for place in range(len(token)):
        mutant = token[:place] + ("A" if token[place] != "A" else "Q") + token[place + 1 :]
        with pytest.raises((MalformedTokenError, TokenNotFoundError)):
            await sessions.authenticate(mutant)
    await sessions.authenticate(token)


# time


@pytest.mark.parametrize("verb", ["authenticate", "update", "rotate"])
async def test_idle_ends_at_its_second(sessions: Sessions, clock: FrozenClock, verb: str) -> None:
    early, late = await sessions.start("u"), await sessions.start("u")
    clock.advance(IDLE - 1)
    await getattr(sessions, verb)(early.token)
    assert len(await sessions.list("u")) == 2
    clock.advance(1)
    with pytest.raises(TokenExpiredError) as caught:
        await getattr(sessions, verb)(late.token)
    assert caught.value.claim == "exp"
    assert len(await sessions.list("u")) == (0 if verb == "update" else 1)


async def test_an_ended_time_stays_ended(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u")
    for _ in range(3):
        clock.advance(IDLE)
        with pytest.raises(TokenExpiredError):
            await sessions.authenticate(issued.token)


async def test_a_touch_is_written_once_a_minute(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.sessions.start("u")
    written = []
    for _ in range(6):
        clock.advance(29.75)
        await ww.sessions.authenticate(issued.token)
        found = await row(ww)
        written.append((found.version, found.data["last_seen"] - NOW))
    assert written == [(1, 0), (1, 0), (2, 89), (2, 89), (2, 89), (3, 178)]


async def test_a_touch_at_59_seconds_is_not_written_and_at_60_it_is(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.sessions.start("u")
    clock.advance(59)
    await ww.sessions.authenticate(issued.token)
    assert (await row(ww)).data["last_seen"] == NOW
    clock.advance(1)
    await ww.sessions.authenticate(issued.token)
    assert (await row(ww)).data["last_seen"] == NOW + 60


async def test_expiry_is_on_the_early_side_of_a_touch_that_was_not_written(
    sessions: Sessions, clock: FrozenClock
) -> None:
    issued = await sessions.start("u")
    clock.advance(59)
    await sessions.authenticate(issued.token)
    clock.advance(IDLE - 59)
    with pytest.raises(TokenExpiredError):
        await sessions.authenticate(issued.token)


async def test_absolute_ends_a_session_that_is_used_all_the_time(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u")
    for _ in range(ABSOLUTE // 600 - 1):
        clock.advance(600)
        who = await sessions.authenticate(issued.token)
    clock.advance(599)
    who = await sessions.authenticate(issued.token)
    assert who.expires_at == NOW + ABSOLUTE
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await sessions.authenticate(issued.token)


async def test_a_dead_row_explains_itself_for_a_day(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u")
    clock.advance(ABSOLUTE + DAY - 1)
    with pytest.raises(TokenExpiredError):
        await sessions.authenticate(issued.token)
    clock.advance(1)
    with pytest.raises(TokenNotFoundError):
        await sessions.authenticate(issued.token)


async def test_remembered_sessions_live_for_30_days_and_need_no_visits(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u", remember=True)
    assert issued.expires_at == NOW + 30 * DAY
    clock.advance(30 * DAY - 1)
    await sessions.authenticate(issued.token)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await sessions.authenticate(issued.token)


async def test_a_remembered_session_stays_remembered_when_it_rotates(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u", remember=True)
    clock.advance(DAY)
    rotated = await sessions.rotate(issued.token)
    assert rotated.expires_at == issued.expires_at


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"idle": timedelta(seconds=60)}, 60),
        ({"idle": timedelta(hours=13)}, ABSOLUTE),
        ({"absolute": timedelta(minutes=5)}, 300),
        ({"idle": timedelta(days=40), "absolute": timedelta(days=30)}, 30 * DAY),
    ],
)
async def test_other_lifetimes(options: dict[str, Any], expected: int) -> None:
    store = MemoryStore()
    store.open_blocking()
    issued = await Sessions(store, clock=FrozenClock(NOW), **options).start("u")
    assert issued.expires_at == NOW + expected


@pytest.mark.parametrize(
    "options",
    [
        {"idle": timedelta(seconds=59)},
        {"idle": timedelta(seconds=-1)},
        {"absolute": timedelta(0)},
        {"absolute": timedelta(days=30, seconds=1)},
        {"absolute": timedelta(seconds=59)},
        {"remember": timedelta(days=31)},
    ],
)
def test_lifetimes_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Sessions(MemoryStore(), **options)


async def test_a_lost_race_at_a_touch_is_no_failure(contended: Contended) -> None:
    clock = FrozenClock(NOW)
    sessions = Sessions(contended, clock=clock)
    issued = await sessions.start("u")
    clock.advance(60)
    contended.losing = 1
    assert (await sessions.authenticate(issued.token)).subject == "u"
    assert contended.losing == 0


# update


async def test_update_merges_by_top_level_name_and_removes(sessions: Sessions) -> None:
    issued = await sessions.start("u", data={"a": {"x": 1}, "b": 2, "c": 3}, roles=["r"])
    who = await sessions.update(issued.token, data={"a": {"y": 1}, "d": 4}, remove=["b", "not there"])
    assert who.claims == {"a": {"y": 1}, "c": 3, "d": 4}
    assert who.roles == {"r"}
    assert await sessions.authenticate(issued.token) == who


async def test_update_removes_first_and_adds_then(sessions: Sessions) -> None:
    issued = await sessions.start("u", data={"a": 1})
    assert (await sessions.update(issued.token, data={"a": 2}, remove=["a"])).claims == {"a": 2}


async def test_names_to_remove_may_come_from_a_generator(sessions: Sessions) -> None:
    issued = await sessions.start("u", data={"a": 1, "b": 2, "c": 3, "d": 4})
    who = await sessions.update(issued.token, remove=(name for name in "abd"))
    assert who.claims == {"c": 3}


async def test_names_to_remove_are_not_one_text(sessions: Sessions) -> None:
    issued = await sessions.start("u", data={"a": 1, "b": 2})
    with pytest.raises(ConfigurationError):
        await sessions.update(issued.token, remove="ab")
    assert (await sessions.authenticate(issued.token)).claims == {"a": 1, "b": 2}


async def test_update_is_both_or_neither(ww: Watchword) -> None:
    issued = await ww.sessions.start("u", data={"a": "x" * 9000, "b": 1}, roles=["r"])
    before = await row(ww)
    with pytest.raises(ConfigurationError, match="at most 16384"):
        await ww.sessions.update(issued.token, data={"c": "x" * 9000}, remove=["b"], roles=["s"])
    with pytest.raises(ConfigurationError):
        await ww.sessions.update(issued.token, data={"c": 1}, remove=["b"], roles=["not a word"])
    assert await row(ww) == before
    await ww.sessions.update(issued.token, data={"c": "x" * 9000}, remove=["a"])


async def test_update_replaces_roles_and_extends_nothing(sessions: Sessions, clock: FrozenClock) -> None:
    issued = await sessions.start("u", roles=["a", "b"])
    clock.advance(100)
    who = await sessions.update(issued.token, roles=["c"])
    assert who.roles == {"c"}
    assert who.expires_at == issued.expires_at
    assert (await sessions.update(issued.token, roles=[])).roles == frozenset()


async def test_update_gives_way_to_nine_other_writers_and_not_to_ten(contended: Contended) -> None:
    sessions = Sessions(contended, clock=FrozenClock(NOW))
    issued = await sessions.start("u", data={"a": 1, "b": 1})
    contended.losing = 9
    who = await sessions.update(issued.token, data={"c": 1}, remove=iter(["a"]), roles=iter(["r"]))
    assert who.claims == {"b": 1, "c": 1}
    assert who.roles == {"r"}
    contended.losing = 10
    with pytest.raises(StoreConflictError):
        await sessions.update(issued.token, data={"d": 1})
    assert (await sessions.authenticate(issued.token)).claims == {"b": 1, "c": 1}


# rotate


async def test_rotate_kills_the_old_token_at_once_and_keeps_the_session(sessions: Sessions, clock: FrozenClock) -> None:
    old = await sessions.start("u", data={"a": 1}, roles=["r"], scopes=["s"], device="d", ip="i")
    clock.advance(30)
    new = await sessions.rotate(old.token)
    assert new.token != old.token
    assert (new.session_id, new.rev, new.auth_time) == (old.session_id, old.rev, NOW)
    assert (new.roles, new.scopes) == (frozenset("r"), frozenset("s"))
    for verb in (sessions.authenticate, sessions.update, sessions.rotate):
        with pytest.raises(TokenRevokedError, match="rotated"):
            await verb(old.token)
    who = await sessions.authenticate(new.token)
    assert (who.claims, who.issued_at, who.expires_at) == ({"a": 1}, NOW, NOW + 30 + IDLE)
    assert await sessions.list("u") == [
        SessionInfo(
            session_id=str(old.session_id),
            created_at=NOW,
            last_seen=NOW + 30,
            expires_at=NOW + 30 + IDLE,
            ends_at=NOW + ABSOLUTE,
            device="d",
            ip="i",
        )
    ]


async def test_rotate_never_extends_the_absolute_end(sessions: Sessions, clock: FrozenClock) -> None:
    token = (await sessions.start("u")).token
    for _ in range(ABSOLUTE // 1200 - 1):
        clock.advance(1200)
        issued = await sessions.rotate(token)
        assert issued.expires_at <= NOW + ABSOLUTE
        token = issued.token
    clock.advance(1200)
    with pytest.raises(TokenExpiredError):
        await sessions.rotate(token)


async def test_rotate_may_change_roles(sessions: Sessions) -> None:
    issued = await sessions.start("u", roles=["user"])
    assert (await sessions.rotate(issued.token, roles=["admin"])).roles == {"admin"}


async def test_a_rotated_session_is_as_old_as_it_was(ww: Watchword) -> None:
    """Its ``rev`` is inherited: a cut-off that another node has not heard of yet must reach the successor too."""
    issued = await ww.sessions.start("u")
    await ww.revoke(client="somebody else")
    rotated = await ww.sessions.rotate(issued.token)
    assert rotated.rev == issued.rev != ww.view.rev
    assert (await ww.sessions.authenticate(rotated.token)).rev == issued.rev


async def test_of_many_rotations_exactly_one_wins(sessions: Sessions) -> None:
    token = (await sessions.start("u")).token
    won, lost = list[Issued](), 0
    for _ in range(10):
        try:
            won.append(await sessions.rotate(token))
        except TokenRevokedError:
            lost += 1
    assert (len(won), lost) == (1, 9)
    assert len(await sessions.list("u")) == 1


async def test_rotate_gives_way_to_nine_other_writers_and_not_to_ten(contended: Contended) -> None:
    sessions = Sessions(contended, clock=FrozenClock(NOW))
    issued = await sessions.start("u", roles=["a"])
    contended.losing = 9
    rotated = await sessions.rotate(issued.token, roles=iter(["b"]))
    assert rotated.roles == {"b"}
    contended.losing = 10
    with pytest.raises(StoreConflictError):
        await sessions.rotate(rotated.token)
    assert (await sessions.authenticate(rotated.token)).roles == {"b"}


# list, end, end_all


async def test_list_has_the_live_sessions_of_the_subject_oldest_first(ww: Watchword, clock: FrozenClock) -> None:
    sessions = ww.sessions
    expired = await sessions.start("u", device="expired")
    clock.advance(IDLE - 10)
    ended, revoked = await sessions.start("u"), await sessions.start("u")
    kept = [await sessions.start("u", device=name, ip="::1") for name in ("c", "a", "b")]
    await sessions.start("other")
    clock.advance(10)
    await sessions.end(str(ended.session_id))
    await ww.revoke(session=str(revoked.session_id))
    rotated = await sessions.rotate(kept[1].token)
    listed = await sessions.list("u")
    assert {one.device for one in listed} == {"a", "b", "c"}
    assert {one.session_id for one in listed} == {one.session_id for one in kept}
    assert [one.device for one in listed] == ["c", "b", "a"]  # a rotation makes a new row
    assert not {expired.token, rotated.token} & set(repr(listed).split("'"))
    assert await sessions.list("nobody") == []


async def test_end_kills_the_token_its_access_tokens_and_families_and_nothing_else(ww: Watchword) -> None:
    mine, other = await ww.sessions.start("u"), await ww.sessions.start("u")
    access = {one: ww.access.issue("u", session_id=one.session_id, rev=one.rev).token for one in (mine, other)}
    family = {one: (await ww.refresh.issue("u", client_id="c", session_id=one.session_id)).token for one in access}
    for token in access.values():
        ww.access.verify(token)  # seen before
    assert await ww.sessions.end(str(mine.session_id)) is True
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(mine.token)
    with pytest.raises(TokenRevokedError):
        ww.access.verify(access[mine])
    with pytest.raises(TokenRevokedError):
        await ww.refresh.rotate(family[mine])
    await ww.sessions.authenticate(other.token)
    ww.access.verify(access[other])
    await ww.refresh.rotate(family[other])
    assert [one.session_id for one in await ww.sessions.list("u")] == [other.session_id]


async def test_end_says_whether_there_was_one(sessions: Sessions) -> None:
    issued = await sessions.start("u")
    assert await sessions.end("no such session") is False
    assert await sessions.end(str(issued.session_id)) is True
    assert await sessions.end(str(issued.session_id)) is False


async def test_end_reaches_the_successor_of_a_rotation_that_was_quicker(contended: Contended) -> None:
    sessions = Sessions(contended, clock=FrozenClock(NOW))
    first = await sessions.start("u")
    tokens = [first.token]

    class Racing(Contended):
        async def swap(self, record: Record, **more: Any) -> bool:
            if record.data["state"] == "ended" and len(tokens) < 4:
                tokens.append((await sessions.rotate(tokens[-1])).token)
            return await super().swap(record, **more)

    contended.__class__ = Racing
    assert await sessions.end(str(first.session_id)) is True
    assert len(tokens) == 4
    for token in tokens:
        with pytest.raises(TokenRevokedError):
            await sessions.authenticate(token)


async def test_end_all_keeps_one(sessions: Sessions) -> None:
    mine = [await sessions.start("u") for _ in range(3)]
    other = await sessions.start("other")
    assert await sessions.end_all("u", keep=mine[1].session_id) == 2
    assert [one.session_id for one in await sessions.list("u")] == [mine[1].session_id]
    await sessions.authenticate(other.token)
    assert await sessions.end_all("u", keep=other.session_id) == 1
    assert await sessions.end_all("u") == 0
    await sessions.authenticate(other.token)


async def test_dead_rows_hide_no_live_session(sessions: Sessions) -> None:
    """A find has a limit of 1000 rows by default, and dead rows come first: they are older."""
    token = (await sessions.start("u")).token
    for _ in range(1001):
        token = (await sessions.rotate(token)).token
    (info,) = await sessions.list("u")
    assert await sessions.end_all("u") == 1
    with pytest.raises(TokenRevokedError):
        await sessions.authenticate(token)
    fresh = await sessions.start("u")
    assert await sessions.end(str(fresh.session_id)) is True
    assert await sessions.end(info.session_id) is False


async def test_a_start_after_an_end_is_a_new_life(ww: Watchword) -> None:
    await ww.sessions.start("u")
    await ww.sessions.end_all("u")
    await ww.revoke(subject="u")
    await ww.revoke(everything=True)
    again = await ww.sessions.start("u")
    assert (await ww.sessions.authenticate(again.token)).session_id == again.session_id
    assert len(await ww.sessions.list("u")) == 1


async def test_tombstones_hold_no_data(ww: Watchword) -> None:
    rotated = await ww.sessions.start("u", data={"iban": "DE89"}, roles=["admin"], device="Pixel", ip="203.0.113.9")
    successor = await ww.sessions.rotate(rotated.token)
    await ww.sessions.end(str(successor.session_id))
    found = await rows(ww)
    assert [one.data["state"] for one in found] == ["rotated", "ended"]
    for one in found:
        assert set(one.data) == {"state", "session_id", "created_at", "last_seen", "idle", "absolute_at"}
    for secret in ("DE89", "admin", "Pixel", "203.0.113.9"):
        assert secret not in encode(found).decode()


async def test_each_change_leaves_one_audit_row(ww: Watchword) -> None:
    first = await ww.sessions.start("u")
    second = await ww.sessions.rotate(first.token)
    with pytest.raises(TokenRevokedError):
        await ww.sessions.rotate(first.token)
    await ww.sessions.authenticate(second.token)
    await ww.sessions.end(str(first.session_id))
    await ww.sessions.end(str(first.session_id))
    trail = await ww.events()
    assert [one.name for one in trail] == ["session_started", "session_rotated", "session_ended"]
    assert {(one.subject, one.detail["session_id"]) for one in trail} == {("u", first.session_id)}


# the view


async def test_a_session_dies_with_what_it_belongs_to(ww: Watchword) -> None:
    one, two, three = [await ww.sessions.start(subject) for subject in ("a", "b", "c")]
    await ww.revoke(subject="a")
    await ww.revoke(session=str(two.session_id))
    for dead in (one, two):
        for verb in (ww.sessions.authenticate, ww.sessions.update, ww.sessions.rotate):
            with pytest.raises(TokenRevokedError):
                await verb(dead.token)
    await ww.sessions.authenticate(three.token)
    await ww.revoke(everything=True)
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(three.token)


async def test_past_the_lease_the_feed_is_asked_and_an_answer_that_comes_too_late_is_none(clock: FrozenClock) -> None:
    class Slow(MemoryStore):
        takes = 0.0

        def tail_now(self, after: int, *, now: int) -> Feed:
            found = super().tail_now(after, now=now)
            clock.advance(self.takes)
            return found

    store = Slow()
    store.open_blocking()
    view = View(clock=clock)
    sessions = Sessions(store, view=view)
    catch_up_now(store, view)
    issued = await sessions.start("u")
    store.takes = 5
    clock.advance(4.99)
    await sessions.authenticate(issued.token)
    clock.advance(0.01)
    for verb in (sessions.authenticate, sessions.update, sessions.rotate, sessions.revocation_of):
        with pytest.raises(StaleRevocationError):
            await verb(issued.token)
    store.takes = 4.99
    await sessions.authenticate(issued.token)


async def test_sessions_stand_alone() -> None:
    store, clock = MemoryStore(), FrozenClock(NOW)
    store.open_blocking()
    sessions = Sessions(store, clock=clock)
    issued = await sessions.start("u", data={"a": 1})
    assert issued.rev is None
    rotated = await sessions.rotate(issued.token)
    assert (await sessions.update(rotated.token, data={"b": 2})).claims == {"a": 1, "b": 2}
    assert len(await sessions.list("u")) == 1
    assert await sessions.end_all("u") == 1
    with pytest.raises(TokenRevokedError, match="ended"):
        await sessions.authenticate(rotated.token)


async def test_what_stops_a_session(ww: Watchword, clock: FrozenClock) -> None:
    old = await ww.sessions.start("u")
    new = await ww.sessions.rotate(old.token)
    found = await ww.sessions.revocation_of(new.token)
    assert found is not None
    assert (found.what, found.value, found.at) == ("session", new.session_id, NOW)
    assert found.until >= NOW + 30 * DAY
    assert await ww.sessions.revocation_of(old.token) is None
    clock.advance(IDLE)
    assert await ww.sessions.revocation_of(new.token) is None


async def test_a_store_that_does_not_answer_is_not_taken_for_no_session(contended: Contended) -> None:
    sessions = Sessions(contended, clock=FrozenClock(NOW))
    issued = await sessions.start("u")

    class Broken(Contended):
        async def get(self, *_: Any, **__: Any) -> Record | None:
            raise StoreUnavailableError

    contended.__class__ = Broken
    for verb in (sessions.authenticate, sessions.update, sessions.rotate, sessions.revocation_of):
        with pytest.raises(StoreUnavailableError):
            await verb(issued.token)


async def test_no_error_says_the_token(ww: Watchword, clock: FrozenClock) -> None:
    rotated, expired, ended = [await ww.sessions.start("u") for _ in range(3)]
    await ww.sessions.rotate(rotated.token)
    await ww.sessions.end(str(ended.session_id))
    clock.advance(IDLE)
    for token in (rotated.token, expired.token, ended.token, rotated.token[:-1], expired.token + "=", "ww_ss_" * 8):
        with pytest.raises(WatchwordError) as caught:
            await ww.sessions.authenticate(token)
        error: BaseException | None = caught.value
        while error is not None:
            assert token[6:] not in str(error) + repr(error)
            error = error.__cause__ or error.__context__


async def test_data_that_can_be_kept_can_be_read(sessions: Sessions) -> None:
    """What nests too deep would break whoever reads ``claims``; it is refused when it comes."""
    deep: dict[str, Any] = {}
    for _ in range(899):
        deep = {"in": deep}
    with pytest.raises(ConfigurationError):
        await sessions.start("user-7", data=deep)
    issued = await sessions.start("user-7", data={"1": {"2": {"3": {"4": {"5": {"6": {"7": {}}}}}}}})
    with pytest.raises(ConfigurationError):
        await sessions.update(issued.token, data=deep)
    assert (await sessions.authenticate(issued.token)).claims["1"]["2"]["3"]["4"]["5"]["6"]["7"] == {}
