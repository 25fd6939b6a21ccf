"""What a benchmark found, as it is printed, kept as JSON, drawn and compared with another.

Times are microseconds, unless a table names another ``unit``. Ratios hold within one table, never between tables.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """One thing that was measured."""

    name: str
    """What or who: ``watchword``, ``PyJWT``, ``the raw primitive``."""
    median: float
    p99: float
    ours: bool = False
    at: int | None = None
    """How many entries there were, in a table of growth: rows of one name are a line over it."""
    bytes: int | None = None
    """The length of the token, where one was made or read."""
    note: str = ""


class Table(Struct, frozen=True, kw_only=True):
    """Rows that were measured turn about, so that whatever disturbed the machine disturbed them alike."""

    id: str
    """Stable between runs and versions: ``formats.es256.verify``."""
    title: str
    rows: list[Row]
    over: str = ""
    """The name of the row that the others are compared with; rows of growth with theirs at the fewest entries."""
    unit: str = "µs"
    note: str = ""


class Section(Struct, frozen=True, kw_only=True):
    """One chapter of the report. ``not_run``: what was left out, and why, a sentence each."""

    id: str
    title: str
    words: str
    """What it answers, in a sentence or two."""
    tables: list[Table]
    not_run: list[str] = []


class Report(Struct, frozen=True, kw_only=True):
    """A whole run. ``machine``: the facts without which no figure means anything."""

    watchword: str
    at: str
    """When it began, RFC 3339, UTC."""
    seconds: float
    quick: bool
    machine: dict[str, Any]
    sections: list[Section]
