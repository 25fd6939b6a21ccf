"""The table of findings."""

from __future__ import annotations

from ..report import Finding
from ..shapes.base import Look
from . import carriers, claims, headers, keys
from .base import Facts, Row

_WEIGHTS = ("danger", "warning", "note")
FINDINGS: dict[str, Row] = {row.id: row for row in (*headers.ROWS, *claims.ROWS, *carriers.ROWS, *keys.ROWS)}


def findings(look: Look, size: int, now: int) -> tuple[Finding, ...]:
    """The rows that fit, the worst first."""
    facts = Facts(look, size, now)
    found = ((row, row.when(facts)) for row in FINDINGS.values())
    fitting = [
        Finding(id=row.id, weight=row.weight, says=row.says, source=row.source, where=where)
        for row, where in found
        if where is not None
    ]
    return tuple(sorted(fitting, key=lambda one: _WEIGHTS.index(one.weight)))
