"""``inspect`` judges every row of the hostile-token table by its stage, and shows no signature.

With the keys it stops exactly where a verifier does; without, as far as it goes.
"""

from __future__ import annotations

import json
import socket
from typing import Any, NoReturn

import pytest

from tests.hostile import rows, table
from tests.hostile.rows import AUDIENCE, ED, ISSUER, LOCAL, NOW, PUB, Case
from watchword.clock import FrozenClock
from watchword.diagnosis.inspect import inspect
from watchword.errors import Stage
from watchword.keys.ring import KeyRing

NAMED: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}
DOORS: dict[str, dict[str, Any]] = {
    "access": {"kind": "access", **NAMED},
    "jws": {"kind": "jws"},
    "open": {"kind": "v4.local"},
    "check": {"kind": "v4.public"},
    "sealed": {"kind": "sealed", "purpose": "payment", "bound_to": "user-7", "audience": AUDIENCE},
}
RINGS = {"open": KeyRing.of(LOCAL), "check": KeyRing.of(PUB)}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached_out(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a token made inspect reach out")

    monkeypatch.setattr(socket, "socket", reached_out)
    monkeypatch.setattr(socket, "getaddrinfo", reached_out)


def told(case: Case, **more: Any) -> Any:
    clock = FrozenClock(NOW)
    report = inspect(case.token, clock=clock, **more)
    shown = json.dumps(report.to_dict()) + repr(report)
    signature = case.token.rpartition(".")[2]
    assert len(signature) < 40 or signature not in shown
    return report


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.ids} {case.what}") for case in table.TABLE])
def test_it_stops_where_the_row_says(case: Case) -> None:
    name = "sealed" if case.door == "sealed" else case.ring
    ring = RINGS.get(case.door) or rows.ring(name, FrozenClock(NOW))
    stopped = told(case, ring=ring, **DOORS[case.door]).stopped
    assert stopped is not None
    assert (stopped.stage, stopped.code, stopped.reason) == (case.error.stage, case.error.code, case.reason)
    before = told(case, kind="access" if case.door == "access" else None).stopped
    if case.error.stage is Stage.PARSE and case.door == "access":
        assert before is not None
        assert before.stage is Stage.PARSE


def test_the_tokens_that_the_rows_are_made_from_come_through() -> None:
    for token in (rows.jwt(), rows.pas()):
        report = inspect(token, clock=FrozenClock(NOW), ring=rows.ring("main", FrozenClock(NOW)), **NAMED)
        assert report.stopped is None
        states = {step.stage.value: step.state for step in report.walk}
        assert states == dict.fromkeys(("extract", "parse", "key", "verify", "claims"), "passed") | {
            "revocation": "unchecked",
            "binding": "unchecked",
        }
    assert ED.kid == "k1"
