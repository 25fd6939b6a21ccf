"""The fixtures. pytest finds this module by its entry point; nothing else imports it.

``watchword_clock``, ``watchword_blocking`` and ``watchword_async`` are one Watchword in memory at a frozen time.
``watchword_tested`` is what the others work with: override it to name your application's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

import pytest

from .. import app, blocking
from ..clock import FrozenClock, SystemClock
from . import suite
from .mint import AnyWatchword, mint
from .user import dressed


class AsUser(Protocol):
    """``as_user("alice", client, scopes=["orders:read"])``; without a client, the fixture ``client`` is meant."""

    def __call__(self, subject: str, client: Any = None, **how: Any) -> Any: ...


@pytest.fixture
def watchword_clock() -> FrozenClock:
    """The time of ``watchword_blocking`` and ``watchword_async``: that of the test's beginning, until ``advance``."""
    return FrozenClock(SystemClock().now())


@pytest.fixture
def watchword_blocking(watchword_clock: FrozenClock) -> Iterator[blocking.Watchword]:
    """A fresh Watchword in memory, open, for threads: Flask, Django, scripts."""
    url, issuer, audience = "memory:", "https://app.example", "https://api.example"
    with blocking.Watchword(url, issuer=issuer, audience=audience, clock=watchword_clock) as ww:
        yield ww


@pytest.fixture
def watchword_async(watchword_blocking: blocking.Watchword) -> app.Watchword:
    """The same Watchword with the words for event loops: FastAPI, Starlette, Litestar. It is open already."""
    return watchword_blocking.core


@pytest.fixture
def watchword_tested(watchword_blocking: blocking.Watchword) -> AnyWatchword:
    """The Watchword of the application under test."""
    return watchword_blocking


@pytest.fixture
def watchword_mint(watchword_tested: AnyWatchword) -> Any:
    """``watchword.testing.mint`` with ``watchword_tested``: ``watchword_mint("access", "alice", flaw="expired")``."""
    return partial(mint, watchword_tested)


@pytest.fixture
def as_user(watchword_tested: AnyWatchword, request: pytest.FixtureRequest) -> Iterator[AsUser]:
    """Dresses a test client until the end of the test, and returns it. Another call changes who it is."""
    with ExitStack() as worn:

        def dress(subject: str, client: Any = None, **how: Any) -> Any:
            chosen = request.getfixturevalue("client") if client is None else client
            return worn.enter_context(dressed(chosen, subject, ww=watchword_tested, **how))

        yield dress


@pytest.fixture
def assert_rejects_all(watchword_tested: AnyWatchword) -> Any:
    """``watchword.testing.assert_rejects_all`` with ``watchword_tested``: ``assert_rejects_all(client, "/me")``."""
    return partial(suite.assert_rejects_all, ww=watchword_tested)
