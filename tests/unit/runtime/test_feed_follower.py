"""Following an issuer's revocations over HTTP: what takes hold, what renews the lease, and what never does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.feed_server import API_KEY, AUDIENCE, FeedServer, Twist, ask, feed_server, followed
from tests.unit.test_blocking import in_a_child
from watchword import AccessTokens, FrozenClock
from watchword.authn.bearers import Bearers
from watchword.clock import SystemClock
from watchword.errors import ConfigurationError, KeysUnavailableError, StaleRevocationError, TokenRevokedError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.revocation.answer import MOST_EVENTS, Question
from watchword.runtime import feed_follower
from watchword.runtime.feed_follower import RevocationFeed
from watchword.runtime.issuer import Issuer, Issuers
from watchword.runtime.ticker import drive
from watchword.stores.base import Event

STALE = 5.0
"""Seconds of the default lease."""


@pytest.fixture
def house() -> Iterator[FeedServer]:
    with feed_server() as house:
        yield house


@pytest.fixture
def issuer(house: FeedServer) -> Iterator[Issuer]:
    with followed(house.issuer()) as issuer:
        yield issuer


def dead(issuer: Issuer, token: str) -> bool:
    try:
        issuer.verify(token)
    except TokenRevokedError:
        return True
    return False


def view(issuer: Issuer) -> Any:
    assert issuer.view is not None
    return issuer.view


# What takes hold

WHAT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "session": lambda who: {"session": who.session_id},
    "family": lambda who: {"family": who.family_id},
    "subject": lambda who: {"subject": who.subject},
    "client": lambda who: {"client": who.client_id},
    "everything": lambda who: {"everything": True},
}


@pytest.mark.parametrize("what", WHAT)
def test_what_is_revoked_there_is_refused_here(house: FeedServer, issuer: Issuer, what: str) -> None:
    token = house.token(session_id="s-1", family_id="f-1", client_id="mobile")
    who = issuer.verify(token)
    house.revoke(**WHAT[what](who))
    assert not dead(issuer, token)  # it has not heard, and may not have: that is what the lease is for
    ask(issuer)
    assert dead(issuer, token)
    assert dead(issuer, house.token(session_id="s-1", family_id="f-1")) == (what in ("session", "family"))
    assert not dead(issuer, house.token("user-8"))


def test_one_token(house: FeedServer, issuer: Issuer) -> None:
    one, other = house.token(), house.token()
    house.revoke(token=one)
    ask(issuer)
    assert (dead(issuer, one), dead(issuer, other)) == (True, False)


def test_one_key_whose_place_another_takes_at_once(house: FeedServer, issuer: Issuer) -> None:
    """Though the key is still published, and the first of the ring."""
    token, lost = house.token(), house.ring.active("sign")
    house.ring.add(Key.generate("Ed25519"))
    house.revoke(key=lost.kid)
    ask(issuer)
    assert dead(issuer, token)
    house.clock.advance(60)
    ask(issuer)
    assert view(issuer).fresh()
    house.ring.replace(lost.kid)
    house.clock.advance(60)
    drive(issuer.refresh.tick())
    ask(issuer)
    assert not dead(issuer, house.token())


def test_roles_end_what_carries_them(house: FeedServer, issuer: Issuer) -> None:
    token = house.token(roles=["admin"])
    drive(house.ww.roles.set("user-7", []))
    ask(issuer)
    assert (dead(issuer, token), dead(issuer, house.token())) == (True, False)


def test_a_new_password_ends_what_was_signed_in_with_the_old_one(house: FeedServer, issuer: Issuer) -> None:
    token = house.token()
    drive(house.ww.subject_changed("user-7", what="password"))
    ask(issuer)
    assert (dead(issuer, token), dead(issuer, house.token())) == (True, False)


def test_a_sort_that_is_not_known_here_ends_everything_before_it(house: FeedServer, issuer: Issuer) -> None:
    token = house.token()
    house.append(Event(what="planet", value="mars", at=0, until=house.clock.now() + 900))
    ask(issuer)
    assert (dead(issuer, token), dead(issuer, house.token())) == (True, False)


def test_a_token_that_was_seen_before_is_checked_again(house: FeedServer, issuer: Issuer) -> None:
    token = house.token(session_id="s-1")
    for _ in range(3):
        assert issuer.verify(token).session_id == "s-1"
    house.revoke(session="s-1")
    ask(issuer)
    assert dead(issuer, token)


def test_paseto_tokens_of_the_issuer_with_the_same_view(house: FeedServer, issuer: Issuer) -> None:
    ring = KeyRing.generate("v4.public", clock=house.clock)
    theirs = AccessTokens(ring, issuer=house.url, audience=AUDIENCE, view=house.ww.view)
    here = AccessTokens(ring, issuer=house.url, audience=AUDIENCE, view=issuer.view)
    token = theirs.issue("user-7").token
    assert here.verify(token).subject == "user-7"
    house.revoke(subject="user-7")
    ask(issuer)
    with pytest.raises(TokenRevokedError):
        here.verify(token)
    assert here.verify(theirs.issue("user-7").token)


def test_in_a_new_life_of_the_feed_what_was_revoked_by_name_stays_so(house: FeedServer, issuer: Issuer) -> None:
    token = house.token(session_id="s-1")
    house.revoke(session="s-1")
    ask(issuer)
    assert dead(issuer, token)
    house.ww.close_blocking()
    house.ww.open_blocking()  # a memory store begins anew
    house.revoke(session="s-2")
    ask(issuer)
    assert view(issuer).epoch == house.ww.view.epoch
    assert dead(issuer, token)
    assert dead(issuer, house.token(session_id="s-2"))


def test_a_feed_that_went_back_loses_nothing_that_comes_after(house: FeedServer, issuer: Issuer) -> None:
    """As after a restore: the numbers begin lower again, in the same life."""
    for number in range(5):
        house.revoke(session=f"old-{number}")
    ask(issuer)

    def back(answer: str, question: Question) -> str:
        sent = [(1, "session", "new-1", house.clock.now() + 900), (2, "session", "new-2", house.clock.now() + 900)]
        return house.changed(answer, after=0, head=2, events=sent[: 2 if question.seq > 1 else 1])

    house.twist = back
    ask(issuer)
    assert view(issuer).seq == 2
    assert dead(issuer, house.token(session_id="new-2"))


# What renews the lease, and what does not


def test_the_lease_runs_from_when_the_question_was_sent(house: FeedServer, issuer: Issuer) -> None:
    token = house.token()

    def slow(answer: str, _: Question) -> str:
        house.clock.advance(3)
        return answer

    house.twist = slow
    ask(issuer)
    house.clock.advance(STALE - 3 - 0.001)
    assert issuer.verify(token)
    house.clock.advance(0.002)
    with pytest.raises(StaleRevocationError):
        issuer.verify(token)


def test_past_the_lease_everything_is_refused_until_the_next_good_answer(house: FeedServer, issuer: Issuer) -> None:
    token = house.token()
    assert issuer.verify(token)
    house.clock.advance(STALE)
    for _ in range(2):
        with pytest.raises(StaleRevocationError) as refused:
            issuer.verify(token)
        assert refused.value.status == 503
    ask(issuer)
    assert issuer.verify(token)


def _refused(house: FeedServer) -> dict[str, Twist]:
    stranger = Key.generate("ES256", kid=house.ring.active("sign").kid)
    other = Key.generate("ES256")
    return {
        "another nonce": lambda answer, _: house.changed(answer, nonce="A" * 22),
        "another issuer": lambda answer, _: house.changed(answer, iss="https://other.example"),
        "another type": lambda answer, _: house.changed(answer, header={"typ": "at+jwt"}),
        "an older head": lambda answer, question: house.changed(answer, head=question.seq - 1, events=[]),
        "another's key under the name of ours": lambda answer, _: house.changed(answer, key=stranger),
        "another's key": lambda answer, _: house.changed(answer, key=other),
        "the answer and something more": lambda answer, _: answer + "A",
        "an access token": lambda _, __: house.token(),
        "nothing at all": lambda _, __: "",
        "megabytes": lambda answer, _: answer + "A" * 10**6,
    }


NAMES = [
    *("another nonce", "another issuer", "another type", "an older head", "another's key under the name of ours"),
    *("another's key", "the answer and something more", "an access token", "nothing at all", "megabytes"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_renews_nothing(house: FeedServer, issuer: Issuer, name: str) -> None:
    house.revoke(session="s-0")
    ask(issuer)
    token, until = house.token(session_id="s-1"), view(issuer).lease_until
    house.clock.advance(1)
    house.revoke(session="s-1")
    house.twist = _refused(house)[name]
    ask(issuer)
    assert view(issuer).lease_until == until
    house.clock.advance(STALE - 1)
    with pytest.raises(StaleRevocationError):
        issuer.verify(token)
    house.twist = lambda answer, _: answer
    ask(issuer)
    assert dead(issuer, token)


def test_a_recorded_answer_renews_nothing(house: FeedServer, issuer: Issuer) -> None:
    old: list[str] = []

    def replay(answer: str, _: Question) -> str:
        old.append(answer)
        return old[0]

    house.twist = replay
    house.revoke(session="s-0")
    ask(issuer)
    until = view(issuer).lease_until
    house.clock.advance(1)
    house.revoke(session="s-1")
    ask(issuer)
    assert view(issuer).lease_until == until
    assert "another question" in str(issuer.follower and issuer.follower.last_error)


def test_a_lease_comes_with_the_last_part_alone(house: FeedServer) -> None:
    far = house.clock.now() + 900
    house.append(*(Event(what="token", value=f"t-{number}", at=0, until=far) for number in range(MOST_EVENTS + 1)))
    issuer, fresh = house.issuer(), list[bool]()

    def watch(answer: str, _: Question) -> str:
        fresh.append(view(issuer).fresh())
        return answer

    house.twist = watch
    with followed(issuer):
        assert fresh == [False, False]
        assert (view(issuer).fresh(), len(view(issuer))) == (True, MOST_EVENTS + 1)


def test_more_than_is_held_is_refused(house: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_follower, "MOST_ENTRIES", 3)
    for number in range(4):
        house.revoke(session=f"s-{number}")
    with followed(house.issuer()) as issuer, pytest.raises(StaleRevocationError):
        issuer.verify(house.token())


def test_a_key_that_was_revoked_signs_no_answer(house: FeedServer, issuer: Issuer) -> None:
    stolen = house.ring.active("sign")
    house.ring.add(Key.generate("Ed25519"))  # another takes its place, and it is published all the same
    house.revoke(key=stolen.kid)
    ask(issuer)
    until = view(issuer).lease_until
    house.clock.advance(1)
    house.revoke(session="s-1")
    house.twist = lambda answer, _: house.changed(answer, key=stolen)
    ask(issuer)
    assert view(issuer).lease_until == until
    assert "was revoked" in str(issuer.follower and issuer.follower.last_error)


def test_a_symmetric_key_signs_no_answer(house: FeedServer) -> None:
    """Even where the ring that was handed in holds one."""
    secret = Key.generate("HS256", use="sign")
    follower = feed_follower.FeedFollower(
        house.feed(), issuer=house.url, keys=KeyRing.of(secret, clock=house.clock), clock=house.clock,
        allow_loopback=True,
    )  # fmt: skip
    house.twist = lambda answer, _: house.changed(answer, key=secret)
    drive(follower.begin(threaded=True))
    assert not follower.view.fresh()
    assert "symmetric" in str(follower.last_error)


# How it asks


def test_each_question_has_a_nonce_of_its_own_and_waits_a_fourth_of_the_lease(
    house: FeedServer, issuer: Issuer
) -> None:
    for _ in range(5):
        house.revoke(session="s")
        ask(issuer)
    assert len({question.nonce for question in house.questions}) == 6
    assert [question.wait for question in house.questions] == [0.0, *[STALE / 4] * 5]
    assert house.headers["Authorization"] == f"Bearer {API_KEY}"


def test_who_fails_pauses_longer_each_time_and_asks_without_waiting(house: FeedServer, issuer: Issuer) -> None:
    assert issuer.follower is not None
    follower, pauses = issuer.follower, []

    def fall(_: str, __: Question) -> str:
        raise ConnectionError

    house.twist = fall
    for _ in range(8):
        house.revoke(session="s")  # so that the first of them is not held
        ask(issuer)
        pauses.append(follower.seconds)
    assert house.questions[-1].wait == 0
    for number, pause in enumerate(pauses):
        middle = min(0.25 * 2**number, 5.0)
        assert middle / 2 <= pause <= middle * 1.5
    assert len({round(pause / min(0.25 * 2**number, 5.0), 6) for number, pause in enumerate(pauses)}) > 1
    house.twist = lambda answer, _: answer
    ask(issuer)
    assert follower.seconds == feed_follower.GAP
    assert follower.last_error is None


def test_a_server_that_does_not_hold_is_asked_less_often(house: FeedServer, issuer: Issuer) -> None:
    assert issuer.follower is not None
    house.twist = lambda answer, question: house.changed(answer, after=question.seq)
    original = house.answer
    house.answer = lambda target: original(target.partition("&wait")[0])  # type: ignore[method-assign]
    ask(issuer)
    assert issuer.follower.seconds == STALE / 8


def test_no_check_asks_anybody(house: FeedServer, issuer: Issuer) -> None:
    tokens = [house.token(f"user-{number}") for number in range(50)]
    before = house.asked.copy()
    for _ in range(20):
        for token in tokens:
            issuer.verify(token)
    assert house.asked == before
    house.clock.advance(STALE)
    for token in tokens:
        with pytest.raises(StaleRevocationError):
            issuer.verify(token)
    assert house.asked == before


def test_a_new_key_of_the_issuer_is_fetched(house: FeedServer, issuer: Issuer) -> None:
    kid = house.ring.active("sign").kid
    house.ring.replace(kid)
    house.clock.advance(1)
    house.revoke(session="s-1")
    ask(issuer)
    assert house.asked["/keys"] == 2
    assert view(issuer).seq == house.ww.view.seq


def test_what_comes_after_the_end_is_not_heard(house: FeedServer, issuer: Issuer) -> None:
    def late(answer: str, _: Question) -> str:
        issuer.close_blocking()
        return answer

    house.twist = late
    house.revoke(session="s-1")
    ask(issuer)
    for thread in threading.enumerate():
        if thread.name == "watchword-revocations":
            thread.join(10)
    assert (view(issuer).epoch, view(issuer).fresh()) == ("", False)


# Tasks, threads, forks, several


async def test_a_task_follows_under_a_loop(house: FeedServer) -> None:
    house.clock = FrozenClock()
    async with house.issuer() as issuer:
        token = house.token(session_id="s-1")
        assert (await issuer.authenticate(token)).session_id == "s-1"
        house.revoke(session="s-1")
        async with asyncio.timeout(10):
            while not dead(issuer, token):  # noqa: ASYNC110 - the task has no word for it
                await asyncio.sleep(0.005)
    with pytest.raises(StaleRevocationError):
        issuer.verify(house.token())


def _until_dead(issuer: Issuer, token: str) -> bool:
    return any(dead(issuer, token) for _ in _turns())


def _turns(seconds: float = 30) -> Iterator[None]:
    """Others' turns, for so long at the most: whoever only looks must not keep them from the interpreter."""
    clock, never = SystemClock(), threading.Event()
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        yield
        never.wait(0.002)


def test_a_thread_follows_without_one_and_starts_over_in_a_child(house: FeedServer) -> None:
    issuer = house.issuer()
    issuer.open_blocking()
    try:
        first, second = house.token(session_id="s-1"), house.token(session_id="s-2")
        assert issuer.verify(first)
        house.revoke(session="s-1")
        assert _until_dead(issuer, first)

        def work() -> str:
            known = dead(issuer, first), dead(issuer, second)
            return f"{known} {_until_dead(issuer, second)}"

        answer = in_a_child(work)
        asked = house.asked["/revocations"]
        assert any(house.asked["/revocations"] >= asked + 3 for _ in _turns()), "the child asks nothing"
        house.revoke(session="s-2")
        assert answer() == "(True, False) True"
        assert _until_dead(issuer, second)
    finally:
        issuer.close_blocking()


def test_a_question_that_never_ends_keeps_no_check(house: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a child that was forked while another thread held a lock of OpenSSL."""
    monkeypatch.setattr(feed_follower, "SLACK", 0.0)
    issuer, free, begun = house.issuer(max_staleness=timedelta(seconds=0.4)), threading.Event(), []
    assert issuer.follower is not None

    def never(*_: Any, **__: Any) -> Any:
        begun.append(threading.current_thread())
        free.wait()
        raise KeysUnavailableError

    monkeypatch.setattr(issuer.follower, "_get", never)
    with followed(issuer):
        ask(issuer)
        with pytest.raises(StaleRevocationError):
            issuer.verify(house.token())
        assert str(issuer.follower.last_error) == "no answer within 0.2 s"
        assert len(begun) == 1, "one question is under way at a time"
        free.set()
        begun[0].join()
        ask(issuer)
        assert len(begun) == 2


def test_a_child_of_a_loop_refuses_until_it_is_opened(house: FeedServer) -> None:
    async def opened() -> str:
        async with house.issuer() as issuer:
            token = house.token()
            assert issuer.verify(token)

            def work() -> str:
                try:
                    return str(issuer.verify(token))
                except StaleRevocationError:
                    return "stale"

            return in_a_child(work)()

    assert asyncio.run(opened()) == "stale"


def test_several_issuers_each_with_its_own_revocations() -> None:
    with feed_server() as one, feed_server() as other:
        first, second = one.issuer(), other.issuer()
        several = Issuers(first, second)
        several.open_blocking()
        try:
            mine, theirs = one.token(session_id="s-1"), other.token(session_id="s-1")
            assert several.verify(mine).issuer == one.url
            assert several.verify(theirs).issuer == other.url
            one.revoke(session="s-1")
            assert _until_dead(first, mine)
            with pytest.raises(TokenRevokedError):
                several.verify(mine)
            assert several.verify(theirs).issuer == other.url
        finally:
            several.close_blocking()
        with pytest.raises(StaleRevocationError):
            several.verify(theirs)


async def test_beside_our_own_tokens(house: FeedServer, issuer: Issuer) -> None:
    ring = KeyRing.generate("ES256", clock=house.clock)
    own = AccessTokens(ring, issuer="https://own.example", audience=AUDIENCE)
    bearers = Bearers(own, ring, issuer)
    token = house.token(session_id="s-1")
    assert (await bearers.authenticate(token)).issuer == house.url
    house.revoke(session="s-1")
    assert issuer.follower is not None
    await issuer.follower.tick()
    with pytest.raises(TokenRevokedError):
        await bearers.authenticate(token)
    assert (await bearers.authenticate(own.issue("user-7").token)).subject == "user-7"


# What it is made of


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"client_id": "a"},
        {"client_secret": "b"},
        {"client_id": "a", "client_secret": ""},
        {"client_id": "a", "client_secret": "b", "api_key": "c"},
    ],
)
def test_feeds_that_cannot_be_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="client_id"):
        RevocationFeed(url="https://as.example/revocations", **wrong)


@pytest.mark.parametrize("url", ["http://as.example/revocations", "https://as.example/revocations?a=b", "as.example"])
def test_urls_that_are_no_feed(url: str) -> None:
    feed = RevocationFeed(url=url, api_key=API_KEY)
    with pytest.raises(ConfigurationError):
        Issuer("https://as.example", audience=AUDIENCE, revocations=feed)


def test_a_staleness_of_nothing() -> None:
    feed = RevocationFeed(url="https://as.example/revocations", api_key=API_KEY, max_staleness=timedelta(0))
    with pytest.raises(ConfigurationError, match="max_staleness"):
        Issuer("https://as.example", audience=AUDIENCE, revocations=feed)


def test_secrets_are_shown_nowhere(house: FeedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    feed = RevocationFeed(url=f"{house.url}/revocations", client_id="us", client_secret="a secret: of us/+%&é")
    issuer = Issuer(house.url, audience=AUDIENCE, jwks_uri=f"{house.url}/keys", allow_loopback=True, revocations=feed)
    house.twist = lambda answer, _: answer + "A"
    with followed(issuer):
        assert house.headers["Authorization"] == "Basic dXM6YStzZWNyZXQlM0Erb2YrdXMlMkYlMkIlMjUlMjYlQzMlQTk="
        shown = f"{feed!r} {issuer!r} {issuer.follower!r} {caplog.text}"
    assert "a secret" not in shown
    assert "dXM6" not in shown
    assert issuer.follower is not None
    assert "stale" in repr(issuer)
