"""How records, events and audit rows are written as the arguments of scripts, and read from what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from msgspec.json import Decoder, Encoder

from ..base import Audit, Event, Feed, Name, Record

Arguments = list[str | bytes | int]
Fields = Sequence[bytes | None]

_encode = Encoder().encode
_data = Decoder(dict[str, Any]).decode
_fact = Decoder(tuple[str, str, int]).decode
_trail = Decoder(tuple[str, int, str | None, dict[str, Any]]).decode


def part(text: str) -> str:
    """A kind as a part of a key, in which only the last part may hold a colon."""
    return text.replace("%", "%25").replace(":", "%3A")


def _optional(text: str | int | None) -> str:
    return "" if text is None else f"={text}"


def record_out(record: Record) -> Arguments:
    return [
        part(record.kind),
        record.key,
        _optional(record.subject),
        _optional(record.group),
        _optional(record.expires_at),
        _encode(record.data),
    ]


def records_out(records: Sequence[Record]) -> Arguments:
    return [len(records), *(argument for record in records for argument in record_out(record))]


def name_out(name: Name) -> str:
    """The end of the key that says a name is revoked."""
    what, value = name
    return f"{part(what)}:{value}"


def events_out(events: Sequence[Event]) -> Arguments:
    facts = (
        (name_out((event.what, event.value)), str(event.until), _encode((event.what, event.value, event.at)))
        for event in events
    )
    return [len(events), *(argument for fact in facts for argument in fact)]


def audit_out(audit: Sequence[Audit], most: int) -> Arguments:
    return [most, len(audit), *(_encode((row.name, row.at, row.subject, row.detail)) for row in audit)]


def find_out(kind: str, now: int, subject: str | None, group: str | None, limit: int) -> Arguments:
    """The index to read, and which field of a row must say the same as the index."""
    if subject is not None:
        index, field, value = f"s:{part(kind)}:{subject}", 2, subject
    elif group is not None:
        index, field, value = f"g:{part(kind)}:{group}", 3, group
    else:
        index, field, value = f"k:{part(kind)}", 0, ""
    return [part(kind), index, field, value, _optional(group), now, max(limit, 0)]


def record_in(kind: str, key: str, fields: Fields) -> Record | None:
    """From version, subject, group, end and data, in this order; None where there is no record."""
    version, subject, group, expires_at, data, *_ = fields
    if version is None or data is None:
        return None
    return Record(
        kind=kind,
        key=key,
        data=_data(data),
        version=int(version),
        subject=None if subject is None else subject.decode(),
        group=None if group is None else group.decode(),
        expires_at=None if expires_at is None else int(expires_at),
    )


def feed_in(reply: Sequence[Any]) -> Feed:
    life, head, members = reply
    return Feed(_epoch(life), head, tuple(map(_event, members)))


def standing_in(names: Sequence[Name], reply: Sequence[Any]) -> Feed:
    life, head, found = reply
    events = [_standing(names[place - 1], held) for place, held in zip(found[::2], found[1::2], strict=True)]
    return Feed(_epoch(life), head, tuple(sorted(events, key=lambda event: event.seq)))


@lru_cache(maxsize=8)
def _epoch(life: bytes) -> str:
    """Names both lives: of the data (a new one after FLUSHALL), and of the server that answers for them."""
    return sha256(life).hexdigest()[:12]


def _standing(name: Name, held: bytes) -> Event:
    seq, _, until = held.partition(b":")
    return Event(what=name[0], value=name[1], at=0, until=int(until), seq=int(seq))


def _event(member: bytes) -> Event:
    seq, until, fact = member.split(b":", 2)
    what, value, at = _fact(fact)
    return Event(seq=int(seq), what=what, value=value, at=at, until=int(until))


def audit_in(member: bytes) -> Audit:
    seq, _, row = member.partition(b":")
    name, at, subject, detail = _trail(row)
    return Audit(seq=int(seq), name=name, at=at, subject=subject, detail=detail)
