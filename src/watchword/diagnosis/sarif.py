"""A report as SARIF 2.1.0 (OASIS), for tools that collect findings: a rule for each ailment."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .doctor import AILMENTS, AND, PAGES, Report, Result

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"failure": "error", "warning": "warning"}


def sarif(report: Report, version: str) -> dict[str, Any]:
    """The log: one run. What could not run stands among the notifications, and never among the results."""
    index = {id: number for number, id in enumerate(AILMENTS)}
    results = [
        {
            "ruleId": one.id,
            "ruleIndex": index[one.id],
            "level": _LEVELS[one.level],
            "message": {"text": f"{one.seen}. {one.cause} To mend it: {one.mend}"},
            "locations": [_place(where) for where in one.where.split(AND)],
            "properties": {"probe": one.probe, "runbook": one.runbook},
        }
        for one in report.findings
    ]
    tool = {"name": "watchword doctor", "version": version, "rules": [_rule(id) for id in AILMENTS]}
    unknown = [_notice(one) for one in report.results if one.health == "unknown"]
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": unknown}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": tool}, "invocations": [invocation], "results": results}],
    }


def _rule(id: str) -> dict[str, Any]:
    row = AILMENTS[id]
    return {
        "id": id,
        "shortDescription": {"text": row.symptom},
        "fullDescription": {"text": row.cause},
        "help": {"text": f"{row.mend}\nRunbook: docs/runbook/{PAGES[id]}.md"},
        "defaultConfiguration": {"level": _LEVELS[row.level]},
    }


def _place(where: str) -> dict[str, Any]:
    """A path or an origin as a URI reference (RFC 3986 §4.1)."""
    return {"physicalLocation": {"artifactLocation": {"uri": quote(where, safe="/:[]")}}}


def _notice(one: Result) -> dict[str, Any]:
    return {"level": "note", "message": {"text": f"{one.probe} could not run: {one.why}"}}
