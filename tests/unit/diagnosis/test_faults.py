"""Every fault is named, by its name and by no other; a healthy server has none; and no report shows a secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.diagnosis.lies import FAULTS, longer_cookie
from tests.unit.diagnosis.wards import PASSWORD, Ward, canary, none
from watchword.diagnosis.doctor import AILMENTS, Report, examine
from watchword.diagnosis.patient import Patient

SECRET = re.compile(rf"eyJ[A-Za-z0-9]|v4\\.public\\.|ww_[a-z]{{2}}_|{PASSWORD}")
Open = Callable[..., Ward]
EXPECTED_UNKNOWN = {"key-sprawl", "server-hsts", "document-nodes", "node-known", "node-restarted"}
"""They need two services, TLS, two nodes, a restart."""


def looked_at(*wards: Ward, config: bool = True, **more: Any) -> Report:
    patients = [Patient(one.url) for one in wards]
    try:
        return examine([str(wards[0].config)] if config else [], patients, canary(), environ={}, **more)
    finally:
        for one in patients:
            one.close()


def test_a_healthy_server_has_no_finding(wards: Open) -> None:
    report = looked_at(wards())
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    assert {one.probe for one in report.results if one.health == "unknown"} == EXPECTED_UNKNOWN
    assert not report.failed


def test_a_longer_cookie_of_a_framework_is_not_taken_for_the_session(wards: Open) -> None:
    ward = wards()
    ward.meddler.fault = longer_cookie(ward)
    try:
        report = looked_at(ward)
    finally:
        ward.meddler.fault = none
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    assert {one.probe for one in report.results if one.health == "unknown"} == EXPECTED_UNKNOWN


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(wards: Open, name: str) -> None:
    row = FAULTS[name]
    ward = wards(**row.settings)
    ward.meddler.fault = row.make(ward)
    try:
        report = looked_at(ward)
    finally:
        ward.meddler.fault = none
    assert {one.id for one in report.findings} == row.expected, [f"{one.id}: {one.seen}" for one in report.findings]
    assert not SECRET.search(repr(report)), "a token, a cookie or the password is shown"
    assert report.failed is any(AILMENTS[one].level == "failure" for one in row.expected)
