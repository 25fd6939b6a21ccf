"""API keys: their form, what is judged without the store, rotation with an overlap, last use, revocation."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from msgspec.structs import replace

from watchword import FrozenClock, Issued, Watchword, blocking
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    PrefixClashError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WatchwordError,
    WrongAudienceError,
)
from watchword.revocation.feed import catch_up
from watchword.runtime.last_used import LastUsed
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.tokens import api_keys
from watchword.tokens.api_keys import NEVER, ApiKeys
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.messages import Connection

pytestmark = pytest.mark.anyio

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}
DAY = 86_400


class Counting(MemoryStore):
    """How often it was asked or written."""

    reads = writes = 0

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        self.reads += 1
        return await super().get(kind, key, now=now)

    async def swap(self, record: Record, **more: Any) -> bool:
        self.writes += 1
        return await super().swap(record, **more)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
async def ww(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Watchword]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as opened:
        yield opened


@pytest.fixture
def counting() -> Counting:
    store = Counting()
    store.open_blocking()
    return store


@pytest.fixture
def keys(counting: Counting, clock: FrozenClock) -> ApiKeys:
    return ApiKeys(counting, clock=clock)


# form


async def test_a_key_is_its_environment_a_secret_and_a_checksum(keys: ApiKeys) -> None:
    token = (await keys.issue("acme")).token
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{49}", token)
    number = 0
    for char in token[-6:]:
        number = number * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(char)
    assert number == crc32(token[:-6].encode())
    assert (await keys.issue("acme", environment="test")).token.startswith("sk_test_")
    assert len({(await keys.issue("acme")).token for _ in range(200)}) == 200


async def test_the_store_has_neither_the_key_nor_its_secret(keys: ApiKeys, counting: Counting) -> None:
    token = (await keys.issue("acme", label="CI")).token
    (row,) = await counting.find("api_key", now=0)
    assert token[8:51] not in repr(row)
    assert len(row.key) == 43
    assert token not in repr(await counting.audited())


async def test_who_stands_behind_a_key(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.api_keys.issue("acme", scopes=["b", "a"], roles=["r"], label="CI\n")
    assert issued.token not in repr(issued)
    who = await ww.api_keys.authenticate(issued.token)
    assert (who.subject, who.kind, who.token_id) == ("acme", "api_key", issued.token_id)
    assert (who.scopes, who.roles) == (frozenset("ab"), frozenset("r"))
    assert dict(who.claims) == {"label": "CI?", "environment": "live"}
    assert (who.issued_at, who.expires_at) == (clock.now(), clock.now() + 90 * DAY)
    assert (who.session_id, who.auth_time, who.client_id) == (None, None, None)


# judged without the store


def changed(token: str, place: int, char: str) -> str:
    return token[:place] + char + token[place + 1 :]


async def test_every_typo_is_found_without_the_store(keys: ApiKeys, counting: Counting) -> None:
    token = (await keys.issue("acme")).token
    for place in range(8, len(token)):
        for char in "A7z":
            if token[place] != char:
                with pytest.raises(MalformedTokenError) as caught:
                    await keys.authenticate(changed(token, place, char))
                assert caught.value.reason in ("checksum", "malformed")
                assert caught.value.stage == "parse"
    for place in range(8, len(token) - 1):
        if token[place] != token[place + 1]:
            with pytest.raises(MalformedTokenError):
                await keys.authenticate(token[:place] + token[place + 1] + token[place] + token[place + 2 :])
    assert counting.reads == 0
    with pytest.raises(MalformedTokenError) as caught:
        await keys.authenticate(changed(token, len(token) - 1, "0" if token[-1] != "0" else "1"))
    assert caught.value.reason == "checksum"


@pytest.mark.parametrize(
    "untrusted",
    [
        "",
        "sk_live_",
        "sk_live_" + "A" * 48,
        "sk_live_" + "A" * 50,
        "sk_live_" + "z" * 49,  # more than 256 bits
        "sk_live_" + "A" * 48 + "\0",
        "sk_live_" + "A" * 48 + "１",  # noqa: RUF001 - a full-width digit, as H-64 wants it
        "sk_live_" + "A" * 42 + "-" + "A" * 6,
        "sk_live_" + "A" * 1_000_000,
        " sk_live_" + "A" * 49,
        "SK_LIVE_" + "A" * 49,
        "sk_prod_" + "A" * 49,
        "ww_ss_" + "A" * 43,
        b"\xff" * 57,
        None,
        57,
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_what_is_no_key_is_malformed_and_the_store_is_not_asked(
    keys: ApiKeys, counting: Counting, untrusted: Any
) -> None:
    """H-64, T42."""
    with pytest.raises(MalformedTokenError):
        await keys.authenticate(untrusted)
    assert counting.reads == 0


async def test_an_environment_refuses_the_keys_of_the_other_without_the_store(counting: Counting) -> None:
    live, test = ApiKeys(counting), ApiKeys(counting, environment="test")
    tokens = {name: (await live.issue("acme", environment=name)).token for name in ("live", "test")}
    assert (await test.issue("acme")).token.startswith("sk_test_")
    for name, verifier in (("live", live), ("test", test)):
        for environment, token in tokens.items():
            before = counting.reads
            if environment == name:
                assert (await verifier.authenticate(token)).subject == "acme"
            else:
                with pytest.raises(WrongAudienceError) as caught:
                    await verifier.authenticate(token)
                assert (caught.value.claim, caught.value.reason) == ("environment", "environment")
                assert counting.reads == before


async def test_a_live_key_with_the_other_word_fails_its_checksum(keys: ApiKeys) -> None:
    token = (await keys.issue("acme")).token
    with pytest.raises(MalformedTokenError) as caught:
        await keys.authenticate(token.replace("live", "test"))
    assert caught.value.reason == "checksum"


async def test_a_right_checksum_alone_opens_nothing(keys: ApiKeys) -> None:
    foreign = MemoryStore()
    foreign.open_blocking()
    with pytest.raises(TokenNotFoundError):
        await keys.authenticate((await ApiKeys(foreign).issue("acme")).token)


@pytest.mark.parametrize("prefix", ["", "S", "1a", "a__b", "_a", "a_", "sk-x", "a" * 21, "sk live"])
def test_a_prefix_that_cannot_be(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        ApiKeys(MemoryStore(), prefix=prefix)


@pytest.mark.parametrize("prefix", ["ww_ss", "ww_rt"])
def test_a_prefix_of_another_kind_is_a_clash(prefix: str) -> None:
    with pytest.raises(PrefixClashError):
        ApiKeys(MemoryStore(), prefix=prefix)


def test_an_environment_that_does_not_exist() -> None:
    with pytest.raises(ConfigurationError, match="live or test"):
        ApiKeys(MemoryStore(), environment="staging")


async def test_a_prefix_of_ones_own(clock: FrozenClock) -> None:
    async with Watchword("memory:", clock=clock, api_key_prefix="acme_pk", environment="test", **OPTIONS) as ww:
        token = (await ww.api_keys.issue("u")).token
        assert token.startswith("acme_pk_test_")
        assert (await ww.api_keys.authenticate(token)).subject == "u"
        await ww.revoke(token=token)
        with pytest.raises(TokenRevokedError):
            await ww.api_keys.authenticate(token)


# life


async def test_a_key_ends_at_its_second(ww: Watchword, clock: FrozenClock) -> None:
    token = (await ww.api_keys.issue("acme", lifetime=timedelta(seconds=10))).token
    clock.advance(9)
    await ww.api_keys.authenticate(token)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await ww.api_keys.authenticate(token)
    assert await ww.api_keys.list("acme") == []


async def test_a_key_without_an_end_is_asked_for_by_name(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.api_keys.issue("acme", lifetime=None)
    assert issued.expires_at == NEVER
    assert (await ww.api_keys.list("acme"))[0].expires_at is None
    clock.advance(4_000 * DAY)
    assert (await ww.api_keys.authenticate(issued.token)).expires_at == NEVER
    await ww.store.purge(now=clock.now())
    assert (await ww.api_keys.authenticate(issued.token)).subject == "acme"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=366)])
async def test_a_life_beyond_the_cap(ww: Watchword, lifetime: timedelta) -> None:
    with pytest.raises(ConfigurationError):
        await ww.api_keys.issue("acme", lifetime=lifetime)


# rotation


async def test_both_keys_live_during_the_overlap(ww: Watchword, clock: FrozenClock) -> None:
    old = await ww.api_keys.issue("acme", scopes=["a"], roles=["r"], label="CI", lifetime=timedelta(days=30))
    clock.advance(DAY)
    new = await ww.api_keys.rotate(old.token_id, overlap=timedelta(hours=1))
    assert (new.subject, new.scopes, new.roles, new.rev) == ("acme", frozenset("a"), frozenset("r"), old.rev)
    assert new.expires_at == clock.now() + 30 * DAY
    first, second = await ww.api_keys.list("acme")
    assert (first.rotated_to, first.expires_at) == (new.token_id, clock.now() + 3600)
    assert (second.key_id, second.label, second.rotated_to) == (new.token_id, "CI", None)
    clock.advance(3599)
    for token in (old.token, new.token):
        assert (await ww.api_keys.authenticate(token)).scopes == {"a"}
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await ww.api_keys.authenticate(old.token)
    await ww.api_keys.authenticate(new.token)


async def test_without_an_overlap_the_old_key_is_dead_at_once(ww: Watchword) -> None:
    old = await ww.api_keys.issue("acme")
    new = await ww.api_keys.rotate(old.token, overlap=timedelta(0))
    with pytest.raises(TokenRevokedError, match="rotated"):
        await ww.api_keys.authenticate(old.token)
    await ww.api_keys.authenticate(new.token)


async def test_an_overlap_never_lengthens_a_life(ww: Watchword, clock: FrozenClock) -> None:
    old = await ww.api_keys.issue("acme", lifetime=timedelta(minutes=1))
    await ww.api_keys.rotate(old.token_id, overlap=timedelta(hours=1))
    clock.advance(60)
    with pytest.raises(TokenExpiredError):
        await ww.api_keys.authenticate(old.token)


async def test_a_key_is_rotated_once(ww: Watchword) -> None:
    old = await ww.api_keys.issue("acme")
    new = await ww.api_keys.rotate(old.token_id)
    with pytest.raises(TokenRevokedError, match=new.token_id):
        await ww.api_keys.rotate(old.token_id)
    await ww.api_keys.revoke(new.token_id)
    with pytest.raises(TokenRevokedError):
        await ww.api_keys.rotate(new.token)
    with pytest.raises(TokenNotFoundError):
        await ww.api_keys.rotate("nobody")


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=91)])
async def test_an_overlap_that_cannot_be(ww: Watchword, overlap: timedelta) -> None:
    old = await ww.api_keys.issue("acme")
    with pytest.raises(ConfigurationError, match="overlap"):
        await ww.api_keys.rotate(old.token_id, overlap=overlap)


# last use


async def test_a_check_writes_nothing_and_a_batch_writes_the_last_use(
    keys: ApiKeys, counting: Counting, clock: FrozenClock
) -> None:
    issued = await keys.issue("acme")
    for _ in range(50):
        clock.advance(1)
        await keys.authenticate(issued.token)
    assert counting.writes == 0
    assert (await keys.list("acme"))[0].last_used_at is None
    at = clock.now()
    clock.advance(20)
    await LastUsed(keys).tick()
    assert counting.writes == 1
    assert (await keys.list("acme"))[0].last_used_at == at
    assert await keys.flush() == 0


async def test_the_last_use_never_goes_back_and_brings_nothing_back(keys: ApiKeys, clock: FrozenClock) -> None:
    issued, gone = await keys.issue("acme"), await keys.issue("acme")
    await keys.authenticate(issued.token)
    await keys.authenticate(gone.token)
    keys._used = {key: at - 5 for key, at in keys._used.items()}
    early = dict(keys._used)
    clock.advance(1)
    await keys.authenticate(issued.token)
    await keys.revoke(gone.token_id)
    await keys.flush()
    keys._used = early
    assert await keys.flush() == 0
    (left,) = await keys.list("acme")
    assert left.last_used_at == clock.now()


async def test_closing_writes_what_was_noted(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as ww:
        await ww.api_keys.authenticate((await ww.api_keys.issue("acme")).token)
    async with Watchword(url, clock=clock, **OPTIONS) as ww:
        assert [one.last_used_at for one in await ww.api_keys.list("acme")] == [clock.now()]


def test_closing_writes_what_was_noted_for_threads(tmp_path: Path, clock: FrozenClock) -> None:
    with blocking.Watchword(f"sqlite:///{tmp_path}/app.db", clock=clock, **OPTIONS) as ww:
        ww.api_keys.authenticate(ww.api_keys.issue("acme").token)
        ww.close()
        assert [one.last_used_at for one in ww.api_keys.list("acme")] == [clock.now()]


async def test_what_is_noted_is_bounded(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_USED", 3)
    tokens = [(await keys.issue("acme")).token for _ in range(5)]
    for token in tokens * 2:
        await keys.authenticate(token)
    assert len(keys._used) == 3


# revocation


async def dead(ww: Watchword, token: str) -> bool:
    try:
        await ww.api_keys.authenticate(token)
    except TokenRevokedError:
        return True
    return False


@pytest.mark.parametrize("by", ["id", "key", "token", "subject", "everything"])
async def test_a_revoked_key_is_dead_at_once_and_stays_so(ww: Watchword, clock: FrozenClock, by: str) -> None:
    issued = await ww.api_keys.issue("acme", lifetime=None)
    other = await ww.api_keys.issue("other")
    if by == "id":
        assert await ww.api_keys.revoke(issued.token_id) is True
    elif by == "key":
        assert await ww.api_keys.revoke(issued.token) is True
    else:
        what: dict[str, Any] = {"token": issued.token, "subject": "acme", "everything": True}
        await ww.revoke(**{by: what[by]})
    assert await dead(ww, issued.token)
    assert await dead(ww, other.token) is (by == "everything")
    assert await ww.api_keys.list("acme") == []
    clock.advance(400 * DAY)
    await ww.store.purge(now=clock.now())
    await ww.close()
    await ww.open()
    if isinstance(ww.store, MemoryStore):
        return
    with pytest.raises((TokenRevokedError, TokenNotFoundError)):
        await ww.api_keys.authenticate(issued.token)


async def test_what_comes_after_a_cut_off_lives(ww: Watchword) -> None:
    await ww.api_keys.issue("acme")
    await ww.revoke(subject="acme")
    issued = await ww.api_keys.issue("acme")
    assert not await dead(ww, issued.token)
    assert [one.key_id for one in await ww.api_keys.list("acme")] == [issued.token_id]


async def test_a_cut_off_is_remembered_as_long_as_the_last_key(ww: Watchword, clock: FrozenClock) -> None:
    await ww.api_keys.issue("acme", lifetime=timedelta(days=200))
    await ww.api_keys.issue("acme", lifetime=timedelta(days=300))
    await ww.api_keys.revoke((await ww.api_keys.issue("acme", lifetime=None)).token_id)
    assert await ww.api_keys.remembered_for("acme") == 300 * DAY
    assert await ww.api_keys.remembered_for("nobody") == 0
    await ww.revoke(subject="acme")
    await ww.revoke(subject="nobody")
    untils = {one.value: one.until - clock.now() for one in (await ww.store.tail(0, now=clock.now())).events}
    assert untils["acme"] >= 300 * DAY
    assert 30 * DAY <= untils["nobody"] < 31 * DAY


async def test_revoking_twice_and_what_is_not_there(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.api_keys.issue("acme", lifetime=timedelta(seconds=5))
    ended = await ww.api_keys.issue("acme", lifetime=timedelta(seconds=5))
    assert await ww.api_keys.revoke(issued.token_id) is True
    assert await ww.api_keys.revoke(issued.token_id) is False
    assert await ww.api_keys.revoke("nobody") is False
    clock.advance(5)
    assert await ww.api_keys.revoke(ended.token_id) is False
    assert (await ww.revoke(token=ended.token)).seq > 0


async def test_the_row_of_a_dead_key_goes_after_a_day(ww: Watchword, clock: FrozenClock) -> None:
    issued = await ww.api_keys.issue("acme", lifetime=None, label="secret project")
    await ww.api_keys.revoke(issued.token_id)
    (row,) = await ww.store.find("api_key", now=clock.now())
    assert "secret project" not in repr(row)
    clock.advance(DAY)
    await ww.store.purge(now=clock.now())
    assert await ww.store.find("api_key", now=0) == []


async def test_a_key_made_while_its_subject_is_revoked_is_made_again(clock: FrozenClock) -> None:
    """The cut-off of another process falls between the position that a key gets and the moment it is stored."""

    class Interrupted(MemoryStore):
        cut = 1

        async def put(self, *records: Record, **more: Any) -> None:
            if self.cut and records[0].kind == "api_key":
                self.cut -= 1
                await other.revoke(subject="acme")
            await super().put(*records, **more)

    store = Interrupted()
    async with (
        Watchword("memory:", clock=clock, **OPTIONS) as ww,
        Watchword("memory:", clock=clock, **OPTIONS) as other,
    ):
        store.open_blocking()
        for one in (ww, other):
            one.store = one.api_keys._store = one.api_keys.near._store = store
            one.view.forget()
            one.view.pull = None
        for one in (ww, other):
            await catch_up(store, one.view)
        issued = await ww.api_keys.issue("acme")
        assert store.cut == 0
        await catch_up(store, ww.view)
        assert (await ww.api_keys.authenticate(issued.token)).subject == "acme"
        assert len(await store.find("api_key", now=0)) == 1


async def test_a_key_rotated_while_its_subject_is_revoked_leaves_no_successor(clock: FrozenClock) -> None:
    """The rotation falls between the moment in which the dead keys are found and that in which they are ended."""

    class Interrupted(MemoryStore):
        rotate = False

        async def find(self, kind: str, **more: Any) -> list[Record]:
            found = await super().find(kind, **more)
            if self.rotate and more.get("subject") == "acme" and self._tables.head:
                self.rotate = False
                new = replace(found[0], key="new", data=dict(found[0].data) | {"key_id": "new"}, group="new")
                assert await self.swap(found[0], version=found[0].version, puts=[new])
            return found

    store = Interrupted()
    async with Watchword("memory:", clock=clock, **OPTIONS) as ww:
        store.open_blocking()
        ww.store = ww.api_keys._store = ww.api_keys.near._store = store
        ww.view.forget()
        await catch_up(store, ww.view)
        await ww.api_keys.issue("acme", lifetime=timedelta(days=300))
        store.rotate = True
        await ww.revoke(subject="acme")
        assert not store.rotate
        assert {one.data["state"] for one in await store.find("api_key", now=0)} == {"revoked"}


async def test_the_trail_has_each_step_and_no_key(ww: Watchword) -> None:
    issued = await ww.api_keys.issue("acme")
    new = await ww.api_keys.rotate(issued.token_id)
    await ww.api_keys.revoke(new.token_id)
    trail = await ww.events(subject="acme")
    assert [one.name for one in trail] == ["api_key_issued", "api_key_rotated", "api_key_revoked"]
    assert issued.token not in repr(trail)


async def test_no_bytes_make_anything_but_a_watchword_error(keys: ApiKeys) -> None:
    issued: Issued = await keys.issue("acme")
    for cut in range(len(issued.token)):
        with pytest.raises(WatchwordError):
            await keys.authenticate(issued.token[:cut].encode())


# Secret scanners


async def test_the_documented_expression_finds_keys_and_nothing_else(keys: ApiKeys) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/tokens.md").read_text()
    (expression,) = re.findall(r"`(\\bsk_.*?)`", page)
    for environment in ("live", "test"):
        for _ in range(100):
            token = (await keys.issue("acme", environment=environment)).token
            for text in (token, f'API_KEY="{token}"', f"key={token}&x", f"https://x/{token}/y", f"a {token}."):
                assert re.findall(expression, text) == [token]
            assert not re.search(expression, token[:-1])
            assert not re.search(expression, token + "A")
            assert not re.search(expression, "a" + token)
    for text in ("sk_live_", "sk_prod_" + "A" * 49, "risk_live_" + "A" * 49, "ww_ss_" + "A" * 43):
        assert not re.search(expression, text)


# The corridor


@pytest.mark.parametrize(
    ("header", "value"), [(b"x-api-key", "{}"), (b"authorization", "Bearer {}"), (b"authorization", "bearer {}")]
)
async def test_a_request_presents_a_key_in_either_header(ww: Watchword, header: bytes, value: str) -> None:
    token = (await ww.api_keys.issue("acme")).token
    who = await ww.authenticator().authenticate(Connection(headers=[(header, value.format(token).encode())]))
    assert who is not None
    assert (who.subject, who.kind) == ("acme", "api_key")


async def test_a_key_opens_no_browser_session(ww: Watchword) -> None:
    token = (await ww.api_keys.issue("acme")).token
    cookie = f"{SESSION_COOKIE}={token}".encode()
    headers = [(b"cookie", cookie), (b"sec-fetch-site", b"same-origin")]
    with pytest.raises(MalformedTokenError):
        await ww.authenticator().authenticate(Connection(headers=headers))
    with pytest.raises(MalformedTokenError):
        await ww.sessions.authenticate(token)


async def test_other_kinds_are_no_keys(ww: Watchword) -> None:
    session, access = await ww.sessions.start("u"), ww.access.issue("u")
    for token in (session.token, access.token):
        with pytest.raises(MalformedTokenError):
            await ww.api_keys.authenticate(token)
        with pytest.raises(MalformedTokenError):
            await ww.authenticator().authenticate(Connection(headers=[(b"x-api-key", token.encode())]))
