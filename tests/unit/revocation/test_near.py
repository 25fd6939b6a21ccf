"""Records kept near the process: never longer than the bound, never past the view's lease, never what nobody has."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from watchword.app import Watchword
from watchword.clock import FrozenClock
from watchword.errors import TokenExpiredError, TokenRevokedError
from watchword.revocation.near import Near, as_read
from watchword.revocation.view import View
from watchword.stores.base import Feed, Record
from watchword.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000


class Counting(MemoryStore):
    """A memory store that counts its reads."""

    def __init__(self) -> None:
        super().__init__("memory:")
        self.reads = 0
        self.takes = 0.0
        self.clock = FrozenClock(NOW)

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        self.reads += 1
        found = await super().get(kind, key, now=now)
        self.clock.advance(self.takes)
        return found


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def store() -> AsyncIterator[Counting]:
    made = Counting()
    await made.open()
    await made.put(Record(kind="k", key="one", data={"n": 1}, expires_at=NOW + 100))
    yield made
    await made.close()


def heard(clock: FrozenClock, epoch: str = "e", bound: float = 5) -> View:
    view = View(max_staleness=timedelta(seconds=bound), clock=clock)
    hear(view, epoch)
    return view


def hear(view: View, epoch: str = "e") -> None:
    while not view.hear(Feed(epoch, view.seq), asked_after=0, sent_at=view.clock.monotonic()):
        pass


async def test_what_was_read_answers_again(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read)
    for _ in range(5):
        record = await near.get("one", now=NOW)
        assert record is not None
        assert record.data == {"n": 1}
    assert (store.reads, near.hits, near.misses) == (1, 4, 1)


async def test_what_nobody_has_is_never_kept(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read)
    for number in range(100):
        assert await near.get(f"guess-{number}", now=NOW) is None
    assert len(near) == 0
    await store.put(Record(kind="k", key="guess-7", data={}))
    assert await near.get("guess-7", now=NOW) is not None


async def test_nothing_answers_past_the_bound_after_its_question(store: Counting, clock: FrozenClock) -> None:
    view = heard(clock)
    near = Near("k", store, view, as_read)
    await near.get("one", now=NOW)
    clock.advance(4.9)
    hear(view)
    await near.get("one", now=NOW)
    assert store.reads == 1
    clock.advance(0.1)
    hear(view)
    await near.get("one", now=NOW)
    assert store.reads == 2


async def test_the_bound_counts_from_the_question(store: Counting, clock: FrozenClock) -> None:
    """An answer that took 4 s is good for one more."""
    view = heard(clock)
    near = Near("k", store, view, as_read)
    store.clock, store.takes = clock, 4.0
    await near.get("one", now=NOW)
    store.takes = 0.0
    for advance, reads in ((0.0, 1), (0.9, 1), (0.1, 2)):
        clock.advance(advance)
        hear(view)
        await near.get("one", now=NOW)
        assert store.reads == reads


async def test_nothing_answers_while_the_view_is_stale(store: Counting, clock: FrozenClock) -> None:
    view = heard(clock)
    clock.advance(3)
    near = Near("k", store, view, as_read)
    await near.get("one", now=NOW)
    clock.advance(2)
    await near.get("one", now=NOW)
    assert store.reads == 2


async def test_nothing_answers_in_another_life_of_the_feed(store: Counting, clock: FrozenClock) -> None:
    view = heard(clock)
    near = Near("k", store, view, as_read)
    await near.get("one", now=NOW)
    view.hear(Feed("other", 0), asked_after=0, sent_at=clock.monotonic())
    assert view.epoch == "other"
    await near.get("one", now=NOW)
    assert store.reads == 2


async def test_an_expired_record_is_gone_from_here_as_well(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read)
    assert await near.get("one", now=NOW + 99) is not None
    assert await near.get("one", now=NOW + 100) is None


async def test_without_a_view_each_look_is_a_read(store: Counting) -> None:
    near = Near("k", store, None, as_read)
    for _ in range(3):
        await near.get("one", now=NOW)
    assert (store.reads, len(near)) == (3, 0)


async def test_with_a_view_that_has_no_lease_each_look_is_a_read_of_its_own(
    store: Counting, clock: FrozenClock
) -> None:
    view = View(max_staleness=timedelta(0), on_stale="ask", clock=clock)
    near = Near("k", store, view, as_read)
    near.signal = asyncio.Event
    await asyncio.gather(*(near.get("one", now=NOW) for _ in range(3)))
    assert (store.reads, len(near), near.keeps, view.listeners) == (3, 0, False, ())


async def test_a_write_here_is_seen_here_at_once(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read)
    record = await near.get("one", now=NOW)
    assert record is not None
    assert await store.swap(Record(kind="k", key="one", data={"n": 2}), version=1)
    near.forget("one")
    found = await near.get("one", now=NOW)
    assert found is not None
    assert found.data == {"n": 2}


async def test_it_is_bounded(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read, capacity=8)
    for number in range(50):
        await store.put(Record(kind="k", key=str(number), data={}))
        await near.get(str(number), now=NOW)
        assert len(near) <= 8
    assert (await near.get("49", now=NOW), near.hits) != (None, 0)


async def test_what_is_forgotten_is_gone_from_both_generations(store: Counting, clock: FrozenClock) -> None:
    near = Near("k", store, heard(clock), as_read, capacity=4)
    for number in range(3):
        await store.put(Record(kind="k", key=str(number), data={}))
        await near.get(str(number), now=NOW)
    assert store.reads == 3
    for number, reads in ((0, 3), (2, 3)):
        await near.get(str(number), now=NOW)
        assert store.reads == reads
    for number in (0, 2):
        near.forget(str(number))
        await near.get(str(number), now=NOW)
    assert store.reads == 5


# through the kinds


@pytest.fixture
async def two(tmp_path: Any, clock: FrozenClock) -> AsyncIterator[tuple[Watchword, Watchword]]:
    """Two processes' worth of Watchword on one file; followers are driven by the reads themselves."""
    options: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test", "clock": clock}
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, **options) as one, Watchword(url, **options) as other:
        yield one, other


@pytest.mark.parametrize("kind", ["opaque_access", "api_keys"])
async def test_a_revocation_elsewhere_stops_what_is_kept_here(
    two: tuple[Watchword, Watchword], clock: FrozenClock, kind: str
) -> None:
    one, other = two
    issued = await getattr(one, kind).issue("user-7")
    part = getattr(other, kind)
    await part.authenticate(issued.token)
    await part.authenticate(issued.token)
    assert part.near.hits == 1
    await one.revoke(token=issued.token)
    clock.advance(5)  # the bound: the lease of the other is out, and the next look hears the feed
    with pytest.raises(TokenRevokedError):
        await part.authenticate(issued.token)


async def test_a_subject_revoked_elsewhere_stops_what_is_kept_here(
    two: tuple[Watchword, Watchword], clock: FrozenClock
) -> None:
    one, other = two
    issued = await one.opaque_access.issue("user-7")
    await other.opaque_access.authenticate(issued.token)
    await one.revoke(subject="user-7")
    clock.advance(5)
    with pytest.raises(TokenRevokedError):
        await other.opaque_access.authenticate(issued.token)


async def test_a_key_that_was_rotated_elsewhere_ends_with_its_overlap(
    two: tuple[Watchword, Watchword], clock: FrozenClock
) -> None:
    """A shorter end is no revocation: it is seen when the record is read again, within the bound."""
    one, other = two
    issued = await one.api_keys.issue("user-7")
    await other.api_keys.authenticate(issued.token)
    await one.api_keys.rotate(issued.token_id, overlap=timedelta(seconds=6))
    clock.advance(5)
    await other.api_keys.authenticate(issued.token)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        await other.api_keys.authenticate(issued.token)
