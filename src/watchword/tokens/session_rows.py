"""The rows of sessions: what one holds, what it says of its bearer and its end, and what is left when it is dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..principal import Principal
from ..revocation.event import event
from ..stores.base import Audit, Event, Record

RECORD = "session"
TOUCH_EVERY = 60
"""Seconds between writes of ``last_seen``; expiry counts from what is written, so a session ends early, never late."""
EXPLAINED_FOR = 86_400
"""Seconds that a dead row is kept, so that the refusal can say why."""


class SessionInfo(Struct, frozen=True, kw_only=True):
    """One session of a subject, for lists that people see. ``session_id`` names it and opens nothing."""

    session_id: str
    created_at: int
    last_seen: int
    expires_at: int
    """When it ends if no further request comes."""
    ends_at: int
    """When it ends in any case."""
    device: str | None = None
    ip: str | None = None


class Held(Struct):
    """A row as it was read, whom it stands for, and when its next request is to be noted."""

    record: Record
    who: Principal | None
    """None: it is dead."""
    touch_at: int


def held(record: Record) -> Held:
    return Held(record, principal(record) if is_live(record) else None, record.data["last_seen"] + TOUCH_EVERY)


def row(key: str, subject: str, content: Mapping[str, Any]) -> Record:
    """A new row; it stays for a day after its end."""
    until = content["absolute_at"] + EXPLAINED_FOR
    return Record(kind=RECORD, key=key, data=content, subject=subject, group=content["session_id"], expires_at=until)


def is_live(record: Record) -> bool:
    return bool(record.data["state"] == "live")


def ends_at(record: Record) -> int:
    said = record.data
    return int(min(said["last_seen"] + said["idle"], said["absolute_at"]))


def token_id(record: Record) -> str:
    """The public id of this one token of the session. A row of an older version has none but the session's."""
    return str(record.data.get("token_id", record.data["session_id"]))


def principal(record: Record) -> Principal:
    said = record.data
    return Principal(
        subject=str(record.subject),
        kind="session",
        token_id=token_id(record),
        session_id=said["session_id"],
        issued_at=said["created_at"],
        expires_at=ends_at(record),
        auth_time=said["auth_time"],
        scopes=frozenset(said["scopes"]),
        roles=frozenset(said["roles"]),
        rev=said["rev"],
        fpt=said.get("fpt"),
        raw_claims=said["data"],
    )


def changed_row(record: Record, **changes: Any) -> Record:
    return replace(record, data=dict(record.data) | changes)


def tombstone(record: Record, state: str) -> Record:
    """The row without what it held, so that a late token can be told why it is refused."""
    kept = {name: record.data[name] for name in ("session_id", "created_at", "last_seen", "idle", "absolute_at")}
    return replace(record, data=kept | {"state": state})


def death_of(record: Record, now: int) -> Event:
    """What stops the copies of this row wherever they are: its token is dead, its session lives on."""
    return event("token", token_id(record), now=now, life=max(record.data["absolute_at"] - now, 0))


def info(record: Record) -> SessionInfo:
    said = record.data
    return SessionInfo(
        session_id=said["session_id"],
        created_at=said["created_at"],
        last_seen=said["last_seen"],
        expires_at=ends_at(record),
        ends_at=said["absolute_at"],
        device=said["device"],
        ip=said["ip"],
    )


def trail(name: str, record: Record, now: int) -> Audit:
    return Audit(name=name, at=now, subject=record.subject, detail={"session_id": record.data["session_id"]})
