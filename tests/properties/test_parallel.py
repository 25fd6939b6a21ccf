"""F-22 in small, with real tasks and real threads: N rotations of one token have N answers and one successor."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from watchword import Issued, Watchword, blocking
from watchword.clock import FrozenClock
from watchword.errors import TokenConsumedError, TokenReusedError, TokenRevokedError, WatchwordError

T = TypeVar("T")
SCHEMES = ["memory", "sqlite", "postgres", "valkey"]
OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


@pytest.fixture(params=SCHEMES)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param in ("postgres", "valkey"):
        monkeypatch.setitem(OPTIONS, "keys", tmp_path / "app.keys")
        fresh: str = request.getfixturevalue(request.param).fresh()
        return fresh
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def ww(url: str) -> AsyncIterator[Watchword]:
    async with Watchword(url, clock=FrozenClock(), **OPTIONS) as opened:
        yield opened


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads change places all the time, so that a race between them is lost soon."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(number: int, verb: Callable[[], T]) -> list[T | WatchwordError]:
    """The verb in so many threads, let go together; what each returned or raised."""
    barrier = threading.Barrier(number)

    def one(_: int) -> T | WatchwordError:
        barrier.wait()
        try:
            return verb()
        except WatchwordError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.mark.parametrize("number", [2, 25, 100])
async def test_parallel_rotations_have_one_successor(ww: Watchword, number: int) -> None:
    """T42."""
    token = (await ww.refresh.issue("u", client_id="c")).token
    for generation in range(2, 7):
        results = await asyncio.gather(*(ww.refresh.rotate(token) for _ in range(number)))
        assert len(results) == number
        (successor,) = {one.token for one in results}
        assert {one.token_id.rpartition(".")[2] for one in results} == {str(generation)}
        token = successor
    names = [one.name for one in await ww.events(limit=10_000)]
    assert names == ["refresh_issued"] + ["refresh_rotated"] * 5


@pytest.mark.parametrize("number", [2, 25, 100])
async def test_without_grace_exactly_one_wins_and_the_family_ends(url: str, number: int) -> None:
    async with Watchword(url, clock=FrozenClock(), refresh_grace=timedelta(0), **OPTIONS) as ww:
        token = (await ww.refresh.issue("u", client_id="c")).token
        results = await asyncio.gather(*(ww.refresh.rotate(token) for _ in range(number)), return_exceptions=True)
        won = [one for one in results if not isinstance(one, BaseException)]
        assert len(won) == 1
        lost = [type(one) for one in results if isinstance(one, BaseException)]
        assert set(lost) <= {TokenReusedError, TokenRevokedError}
        assert lost.count(TokenReusedError) == 1
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(won[0].token)


@pytest.mark.parametrize("number", [2, 25, 100])
async def test_of_parallel_session_rotations_one_wins(ww: Watchword, number: int) -> None:
    token = (await ww.sessions.start("u")).token
    results = await asyncio.gather(*(ww.sessions.rotate(token) for _ in range(number)), return_exceptions=True)
    lost = [one for one in results if isinstance(one, BaseException)]
    assert [type(one) for one in lost] == [TokenRevokedError] * (number - 1)
    assert len(await ww.sessions.list("u")) == 1


async def test_a_hundred_rotations_beside_a_revocation(ww: Watchword) -> None:
    token = (await ww.refresh.issue("u", client_id="c")).token
    *results, _ = await asyncio.gather(
        *(ww.refresh.rotate(token) for _ in range(50)),
        ww.revoke(subject="u"),
        return_exceptions=True,
    )
    assert {type(one) for one in results} <= {Issued, TokenRevokedError}
    for one in results:
        with pytest.raises(TokenRevokedError):
            await ww.refresh.rotate(one.token if isinstance(one, Issued) else token)


@pytest.mark.usefixtures("restless_threads")
def test_a_hundred_threads_have_one_successor(url: str) -> None:
    with blocking.Watchword(url, clock=FrozenClock(), **OPTIONS) as ww:
        token = ww.refresh.issue("u", client_id="c").token
        for _ in range(3):
            results = in_threads(100, lambda token=token: ww.refresh.rotate(token))  # type: ignore[misc]
            assert [one for one in results if isinstance(one, WatchwordError)] == []
            (token,) = {one.token for one in results if not isinstance(one, WatchwordError)}
        names = [one.name for one in ww.events(limit=10_000)]
        assert names == ["refresh_issued"] + ["refresh_rotated"] * 3


@pytest.mark.usefixtures("restless_threads")
def test_of_a_hundred_threads_without_grace_one_wins(url: str) -> None:
    with blocking.Watchword(url, clock=FrozenClock(), refresh_grace=timedelta(0), **OPTIONS) as ww:
        token = ww.refresh.issue("u", client_id="c").token
        results = in_threads(100, lambda: ww.refresh.rotate(token))
        won = [one for one in results if not isinstance(one, WatchwordError)]
        assert len(won) == 1
        kinds = [type(one) for one in results if isinstance(one, WatchwordError)]
        assert set(kinds) <= {TokenReusedError, TokenRevokedError}
        assert kinds.count(TokenReusedError) == 1
        with pytest.raises(TokenRevokedError):
            ww.refresh.rotate(won[0].token)


CONTEXT: dict[str, Any] = {"purpose": "payment", "bound_to": "u"}


@pytest.mark.parametrize("number", [2, 25, 100])
async def test_of_parallel_redeems_one_gets_what_was_sealed(ww: Watchword, number: int) -> None:
    for round_ in range(5):
        token = ww.sealed.seal({"n": round_}, **CONTEXT).token
        redeems = (ww.sealed.redeem(token, **CONTEXT) for _ in range(number))
        results = await asyncio.gather(*redeems, return_exceptions=True)
        assert [one for one in results if not isinstance(one, BaseException)] == [{"n": round_}]
        assert [type(one) for one in results if isinstance(one, BaseException)] == [TokenConsumedError] * (number - 1)
    assert [one.name for one in await ww.events(limit=10_000)] == ["sealed_redeemed"] * 5


async def test_of_parallel_idempotency_keys_one_wins_and_all_its_callers_get_the_same(ww: Watchword) -> None:
    token = ww.sealed.seal({"n": 1}, **CONTEXT).token
    keys = [f"k-{number % 4}" for number in range(100)]
    redeems = (ww.sealed.redeem(token, idempotency_key=key, **CONTEXT) for key in keys)
    results = await asyncio.gather(*redeems, return_exceptions=True)
    won = {key for key, one in zip(keys, results, strict=True) if one == {"n": 1}}
    assert len(won) == 1
    for key, one in zip(keys, results, strict=True):
        assert one == {"n": 1} if key in won else isinstance(one, TokenConsumedError)
    assert [one.name for one in await ww.events(limit=10_000)] == ["sealed_redeemed"]


async def test_of_a_void_and_parallel_redeems_one_wins(ww: Watchword) -> None:
    for _ in range(20):
        token = ww.sealed.seal({}, **CONTEXT).token
        *redeems, voided = await asyncio.gather(
            *(ww.sealed.redeem(token, **CONTEXT) for _ in range(4)),
            ww.sealed.void(token, **CONTEXT),
            return_exceptions=True,
        )
        assert [one for one in redeems if one == {}] == ([] if voided is True else [{}])


@pytest.mark.usefixtures("restless_threads")
def test_of_a_hundred_threads_one_redeems(url: str) -> None:
    with blocking.Watchword(url, clock=FrozenClock(), **OPTIONS) as ww:
        for _ in range(3):
            token = ww.sealed.seal({"n": 1}, **CONTEXT).token
            results = in_threads(100, lambda token=token: ww.sealed.redeem(token, **CONTEXT))  # type: ignore[misc]
            assert [one for one in results if not isinstance(one, WatchwordError)] == [{"n": 1}]
            lost = [type(one) for one in results if isinstance(one, WatchwordError)]
            assert lost == [TokenConsumedError] * 99


@pytest.mark.usefixtures("restless_threads")
def test_of_a_hundred_threads_one_uses_the_link(url: str) -> None:
    """T42."""
    with blocking.Watchword(url, clock=FrozenClock(), **OPTIONS) as ww:
        token = ww.one_time.issue("u", purpose="password-reset").token
        results = in_threads(100, lambda: ww.one_time.redeem(token, purpose="password-reset"))
        assert [one.subject for one in results if not isinstance(one, WatchwordError)] == ["u"]
        assert [type(one) for one in results if isinstance(one, WatchwordError)] == [TokenConsumedError] * 99


@pytest.mark.usefixtures("restless_threads")
def test_threads_that_rotate_and_revoke_lose_nothing(url: str) -> None:
    """Each thread signs in, verifies, revokes its own and sees it dead; all see all of it in the end."""
    with blocking.Watchword(url, clock=FrozenClock(), **OPTIONS) as ww:

        def work() -> list[str]:
            dead = []
            for _ in range(5):
                token = ww.access.issue("u").token
                ww.access.verify(token)
                ww.revoke(token=token)
                with pytest.raises(TokenRevokedError):
                    ww.access.verify(token)
                dead.append(token)
            return dead

        results = in_threads(8, work)
        tokens = [token for one in results if not isinstance(one, WatchwordError) for token in one]
        assert len(tokens) == 40
        for token in tokens:
            with pytest.raises(TokenRevokedError):
                ww.access.verify(token)
