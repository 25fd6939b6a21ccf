"""requests: what knowing its caller adds to a whole request of a bare ASGI application.

First the application is called as a server calls it, in this process: the CPU time is that of all that runs between
the scope and the last message of the answer. Then, where uvicorn is installed, over loopback, see ``loopback``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from ...app import Watchword
from ...integrations.asgi import App, Message
from ...keys.key import Key
from ...keys.ring import KeyRing
from ...web.cookies import SESSION_COOKIE
from . import apps, loopback
from .base import Ask, Entry, Plan, Steps, measured
from .formats import without_memory
from .peers import Material
from .places import Place, places
from .result import Section
from .stores import opened

CALLERS = 32
BARE = "no auth"
WAITLESS = "without the wait for the store"
Header = tuple[bytes, bytes]
_HEADERS = [(b"host", b"api.example"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")]
_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "https",
    "path": "/me",
    "raw_path": b"/me",
    "query_string": b"",
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 443),
}


def section(ask: Ask) -> Section:
    """Three tables; four processes of about 60 MB, and 30 s of the longest run."""
    not_run: list[str] = []
    with ExitStack() as stack:
        where = stack.enter_context(places(ask, not_run))
        runner = stack.enter_context(asyncio.Runner())
        servers = loopback.installed()
        units = loopback.units(ask.setting) if servers else 0
        steps = Steps(ask, "requests", 1 + ask.setting.rounds + units)
        steps("callers and their tokens")
        plan = _plan(where, runner, stack, not_run)
        tables = [measured(plan, ask.setting, steps, runner)]
        if servers:
            tables += loopback.tables(ask, runner, steps, not_run)
        else:
            not_run.append("Requests over loopback want uvicorn: pip install 'watchword[server]'.")
        steps.over()
    return Section(
        id="requests",
        title="Whole requests",
        words="What a request costs when the application knows who is calling, and what it costs when nobody asks.",
        tables=tables,
        not_run=not_run,
    )


def _plan(where: list[Place], runner: asyncio.Runner, stack: ExitStack, not_run: list[str]) -> Plan:
    key = Key.generate("ES256")
    ring = KeyRing.of(key, Key.generate("HS256", use="mac"))
    first = opened(where[0].url, runner, stack, ring=ring)
    tokens = [first.access.issue("ada", session_id=f"s-{number}").token for number in range(CALLERS)]
    bearers = [((b"authorization", f"Bearer {token}".encode()),) for token in tokens]
    near = _cookies(runner.run(_started(first)))
    cold = opened(where[0].url, runner, stack, ring=ring)
    without_memory(cold.access)
    app = apps.ours(first)
    cases = [
        Entry(BARE, _request(apps.bare), bearers),
        Entry(apps.SEEN, _request(app), bearers, ours=True, note=apps.NOTES[apps.SEEN]),
        Entry("watchword, each bearer token new", _request(apps.ours(cold)), bearers, ours=True),
        Entry("watchword, a session kept near", _request(app), near, ours=True),
    ]
    for place in where:
        ww = opened(place.url, runner, stack, ring=ring, session_near=False)
        cookies = _cookies(runner.run(_started(ww)))
        name = f"watchword, a session read from {place.name} each time"
        cases.append(
            Entry(name, _request(apps.ours(ww)), cookies, ours=True, note="" if place.id == "memory" else WAITLESS)
        )
    try:
        cases.append(Entry("PyJWT in a middleware", _request(apps.pyjwt(Material(key=key))), bearers))
    except ImportError:
        not_run.append("PyJWT is not installed: pip install PyJWT sets it beside us.")
    for case in cases:
        runner.run(_check(case))
    return Plan(
        id="requests.asgi",
        title="A request of a bare ASGI application",
        cases=cases,
        over=BARE,
        note="ES256; 32 callers take turns. CPU of this thread, without a server and its sockets.",
    )


async def _started(ww: Watchword) -> list[str]:
    return [(await ww.sessions.start("ada", data={"plan": "pro"})).token for _ in range(CALLERS)]


def _cookies(tokens: list[str]) -> list[tuple[Header]]:
    return [((b"cookie", f"{SESSION_COOKIE}={token}".encode()),) for token in tokens]


def _request(app: App) -> Callable[[Header], Awaitable[int]]:
    """Sends ``GET /me`` with one more header, as a server does; the status of the answer."""

    async def request(header: Header) -> int:
        status = 0

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        await app({**_SCOPE, "headers": [*_HEADERS, header]}, _nothing, send)
        return status

    return request


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _check(case: Entry) -> None:
    """It lets in who has shown something, and nobody else."""
    seen = [await case.call(*one) for one in case.inputs[:3]]
    nobody = await case.call((b"x-nothing", b"shown"))
    if (set(seen), nobody) != ({200}, 200 if case.name == BARE else 401):
        raise AssertionError(f"{case.name} answers {seen} to callers, {nobody} to nobody")
