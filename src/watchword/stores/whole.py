"""Rows as they come back: what is not the row that was asked for, or not as it was written, opens nothing.

A store is trusted to keep rows, not to be right: a row that somebody edited, another's, one of another release. Judged
where it is read, so that whoever looks at it afterwards finds every value there, and of its sort.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct, ValidationError, convert

from ..errors import StoreUnavailableError
from .base import Feed, Record, Store


class Shape(NamedTuple):
    """What the data of a kind's rows hold: of those that live, and of those whose ``state`` is another than ``live``.

    ``owned``: each has a subject.
    """

    live: type[Struct]
    dead: type[Struct]
    owned: bool = True


class _Anything(Struct):
    pass


ANY = Shape(_Anything, _Anything, owned=False)


async def read(store: Store, kind: str, key: str, shape: Shape, *, now: int) -> Record | None:
    """As ``store.get``. Raises: StoreUnavailableError for a row that is not this one, or not whole."""
    record = await store.get(kind, key, now=now)
    if record is None:
        return None
    if (record.kind, record.key) != (kind, key) or not is_whole(record, shape):
        raise StoreUnavailableError(f"a {kind} row is not as it was written; repair or remove it", reason="damaged")
    return record if record.live(now) else None


async def found(
    store: Store,
    kind: str,
    shape: Shape,
    *,
    now: int,
    subject: str | None = None,
    group: str | None = None,
    limit: int = 1000,
) -> list[Record]:
    """As ``store.find``, without the rows that are not whole: those open nothing."""
    rows = await store.find(kind, now=now, subject=subject, group=group, limit=limit)
    return [row for row in rows if row.kind == kind and is_whole(row, shape) and _fits(row, subject, group, now)]


def is_whole(record: Record, shape: Shape) -> bool:
    """Whether every value is there, and of its sort."""
    if type(record.version) is not int or not _is(int, record.expires_at) or not _is(str, record.group):
        return False
    if not (type(record.subject) is str or (record.subject is None and not shape.owned)):
        return False
    try:
        convert(record.data, shape.live if record.data.get("state", "live") == "live" else shape.dead)
    except (ValidationError, AttributeError):
        return False
    return True


def _is(sort: type, value: object) -> bool:
    return value is None or type(value) is sort


def whole_feed(answer: Feed) -> Feed:
    """The answer. Raises: StoreUnavailableError for one that no feed can give."""
    sound = type(answer.head) is int and type(answer.epoch) is str
    if not sound or not all(
        type(one.seq) is int and type(one.until) is int and type(one.what) is str and type(one.value) is str
        for one in answer.events
    ):
        raise StoreUnavailableError("the feed of revocations gave an answer that is none", reason="damaged")
    return answer


def _fits(row: Record, subject: str | None, group: str | None, now: int) -> bool:
    return row.subject == (subject or row.subject) and row.group == (group or row.group) and row.live(now)
