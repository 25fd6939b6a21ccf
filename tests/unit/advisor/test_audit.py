"""A configuration judged by the rules: each check with what sets it off, and what does not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from tests.unit.advisor.test_decide import ANSWERS
from watchword.advisor.answers import answers_of, plain
from watchword.advisor.audit import CHECKS, audit
from watchword.advisor.decide import decide
from watchword.advisor.rules import RULES
from watchword.config import Settings, settings_of
from watchword.errors import ConfigurationError

GOOD: dict[str, Any] = {
    "url": "sqlite:///app.db",
    "issuer": "https://auth.example",
    "audience": "https://api.example",
}


def settings(**changed: Any) -> Settings:
    return settings_of(GOOD | changed, {})


BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "memory and workers": (
        {"url": "memory:", "deployment": {"workers": 4}}, "fail", "may-forget", "there are 4",
    ),
    "memory and machines": (
        {"url": "memory:", "deployment": {"machines": 2}}, "fail", "may-forget", "there are 2",
    ),
    "a file on two machines": ({"deployment": {"machines": 2}}, "fail", "many-machines", "one machine"),
    "Redis alone": ({"url": "rediss://cache/0", "keys": "k"}, "warn", "many-machines", "Redis alone"),
    "no TLS": ({"issuer": "http://auth.example"}, "fail", "over-tls", "http://auth.example"),
    "no TLS, by a name that begins like ours": (
        {"issuer": "http://localhost.evil.example"},
        "fail",
        "over-tls",
        "http://localhost.evil.example",
    ),
    "no TLS to the API": ({"audience": "http://api.example"}, "fail", "over-tls", "http://api.example"),
    "JWT, blocklist and user lookup": (
        {"on_stale": "ask", "max_staleness": 0, "deployment": {"user_lookup": True}},
        "warn", "no-signed-session", "a session in disguise",
    ),
    "a symmetric key in two services": (
        {"deployment": {"key_holders": 2}}, "fail", "verify-each-by-itself", "2 services have a symmetric key",
    ),
    "encrypted tokens for three services": (
        {"access": {"single_service": True}, "deployment": {"verifiers": 3, "hidden_claims": True}},
        "fail", "verify-each-by-itself", "3 services have a symmetric key",
    ),
    "v4.local where v4.public fits": (
        {"access": {"single_service": True}}, "warn", "own-both-ends", "v4.public fits",
    ),
    "a token in script": (
        {"deployment": {"browser_holds": "access"}}, "fail", "foreign-script", "nobody has said why",
    ),
    "a token in script, for no reason": (
        {"deployment": {"browser_holds": "access", "accept_xss_storage_risk": "  "}},
        "fail", "foreign-script", "nobody has said why",
    ),
    "a refresh token in script, for a reason": (
        {"deployment": {"browser_holds": "refresh", "accept_xss_storage_risk": "legacy"}},
        "warn", "refresh-behind", "weeks",
    ),
    "an accepted risk is still told": (
        {"deployment": {"browser_holds": "access", "accept_xss_storage_risk": "no server"}},
        "note", "spa-alone", "no server",
    ),
    "access for 16 minutes": ({"access": {"lifetime": 960}}, "warn", "short-access", "16 min, which is more than"),
    "opaque access for an hour": ({"opaque_access": {"lifetime": 3600}}, "warn", "short-access", "1 h"),
    "service tokens": ({"service": {"lifetime": 600}}, "warn", "jwt-between-services", "10 min"),
    "sealed tokens": ({"sealed": {"lifetime": 600}}, "warn", "handover", "10 min"),
    "sessions for two days": ({"session": {"absolute": 172_800}}, "warn", "regulated", "2 d"),
    "idle sessions": ({"session": {"idle": 7200}}, "warn", "regulated", "2 h"),
    "a long grace": ({"refresh": {"grace": 60}}, "warn", "refresh-is-opaque", "1 min"),
    "an old word": ({"max_staleness": 300}, "warn", "stopped-and-local", "5 min"),
    "open past the lease": (
        {"on_stale": "open", "open_for": 30}, "warn", "stopped-and-local", "a revoked token is taken",
    ),
    "links without a pause": ({"one_time": {"every": 10}}, "warn", "links", "10 s, which is less than 1 min"),
}  # fmt: skip


def test_a_good_one_has_no_finding() -> None:
    assert audit(settings()) == []


def test_just_within_has_no_finding() -> None:
    edges = {
        "access": {"lifetime": 900},
        "refresh": {"grace": 30},
        "session": {"idle": 3600, "absolute": 86_400},
        "max_staleness": 60,
        "one_time": {"every": 60},
        "service": {"lifetime": 300},
        "sealed": {"lifetime": 300},
        "issuer": "http://localhost:8080",
        "deployment": {"workers": 8, "verifiers": 12},
    }
    assert audit(settings(**edges), ["ES256", "v4.local"]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_named(name: str) -> None:
    changed, level, rule, told = BAD[name]
    [finding] = [one for one in audit(settings(**changed)) if one.rule == rule]
    assert finding.level == level
    assert told in finding.says
    assert finding.instead
    assert RULES[finding.rule].sources


def test_every_check_is_set_off_by_one_of_these() -> None:
    found = {(one.rule, one.level, one.setting) for row in BAD.values() for one in audit(settings(**row[0]))}
    assert {(one.rule, one.level, one.setting) for one in CHECKS} <= found


def test_a_ring_with_hmac_keys_and_many_verifiers() -> None:
    many = settings(deployment={"verifiers": 2})
    assert audit(many, ["ES256"]) == []
    assert [one.rule for one in audit(many, ["HS256"])] == ["verify-each-by-itself"]
    assert audit(settings(), ["HS256"]) == []


def test_what_is_asked_about_each_time_is_no_disguise_where_no_token_is_signed() -> None:
    asked = {"on_stale": "ask", "max_staleness": 0, "deployment": {"user_lookup": True}, "session": {"near": False}}
    for client in ("web", "mobile"):
        answers = plain(answers_of({"client": client, "stop": "at-once"}))
        assert audit(settings(**asked, advice={"answers": answers})) == []
    answers = plain(answers_of({"client": "mobile", "verify": "local", "team": "jwt"}))
    assert "no-signed-session" in {one.rule for one in audit(settings(**asked, advice={"answers": answers}))}


def test_the_worst_comes_first() -> None:
    found = audit(
        settings(url="memory:", deployment={"workers": 2, "browser_holds": "access"}, access={"lifetime": 3600})
    )
    assert [one.level for one in found] == ["fail", "fail", "warn"]


def test_it_is_held_to_the_plan_it_came_from() -> None:
    answers = plain(answers_of({"client": ["internal"], "level": "high", "nodes": "several"}))
    found = {one.setting: one for one in audit(settings(advice={"answers": answers}))}
    assert found["url"].says == '"sqlite", where the plan for these answers has "postgresql"'
    assert found["session.idle"].says == "1800, where the plan for these answers has 900"
    assert found["strict"].says == "false, where the plan for these answers has true"
    assert found["profile"].rule == "high-risk"
    assert "audit_retention" not in found  # without it the trail is kept for ever
    assert {one.level for one in found.values()} == {"warn"}


def test_stricter_than_the_plan_is_no_finding() -> None:
    answers = plain(answers_of({}))
    assert audit(settings(url="postgresql://db/x", session={"idle": 60}, advice={"answers": answers})) == []


def test_a_setting_that_fails_is_not_told_twice() -> None:
    answers = plain(answers_of({"nodes": "several"}))
    found = audit(settings(url="memory:", deployment={"workers": 2}, advice={"answers": answers}))
    assert [one.setting for one in found].count("url") == 1


def test_answers_that_are_none() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("no question 'clint'")):
        audit(settings(advice={"answers": {"clint": "web"}}))


@given(ANSWERS)
def test_what_is_planned_has_nothing_to_warn_of(given_answers: dict[str, Any]) -> None:
    answers = answers_of(given_answers)
    document: dict[str, Any] = dict(GOOD) | {"advice": {"answers": plain(answers)}}
    for name, value in decide(answers).settings.items():
        section, _, inner = name.rpartition(".")
        (document.setdefault(section, {}) if section else document)[inner] = value
    assert {one.level for one in audit(settings_of(document, {}))} <= {"note"}


def test_no_finding_shows_a_password() -> None:
    answers = plain(answers_of({"nodes": "several"}))
    found = audit(settings(url="redis://user:hunter2@cache/0", keys="k", advice={"answers": answers}))
    assert found
    assert "hunter2" not in repr(found)
