"""GCRA: what passes, when, for whom, and what is left in the store."""

from typing import Any
from unicodedata import normalize

import pytest

from watchword import Watchword, blocking
from watchword.clock import FrozenClock
from watchword.encoding import folded
from watchword.errors import ConfigurationError, RateLimitedError, StoreUnavailableError, UnavailableError
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.web.ratelimit import RECORD, Limiter, Limits, RateLimit

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000
ACCOUNT = Limits("login", account=RateLimit("5/min"))
ADDRESS = Limits("login", address=RateLimit("1/min"))
OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def store() -> MemoryStore:
    made = MemoryStore("memory:")
    await made.open()
    return made


@pytest.fixture
def limiter(store: MemoryStore, clock: FrozenClock) -> Limiter:
    return Limiter(store, clock=clock)


async def passed(limiter: Limiter, limits: Limits, times: int = 100, **who: str) -> int:
    """How many pass until one is refused."""
    for done in range(times):
        try:
            await limiter.hit(limits, **who)
        except RateLimitedError:
            return done
    return times


async def wait(limiter: Limiter, limits: Limits, **who: str) -> int:
    with pytest.raises(RateLimitedError) as refused:
        await limiter.hit(limits, **who)
    return refused.value.retry_after


async def test_a_burst_passes_and_then_one_each_interval_to_the_second(limiter: Limiter, clock: FrozenClock) -> None:
    assert await passed(limiter, ACCOUNT, account="ada") == 5
    assert await wait(limiter, ACCOUNT, account="ada") == 12
    clock.advance(11)
    assert await wait(limiter, ACCOUNT, account="ada") == 1
    clock.advance(1)
    assert await passed(limiter, ACCOUNT, account="ada") == 1
    clock.advance(24)
    assert await passed(limiter, ACCOUNT, account="ada") == 2
    clock.advance(60)
    assert await passed(limiter, ACCOUNT, account="ada") == 5


async def test_what_was_refused_is_not_counted(limiter: Limiter, clock: FrozenClock) -> None:
    await passed(limiter, ACCOUNT, account="ada")
    for _ in range(50):
        assert await wait(limiter, ACCOUNT, account="ada") == 12
    clock.advance(12)
    assert await passed(limiter, ACCOUNT, account="ada") == 1


@pytest.mark.parametrize(("rate", "burst"), [("7/min", None), ("3/s", 10), ("1000000/d", 1), ("1/h", 3), ("11/h", 2)])
async def test_no_stretch_of_time_sees_more_than_the_burst_and_the_rate(rate: str, burst: int | None) -> None:
    limit, clock, store = RateLimit(rate, burst=burst), FrozenClock(NOW), MemoryStore("memory:")
    await store.open()
    limiter, total, span = Limiter(store, clock=clock), 0, max(20, 3 * limit.interval // 1_000_000)
    for _ in range(20):
        total += await passed(limiter, Limits("x", account=limit), account="ada")
        clock.advance(span // 20)
    assert limit.burst <= total <= limit.burst + span * 1_000_000 // limit.interval


async def test_a_clock_that_goes_back_gives_nothing_away_and_locks_nobody_out(
    limiter: Limiter, clock: FrozenClock
) -> None:
    await passed(limiter, ACCOUNT, account="ada")
    clock.set_wall(NOW - 3600)
    assert await wait(limiter, ACCOUNT, account="ada") == 12
    clock.advance(12)
    assert await passed(limiter, ACCOUNT, account="ada") == 1


async def test_one_refusal_counts_nowhere(limiter: Limiter, store: MemoryStore, clock: FrozenClock) -> None:
    limits = Limits("login", account=RateLimit("2/min"), address=RateLimit("5/min"), everyone=RateLimit("6/min"))
    assert await passed(limiter, limits, account="ada", address="203.0.113.9") == 2
    assert await passed(limiter, limits, account="grace", address="203.0.113.9") == 2
    assert await passed(limiter, limits, account="joan", address="203.0.113.9") == 1
    assert await passed(limiter, limits, account="joan", address="198.51.100.9") == 1
    before = await store.find(RECORD, now=NOW)
    assert await passed(limiter, limits, account="edith", address="192.0.2.9") == 0
    assert await store.find(RECORD, now=NOW) == before  # no rows beyond what everybody together may make


async def test_what_a_lost_race_counted_is_given_back(store: MemoryStore, clock: FrozenClock) -> None:
    limits = Limits("login", account=RateLimit("2/min"), everyone=RateLimit("1/min"))
    rival = Limiter(store, clock=clock)

    class Overtaken(Limiter):
        async def _look(self, key: str, limit: RateLimit) -> None:
            await super()._look(key, limit)
            if limit.burst == 1:
                await rival.hit(limits, account="grace")

    with pytest.raises(RateLimitedError):
        await Overtaken(store, clock=clock).hit(limits, account="ada")
    clock.advance(0)
    assert await passed(rival, Limits("login", account=RateLimit("2/min")), account="ada") == 2


async def test_no_name_and_no_address_is_in_the_store_and_rows_end_by_themselves(
    limiter: Limiter, store: MemoryStore
) -> None:
    limits = Limits("login", account=RateLimit("5/min"), address=RateLimit("5/min"))
    await limiter.hit(limits, account="ada@example.org", address="203.0.113.9")
    rows = await store.find(RECORD, now=NOW)
    assert len(rows) == 2
    assert "ada" not in repr(rows)
    assert "203.0" not in repr(rows)
    assert {row.expires_at for row in rows} == {NOW + 12}
    await store.purge(now=NOW + 12)
    assert await store.find(RECORD, now=0) == []


async def test_spellings_of_a_name_are_one_account(limiter: Limiter) -> None:
    limits = Limits("login", account=RateLimit("1/min"))
    assert await passed(limiter, limits, account="ada@example.org") == 1
    for spelt in ("ADA@example.org", " ada@example.org ", "\uff41da@example.org"):
        assert await passed(limiter, limits, account=spelt) == 0
    assert await passed(limiter, limits, account="\udcff") == 1


@pytest.mark.parametrize(
    "letter", ["\u0390", "\u03aa\u0301", "\u1fd3", "\u0399\u0308\u0301", "\u1e9e", "\u0130", "\ufb03"]
)
async def test_whom_the_accounts_take_for_one_is_one_here(limiter: Limiter, letter: str) -> None:
    limits = Limits("login", account=RateLimit("1/min"))
    assert await passed(limiter, limits, account=f"{letter}ros") == 1
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        for spelt in (letter, letter.upper(), letter.lower(), letter.casefold()):
            other = normalize(form, f"{spelt}ros")
            same = folded(other) == folded(f"{letter}ros")
            assert not same or await passed(limiter, limits, account=other) == 0, ascii(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:ff:ffff::1", True),
        ("2001:db8::1", "2001:db8:0:100::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.8", True),
        ("203.0.113.9", "203.0.112.9", False),
        ("::ffff:203.0.113.9", "::ffff:203.0.112.9", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("testclient", "another", False),
    ],
)
async def test_addresses_of_one_subscriber_are_one(limiter: Limiter, one: str, other: str, same: bool) -> None:
    assert await passed(limiter, ADDRESS, address=one) == 1
    assert await passed(limiter, ADDRESS, address=other) == (0 if same else 1)


async def test_forget_begins_anew_for_an_account_alone(limiter: Limiter) -> None:
    limits = Limits("login", account=RateLimit("2/min"), everyone=RateLimit("3/min"))
    assert await passed(limiter, limits, account="ada") == 2
    await limiter.forget(limits, account="Ada")
    assert await passed(limiter, limits, account="ada") == 1


class Failing(MemoryStore):
    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        raise StoreUnavailableError


async def test_nobody_passes_while_the_store_does_not_answer(clock: FrozenClock) -> None:
    store = Failing("memory:")
    await store.open()
    with pytest.raises(UnavailableError):
        await Limiter(store, clock=clock).hit(ACCOUNT, account="ada")


async def test_a_row_that_is_not_whole_lets_nobody_pass(limiter: Limiter, store: MemoryStore) -> None:
    await limiter.hit(ACCOUNT, account="ada")
    [row] = await store.find(RECORD, now=NOW)
    await store.swap(Record(kind=RECORD, key=row.key, data={"rest": "0"}, expires_at=NOW + 9), version=1)
    with pytest.raises(StoreUnavailableError):
        await limiter.hit(ACCOUNT, account="ada")


class Contended(MemoryStore):
    async def swap(self, record: Record, **_: Any) -> bool:
        return False


async def test_it_tries_a_bounded_number_of_times(clock: FrozenClock) -> None:
    store = Contended("memory:")
    await store.open()
    limiter = Limiter(store, clock=clock)
    await limiter.hit(ACCOUNT, account="ada")
    with pytest.raises(UnavailableError):
        await limiter.hit(ACCOUNT, account="ada")


async def test_it_says_what_is_missing(limiter: Limiter) -> None:
    with pytest.raises(ConfigurationError, match="say account="):
        await limiter.hit(ACCOUNT, address="203.0.113.9")
    with pytest.raises(ConfigurationError, match="say address="):
        await limiter.hit(ADDRESS, account="ada", address="")


@pytest.mark.parametrize(
    "rate", ["", "5", "5/", "0/min", "-1/min", "5/month", "5 / min", "\u0665/min", "1000001/s", "5/min\n"]
)
def test_a_rate_is_a_number_and_a_unit(rate: str) -> None:
    with pytest.raises(ConfigurationError):
        RateLimit(rate)


@pytest.mark.parametrize("burst", [0, -1, 1_000_001, True, 1.5])
def test_a_burst_is_a_number(burst: Any) -> None:
    with pytest.raises(ConfigurationError):
        RateLimit("5/min", burst=burst)


def test_something_is_limited() -> None:
    with pytest.raises(ConfigurationError):
        Limits("login")
    assert repr(ACCOUNT) == "Limits('login', account=RateLimit('5/min', burst=5))"


async def test_a_watchword_has_one_and_so_have_threads() -> None:
    async with Watchword("memory:", **OPTIONS) as ww:
        await ww.limits.hit(ADDRESS, address="203.0.113.9")
        with pytest.raises(RateLimitedError):
            await ww.limits.hit(ADDRESS, address="203.0.113.9")
    with blocking.Watchword("memory:", **OPTIONS) as threads:
        threads.limits.hit(ADDRESS, address="203.0.113.9")
        with pytest.raises(RateLimitedError):
            threads.limits.hit(ADDRESS, address="203.0.113.9")


def test_an_interval_is_never_too_short() -> None:
    assert RateLimit("7/min").interval == 8_571_429  # microseconds; 60 s / 7 is 8,571,428.57…
