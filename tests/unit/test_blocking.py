"""The same words for threads: nothing is missing, nothing suspends, and a fork is survived."""

import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

import pytest

from watchword import app, blocking
from watchword.clock import FrozenClock
from watchword.errors import (
    ConfigurationError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
)
from watchword.principal import Principal
from watchword.revocation.event import Revocation
from watchword.stores.base import SCHEMES, Audit, Record
from watchword.stores.memory import MemoryStore
from watchword.tokens import api_keys, devices, one_time, opaque_access, refresh, roles, sealed, sessions
from watchword.tokens.access import AccessTokens
from watchword.tokens.base import Issued
from watchword.web import ratelimit

NOW = 1_800_000_000
OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
def ww(url: str, clock: FrozenClock) -> Iterator[blocking.Watchword]:
    with blocking.Watchword(url, clock=clock, **OPTIONS) as opened:
        yield opened


def followers() -> int:
    return [one.name for one in threading.enumerate()].count("watchword-follower")


# parity


PAIRS: list[tuple[type, type]] = [
    (sessions.Sessions, blocking.Sessions),
    (refresh.RefreshTokens, blocking.RefreshTokens),
    (opaque_access.OpaqueAccessTokens, blocking.OpaqueAccessTokens),
    (sealed.SealedTokens, blocking.SealedTokens),
    (api_keys.ApiKeys, blocking.ApiKeys),
    (one_time.OneTimeTokens, blocking.OneTimeTokens),
    (devices.Devices, blocking.Devices),
    (roles.Roles, blocking.Roles),
    (ratelimit.Limiter, blocking.Limiter),
    (app.Watchword, blocking.Watchword),
]
FACES = [face.__name__ for _, face in PAIRS]
OPENINGS = {"open", "close"}


def coroutines(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(cls).items()
        if inspect.iscoroutinefunction(value) and not name.startswith("_")
    }


@pytest.mark.parametrize(("source", "face"), PAIRS, ids=FACES)
def test_every_coroutine_has_its_line(source: type, face: type) -> None:
    wanted = coroutines(source)
    assert len(wanted) > 1
    for name, verb in wanted.items():
        assert name in vars(face), f"{face.__name__}.{name} is missing in blocking.py"
        line = vars(face)[name]
        assert not inspect.iscoroutinefunction(line)
        if name not in OPENINGS or face is not blocking.Watchword:
            assert inspect.signature(line) == inspect.signature(verb)
            assert line.__doc__ == verb.__doc__
            assert line.__wrapped__ is verb


@pytest.mark.parametrize(("source", "face"), PAIRS, ids=FACES)
def test_there_is_no_word_that_the_other_side_lacks(source: type, face: type) -> None:
    made = {"access", "service", "ring", "core"}  # attributes there, found anew in each process here
    for name in vars(face):
        assert name.startswith("_") or name in made or hasattr(source, name), name


def test_the_parts_of_both_sides_are_the_same() -> None:
    there, here = app.Watchword("memory:", **OPTIONS), blocking.Watchword("memory:", **OPTIONS)
    parts = {name for name, value in vars(here).items() if isinstance(value, blocking._Face)}
    kinds = {name: type(value).__name__ for name, value in vars(there).items() if name in parts}
    assert len(kinds) == len(PAIRS) - 1
    assert kinds == {name: type(getattr(here, name)).__name__ for name in kinds}


def test_verbs_have_the_types_of_their_originals(ww: blocking.Watchword) -> None:
    """mypy checks these lines; at run time they only have to work."""
    session = assert_type(ww.sessions.start("u", data={"a": 1}, roles=["r"]), Issued)
    assert_type(ww.sessions.authenticate(session.token), Principal)
    assert_type(ww.sessions.update(session.token, data={"b": 2}), Principal)
    assert_type(ww.sessions.list("u"), list[sessions.SessionInfo])
    first = assert_type(ww.refresh.issue("u", client_id="c"), Issued)
    assert_type(ww.refresh.rotate(first.token), Issued)
    assert_type(ww.refresh.list("u"), list[refresh.FamilyInfo])
    opaque = assert_type(ww.opaque_access.issue("u"), Issued)
    assert_type(ww.opaque_access.authenticate(opaque.token), Principal)
    assert_type(ww.opaque_access.list("u"), list[opaque_access.OpaqueAccessInfo])
    hidden = assert_type(ww.sealed.seal({"a": 1}, purpose="p", bound_to="u"), Issued)
    assert_type(ww.sealed.redeem(hidden.token, purpose="p", bound_to="u"), dict[str, Any])
    assert_type(ww.revoke(subject="v"), Revocation)
    assert_type(ww.events(limit=1), list[Audit])
    assert_type(ww.access, AccessTokens)
    assert_type(ww.sessions.end("s"), bool)
    assert_type(ww.sessions.end_all("v"), int)
    with pytest.raises(TypeError):
        ww.sessions.start("u", date={})  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        ww.refresh.issue("u")  # type: ignore[call-arg]


# the verbs


def test_every_verb_runs(ww: blocking.Watchword, clock: FrozenClock) -> None:
    session = ww.sessions.start("u", data={"a": 1})
    assert ww.sessions.update(session.token, data={"b": 2}).claims == {"a": 1, "b": 2}
    rotated = ww.sessions.rotate(session.token)
    with pytest.raises(TokenRevokedError):
        ww.sessions.authenticate(session.token)
    assert ww.sessions.authenticate(rotated.token).session_id == session.session_id
    assert [one.session_id for one in ww.sessions.list("u")] == [session.session_id]
    first = ww.refresh.issue("u", client_id="c", session_id=session.session_id)
    second = ww.refresh.rotate(first.token)
    assert ww.refresh.rotate(first.token) == second
    assert ww.refresh.authenticate(second.token).family_id == first.family_id
    assert ww.refresh.family_of(first.token) == ww.refresh.list("u")[0]
    token = ww.access.issue("u", session_id=session.session_id).token
    assert ww.access.verify(token).session_id == session.session_id
    event = ww.sessions.revocation_of(rotated.token)
    assert event is not None
    assert event.value == session.session_id
    clock.advance(11)
    with pytest.raises(TokenReusedError):
        ww.refresh.rotate(first.token)
    with pytest.raises(TokenRevokedError):
        ww.access.verify(token)
    with pytest.raises(TokenRevokedError):
        ww.sessions.authenticate(rotated.token)
    opaque = ww.opaque_access.issue("v")
    assert ww.opaque_access.authenticate(opaque.token).subject == "v"
    assert ww.opaque_access.introspect(opaque.token)["jti"] == opaque.token_id
    assert [one.token_id for one in ww.opaque_access.list("v")] == [opaque.token_id]
    assert ww.opaque_access.revocation_of(opaque.token) is not None
    assert ww.opaque_access.revoke(opaque.token_id) is True
    hidden = ww.sealed.seal({"a": 1}, purpose="p", bound_to="v").token
    assert ww.sealed.open(hidden, purpose="p", bound_to="v") == {"a": 1}
    assert ww.sealed.redeem(hidden, purpose="p", bound_to="v") == {"a": 1}
    assert ww.sealed.void(hidden, purpose="p", bound_to="v") is False
    other = ww.sessions.start("v")
    assert ww.sessions.end(str(other.session_id)) is True
    assert ww.sessions.end_all("v") == 0
    assert ww.revoke(subject="u").acknowledged == ("self",)
    assert [one.name for one in ww.events()][:2] == ["session_started", "session_rotated"]
    expired = ww.sessions.start("u")
    clock.advance(timedelta(minutes=30))
    with pytest.raises(TokenExpiredError):
        ww.sessions.authenticate(expired.token)


# opening


def test_it_opens_at_the_first_verb_and_again_after_a_close(url: str, clock: FrozenClock, tmp_path: Path) -> None:
    ww = blocking.Watchword(url, clock=clock, **OPTIONS)
    assert followers() == 0
    assert list(tmp_path.iterdir()) == []
    session = ww.sessions.start("u")
    assert followers() == 1
    ww.open()
    assert followers() == 1
    ww.close()
    ww.close()
    assert followers() == 0
    if url == "memory:":
        with pytest.raises(TokenNotFoundError):
            ww.sessions.authenticate(session.token)
    else:
        ww.sessions.authenticate(session.token)
    assert followers() == 1
    ww.close()


@pytest.mark.parametrize(
    "verb",
    [
        lambda ww: ww.access.issue("u"),
        lambda ww: len(ww.ring),
        lambda ww: ww.refresh.list("u"),
        lambda ww: ww.events(),
        lambda ww: ww.revoke(subject="u"),
    ],
)
def test_any_verb_opens_it(clock: FrozenClock, verb: Callable[[blocking.Watchword], Any]) -> None:
    ww = blocking.Watchword("memory:", clock=clock, **OPTIONS)
    verb(ww)
    assert followers() == 1
    ww.close()


def test_many_threads_open_it_once(url: str, clock: FrozenClock) -> None:
    ww, barrier = blocking.Watchword(url, clock=clock, **OPTIONS), threading.Barrier(20)

    def first_verb(number: int) -> Issued:
        barrier.wait()
        return ww.sessions.start(f"user-{number}")

    with ThreadPoolExecutor(20) as pool:
        started = list(pool.map(first_verb, range(20)))
    assert followers() == 1
    for number, one in enumerate(started):
        assert ww.sessions.authenticate(one.token).subject == f"user-{number}"
    ww.close()


def test_a_mistake_in_the_parameters_shows_when_it_is_made() -> None:
    for more in ({"issuer": ""}, {"session_idle": timedelta(0)}, {"nonsense": 1}):
        with pytest.raises((ConfigurationError, TypeError)):
            blocking.Watchword("memory:", **{**OPTIONS, **more})
    with pytest.raises(ConfigurationError):
        blocking.Watchword("oracle://x", **OPTIONS)


class Suspending(MemoryStore):
    """Can only be used under an event loop."""

    suspends = True
    pulls_inline = False
    written = 0
    closed = 0

    async def put(self, *records: Record, audit: Any = ()) -> None:
        type(self).written += 1

    def close_blocking(self) -> None:
        type(self).closed += 1
        super().close_blocking()


class Refusing(Suspending):
    """And says so itself."""

    def open_blocking(self) -> None:
        raise ConfigurationError("use it under an event loop")


@pytest.mark.parametrize("store", [Suspending, Refusing])
def test_a_store_that_suspends_is_refused_before_anything_half_happens(
    store: type[Suspending], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCHEMES, "memory", f"{__name__}:{store.__name__}")
    store.written = store.closed = 0
    ww = blocking.Watchword("memory:", **OPTIONS)
    for verb in (ww.open, lambda: ww.sessions.start("u"), lambda: ww.revoke(subject="u")):
        with pytest.raises(ConfigurationError, match="event loop"):
            verb()
    assert store.written == 0
    assert store.closed >= 3, "and it is closed again"
    assert followers() == 0


# threads


def test_threads_see_each_others_sessions_and_revocations(ww: blocking.Watchword) -> None:
    with ThreadPoolExecutor(1) as other:
        session = other.submit(ww.sessions.start, "u").result()
        assert ww.sessions.authenticate(session.token).subject == "u"
        ww.revoke(session=str(session.session_id))
        with pytest.raises(TokenRevokedError):
            other.submit(ww.sessions.authenticate, session.token).result()


# forks


def in_a_child(work: Callable[[], str]) -> Callable[[], str]:
    """Fork, do the work in the child, and return what to call for its answer."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: a process with threads forks
        child = os.fork()
    if child == 0:
        answer = "the child failed"
        try:
            os.close(reading)
            answer = work()
        except BaseException as error:  # noqa: BLE001 - told by the parent
            answer = repr(error)
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)

    def answer_of_it() -> str:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(child, 0)
        return said

    return answer_of_it


def sees_it_dead(verb: Callable[[], Any], patience: int = 2_000_000) -> bool:
    """Ask again and again, and let others run, until it is refused."""
    for _ in range(patience):
        try:
            verb()
        except TokenRevokedError:
            return True
        os.sched_yield()
    return False


@pytest.fixture
def forked(tmp_path: Path, clock: FrozenClock) -> Iterator[blocking.Watchword]:
    with blocking.Watchword(f"sqlite:///{tmp_path}/app.db", clock=clock, **OPTIONS) as opened:
        yield opened


def test_a_child_opens_its_own_and_its_parent_hears_of_what_it_revokes(forked: blocking.Watchword) -> None:
    ww = forked
    session, token = ww.sessions.start("u"), ww.access.issue("u").token
    ww.access.verify(token)

    def child() -> str:
        before = followers()
        who = ww.sessions.authenticate(session.token)
        own = ww.sessions.start("from the child")
        ww.revoke(token=token)
        assert sees_it_dead(lambda: ww.access.verify(token), 1)
        assert (before, followers()) == (0, 1)
        return f"{who.subject} {own.token}"

    said = in_a_child(child)
    assert sees_it_dead(lambda: ww.access.verify(token))
    subject, own = said().split(" ")
    assert subject == "u"
    assert ww.sessions.authenticate(own).subject == "from the child"
    assert ww.sessions.authenticate(session.token).subject == "u"
    assert [one.name for one in ww.events()] == ["session_started", "session_started", "revoked"]


def test_a_child_hears_of_what_its_parent_revokes(forked: blocking.Watchword) -> None:
    ww = forked
    session, token = ww.sessions.start("u"), ww.access.issue("u").token
    ready, go = os.pipe(), os.pipe()

    def child() -> str:
        ww.access.verify(token)
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        return str(
            sees_it_dead(lambda: ww.access.verify(token)) and sees_it_dead(lambda: ww.sessions.rotate(token_of), 1)
        )

    token_of = session.token
    said = in_a_child(child)
    os.read(ready[0], 1)
    ww.revoke(subject="u")
    os.write(go[1], b"x")
    assert said() == "True"
    for descriptor in (*ready, *go):
        os.close(descriptor)


def test_parent_and_children_rotate_to_one_successor(forked: blocking.Watchword) -> None:
    ww = forked
    first = ww.refresh.issue("u", client_id="c")
    answers = [in_a_child(lambda: ww.refresh.rotate(first.token).token) for _ in range(3)]
    mine = ww.refresh.rotate(first.token).token
    assert {answer() for answer in answers} == {mine}


def test_a_child_that_closes_leaves_its_parent_open(forked: blocking.Watchword) -> None:
    ww = forked
    session = ww.sessions.start("u")

    def child() -> str:
        ww.close()
        ww.sessions.authenticate(session.token)
        ww.close()
        return "closed"

    assert in_a_child(child)() == "closed"
    assert followers() == 1
    ww.sessions.authenticate(session.token)
    ww.sessions.rotate(session.token)


def test_a_fork_before_the_first_verb(tmp_path: Path, clock: FrozenClock) -> None:
    ww = blocking.Watchword(f"sqlite:///{tmp_path}/app.db", clock=clock, **OPTIONS)
    children = [in_a_child(lambda: ww.access.issue("u").token) for _ in range(3)]
    for child in children:
        assert ww.access.verify(child()).subject == "u"
    ww.close()


def test_what_a_child_writes_outlives_its_parents_close(forked: blocking.Watchword) -> None:
    ww = forked
    ww.sessions.start("u")
    ready, go = os.pipe(), os.pipe()

    def child() -> str:
        ww.sessions.start("early")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        return ww.sessions.start("late").token

    said = in_a_child(child)
    os.read(ready[0], 1)
    ww.close()
    os.write(go[1], b"x")
    token = said()
    for descriptor in (*ready, *go):
        os.close(descriptor)
    assert ww.sessions.authenticate(token).subject == "late"
