"""What comes of the answers: a row for each job, what was rejected and why, and the settings for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, to_builtins

from .answers import Answers
from .answers import plain as plain_answers


class Rejected(Struct, frozen=True):
    """An alternative that was not taken, why, and the rule that says so."""

    id: str
    what: str
    reason: str
    rule: str


class Offered(Struct, frozen=True):
    """An alternative that is good as well, and the rule that offers it."""

    id: str
    what: str
    lifetime: int | None
    stops_within: int | None
    revocation: str
    reason: str
    rule: str


class Overruled(Struct, frozen=True):
    """What a rule said and an earlier one had decided otherwise."""

    rule: str
    said: str
    by: str


class Row(Struct, frozen=True, kw_only=True):
    """The answer for one job. Times are seconds; None: it has none, or ends by itself alone."""

    job: str
    name: str
    choice: str
    what: str
    rule: str
    format: str
    carrier: str
    lifetime: int | None
    idle: int | None
    storage: str
    revocation: str
    stops_within: int | None
    offered: tuple[Offered, ...]
    rejected: tuple[Rejected, ...]
    overruled: tuple[Overruled, ...]
    notes: tuple[str, ...]
    rules: tuple[str, ...]
    """Every rule that had a say, in declared order."""


class Plan(Struct, frozen=True, kw_only=True):
    """The answer for the whole system."""

    answers: Answers
    rows: tuple[Row, ...]
    settings: Mapping[str, Any]
    """Dotted names of watchword.toml -> values."""
    because: Mapping[str, str]
    """The same names -> the rule that each value comes from."""
    checklist: tuple[str, ...]

    def __getitem__(self, job: str) -> Row:
        return next(row for row in self.rows if row.job == job)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: rows by job, names as in this file."""
        rows = {row.job: to_builtins(row) for row in self.rows}
        return {
            "answers": plain_answers(self.answers),
            "plan": rows,
            "settings": {name: {"value": value, "rule": self.because[name]} for name, value in self.settings.items()},
            "checklist": list(self.checklist),
        }
