"""F-50: every call of every operation fails, in every way."""

from __future__ import annotations

import asyncio

from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from tests.faults.sweep import ACTS, Figures, Place, sweep
from watchword.stores.base import open_store


async def run(place: Setting) -> Row:
    return await asyncio.to_thread(_run, place)


def _run(place: Setting) -> Row:
    store = open_store(place.where()["url"])
    store.open_blocking()
    try:
        names = place.pick(tuple(ACTS)[::6], tuple(ACTS))  # in a test run test_sweep.py goes through all of them
        figures = sweep(Place(store, place.keys), Figures(), names)
    finally:
        store.close_blocking()
    more = {"operations": len(names), "failed_points": len(figures.failed), **figures.errors}
    return place.row(ops=figures.points, more=more, failed="; ".join(figures.failed[:3]) or None)


FAULTS = (
    Fault(
        id="F-50",
        what="each store call failing",
        injected=f"{len(ACTS)} operations; in each the first call of the store fails, then the second,"
        " and so on to its last: unavailable, a conflict, a cancelled caller, before the write happened and after it",
        expected="nothing is granted, nothing is left half done, and what is raised is an error of ours",
        run=run,
        stores=("redis", "postgres", "sqlite", "memory"),
        targets=(Target("failed_points", 0),),
        words={"operations": "that were gone through", "failed_points": "where something was not as it should be"},
    ),
)
