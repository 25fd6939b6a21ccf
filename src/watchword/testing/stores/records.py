"""Promises of records: put, get, take, swap, drop, find."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...errors import ConfigurationError, StoreConflictError
from ...stores.base import Record, Store
from .base import NOW, Promise, keys, names, noted, race, refused, revoked, row, same, values


async def comes_back(store: Store) -> None:
    data = {"text": "naïve \x00 \U0001f511", "list": [1, 2.5, None, True], "deep": {"big": 2**53}, "none": {}}
    whole = row("k", data=data, subject="user-7", group="fam-1", expires_at=NOW + 1)
    await store.put(whole, row("bare", data={}))
    same(await store.get("session", "k", now=NOW), whole)
    same(await store.get("session", "bare", now=NOW), Record(kind="session", key="bare", data={}))


async def is_a_copy(store: Store) -> None:
    data = {"inner": {"n": 1}}
    await store.put(row("k", data=data))
    data["inner"]["n"] = 2
    first = await store.get("session", "k", now=NOW)
    same(first and first.data, {"inner": {"n": 1}}, "after its caller changed what it had put")
    if first is not None:
        first.data["inner"]["n"] = 3
    again = await store.get("session", "k", now=NOW)
    same(again and again.data, {"inner": {"n": 1}}, "after its reader changed what it had got")


async def starts_at_1(store: Store) -> None:
    await store.put(row("k", version=7))
    same(await store.get("session", "k", now=NOW), row("k", version=1))


async def missing_is_none(store: Store) -> None:
    await store.put(row("k"))
    same(await store.get("session", "other", now=NOW), None)
    same(await store.get("other", "k", now=NOW), None, "another kind")
    same(await store.take("session", "other", now=NOW), None)
    same(await store.find("other", now=NOW), [])


async def ends_at_its_second(store: Store) -> None:
    record = row("k", subject="user-7", group="g", expires_at=NOW)
    await store.put(record)
    for now, there in ((NOW - 1, [record]), (NOW, []), (NOW + 1, [])):
        same(await store.get("session", "k", now=now), there[0] if there else None, f"get at {now - NOW} s")
        same(await store.find("session", now=now, subject="user-7"), there, f"find at {now - NOW} s")
    same(await store.take("session", "k", now=NOW, audit=[noted("taken")]), None, "take of an expired one")
    same(await names(store), [], "audit of a take that took nothing")
    same(await store.take("session", "k", now=NOW - 1), record)


async def put_is_all_or_nothing(store: Store) -> None:
    await store.put(row("old", expires_at=1))
    await refused(store.put(row("new"), row("old"), audit=[noted("put")]), StoreConflictError)
    await refused(store.put(row("a"), row("b"), row("a")), StoreConflictError)
    same(await keys(store, now=0), ["old"])
    same(await names(store), [])


async def one_put_wins(store: Store) -> None:
    async def put(n: int) -> bool:
        try:
            await store.put(row("k", data={"n": n}), row(f"k-{n}"))
        except StoreConflictError:
            return False
        return True

    won = await race(store, [partial(put, n) for n in range(12)])
    same(won.count(True), 1, "puts of one key that succeeded")
    same(sorted(await keys(store)), ["k", f"k-{won.index(True)}"])


async def what_is_no_json_is_refused(store: Store) -> None:
    await store.put(row("k"))
    await refused(store.put(row("a"), row("b", data={"x": object()})), TypeError)
    await refused(store.swap(row("k"), version=1, puts=[row("c", data={"x": object()})]), TypeError)
    await refused(store.append(revoked("a"), audit=[noted("n", detail={"x": object()})]), TypeError)
    same(await store.find("session", now=NOW), [row("k")])
    same((await store.append(), await names(store)), (0, []))


async def take_removes(store: Store) -> None:
    whole = row("k", subject="user-7", group="g")
    await store.put(whole, row("stays"))
    same(await store.take("session", "k", now=NOW, audit=[noted("taken")]), whole)
    same(await store.take("session", "k", now=NOW, audit=[noted("taken")]), None, "the second take")
    same((await keys(store), await names(store)), (["stays"], ["taken"]))
    same(await store.find("session", now=NOW, subject="user-7"), [])


async def one_take_wins(store: Store) -> None:
    await store.put(row("k"))

    async def take() -> bool:
        return await store.take("session", "k", now=NOW, audit=[noted("taken")]) is not None

    same((await race(store, [take] * 24)).count(True), 1, "takes that got it")
    same(await names(store), ["taken"])


async def drop_tells(store: Store) -> None:
    await store.put(row("k", expires_at=1), row("stays"))
    same(await store.drop("session", "other", events=[revoked("o")], audit=[noted("o")]), False)
    same((await values(store), await names(store)), ([], []), "written by a drop of nothing")
    same(await store.drop("session", "k", events=[revoked("k")], audit=[noted("ended")]), True, "an expired one")
    same((await values(store), await names(store), await keys(store, now=0)), (["k"], ["ended"], ["stays"]))


async def swap_replaces_and_counts(store: Store) -> None:
    await store.put(row("k", subject="user-7", group="g"), row("old", expires_at=1))
    more: dict[str, Any] = {"puts": [row("next")], "events": [revoked("a")], "audit": [noted("rotated")]}
    same(await store.swap(row("k", data={}, subject="user-8", version=99), version=1, **more), True)
    found = await store.get("session", "k", now=NOW)
    same(found, row("k", data={}, subject="user-8", version=2))
    same(await store.find("session", now=NOW, subject="user-7"), [], "by the subject of before")
    same(await store.find("session", now=NOW, group="g"), [], "by the group of before")
    same(await store.find("session", now=NOW, subject="user-8"), [found])
    same((await keys(store), await values(store), await names(store)), (["k", "next"], ["a"], ["rotated"]))
    same(await store.swap(row("old", expires_at=NOW + 1), version=1), True, "of an expired record")


async def a_swap_over_another_version_is_nothing(store: Store) -> None:
    await store.put(row("k"))
    for key, version in (("k", 0), ("k", 2), ("gone", 1)):
        more: dict[str, Any] = {"puts": [row("next")], "events": [revoked("a")], "audit": [noted("rotated")]}
        same(await store.swap(row(key, data={}), version=version, **more), False, f"{key} at version {version}")
    same(await store.find("session", now=NOW), [row("k")])
    same((await values(store), await names(store)), ([], []))


async def a_swap_that_conflicts_is_nothing(store: Store) -> None:
    await store.put(row("k"), row("there"))
    ran: list[object] = []
    more: dict[str, Any] = {"puts": [row("next"), row("there")], "events": [revoked("a")], "audit": [noted("rotated")]}
    await refused(store.swap(row("k", data={}), version=1, effect=ran.append, **more), StoreConflictError)
    same(await store.find("session", now=NOW), [row("k"), row("there")])
    same((await store.append(), await names(store), ran), (0, [], []), "events, audit and effects")


async def one_swap_wins(store: Store) -> None:
    await store.put(row("k"))

    async def swap(n: int, version: int) -> bool:
        return await store.swap(row("k", data={"n": n}), version=version, events=[revoked(f"{version}-{n}")])

    for version in (1, 2):
        won = await race(store, [partial(swap, n, version) for n in range(12)])
        same(won.count(True), 1, "swaps over one version that happened")
        found = await store.get("session", "k", now=NOW)
        same(found, row("k", data={"n": won.index(True)}, version=version + 1))
    same(len(await values(store)), 2, "events of swaps that happened")


async def an_effect_runs_with_the_swap(store: Store) -> None:
    await store.put(row("k"))
    ran: list[object] = []
    same(await store.swap(row("k"), version=7, effect=ran.append), False)
    same(ran, [], "effects of a swap that did not happen")
    same(await store.swap(row("k"), version=1, effect=ran.append), True)
    same(len(ran), 1, "effects of a swap that happened")


async def an_effect_that_raises_undoes_it(store: Store) -> None:
    class MineError(Exception):
        pass

    def effect(_: object) -> None:
        raise MineError

    await store.put(row("k"))
    more: dict[str, Any] = {"puts": [row("next")], "events": [revoked("a")], "audit": [noted("rotated")]}
    await refused(store.swap(row("k", data={}), version=1, effect=effect, **more), MineError)
    same(await store.find("session", now=NOW), [row("k")])
    same((await store.append(), await names(store)), (0, []))
    same(await store.swap(row("k", data={}), version=1), True, "the next swap")


async def a_coroutine_is_no_effect(store: Store) -> None:
    async def effect(_: object) -> None:
        raise AssertionError("it ran")

    await store.put(row("k"))
    await refused(store.swap(row("k"), version=1, effect=effect), ConfigurationError)


async def find_has_the_oldest_first(store: Store) -> None:
    await store.put(row("d", subject="u1", group="g1"), row("a", subject="u1", group="g2"))
    await store.put(row("c", subject="u2", group="g1"), row("x", kind="other", subject="u1"))
    await store.put(row("b", subject="u1", group="g1"), row("gone", subject="u1", expires_at=1))
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["d", "a", "c", "b"]),
        ({"subject": "u1"}, ["d", "a", "b"]),
        ({"group": "g1"}, ["d", "c", "b"]),
        ({"subject": "u1", "group": "g1"}, ["d", "b"]),
        ({"subject": "g1"}, []),
    ]
    for by, found in asked:
        same([one.key for one in await store.find("session", now=NOW, **by)], found, f"find by {by}")
    same([one.key for one in await store.find("session", now=NOW, subject="u1", limit=2)], ["d", "a"], "limit=2")
    await store.swap(row("d"), version=1)
    same(await keys(store), ["d", "a", "c", "b"], "after a swap, which keeps its place")


RECORDS: dict[str, Promise] = {
    "a record comes back as it went in": comes_back,
    "what is kept is a copy": is_a_copy,
    "a new record has version 1": starts_at_1,
    "what is missing is None": missing_is_none,
    "a record ends at its second": ends_at_its_second,
    "put is all or nothing": put_is_all_or_nothing,
    "one of many puts wins": one_put_wins,
    "what is no JSON is refused, and nothing is written": what_is_no_json_is_refused,
    "take removes what it returns": take_removes,
    "one of many takes wins": one_take_wins,
    "drop tells whether it was there": drop_tells,
    "swap replaces, counts, and writes what comes with it": swap_replaces_and_counts,
    "a swap over another version writes nothing": a_swap_over_another_version_is_nothing,
    "a swap whose puts conflict writes nothing": a_swap_that_conflicts_is_nothing,
    "one of many swaps wins": one_swap_wins,
    "an effect runs once, with a swap that happens": an_effect_runs_with_the_swap,
    "an effect that raises undoes the swap": an_effect_that_raises_undoes_it,
    "a coroutine is no effect": a_coroutine_is_no_effect,
    "find has the oldest first": find_has_the_oldest_first,
}
