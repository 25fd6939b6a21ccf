"""What an SQL store says of its database without opening it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from ..errors import ConfigurationError
from .base import Survey
from .sql import APPLIED, Migration, Row, pending

_HEAD = "SELECT epoch, head FROM watchword_feed"
_RECORDS = (
    "SELECT kind, count(*) FROM watchword_records WHERE expires_at IS NULL OR expires_at > ? GROUP BY kind"
    " ORDER BY kind"
)
_EVENTS = "SELECT count(*) FROM watchword_events WHERE until > ?"
_AUDIT = "SELECT (SELECT count(*) FROM watchword_audit), (SELECT at FROM watchword_audit ORDER BY seq LIMIT 1)"


def survey(
    ask: Callable[[str, Row], list[Row]],
    known: Sequence[Migration],
    *,
    scheme: str,
    there: bool,
    now: int,
    about: Mapping[str, str | int],
    size: int,
) -> Survey:
    """``there``: whether the table of migrations is. Without its tables there is nothing to count."""
    applied = ask(APPLIED, ()) if there else []
    amiss, wanting = "", tuple[str, ...]()
    try:
        wanting = tuple(migration.name for migration in pending(known, applied))
    except ConfigurationError as error:
        amiss = str(error)
    found = Survey(
        scheme=scheme,
        present=max((number for number, _, _ in applied), default=0),
        wanted=known[-1].number,
        pending=wanting,
        amiss=amiss,
        about=about,
        size=size,
    )
    return found if not applied else _counted(found, ask, now)


def _counted(found: Survey, ask: Callable[[str, Row], list[Row]], now: int) -> Survey:
    """Every table is of the first migration, so whatever else is pending they can be counted."""
    [(epoch, head)] = ask(_HEAD, ())
    [(audit, oldest)] = ask(_AUDIT, ())
    return replace(
        found,
        epoch=epoch,
        head=head,
        records=dict(ask(_RECORDS, (now,))),
        events=ask(_EVENTS, (now,))[0][0],
        audit=audit,
        oldest_audit=oldest,
    )
