"""A Watchword that is open, and requests without a browser's memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import httpx2
import pytest

from watchword.app import Watchword
from watchword.clock import FrozenClock

Call = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def closed_ww(clock: FrozenClock) -> Watchword:
    return Watchword("memory:", issuer="https://app.example", audience="https://api.example", clock=clock)


@pytest.fixture
async def ww(closed_ww: Watchword) -> AsyncIterator[Watchword]:
    async with closed_ww:
        yield closed_ww


@pytest.fixture
def stale(ww: Watchword, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Makes the feed fall silent for longer than any answer of it holds."""

    def fall_silent() -> None:
        monkeypatch.setattr(ww.view, "hear", lambda *args, **kwargs: True)
        clock.advance(10)

    yield fall_silent
    monkeypatch.undo()


@pytest.fixture
def call() -> Call:
    """``await call(app, "POST /login", headers)``: one request to https://app.example, without a cookie jar."""

    async def request(app: Any, line: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        method, _, path = line.partition(" ")
        transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="https://app.example") as client:
            return await client.request(method, path, headers=headers)

    return request
