"""GET /revocations: who may read the feed, what a question has to be, what the answer says, and how it is held."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.unit.server.house import ISSUER, SECRET, House
from watchword.crypto.digest import new_id
from watchword.errors import ConfigurationError
from watchword.keys.discovery import read_jwks
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.revocation.answer import MOST_EVENTS, Answer, Question, question_of, read
from watchword.runtime import feed_desk
from watchword.stores.base import Event, Feed

LONG = 5.0
"""Seconds that are never waited: a test that needs them fails by its time."""


async def asked(house: House, question: Question, **more: Any) -> Answer:
    """The answer, verified with the published keys alone."""
    reply = await house.ask("GET", f"/revocations?{question.query}", auth=("follower", SECRET), origin=None, **more)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/revocations+jwt"
    assert reply.headers["cache-control"] == "no-store"
    keys = await house.ask("GET", "/.well-known/jwks.json")
    return read(reply.content, question, issuer=ISSUER, ring=KeyRing(read_jwks(keys.content).slots, clock=house.clock))


async def seated(house: House, count: int = 1) -> None:
    """Return when so many answers are held."""
    for _ in range(100_000):
        if house.server.feed.waiting >= count:
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody waits")


def after(answer: Answer, wait: float = 0.0) -> Question:
    return Question(new_id(), answer.feed.epoch, answer.feed.head, wait)


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(one.what, one.value) for one in answer.feed.events]


async def test_all_there_is_and_then_what_came_after(house: House) -> None:
    await house.ww.revoke(session="s-1")
    await house.ww.revoke(subject="user-7")
    first = await asked(house, Question(new_id()))
    assert (told(first), first.after, first.more) == ([("session", "s-1"), ("subject", "user-7")], 0, False)
    assert (first.feed.epoch, first.feed.head) == (house.ww.view.epoch, house.ww.view.seq)
    again = await asked(house, after(first))
    assert (told(again), again.after) == ([], first.feed.head)
    await house.ww.revoke(client="mobile")
    assert told(await asked(house, after(first))) == [("client", "mobile")]


@pytest.mark.parametrize("place", [("another", 3), (None, 99)], ids=["another life", "ahead of the head"])
async def test_a_place_that_this_feed_does_not_know_gets_all_there_is(house: House, place: tuple[Any, int]) -> None:
    await house.ww.revoke(session="s-1")
    epoch, seq = place[0] or house.ww.view.epoch, place[1]
    answer = await asked(house, Question(new_id(), epoch, seq, LONG))
    assert (answer.after, told(answer), answer.feed.head) == (0, [("session", "s-1")], house.ww.view.seq)


async def test_an_answer_is_held_until_there_is_news(house: House) -> None:
    first = await asked(house, Question(new_id()))
    waits = [asyncio.create_task(asked(house, after(first, LONG))) for _ in range(3)]
    await seated(house, 3)
    async with asyncio.timeout(LONG / 2):
        await house.ww.revoke(session="s-1")
        answers = await asyncio.gather(*waits)
    assert [told(one) for one in answers] == [[("session", "s-1")]] * 3
    assert house.server.feed.waiting == 0


async def test_who_is_woken_together_reads_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await asked(house, Question(new_id()))
    waits = [asyncio.create_task(asked(house, after(first, LONG))) for _ in range(30)]
    await seated(house, 30)
    reads, tail = Counter[int](), house.ww.store.tail

    async def counted(number: int, **more: Any) -> Feed:
        reads[number] += 1
        return await tail(number, **more)

    monkeypatch.setattr(house.server.feed._store, "tail", counted)
    async with asyncio.timeout(LONG / 2):
        await house.ww.revoke(session="s-1")
        answers = await asyncio.gather(*waits)
    assert [told(one) for one in answers] == [[("session", "s-1")]] * 30
    assert reads[first.feed.head] <= 4  # those of this process's own follower as well


async def test_who_asks_while_a_read_is_under_way_gets_another(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first read began before the revocation; an answer from it would be older than the second question."""
    first = await asked(house, Question(new_id()))
    tail, begun, go_on = house.ww.store.tail, asyncio.Event(), asyncio.Event()

    async def slow(number: int, **more: Any) -> Feed:
        found = await tail(number, **more)
        begun.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(house.server.feed._store, "tail", slow)
    early = asyncio.create_task(asked(house, after(first)))
    await begun.wait()
    await house.ww.store.append(Event(what="session", value="s-1", at=0, until=house.clock.now() + 900))
    late = asyncio.create_task(asked(house, after(first)))
    await asyncio.sleep(0.02)
    go_on.set()
    assert (told(await early), told(await late)) == ([], [("session", "s-1")])


async def test_an_answer_is_held_no_longer_than_was_asked_for(house: House) -> None:
    first = await asked(house, Question(new_id()))
    assert told(await asked(house, after(first, 0.05))) == []


async def test_notices_are_no_news_and_are_not_sent(house: House) -> None:
    first = await asked(house, Question(new_id()))
    wait = asyncio.create_task(asked(house, after(first, LONG)))
    await seated(house)
    far = house.clock.now() + 900
    await house.ww.store.append(Event(what="acknowledge", value="v-1", at=0, until=far))
    await asyncio.sleep(5 * feed_desk.LOOK_EVERY)
    assert not wait.done()
    async with asyncio.timeout(LONG / 2):
        await house.ww.revoke(session="s-1")
        assert told(await wait) == [("session", "s-1")]


async def test_who_is_one_too_many_is_answered_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await asked(house, Question(new_id()))
    monkeypatch.setattr(feed_desk, "MOST_WAITING", 1)
    held = asyncio.create_task(asked(house, after(first, LONG)))
    await seated(house)
    async with asyncio.timeout(LONG / 2):
        assert told(await asked(house, after(first, LONG))) == []
        await house.ww.revoke(session="s-1")
        assert told(await held) == [("session", "s-1")]


async def test_a_waiting_follower_that_goes_away_leaves_its_place(house: House) -> None:
    first = await asked(house, Question(new_id()))
    held = asyncio.create_task(asked(house, after(first, LONG)))
    await seated(house)
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    assert house.server.feed.waiting == 0


async def test_more_than_one_answer_holds(house: House) -> None:
    far, count = house.clock.now() + 900, MOST_EVENTS + 300
    await house.ww.store.append(*(Event(what="token", value=f"t-{n}", at=0, until=far) for n in range(count)))
    question, heard, rounds = Question(new_id()), list[tuple[str, str]](), 0
    while True:
        answer = await asked(house, question)
        heard, rounds, question = [*heard, *told(answer)], rounds + 1, after(answer)
        if not answer.more:
            break
    assert (heard, rounds) == ([("token", f"t-{n}") for n in range(count)], 2)


async def test_long_names_make_shorter_answers(house: House) -> None:
    far, names = house.clock.now() + 900, [f"{number:03}" + "ü" * 252 for number in range(400)]
    await house.ww.store.append(*(Event(what="subject", value=name, at=0, until=far) for name in names))
    reply = await house.ask("GET", f"/revocations?{Question(new_id()).query}", auth=("follower", SECRET))
    assert len(reply.content) < 196_608
    first = await asked(house, Question(new_id()))
    rest = await asked(house, after(first))
    assert (first.more, rest.more, len(told(first)) + len(told(rest))) == (True, False, 400)


@pytest.mark.parametrize(
    "query",
    [
        *("", "nonce=short", "nonce=" + "A" * 129, "nonce=" + "A" * 21 + "%20", "nonce=" + "A" * 22 + "&nonce=x"),
        *(f"nonce={'A' * 22}&{more}" for more in ("after=5", "after=.5", "after=e.05", "after=e.-1", "after=e.x")),
        *(f"nonce={'A' * 22}&{more}" for more in ("wait=-1", "wait=1e3", "wait=inf", "wait=x", "after=%FF", "&&", "x")),
        "nonce=" + "A" * 22 + "&x=" + "y" * 3000,
    ],
)
async def test_questions_that_are_none(house: House, query: str) -> None:
    reply = await house.ask("GET", f"/revocations?{query}", auth=("follower", SECRET), origin=None)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


async def test_only_a_client_that_may_read_the_feed(house: House) -> None:
    path = f"/revocations?{Question(new_id()).query}"
    for client in ("backend", "orders-api"):
        reply = await house.ask("GET", path, auth=(client, SECRET))
        assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    for presented in ({}, {"auth": ("follower", "wrong")}, {"auth": ("nobody", SECRET)}):
        reply = await house.ask("GET", path, **presented)  # type: ignore[arg-type]
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    in_url = await house.ask("GET", f"{path}&client_id=follower&client_secret={SECRET}")
    cookie = await house.ask("GET", path, cookie=await house.sign_in("bob"))
    token = await house.ask("GET", path, bearer=house.ww.access.issue("bob", scopes=["revocations:read"]).token)
    assert [reply.status_code for reply in (in_url, cookie, token)] == [401, 401, 401]


async def test_the_record_is_read_and_not_the_view_of_this_process(house: House) -> None:
    """What another node wrote is in the answer, though this one has not heard of it."""
    first = await asked(house, Question(new_id()))
    far = house.clock.now() + 900
    await house.ww.store.append(Event(what="session", value="s-1", at=0, until=far))
    assert told(await asked(house, after(first))) == [("session", "s-1")]


async def test_a_ring_without_a_key_that_is_published_signs_nothing(house: House) -> None:
    house.ww.ring.adopt([slot for slot in house.ww.ring if slot.key.algorithm.format != "jwt"])
    reply = await house.ask("GET", f"/revocations?{Question(new_id()).query}", auth=("follower", SECRET))
    assert reply.status_code == 500
    house.ww.ring.add(Key.from_jwk({"kty": "oct", "alg": "HS256", "k": "A" * 43}))
    with pytest.raises(ConfigurationError, match="ES256"):
        await house.server.feed.answer(Question(new_id()))


def test_what_is_asked_is_what_is_read() -> None:
    for question in (Question("A" * 22), Question("A" * 22, "a:b&c=%", 7, 1.25), Question("A" * 22, "e", 0, 20.0)):
        assert question_of(question.query.encode()) == question
    assert question_of(f"nonce={'A' * 22}&wait=600&later=x".encode()).wait == 20.0
