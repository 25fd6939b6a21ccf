"""Watchword itself: opening and closing, the kill switch and what it reaches, the trail, and where keys live."""

import asyncio
import inspect
import resource
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any
from zlib import crc32

import pytest
from msgspec.json import encode

from watchword import (
    AccessTokens,
    ApiKeys,
    KeyRing,
    OneTimeTokens,
    OpaqueAccessTokens,
    Principal,
    RefreshTokens,
    SealedTokens,
    ServiceTokens,
    Sessions,
    Watchword,
    open_store,
)
from watchword.clock import FrozenClock
from watchword.encoding import base62
from watchword.errors import (
    ConfigurationError,
    KeysUnavailableError,
    MalformedTokenError,
    SignatureError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
    UnknownKeyError,
    WatchwordError,
    WrongIssuerError,
)
from watchword.keys.key import Key
from watchword.keys.sources import read_file
from watchword.revocation.event import Revocation, event
from watchword.revocation.feed import catch_up
from watchword.tokens.base import Issued
from watchword.tokens.devices import Devices
from watchword.tokens.roles import Roles
from watchword.web.ratelimit import Limiter, Limits, RateLimit

NOW = 1_800_000_000
ISSUER, API = "https://as.test", "https://api.test"
OPTIONS: dict[str, Any] = {"issuer": ISSUER, "audience": API}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


KEYS: dict[str, Path] = {}
"""Where the keys go, for the URL of a store that has no place for them beside it."""


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres").fresh()
        KEYS[url] = tmp_path / "app.keys"
        return url
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


def made(url: str, clock: FrozenClock, **options: Any) -> Watchword:
    if url in KEYS:
        options = {"keys": KEYS[url], **options}
    return Watchword(url, clock=clock, **OPTIONS, **options)


@pytest.fixture
async def ww(url: str, clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with made(url, clock) as opened:
        yield opened


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def outcome(verb: Callable[[], Any]) -> Any:
    """What a verb returns, or the class of the error it raises."""
    try:
        found = verb()
        return await found if inspect.isawaitable(found) else found
    except WatchwordError as error:
        return type(error)


# the constructor


WATCHED = {"open", "os.mkdir", "os.link", "os.rename", "sqlite3.connect", "socket.connect", "_thread.start_new_thread"}
events_seen: list[str] | None = None


def _hook(name: str, _: object) -> None:
    if events_seen is not None and name in WATCHED:
        events_seen.append(name)


sys.addaudithook(_hook)


def test_the_constructor_does_no_io(tmp_path: Path) -> None:
    global events_seen
    urls = ["memory:", f"sqlite:///{tmp_path}/app.db", f"sqlite:///{tmp_path}/no/such/folder/app.db"]
    for url in urls:
        Watchword(url, **OPTIONS)  # what is imported only now is imported
    events_seen = []
    try:
        for url in urls:
            Watchword(url, **OPTIONS)
            Watchword(url, keys=tmp_path / "my.keys", **OPTIONS)
    finally:
        seen, events_seen = events_seen, None
    assert seen == []
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_shows_in_the_constructor(tmp_path: Path) -> None:
    mistakes: list[dict[str, Any]] = [
        {"url": "oracle://x"},
        {"url": "app.db"},
        {"url": "memory:?x"},
        {"url": "postgresql://db.test/app"},
        {"issuer": ""},
        {"audience": ""},
        {"audience": []},
        {"max_staleness": timedelta(0)},
        {"session_idle": timedelta(seconds=59)},
        {"session_absolute": timedelta(days=31)},
        {"access_lifetime": timedelta(minutes=61)},
        {"refresh_grace": timedelta(seconds=-1)},
        {"opaque_access_lifetime": timedelta(minutes=61)},
        {"sealed_lifetime": timedelta(minutes=11)},
        {"service_lifetime": timedelta(minutes=16)},
        {"single_service": True, "audience": ["https://api.test", "https://other.test"]},
    ]
    for mistake in mistakes:
        with pytest.raises(ConfigurationError):
            Watchword(**{"url": "memory:", **OPTIONS, **mistake})


# before it is open


SESSION, REFRESH = "ww_ss_" + "A" * 43, f"ww_rt_{'A' * 22}.1.{'A' * 43}.{'A' * 22}"
OPAQUE, ONE_TIME = "ww_at_" + "A" * 43, "ww_ot_" + "A" * 43
API_KEY = "sk_live_" + "0" * 43
API_KEY += base62(crc32(API_KEY.encode()).to_bytes(4, "big"), 6)
FOR: dict[str, Any] = {"purpose": "p", "bound_to": "u"}
JWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJhdCtqd3QifQ.e30." + "A" * 86


def verbs(ww: Watchword) -> dict[str, Callable[[], Any]]:
    """Every public verb of every part, with something to work on."""
    return {
        "Sessions.start": lambda: ww.sessions.start("u"),
        "Sessions.authenticate": lambda: ww.sessions.authenticate(SESSION),
        "Sessions.update": lambda: ww.sessions.update(SESSION),
        "Sessions.rotate": lambda: ww.sessions.rotate(SESSION),
        "Sessions.list": lambda: ww.sessions.list("u"),
        "Sessions.end": lambda: ww.sessions.end("s"),
        "Sessions.end_all": lambda: ww.sessions.end_all("u"),
        "Sessions.outlive": lambda: ww.sessions.outlive(event("signed_in", "u", now=NOW), "s"),
        "Sessions.revocation_of": lambda: ww.sessions.revocation_of(SESSION),
        "AccessTokens.issue": lambda: ww.access.issue("u"),
        "AccessTokens.verify": lambda: ww.access.verify(JWT),
        "AccessTokens.authenticate": lambda: ww.access.authenticate(JWT),
        "AccessTokens.unproven": lambda: ww.access.unproven(JWT),
        "AccessTokens.revocation_of": lambda: ww.access.revocation_of(JWT),
        "RefreshTokens.issue": lambda: ww.refresh.issue("u", client_id="c"),
        "RefreshTokens.rotate": lambda: ww.refresh.rotate(REFRESH),
        "RefreshTokens.list": lambda: ww.refresh.list("u"),
        "RefreshTokens.revocation_of": lambda: ww.refresh.revocation_of(REFRESH),
        "RefreshTokens.authenticate": lambda: ww.refresh.authenticate(REFRESH),
        "RefreshTokens.family_of": lambda: ww.refresh.family_of(REFRESH),
        "OpaqueAccessTokens.issue": lambda: ww.opaque_access.issue("u"),
        "OpaqueAccessTokens.authenticate": lambda: ww.opaque_access.authenticate(OPAQUE),
        "OpaqueAccessTokens.unproven": lambda: ww.opaque_access.unproven(OPAQUE),
        "OpaqueAccessTokens.introspect": lambda: ww.opaque_access.introspect(OPAQUE),
        "OpaqueAccessTokens.list": lambda: ww.opaque_access.list("u"),
        "OpaqueAccessTokens.revoke": lambda: ww.opaque_access.revoke("id"),
        "OpaqueAccessTokens.revocation_of": lambda: ww.opaque_access.revocation_of(OPAQUE),
        "SealedTokens.seal": lambda: ww.sealed.seal({}, **FOR),
        "SealedTokens.open": lambda: ww.sealed.open("v4.local.AAAA", **FOR),
        "SealedTokens.redeem": lambda: ww.sealed.redeem("v4.local.AAAA", **FOR),
        "SealedTokens.void": lambda: ww.sealed.void("v4.local.AAAA", **FOR),
        "ServiceTokens.issue": lambda: ww.service.issue("billing", audience="https://ledger.test"),
        "ServiceTokens.verify": lambda: ww.service.verify(JWT),
        "ServiceTokens.authenticate": lambda: ww.service.authenticate(JWT),
        "ServiceTokens.unproven": lambda: ww.service.unproven(JWT),
        "ServiceTokens.revocation_of": lambda: ww.service.revocation_of(JWT),
        "ApiKeys.issue": lambda: ww.api_keys.issue("u"),
        "ApiKeys.authenticate": lambda: ww.api_keys.authenticate(API_KEY),
        "ApiKeys.rotate": lambda: ww.api_keys.rotate("id"),
        "ApiKeys.list": lambda: ww.api_keys.list("u"),
        "ApiKeys.revoke": lambda: ww.api_keys.revoke("id"),
        "ApiKeys.settle": lambda: ww.api_keys.settle("u"),
        "ApiKeys.remembered_for": lambda: ww.api_keys.remembered_for("u"),
        "ApiKeys.revocation_of": lambda: ww.api_keys.revocation_of(API_KEY),
        "OneTimeTokens.issue": lambda: ww.one_time.issue("u", purpose="magic-link"),
        "OneTimeTokens.look": lambda: ww.one_time.look(ONE_TIME, purpose="magic-link"),
        "OneTimeTokens.redeem": lambda: ww.one_time.redeem(ONE_TIME, purpose="magic-link"),
        "OneTimeTokens.void": lambda: ww.one_time.void("u", purpose="magic-link"),
        "OneTimeTokens.set_lifetime": lambda: ww.one_time.set_lifetime(
            "u", purpose="magic-link", lifetime=timedelta(minutes=5)
        ),
        "OneTimeTokens.revocation_of": lambda: ww.one_time.revocation_of(ONE_TIME),
        "Devices.list": lambda: ww.devices.list("u"),
        "Devices.end": lambda: ww.devices.end("u", "s"),
        "Devices.end_all": lambda: ww.devices.end_all("u"),
        "Roles.set": lambda: ww.roles.set("u", ["admin"]),
        "Roles.changed": lambda: ww.roles.changed("u"),
        "Roles.of": lambda: ww.roles.of("u"),
        "Limiter.hit": lambda: ww.limits.hit(LIMITS, account="u"),
        "Limiter.forget": lambda: ww.limits.forget(LIMITS, account="u"),
        "RefreshTokens.unproven": lambda: ww.refresh.unproven(REFRESH),
        "Watchword.end": lambda: ww.end(CALLER),
        "Watchword.revoke": lambda: ww.revoke(subject="u"),
        "Watchword.subject_changed": lambda: ww.subject_changed("u", "password"),
        "Watchword.verifiers": lambda: ww.verifiers(),
        "Watchword.events": lambda: ww.events(),
    }


LIMITS = Limits("login", account=RateLimit("5/min"))
CALLER = Principal(subject="u", kind="access", token_id="t", issued_at=1, expires_at=2, session_id="s")
NO_VERBS = {
    *("Watchword.open", "Watchword.close", "Watchword.open_blocking", "Watchword.close_blocking"),
    *("Watchword.from_config", "Watchword.from_settings", "Watchword.authenticator", "AccessTokens.check_ring"),
    *("Watchword.health", "Watchword.metrics"),  # of what is not open, too
    *("Watchword.authorize", "ApiKeys.flush", "OneTimeTokens.authenticate"),  # they need nothing that is opened
}
PARTS = (
    *(Watchword, Sessions, AccessTokens, RefreshTokens, OpaqueAccessTokens, SealedTokens, ServiceTokens),
    *(ApiKeys, OneTimeTokens, Devices, Roles, Limiter),
)


def test_the_walk_knows_every_verb() -> None:
    public = {
        f"{part.__name__}.{name}"
        for part in PARTS
        for owner in part.__mro__[:-1]
        for name, value in vars(owner).items()
        if not name.startswith("_") and callable(getattr(part, name)) and value is not None
    }
    assert public - NO_VERBS == set(verbs(Watchword("memory:", **OPTIONS)))


@pytest.mark.parametrize("verb", verbs(Watchword("memory:", **OPTIONS)))
async def test_before_and_after_it_is_open_every_verb_asks_to_open_it(url: str, clock: FrozenClock, verb: str) -> None:
    ww = made(url, clock)
    with pytest.raises(ConfigurationError, match="open"):
        await _awaited(verbs(ww)[verb])
    async with ww:
        assert await outcome(verbs(ww)[verb]) is not ConfigurationError
    with pytest.raises(ConfigurationError, match="open"):
        await _awaited(verbs(ww)[verb])


async def _awaited(verb: Callable[[], Any]) -> Any:
    found = verb()
    return await found if inspect.isawaitable(found) else found


async def test_with_a_ring_of_ones_own_access_tokens_ask_too(clock: FrozenClock) -> None:
    ring = KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac"), clock=clock)
    ww = made("memory:", clock, ring=ring)
    token = AccessTokens(ring, issuer=ISSUER, audience=API).issue("u").token
    for _ in range(2):
        for verb in (lambda: ww.access.issue("u"), lambda: ww.access.verify(token)):
            with pytest.raises(ConfigurationError, match="open it first"):
                verb()
        async with ww:
            ww.access.verify(token)
            ww.access.issue("u")


# opening and closing


def followers() -> list[str]:
    tasks = [task.get_name() for task in asyncio.all_tasks()]
    return sorted(name for name in tasks if name.startswith("watchword-"))


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("watchword-")]


async def test_opening_twice_is_no_error_and_follows_once(url: str, clock: FrozenClock) -> None:
    ww = made(url, clock)
    await ww.open()
    first = followers()
    await ww.open()
    assert followers() == first
    assert {"watchword-follower", "watchword-janitor"} <= set(first)
    await ww.sessions.start("u")
    await ww.close()
    await ww.close()
    assert followers() == []
    assert threads() == []


async def test_closing_what_was_never_opened(url: str, clock: FrozenClock) -> None:
    await made(url, clock).close()
    made(url, clock).close_blocking()


def test_it_opens_again_on_another_loop(url: str, clock: FrozenClock) -> None:
    ww, kept = made(url, clock), list[Issued]()

    async def life(close: bool) -> None:
        await ww.open()
        for one in kept:
            found = await outcome(lambda one=one: ww.sessions.authenticate(one.token))  # type: ignore[misc]
            assert found is TokenNotFoundError if url == "memory:" else found.subject == "u"
        kept.append(await ww.sessions.start("u"))
        await ww.sessions.authenticate(kept[-1].token)
        ww.access.verify(ww.access.issue("u").token)
        if close:
            await ww.close()

    for close in (True, False, False, True):
        asyncio.run(life(close))
    assert threads() == []


def test_it_opens_again_after_its_loop_was_closed_under_it(url: str, clock: FrozenClock) -> None:
    ww, loop = made(url, clock), asyncio.new_event_loop()
    loop.run_until_complete(ww.open())
    left = asyncio.all_tasks(loop)
    loop.close()

    async def again() -> None:
        async with ww:
            await ww.sessions.start("u")

    asyncio.run(again())
    for task in left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


async def test_from_threads_to_a_loop_and_back(url: str, clock: FrozenClock) -> None:
    ww = made(url, clock)
    ww.open_blocking()
    ww.open_blocking()
    assert threads().count("watchword-follower") == 1
    await ww.open()
    assert "watchword-follower" not in threads()
    await ww.sessions.start("u")
    await ww.close()
    ww.open_blocking()
    ww.close_blocking()
    assert threads() == []


async def test_an_opening_that_fails_leaves_it_closed(tmp_path: Path, clock: FrozenClock) -> None:
    ww = made(f"sqlite:///{tmp_path}/app.db", clock)
    (tmp_path / "app.db.keys").write_text("{}")
    (tmp_path / "app.db.keys").chmod(0o644)
    for message in ("others can read it", "not a whole"):
        with pytest.raises(ConfigurationError, match=message):
            await ww.open()
        with pytest.raises(ConfigurationError, match=message):
            ww.open_blocking()
        for verb in verbs(ww).values():
            with pytest.raises(ConfigurationError, match="open"):
                await _awaited(verb)
        assert followers() == threads() == []
        (tmp_path / "app.db.keys").chmod(0o600)
    (tmp_path / "app.db.keys").unlink()
    async with ww:
        await ww.sessions.start("u")


async def test_memory_starts_empty_each_time(clock: FrozenClock) -> None:
    ww = made("memory:", clock)
    async with ww:
        session, refresh = await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="c")
        access, epoch, kids = ww.access.issue("u").token, ww.view.epoch, [slot.key.kid for slot in ww.ring]
        await ww.revoke(subject="u")
    async with ww:
        assert (await ww.events(), ww.view.seq, len(ww.view)) == ([], 0, 0)
        assert ww.view.epoch != epoch
        assert not set(kids) & {slot.key.kid for slot in ww.ring}
        with pytest.raises(TokenNotFoundError):
            await ww.sessions.authenticate(session.token)
        with pytest.raises(SignatureError):
            await ww.refresh.rotate(refresh.token)
        with pytest.raises(UnknownKeyError):
            ww.access.verify(access)


async def test_sqlite_finds_everything_again(tmp_path: Path, clock: FrozenClock) -> None:
    ww = made(f"sqlite:///{tmp_path}/app.db", clock)
    async with ww:
        session, refresh = await ww.sessions.start("u", data={"a": 1}), await ww.refresh.issue("u", client_id="c")
        access, dead, epoch = ww.access.issue("u").token, ww.access.issue("u").token, ww.view.epoch
        await ww.revoke(token=dead)
        trail = await ww.events()
    async with ww:
        assert (await ww.sessions.authenticate(session.token)).claims == {"a": 1}
        await ww.refresh.rotate(refresh.token)
        ww.access.verify(access)
        with pytest.raises(TokenRevokedError):
            ww.access.verify(dead)
        assert (await ww.events())[: len(trail)] == trail
        assert ww.view.epoch == epoch


# keys


async def test_keys_live_beside_the_record_for_their_owner_alone(tmp_path: Path, clock: FrozenClock) -> None:
    async with made(f"sqlite:///{tmp_path}/app.db", clock) as ww:
        assert S_IMODE((tmp_path / "app.db.keys").stat().st_mode) == 0o600
        assert files(tmp_path) == {"app.db", "app.db-wal", "app.db-shm", "app.db.keys"}
        kids = [slot.key.kid for slot in ww.ring]
        assert sorted(slot.key.use for slot in ww.ring) == ["mac", "seal", "sign", "sign"]
    assert [slot.key.kid for slot in KeyRing.load(tmp_path / "app.db.keys")] == kids
    assert files(tmp_path) == {"app.db", "app.db.keys"}


async def test_a_second_instance_shares_the_keys_and_the_record(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with made(url, clock) as one, made(url, clock) as two:
        assert [slot.key.kid for slot in one.ring] == [slot.key.kid for slot in two.ring]
        session, refresh = await one.sessions.start("u"), await one.refresh.issue("u", client_id="c")
        tokens = [one.access.issue("u", format=form).token for form in ("jwt", "paseto")]
        for token in tokens:
            two.access.verify(token)
        await two.sessions.authenticate(session.token)
        successor = await two.refresh.rotate(refresh.token)
        assert await one.refresh.rotate(refresh.token) == successor


async def test_what_one_instance_revokes_the_other_refuses_within_max_staleness(
    tmp_path: Path, clock: FrozenClock
) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with made(url, clock) as one, made(url, clock) as two:
        session, refresh = await one.sessions.start("u"), await one.refresh.issue("u", client_id="c")
        token = one.access.issue("u", session_id=session.session_id).token
        two.access.verify(token)
        await one.revoke(subject="u")
        clock.advance(5)
        with pytest.raises(TokenRevokedError):
            two.access.verify(token)
        with pytest.raises(TokenRevokedError):
            await two.sessions.authenticate(session.token)
        with pytest.raises(TokenRevokedError):
            await two.refresh.rotate(refresh.token)
        assert two.view.seq == one.view.seq == 1


async def test_a_key_file_of_another_name(tmp_path: Path, clock: FrozenClock) -> None:
    for keys in (tmp_path / "one.keys", str(tmp_path / "two.keys")):
        async with made("memory:", clock, keys=keys) as ww:
            token = ww.access.issue("u").token
        async with made("memory:", clock, keys=keys) as ww:
            ww.access.verify(token)
    assert files(tmp_path) == {"one.keys", "two.keys"}


async def test_a_ring_of_ones_own_is_never_written(tmp_path: Path, clock: FrozenClock) -> None:
    keys = [Key.generate("ES256"), Key.generate("v4.public"), Key.generate("HS256", use="mac")]
    ring = KeyRing.of(*keys, clock=clock)
    ww = made(f"sqlite:///{tmp_path}/app.db", clock, ring=ring, keys=tmp_path / "my.keys")
    for _ in range(2):
        async with ww:
            await ww.refresh.rotate((await ww.refresh.issue("u", client_id="c")).token)
            token = ww.access.issue("u").token
        assert files(tmp_path) == {"app.db"}
    assert [slot.key for slot in ring] == keys
    AccessTokens(ring, issuer=ISSUER, audience=API).verify(token)


# revoke


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"everything": False},
        {"everything": 1},
        {"everything": "yes"},
        {"token": "x", "subject": "u"},
        {"session": "s", "family": "f"},
        {"subject": "u", "everything": True},
        {"token": "x", "everything": True},
        {"client": "c", "key": "k", "subject": "u"},
        {"session": ""},
        {"subject": ""},
        {"key": ""},
    ],
    ids=repr,
)
async def test_revoke_takes_exactly_one_keyword(ww: Watchword, keywords: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="exactly one of"):
        await ww.revoke(**keywords)
    assert await ww.events() == []
    assert ww.view.seq == 0


class Credential:
    """One credential and all that it stands for."""

    def __init__(self, kind: str, issued: Issued, kid: str | None = None) -> None:
        self.kind, self.issued = kind, issued
        self.names = {
            "session": issued.session_id,
            "family": issued.family_id,
            "subject": issued.subject,
            "client": issued.client_id,
            "key": kid,
            "everything": True,
        }

    async def lives(self, ww: Watchword) -> bool:
        try:
            if self.kind == "access":
                ww.access.verify(self.issued.token)
            elif self.kind == "session":
                await ww.sessions.authenticate(self.issued.token)
            else:
                await ww.refresh.authenticate(self.issued.token)
        except TokenRevokedError:
            return False
        return True


async def population(ww: Watchword) -> list[Credential]:
    """Two subjects, two clients, sessions with and without families, access tokens of all of them in both formats."""
    found = []
    sessions = [await ww.sessions.start(subject) for subject in ("u", "u", "v")]
    found += [Credential("session", one) for one in sessions]
    parents: list[Issued] = [*sessions]
    for subject, client, session in (("u", "c", sessions[0]), ("u", "d", None), ("v", "c", sessions[2])):
        session_id = session.session_id if session else None
        parents.append(await ww.refresh.issue(subject, client_id=client, session_id=session_id))
    found += [Credential("refresh", one) for one in parents[3:]]
    for parent in parents:
        for form in ("jwt", "paseto"):
            issued = ww.access.issue(
                parent.subject,
                client_id=parent.client_id or "first-party",
                session_id=parent.session_id,
                family_id=parent.family_id,
                rev=parent.rev,
                format=form,
            )
            found.append(Credential("access", issued, ww.ring.active("sign", format=form).kid))
    assert len(found) == 18
    return found


@pytest.mark.parametrize("what", ["session", "family", "subject", "client", "key", "everything"])
async def test_a_revocation_kills_what_it_should_and_nothing_else(url: str, clock: FrozenClock, what: str) -> None:
    async with made(url, clock) as ww:
        everyone = await population(ww)
        for one in everyone:
            assert await one.lives(ww)
        values = {one.names[what] for one in everyone if one.names[what] is not None}
        value: Any = sorted(values, key=str)[0]
        done = await ww.revoke(**{what: value})
        assert done == Revocation(seq=1, acknowledged=("self",))
        expected = [one.names[what] != value for one in everyone]
        assert expected.count(False) >= 3
        assert what == "everything" or expected.count(True) >= 3
        for _ in range(2):
            assert [await one.lives(ww) for one in everyone] == expected
        again = AccessTokens(ww.ring, issuer=ISSUER, audience=API, view=ww.view)
        for one, lives in zip(everyone, expected, strict=True):
            if one.kind == "access":
                found = await outcome(lambda one=one: again.verify(one.issued.token))  # type: ignore[misc]
                assert (found is not TokenRevokedError) == lives
        named = what in ("session", "family", "key")
        fresh = await population(ww)
        assert [await one.lives(ww) for one in fresh] == [not named or one.names[what] != value for one in fresh]
    if url.startswith("sqlite"):
        async with made(url, clock) as ww:
            assert [await one.lives(ww) for one in everyone] == expected
            for one in fresh:
                assert await one.lives(ww) == (not named or one.names[what] != value)


async def test_a_token_that_is_revoked_takes_along_what_hangs_on_it(ww: Watchword) -> None:
    for place in range(18):
        everyone = await population(ww)
        target = everyone[place]
        await ww.revoke(token=target.issued.token)
        for one in everyone:
            hangs = {
                "session": one.issued.session_id == target.issued.session_id is not None,
                "refresh": one.issued.family_id == target.issued.family_id is not None,
                "access": one is target,
            }[target.kind]
            assert await one.lives(ww) is not hangs
    trail = [one for one in await ww.events(limit=10_000) if one.name == "revoked"]
    assert [one.detail["what"] for one in trail] == ["session"] * 3 + ["family"] * 3 + ["token"] * 12


async def test_what_has_ended_by_itself_needs_no_revocation(ww: Watchword, clock: FrozenClock) -> None:
    ended, rotated = await ww.sessions.start("u"), await ww.sessions.start("u")
    await ww.sessions.end(str(ended.session_id))
    await ww.sessions.rotate(rotated.token)
    expired = [(await ww.sessions.start("u")).token, (await ww.refresh.issue("u", client_id="c")).token]
    expired += [ww.access.issue("u", format=form).token for form in ("jwt", "paseto")]
    reused = await ww.refresh.issue("u", client_id="c")
    await ww.refresh.rotate((await ww.refresh.rotate(reused.token)).token)
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(reused.token)
    clock.advance(timedelta(days=14))
    await catch_up(ww.store, ww.view)
    before, seq = await ww.events(), ww.view.seq
    for token in (*expired, ended.token, rotated.token, reused.token):
        found = await outcome(lambda token=token: ww.revoke(token=token))  # type: ignore[misc]
        # A session's row is kept for a day: after that nobody knows whose it was.
        assert found == Revocation(seq=seq, acknowledged=("self",)) or (
            found is TokenNotFoundError and token.startswith("ww_ss_")
        )
    assert await ww.events() == before


async def test_a_session_that_has_just_ended_needs_no_revocation(ww: Watchword, clock: FrozenClock) -> None:
    tokens = [(await ww.sessions.start("u")).token for _ in range(3)]
    await ww.sessions.rotate(tokens[0])
    await ww.sessions.end(str((await ww.sessions.authenticate(tokens[1])).session_id))
    clock.advance(1800)
    before, seq = await ww.events(), ww.view.seq
    for token in tokens:
        assert await ww.revoke(token=token) == Revocation(seq=seq, acknowledged=("self",))
    assert await ww.events() == before


async def test_what_is_not_ours_is_an_error_and_changes_nothing(ww: Watchword, clock: FrozenClock) -> None:
    async with made("memory:", clock) as stranger:
        cases: list[tuple[Any, type[WatchwordError]]] = [
            ((await stranger.sessions.start("u")).token, TokenNotFoundError),
            ((await stranger.refresh.issue("u", client_id="c")).token, SignatureError),
            (stranger.access.issue("u", format="jwt").token, UnknownKeyError),
            (stranger.access.issue("u", format="paseto").token, UnknownKeyError),
        ]
    other = AccessTokens(ww.ring, issuer="https://other.test", audience=API)
    cases += [(other.issue("u", format=form).token, WrongIssuerError) for form in ("jwt", "paseto")]
    ours = ww.access.issue("u").token
    cases += [(ours[:-86] + "A" * 86, SignatureError)]
    garbage: list[Any] = ["", "x", "ww_", "ww_ss_", "ww_rt_x", "ww_xx_" + "A" * 43, "eyJ", "v4.public.x", "v4.local.x"]
    cases += [(one, MalformedTokenError) for one in (*garbage, "sk_live_x", " " + ours, 7, b"eyJ", ["eyJ"], "é" * 50)]
    for token, error in cases:
        with pytest.raises(error):
            await ww.revoke(token=token)
    assert [one.name for one in await ww.events()] == []
    assert ww.view.seq == 0
    ww.access.verify(ours)


async def test_revoking_again_is_no_error(ww: Watchword) -> None:
    session = await ww.sessions.start("u")
    for number in (1, 2):
        assert (await ww.revoke(subject="u")).seq == number
    for number in (3, 4):
        assert (await ww.revoke(session=str(session.session_id))).seq == number
    assert (await ww.revoke(token=session.token)).seq == 4
    assert (await ww.revoke(family="never was")).seq == 5


async def test_a_revoked_key_is_taken_off_the_ring_and_its_file(url: str, clock: FrozenClock, tmp_path: Path) -> None:
    async with made(url, clock) as ww:
        old = ww.ring.active("sign")
        token = ww.access.issue("u").token
        await ww.revoke(key=old.kid)
        with pytest.raises(TokenRevokedError, match="key"):
            ww.access.verify(token)
        fresh = ww.access.issue("u").token
        ww.access.verify(fresh)
        assert old.kid not in {key["kid"] for key in ww.ring.jwks()["keys"]}
        if ww.key_file is not None:
            assert [slot.key.kid for slot in read_file(ww.key_file) if slot.revoked] == [old.kid]
            AccessTokens(KeyRing.load(ww.key_file, clock=clock), issuer=ISSUER, audience=API).verify(fresh)
            with pytest.raises(TokenRevokedError):
                AccessTokens(KeyRing.load(ww.key_file, clock=clock), issuer=ISSUER, audience=API).verify(token)
        before = [slot.key.kid for slot in ww.ring]
        await ww.revoke(key=old.kid)
        await ww.revoke(key="of somebody else")
        assert [slot.key.kid for slot in ww.ring] == before


async def test_a_ring_of_ones_own_is_not_changed_by_a_revocation(clock: FrozenClock) -> None:
    ring = KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac"), clock=clock)
    async with made("memory:", clock, ring=ring) as ww:
        token = ww.access.issue("u").token
        await ww.revoke(key=ring.active().kid)
        assert len(ring) == 2
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)


async def test_the_revocation_of_a_key_stands_when_its_file_cannot_be_read(tmp_path: Path, clock: FrozenClock) -> None:
    async with made(f"sqlite:///{tmp_path}/app.db", clock) as ww:
        token, kid = ww.access.issue("u").token, ww.ring.active().kid
        (tmp_path / "app.db.keys").write_text("{}")
        with pytest.raises(ConfigurationError, match="not a whole"):
            await ww.revoke(key=kid)
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)


async def test_a_key_that_came_in_the_place_of_another_stays_when_the_file_is_written_at_last(
    tmp_path: Path, clock: FrozenClock
) -> None:
    async with made("memory:", clock, keys=tmp_path / "app.keys") as ww:
        kid, most = ww.ring.active().kid, resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, most[1]))  # as on a disk that is full
        try:
            with pytest.raises(KeysUnavailableError):
                await ww.revoke(key=kid)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, most)
        between = ww.access.issue("u").token
        assert [slot.revoked for slot in read_file(tmp_path / "app.keys")].count(True) == 0
        await ww.revoke(key=kid)
        assert ww.access.verify(between).subject == "u"
        AccessTokens(KeyRing.load(tmp_path / "app.keys", clock=clock), issuer=ISSUER, audience=API).verify(between)
        assert [slot.key.kid for slot in read_file(tmp_path / "app.keys") if slot.revoked] == [kid]


# the trail


async def test_the_trail_names_what_happened_and_never_a_token(ww: Watchword, clock: FrozenClock) -> None:
    tokens = []
    session = await ww.sessions.start("u")
    clock.advance(1)
    rotated = await ww.sessions.rotate(session.token)
    first = await ww.refresh.issue("u", client_id="c", session_id=session.session_id)
    second = await ww.refresh.rotate(first.token)
    third = await ww.refresh.rotate(second.token)
    access = ww.access.issue("u", session_id=session.session_id)
    await ww.revoke(token=access.token)
    other = await ww.sessions.start("v")
    await ww.sessions.end(str(other.session_id))
    with pytest.raises(TokenReusedError):
        await ww.refresh.rotate(first.token)
    await ww.revoke(subject="v")
    await ww.revoke(everything=True)
    tokens = [one.token for one in (session, rotated, first, second, third, access, other)]
    trail = await ww.events()
    assert [one.name for one in trail] == [
        "session_started",
        "session_rotated",
        "refresh_issued",
        "refresh_rotated",
        "refresh_rotated",
        "revoked",
        "session_started",
        "session_ended",
        "refresh_reused",
        "revoked",
        "revoked",
    ]
    assert [one.seq for one in trail] == list(range(1, 12))
    assert (trail[0].at, trail[1].at) == (NOW, NOW + 1)
    assert trail[5].detail == {"what": "token", "value": access.token_id}
    assert trail[9].detail == {"what": "subject", "value": "v"}
    assert trail[10].detail == {"what": "everything", "value": ""}
    written = encode(trail).decode() + repr(trail)
    for token in tokens:
        assert token not in written
        for part in token.removeprefix("ww_ss_").removeprefix("ww_rt_").split("."):
            assert len(part) < 23 or part not in written
    assert await ww.events(subject="v") == [trail[6], trail[7], trail[9]]
    assert await ww.events(after=9) == trail[9:]
    assert await ww.events(subject="u", after=2, limit=2) == trail[2:4]
    assert await ww.events(subject="nobody") == []


async def test_a_repr_holds_no_secret(ww: Watchword) -> None:
    session = await ww.sessions.start("u")
    shown = repr(ww) + repr(ww.sessions) + repr(ww.access) + repr(ww.refresh) + repr(ww.view) + repr(ww.ring)
    assert session.token not in shown
    for slot in ww.ring:
        if slot.key.algorithm.symmetric:
            assert repr(slot.key.secret_bytes())[2:-1] not in shown
    assert ISSUER in shown


# wiring


async def test_the_parts_share_one_store_one_ring_one_view_and_one_clock(clock: FrozenClock) -> None:
    options: dict[str, Any] = {
        "session_idle": timedelta(minutes=2),
        "session_absolute": timedelta(minutes=3),
        "access_lifetime": timedelta(minutes=4),
        "refresh_grace": timedelta(seconds=1),
        "max_staleness": timedelta(seconds=600),
    }
    async with made("memory:", clock, **options) as ww:
        session, access = await ww.sessions.start("u"), ww.access.issue("u")
        first = await ww.refresh.issue("u", client_id="c")
        assert (session.expires_at, access.expires_at) == (NOW + 120, NOW + 240)
        await ww.refresh.rotate(first.token)
        clock.advance(2)
        with pytest.raises(TokenReusedError):
            await ww.refresh.rotate(first.token)
        clock.advance(118)
        with pytest.raises(TokenExpiredError):
            await ww.sessions.authenticate(session.token)


async def test_an_authenticator_takes_sessions_and_access_tokens(ww: Watchword) -> None:
    first, second = ww.authenticator(), ww.authenticator(origins=["https://app.test"])
    assert first.origins == frozenset()
    assert second.origins == {"https://app.test"}


async def test_the_store_is_the_one_the_url_names(url: str, clock: FrozenClock) -> None:
    assert type(made(url, clock).store) is type(open_store(url))


async def test_verbs_run_side_by_side(ww: Watchword) -> None:
    calls: list[Coroutine[Any, Any, Any]] = [ww.sessions.start(f"user-{number}") for number in range(20)]
    started = await asyncio.gather(*calls)
    await asyncio.gather(*(ww.revoke(subject=f"user-{number}") for number in range(0, 20, 2)))
    for number, one in enumerate(started):
        found = await outcome(lambda one=one: ww.sessions.authenticate(one.token))  # type: ignore[misc]
        assert (found is TokenRevokedError) == (number % 2 == 0)
    assert ww.view.seq == 10
