"""Promises of the feed and the trail, of the janitor, and of opening and closing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ...errors import ConfigurationError, StoreConflictError
from ...stores.base import Event, Feed, Store
from .base import NOW, Promise, drive, keys, names, noted, race, refused, revoked, row, same, values


async def numbers_from_1(store: Store) -> None:
    same(await store.append(), 0, "the head of an empty feed")
    same(await store.append(revoked("a"), revoked("b")), 2)
    same(await store.append(Event(what="subject", value="c", at=1, until=NOW + 1, seq=77)), 3)
    feed = await store.tail(0, now=NOW)
    same([(one.what, one.value, one.at, one.until, one.seq) for one in feed.events][1:], WRITTEN)
    same(await store.tail(3, now=NOW), Feed(feed.epoch, 3), "behind the head")
    same(await store.tail(9, now=NOW), Feed(feed.epoch, 3), "far behind it")


WRITTEN = [("session", "b", NOW, NOW + 100, 2), ("subject", "c", 1, NOW + 1, 3)]


async def an_event_lives_until_its_second(store: Store) -> None:
    await store.append(revoked("a", until=NOW), revoked("b", until=NOW + 1))
    same(await values(store), ["b"])
    last = await store.tail(0, now=NOW + 1)
    same((tuple(last.events), last.head), ((), 2))


async def a_limited_tail_goes_on(store: Store) -> None:
    await store.append(*(revoked(f"{n}") for n in range(1, 6)), revoked("dead", until=NOW), revoked("7"))
    after, read = 0, []
    for head in (2, 4, 7):
        feed = await store.tail(after, now=NOW, limit=2)
        same(feed.head, head, "head of a page, which is where to go on")
        read += [event.seq for event in feed.events]
        after = feed.head
    same(read, [1, 2, 3, 4, 5, 7])


async def the_head_stays(store: Store) -> None:
    await store.append(revoked("a"), revoked("b", until=NOW))
    await store.purge(now=NOW + 1000)
    same(((await store.tail(0, now=NOW)).head, await store.append()), (2, 2), "the head after its events are gone")
    same(await store.append(revoked("c")), 3)


async def a_failed_write_takes_no_number(store: Store) -> None:
    await store.put(row("k"), row("there"))
    await store.append(revoked("a"))
    events = [revoked("b"), revoked("c")]
    await refused(store.swap(row("k"), version=1, puts=[row("there")], events=events), StoreConflictError)
    feed = await store.tail(0, now=NOW)
    same((feed.head, await values(store)), (1, ["a"]))


async def one_event_a_name(store: Store) -> None:
    await store.append(revoked("a", until=NOW + 9), revoked("b"), revoked("a", until=NOW + 1))
    found = [(one.value, one.seq, one.until) for one in (await store.tail(0, now=0)).events]
    same(found, [("b", 2, NOW + 100), ("a", 3, NOW + 9)], "the later place, and the later end of both")


async def no_lower_number_appears(store: Store) -> None:
    async def write(n: int) -> None:
        for turn in range(8):
            await store.append(revoked(f"{n}.{turn}"))

    async def read() -> None:
        after = 0
        for _ in range(30):
            feed = await store.tail(after, now=NOW)
            same([one.seq for one in feed.events], list(range(after + 1, feed.head + 1)), "what was read on")
            after = feed.head

    calls: list[Callable[[], Coroutine[Any, Any, None]]] = [*(partial(write, n) for n in range(4)), read]
    await race(store, calls)
    same(await store.append(), 32)


async def standing_names_what_is_revoked(store: Store) -> None:
    names = [("session", "a"), ("session", "b:é"), ("sub:ject%", "a"), ("everything", "")]
    await store.append(revoked("other"), *(Event(what=w, value=v, at=NOW, until=NOW + 9) for w, v in names))
    found = await store.standing(names, now=NOW)
    same(
        [(one.what, one.value, one.seq, one.until, one.at) for one in found.events],
        [(w, v, n, NOW + 9, 0) for n, (w, v) in enumerate(names, 2)],
    )
    feed = await store.tail(0, now=NOW)
    same((found.epoch, found.head), (feed.epoch, feed.head))
    same(list((await store.standing([("session", "nobody")], now=NOW)).events), [])
    same(list((await store.standing(names, now=NOW + 9)).events), [], "past its second")


async def the_trail_is_read_on(store: Store) -> None:
    await store.append(audit=[noted("a", at=5, subject="u1", detail={"ip": "203.0.113.9"}), noted("b", at=4, seq=50)])
    await store.put(row("k"), audit=[noted("c", subject="u2")])
    await store.append(revoked("x"), audit=[noted("d", subject="u1")])
    trail = await store.audited()
    same([one.name for one in trail], ["a", "b", "c", "d"])
    same((trail[0].at, trail[0].subject, dict(trail[0].detail)), (5, "u1", {"ip": "203.0.113.9"}))
    numbers = [one.seq for one in trail]
    same(numbers, sorted(set(numbers)), "numbers of the trail")
    same([one.name for one in await store.audited(after=numbers[1])], ["c", "d"])
    same([one.name for one in await store.audited(subject="u1", limit=1)], ["a"])


async def purge_removes_the_dead(store: Store) -> None:
    await store.put(row("dead", expires_at=NOW), row("live", expires_at=NOW + 1), row("forever"))
    await store.append(revoked("dead", until=NOW), revoked("live", until=NOW + 1), audit=[noted("a", at=1), noted("b")])
    same(await store.purge(now=NOW - 1), 0, "before its second")
    same(await store.purge(now=NOW), 2)
    same((await keys(store, now=0), await names(store)), (["live", "forever"], ["a", "b"]))
    same([one.value for one in (await store.tail(0, now=0)).events], ["live"])
    same(await store.purge(now=NOW, audit_before=2), 1, "rows of the trail")
    same(await names(store), ["b"])
    await store.put(row("dead"))


async def everything_stands_for_the_rest(store: Store) -> None:
    await store.append(*(Event(what=what, value="x", at=NOW, until=NOW + 50) for what in ("subject", "key", "token")))
    await store.append(Event(what="everything", value="", at=NOW, until=NOW + 100), revoked("later"))
    same(await store.purge(now=NOW), 2, "what everything stands for")
    left = [one.what for one in (await store.tail(0, now=NOW)).events]
    same(left, ["key", "everything", "session"])


async def it_counts(store: Store) -> None:
    await store.put(row("k"), row("l", expires_at=1))
    await store.swap(row("k"), version=9, events=[revoked("a")])
    await store.swap(row("k"), version=1, events=[revoked("a")])
    await store.append(revoked("a"), revoked("b"))
    await store.purge(now=NOW)
    same((store.tally.published, store.tally.removed, store.tally.errors), (3, 1, 0), "published, removed, errors")


async def a_survey_counts_and_changes_nothing(store: Store) -> None:
    await store.put(row("a"), row("b", expires_at=NOW + 1))
    await store.append(revoked("a"), revoked("b", until=NOW), audit=[noted("n", at=5)])
    found = store.survey(now=NOW)[0]
    same((found.ready, found.records.get("session"), found.head, found.events), (True, 2, 2, 1))
    same((found.audit, found.oldest_audit, found.epoch), (1, 5, (await store.tail(0, now=NOW)).epoch))
    same(store.upgrade(str), [], "migrations that an open store lacks")


async def it_pulls_inline_or_says_so(store: Store) -> None:
    if not store.pulls_inline:
        try:
            store.tail_now(0, now=NOW)
        except ConfigurationError:
            return
        raise AssertionError("it does not pull inline, and tail_now answered")
    same(store.changed(), True, "changed at the first call")
    await store.append(revoked("a"))
    same(store.changed(), True, "changed after an event")
    same(store.tail_now(0, now=NOW), drive(store.tail(0, now=NOW)))
    store.changed()
    await store.put(row("k"))
    store.changed()
    same(store.changed(), False, "changed when nothing was")
    await store.swap(row("k"), version=1, events=[revoked("b")])
    same(store.changed(), True, "changed after a swap with an event")


async def it_pushes_or_says_so(store: Store) -> None:
    if not store.pushes:
        await refused(store.news(timeout=0.01), ConfigurationError)
    else:
        await store.news(timeout=0.01)


async def opening_again_changes_nothing(store: Store) -> None:
    await store.put(row("k"))
    await store.append(revoked("a"))
    before = await store.tail(0, now=NOW)
    if store.suspends:
        await store.open()
    else:
        store.open_blocking()
    same((await keys(store), await store.tail(0, now=NOW)), (["k"], before))


FEED: dict[str, Promise] = {
    "events are numbered from 1": numbers_from_1,
    "an event lives until its second": an_event_lives_until_its_second,
    "a limited tail says where to go on": a_limited_tail_goes_on,
    "the head stays when its event is gone": the_head_stays,
    "a failed write takes no number": a_failed_write_takes_no_number,
    "a name has one event": one_event_a_name,
    "who has read on never sees a lower number": no_lower_number_appears,
    "standing names what is revoked": standing_names_what_is_revoked,
    "the trail is read from a number on": the_trail_is_read_on,
    "purge removes the dead and nothing else": purge_removes_the_dead,
    "everything stands for what came before, but for keys": everything_stands_for_the_rest,
    "what is written and removed is counted": it_counts,
    "a survey counts what lives": a_survey_counts_and_changes_nothing,
    "it pulls inline, or says that it does not": it_pulls_inline_or_says_so,
    "it pushes, or says that it does not": it_pushes_or_says_so,
    "opening again changes nothing": opening_again_changes_nothing,
}
