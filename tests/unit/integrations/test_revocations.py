"""The feed of an application that is its own issuer, mounted beside its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from watchword import FrozenClock, Watchword
from watchword.crypto.digest import new_id
from watchword.integrations.revocations import SCOPE, RevocationFeedApp
from watchword.revocation.answer import Question, read

ISSUER = "https://app.example"


@pytest.fixture
async def ww() -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer=ISSUER, audience="https://api.example", clock=FrozenClock()) as ww:
        yield ww


@pytest.fixture
async def http(ww: Watchword) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.add_route("/revocations", RevocationFeedApp(ww))  # type: ignore[arg-type]  # an ASGI application is fine
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as http:
        yield http


async def key(ww: Watchword, *scopes: str) -> dict[str, str]:
    issued = await ww.api_keys.issue("orders-api", scopes=scopes, label="follower")
    return {"authorization": f"Bearer {issued.token}"}


async def test_an_api_key_with_the_scope_reads_it(ww: Watchword, http: httpx2.AsyncClient) -> None:
    await ww.revoke(session="s-1")
    question = Question(new_id())
    reply = await http.get(f"/revocations?{question.query}", headers=await key(ww, SCOPE))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/revocations+jwt")
    assert reply.headers["cache-control"] == "no-store"
    answer = read(reply.content, question, issuer=ISSUER, ring=ww.ring)
    assert [(one.what, one.value) for one in answer.feed.events] == [("session", "s-1")]


async def test_nobody_else_does(ww: Watchword, http: httpx2.AsyncClient) -> None:
    path = f"/revocations?{Question(new_id()).query}"
    bare = await http.get(path)
    assert (bare.status_code, bare.headers["www-authenticate"][:6]) == (401, "Bearer")
    less = await http.get(path, headers=await key(ww, "orders:read"))
    assert (less.status_code, less.json()["error"]) == (403, "insufficient_scope")
    access = ww.access.issue("user-7", scopes=[SCOPE]).token
    session = (await ww.sessions.start("user-7", scopes=[SCOPE])).token
    revoked = await key(ww, SCOPE)
    await ww.revoke(token=revoked["authorization"].partition(" ")[2])
    for headers in (
        {"authorization": f"Bearer {access}"}, {"cookie": f"__Host-session={session}"}, revoked,
        {"authorization": "Bearer sk_live_x"}, {"authorization": "Basic YTpi"},
    ):  # fmt: skip
        assert (await http.get(path, headers=headers)).status_code == 401


async def test_questions_that_are_none(ww: Watchword, http: httpx2.AsyncClient) -> None:
    headers = await key(ww, SCOPE)
    assert (await http.get("/revocations?nonce=short", headers=headers)).status_code == 400
    reply = await http.post(f"/revocations?{Question(new_id()).query}", headers=headers)
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")


async def test_a_key_that_dies_while_its_question_is_held_gets_no_answer(ww: Watchword) -> None:
    feed = RevocationFeedApp(ww)
    question = Question(new_id(), ww.view.epoch, ww.view.seq, 10.0)
    headers = await key(ww, SCOPE)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(feed), base_url=ISSUER) as http:
        held = asyncio.create_task(http.get(f"/?{question.query}", headers=headers))
        while not feed.waiting:  # noqa: ASYNC110 - the desk has no word for it
            await asyncio.sleep(0)
        await ww.revoke(token=headers["authorization"].partition(" ")[2])
        assert (await held).status_code == 401
