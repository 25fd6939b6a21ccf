"""The plain blocklist: no list in the process, one keyed read of the store for each request, in any store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest

from tests.services.valkey import Server
from watchword import FrozenClock, SystemClock, Watchword
from watchword.blocking import Watchword as BlockingWatchword
from watchword.errors import ConfigurationError, StoreUnavailableError, TokenRevokedError
from watchword.principal import Principal
from watchword.revocation.event import BY_CUTOFF, BY_NAME
from watchword.revocation.feed import catch_up
from watchword.stores.postgres_wire import Link
from watchword.stores.redis import RedisStore

pytestmark = pytest.mark.anyio

NO_LEASE: dict[str, Any] = {"on_stale": "ask", "max_staleness": timedelta(0)}
NAMES: dict[str, Any] = {"issuer": "https://as.example", "audience": "https://api.example"}
SERVED = {"postgresql": "postgres", "redis": "valkey", "redis+cluster": "valkey_cluster"}


class Place(NamedTuple):
    """A store and the key file beside it, which several processes share."""

    url: str
    keys: Path

    def house(self, **options: Any) -> Watchword:
        return Watchword(self.url, keys=self.keys, **NAMES, **(NO_LEASE | options))


@pytest.fixture(params=["sqlite", *SERVED])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path}/store.db", tmp_path / "keys")
    return Place(request.getfixturevalue(SERVED[request.param]).fresh(), tmp_path / "keys")


@pytest.fixture
async def pair(place: Place) -> AsyncIterator[tuple[Watchword, Watchword]]:
    """Two processes, as far as they know: what the one revokes the other has not heard."""
    here, there = place.house(), place.house()
    async with here, there:
        await quiet(here)
        yield here, there


async def quiet(ww: Watchword) -> None:
    """It follows nothing any more, so that what is seen is what the request itself did."""
    await ww._chores.end()


async def refused(attempt: Callable[[], Awaitable[object]]) -> bool:
    try:
        await attempt()
    except TokenRevokedError:
        return True
    return False


# revoked elsewhere is refused here, at once


@pytest.mark.parametrize("what", [*BY_NAME, *BY_CUTOFF])
async def test_an_access_token_is_refused_by_the_next_request(pair: Any, what: str) -> None:
    here, there = pair
    made = here.access.issue("u", session_id="s", family_id="f", client_id="c")
    other = here.access.issue("other", client_id="other", format="paseto")
    assert (await here.access.authenticate(made.token)).subject == "u"
    if what == "roles":
        await there.roles.set("u", ["admin"])
    elif what == "signed_in":
        await there.subject_changed("u", "password")
    else:
        kid = next(slot.key.kid for slot in here.ring if slot.key.algorithm.name == "ES256")
        values = {"token": made.token, "session": "s", "family": "f", "client": "c", "key": kid, "everything": True}
        await there.revoke(**{what: values.get(what, "u")})
    assert await refused(lambda: here.access.authenticate(made.token))
    assert await refused(lambda: here.access.authenticate(other.token)) is (what == "everything")
    assert len(here.view) == 0, "nothing is kept"


async def test_what_is_issued_after_a_cut_off_lives(pair: Any) -> None:
    here, there = pair
    before = here.access.issue("u")
    await there.revoke(subject="u")
    late = here.access.issue("u")
    await catch_up(here.store, here.view)
    after = here.access.issue("u")
    assert await refused(lambda: here.access.authenticate(before.token))
    assert await refused(lambda: here.access.authenticate(late.token)), (
        "it carries what was heard before: the safe side"
    )
    assert (await here.access.authenticate(after.token)).rev == there.view.rev
    assert (await here.access.authenticate(there.access.issue("u").token)).subject == "u"


async def test_every_kind_is_refused_by_the_next_request(pair: Any) -> None:
    here, there = pair
    session, opaque, key = (
        (await here.sessions.start("u")).token,
        (await here.opaque_access.issue("u")).token,
        (await here.api_keys.issue("u")).token,
    )
    refresh = (await here.refresh.issue("u", client_id="c")).token
    link = (await here.one_time.issue("u", purpose="password-reset")).token
    sealed = here.sealed.seal({}, purpose="p", bound_to="u").token
    service = here.service.issue("u", audience=NAMES["audience"]).token
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "session": lambda: here.sessions.authenticate(session),
        "opaque": lambda: here.opaque_access.authenticate(opaque),
        "key": lambda: here.api_keys.authenticate(key),
        "refresh": lambda: here.refresh.family_of(refresh),
        "service": lambda: here.service.authenticate(service),
        "one_time": lambda: here.one_time.look(link, purpose="password-reset"),
    }
    for attempt in attempts.values():
        await attempt()
    assert len(await here.sessions.list("u")) == len(await here.refresh.list("u")) == 1
    assert len(await here.opaque_access.list("u")) == len(await here.api_keys.list("u")) == 1
    await there.revoke(subject="u")
    attempts["sealed"] = lambda: here.sealed.redeem(sealed, purpose="p", bound_to="u")
    attempts["rotate"] = lambda: here.refresh.rotate(refresh)
    assert {name for name, attempt in attempts.items() if not await refused(attempt)} == set()
    assert await here.sessions.list("u") == await here.refresh.list("u") == []
    assert await here.opaque_access.list("u") == await here.api_keys.list("u") == []


async def test_a_change_of_roles_is_read_by_the_next_request(pair: Any) -> None:
    here, there = pair
    session = await here.sessions.start("u", roles=["clerk"])
    await there.roles.set("u", ["admin"])
    assert (await here.sessions.authenticate(session.token)).roles == {"admin"}


async def test_the_key_of_a_refresh_token_may_be_revoked(pair: Any) -> None:
    here, there = pair
    refresh = await here.refresh.issue("u", client_id="c")
    await there.revoke(key=next(slot.key.kid for slot in here.ring if slot.key.use == "mac"))
    with pytest.raises(Exception, match="not a refresh token of ours"):
        await here.refresh.rotate(refresh.token)


async def test_a_session_that_ends_elsewhere_takes_its_tokens_along(pair: Any) -> None:
    here, there = pair
    session = await here.sessions.start("u")
    access = here.access.issue("u", session_id=session.session_id)
    await there.sessions.end(session.session_id)
    assert await refused(lambda: here.access.authenticate(access.token))


async def test_a_follower_hears_of_the_head_alone(place: Place) -> None:
    here, there = place.house(), place.house()
    async with here, there:
        before = here.view.rev
        await there.revoke(subject="u")
        for _ in range(500):
            if here.view.rev != before:
                break
            await asyncio.sleep(0.01)
        assert here.view.rev == there.view.rev != before
        assert len(here.view) == len(there.view) == 0


# plain functions


async def test_a_plain_verify_asks_where_the_store_answers_inline_and_else_says_what_to_do(pair: Any) -> None:
    here, there = pair
    token = here.access.issue("u").token
    sealed = here.sealed.seal({"a": 1}, purpose="p", bound_to="u").token
    if not here.store.pulls_inline:
        with pytest.raises(ConfigurationError, match=r"await …authenticate"):
            here.access.verify(token)
        with pytest.raises(ConfigurationError, match=r"await …authenticate"):
            here.sealed.open(sealed, purpose="p", bound_to="u")
        return
    assert here.access.verify(token).subject == "u"
    assert here.sealed.open(sealed, purpose="p", bound_to="u") == {"a": 1}
    await there.revoke(subject="u")
    with pytest.raises(TokenRevokedError):
        here.access.verify(token)
    with pytest.raises(TokenRevokedError):
        here.sealed.open(sealed, purpose="p", bound_to="u")


def test_in_threads_every_check_asks(place: Place) -> None:
    options: dict[str, Any] = {"keys": place.keys, **NAMES, **NO_LEASE}
    with BlockingWatchword(place.url, **options) as here, BlockingWatchword(place.url, **options) as there:
        token, session = here.access.issue("u").token, here.sessions.start("u").token
        assert here.access.verify(token).subject == here.sessions.authenticate(session).subject == "u"
        there.revoke(subject="u")
        with pytest.raises(TokenRevokedError):
            here.access.verify(token)
        with pytest.raises(TokenRevokedError):
            here.sessions.authenticate(session)
        assert there.access.verify(there.access.issue("u").token).subject == "u"


# what a request costs


class Counted:
    """A socket that counts what is sent over it."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.sends = inner, 0

    def send(self, data: bytes) -> int:
        self.sends += 1
        sent: int = self._inner.send(data)
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Watchword], Callable[[], int]]]:
    """Counts what a Watchword says to its server from now on: sends of its one socket, statements on any connection."""

    def counting(ww: Watchword) -> Callable[[], int]:
        if isinstance(ww.store, RedisStore):
            lane: Any = ww.store._lane
            counted = lane._wire._wire.socket = Counted(lane._wire._wire.socket)
            return lambda: counted.sends
        asked: list[str] = []
        ask, say = Link.ask, Link.say

        def asking(link: Link, sql: str, parameters: Any) -> Any:
            asked.append(sql)
            return ask(link, sql, parameters)

        def saying(link: Link, words: bytes) -> Any:
            asked.append(words.decode())
            return say(link, words)

        monkeypatch.setattr(Link, "ask", asking)
        monkeypatch.setattr(Link, "say", saying)
        return lambda: len(asked)

    yield counting
    monkeypatch.undo()


@pytest.mark.parametrize("place", ["postgresql", "redis"], indirect=True)
@pytest.mark.parametrize(
    ("options", "each"), [(NO_LEASE, 1), ({"on_stale": "closed", "max_staleness": timedelta(60)}, 0)]
)
async def test_a_request_is_one_call_over_the_network_and_none_with_a_view(
    place: Place, calls: Any, options: dict[str, Any], each: int
) -> None:
    async with place.house(**options) as ww:
        await quiet(ww)
        tokens = [ww.access.issue(f"u{n}", session_id=f"s{n}", family_id=f"f{n}").token for n in range(20)]
        await ww.revoke(subject="u3")
        await ww.access.authenticate(tokens[0])
        made = calls(ww)
        for n, token in enumerate(tokens):
            before = made()
            assert await refused(partial(ww.access.authenticate, token)) is (n == 3)
            assert made() - before == each


async def test_the_questions_of_one_turn_leave_together(valkey: Server, tmp_path: Path, calls: Any) -> None:
    async with Place(valkey.fresh(), tmp_path / "keys").house() as ww:
        await quiet(ww)
        tokens = [ww.access.issue(f"u{n}").token for n in range(100)]
        await ww.revoke(subject="u7")
        made = calls(ww)
        before = made()
        answers = await asyncio.gather(*map(ww.access.authenticate, tokens), return_exceptions=True)
        assert made() - before == 1
        assert [n for n, answer in enumerate(answers) if not isinstance(answer, Principal)] == [7]


# what the server is, and what another program finds there


async def test_a_primary_that_was_demoted_is_no_witness(valkey: Server, tmp_path: Path) -> None:
    """A replica that lags knows nothing of what was revoked, and an empty answer would let it through."""
    with Server(valkey.command[0], tmp_path / "alone") as alone:
        async with Place(alone.fresh(), tmp_path / "keys").house() as ww:
            await quiet(ww)
            token = ww.access.issue("u").token
            await ww.access.authenticate(token)
            with alone.client() as client:
                client.replicaof("127.0.0.1", valkey.port)
            with pytest.raises(StoreUnavailableError):
                await ww.access.authenticate(token)


def plain_verdict(client: Any, prefix: str, key: Any, token: str) -> bool:
    """Whether a token is good, to a program that has PyJWT, a redis-py client and the page on Redis keys alone."""
    claims = jwt.decode(token, key, algorithms=["ES256"], audience=NAMES["audience"], issuer=NAMES["issuer"])
    at = f"{{{prefix}}}:b:"
    named = [f"token:{claims['jti']}", f"key:{jwt.get_unverified_header(token)['kid']}"]
    named += [f"{what}:{claims[claim]}" for what, claim in (("session", "sid"), ("family", "fam")) if claim in claims]
    if client.exists(*(at + name for name in named)):
        return False
    born = client.hget(f"{{{prefix}}}:m", "born")
    life = f"{(born or b'').decode()}:{client.info('replication')['master_replid']}"
    epoch, _, seq = claims.get("rev", "").rpartition(".")
    same = epoch == hashlib.sha256(life.encode()).hexdigest()[:12]
    cuts = [
        f"subject:{claims['sub']}",
        f"signed_in:{claims['sub']}",
        f"roles:{claims['sub']}",
        f"client:{claims['client_id']}",
        "everything:",
    ]
    for held in client.mget([at + cut for cut in cuts]):
        if held is not None and not (same and int(seq) >= int(held.split(b":")[0])):
            return False
    return True


async def test_another_program_reads_the_same_from_the_documented_keys(valkey: Server, tmp_path: Path) -> None:
    place = Place(valkey.fresh(), tmp_path / "keys")
    async with place.house() as ww:
        assert isinstance(ww.store, RedisStore)
        prefix = ww.store.address.prefix
        names = ["token", "session", "family", "subject", "client", "free", "roles", "password", "rebirth"]
        made = {
            one: ww.access.issue(one, session_id=f"s-{one}", family_id=f"f-{one}", client_id=f"c-{one}")
            for one in names
        }
        slot = next(slot for slot in ww.ring if slot.key.algorithm.name == "ES256")
        key = jwt.PyJWK(ww.ring.jwks()["keys"][[one["kid"] for one in ww.ring.jwks()["keys"]].index(slot.key.kid)]).key
        with valkey.client() as client:

            async def agree() -> set[str]:
                good = {one for one in made if plain_verdict(client, prefix, key, made[one].token)}
                for one, issued in made.items():
                    assert await refused(partial(ww.access.authenticate, issued.token)) is (one not in good)
                return good

            assert await agree() == set(names)
            await ww.revoke(token=made["token"].token)
            await ww.revoke(session="s-session")
            await ww.revoke(family="f-family")
            await ww.revoke(subject="subject")
            await ww.revoke(client="c-client")
            await ww.roles.set("roles", ["admin"])
            await ww.subject_changed("password", "password")
            made["after"] = ww.access.issue("subject", client_id="c-client")
            assert await agree() == {"free", "rebirth", "after"}
            await ww.revoke(everything=True)
            made["last"] = ww.access.issue("free")
            assert await agree() == {"last"}
            await ww.revoke(key=slot.key.kid)
            assert await agree() == set()


async def test_a_key_stays_until_what_it_stops_has_ended_and_60_seconds_more(valkey: Server, tmp_path: Path) -> None:
    """With the largest leeway there is, on both of the clocks that could sweep it up."""
    clock = FrozenClock(SystemClock().now())
    async with Place(valkey.fresh(), tmp_path / "keys").house(clock=clock) as ww:
        assert isinstance(ww.store, RedisStore)
        made = ww.access.issue("u", lifetime=timedelta(minutes=15))
        await ww.revoke(token=made.token)
        name = f"{{{ww.store.address.prefix}}}:b:token:{made.token_id}"
        with valkey.client() as client:
            held: Any = client.get(name)
            assert int(held.split(b":")[1]) >= made.expires_at + 60 + 60
            assert client.ttl(name) >= 900 + 60 + 60
            clock.advance(900 + 60 + 59)
            await ww.store.purge(now=clock.now())
            assert client.exists(name)
            clock.advance(1)
            await ww.store.purge(now=clock.now())
            assert not client.exists(name)
