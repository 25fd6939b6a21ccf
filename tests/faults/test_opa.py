"""OPA as a policy: rules that a real Rego engine decides, and everything that is not an answer in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import require
from tests.faults.key_server import Behave, KeyServer, answer, document, endless, key_server, reset
from tests.faults.rego_server import RegoServer, rego_server
from tests.unit.test_blocking import in_a_child
from watchword import Principal, SystemClock, Watchword
from watchword.errors import ConfigurationError, PolicyDeniedError, PolicyUnavailableError
from watchword.policy import opa as pure
from watchword.policy.base import Decision, Policy
from watchword.runtime import opa
from watchword.runtime.opa import OPA
from watchword.runtime.ticker import drive

OPTIONS: dict[str, Any] = {"issuer": "https://app.example", "audience": "https://api.example"}
REGO = """package app.authz

default allow := false

allow if "admin" in input.principal.roles
allow if {
    input.action == "orders:read"
    input.resource.owner == input.principal.subject
}

told := {"allow": allow, "reason": reason}
default reason := "nobody said yes"
reason := "their own order" if input.resource.owner == input.principal.subject

only_yes if input.action == "orders:read"
a_word := "yes"
"""


def caller(subject: str = "ada", *roles: str) -> Principal:
    return Principal(
        subject=subject,
        kind="session",
        token_id="the-token-id",
        session_id="the-session-id",
        issued_at=1,
        expires_at=2,
        roles=frozenset(roles),
        scopes=frozenset(["b", "a"]),
        raw_claims={"email": "ada@example.com"},
    )


# A real engine


@pytest.fixture(scope="module")
def rego() -> Iterator[RegoServer]:
    require("rego", find_spec("regopy"), "pip install regopy, which brings a Rego engine")
    with rego_server(REGO) as server:
        yield server


@pytest.mark.parametrize(
    ("who", "action", "owner", "allowed"),
    [
        (caller("ada"), "orders:read", "ada", True),
        (caller("ada"), "orders:read", "bob", False),
        (caller("ada"), "orders:refund", "ada", False),
        (caller("ada", "clerk"), "orders:refund", "bob", False),
        (caller("ada", "clerk", "admin"), "orders:refund", "bob", True),
    ],
)
@pytest.mark.parametrize("rule", ["app/authz/allow", "app/authz/told"])
async def test_rego_decides(
    rego: RegoServer, who: Principal, action: str, owner: str, allowed: bool, rule: str
) -> None:
    policy: Policy = OPA(rego.url, rule=rule)
    said = await policy.decide(who, action, {"owner": owner})
    assert (said.allowed, said.policy, said.rule) == (allowed, "opa", rule)
    assert said.decision_id == f"opa-{len(rego.asked)}"
    if rule.endswith("told"):
        assert said.reason == ("their own order" if owner == "ada" else "nobody said yes")


@pytest.mark.parametrize("rule", ["app/authz/only_yes", "app/authz/nothing_of_that_name", "app/nowhere"])
async def test_what_is_undefined_is_denied(rego: RegoServer, rule: str) -> None:
    said = await OPA(rego.url, rule=rule).decide(caller(), "orders:refund")
    assert (said.allowed, said.reason) == (False, "the rule is undefined for this input")


async def test_a_rule_that_is_no_decision_is_unavailable(rego: RegoServer) -> None:
    with pytest.raises(PolicyUnavailableError, match="neither true, false"):
        await OPA(rego.url, rule="app/authz/a_word").decide(caller(), "orders:read")


async def test_it_is_told_facts_and_no_token(rego: RegoServer) -> None:
    await OPA(rego.url, rule="app/authz/allow").decide(caller("ada", "b", "a"), "x", {"owner": "bob"}, {"late": True})
    path, body = rego.asked[-1]
    assert path == "/v1/data/app/authz/allow"
    assert json.loads(body) == {
        "input": {
            "principal": {
                "subject": "ada",
                "kind": "session",
                "scopes": ["a", "b"],
                "roles": ["a", "b"],
                "client_id": None,
                "issuer": None,
                "auth_time": None,
            },
            "action": "x",
            "resource": {"owner": "bob"},
            "context": {"late": True},
        }
    }
    sent = body.decode() + rego.headers[-1].lower()
    assert not any(
        word in sent for word in ("the-token-id", "the-session-id", "example.com", "authorization", "cookie")
    )


async def test_the_decision_stands_in_the_trail_with_its_id(rego: RegoServer) -> None:
    async with Watchword("memory:", policy=OPA(rego.url, rule="app/authz/told"), **OPTIONS) as ww:
        await ww.authorize(caller("ada", "admin"), "orders:refund")
        with pytest.raises(PolicyDeniedError, match="nobody said yes") as denied:
            await ww.authorize(caller("bob"), "orders:refund")
        rows = [row.detail for row in await ww.events() if row.name == "decided"]
    last = len(rego.asked)
    assert [(row["decision_id"], row["allowed"]) for row in rows] == [(f"opa-{last - 1}", True), (f"opa-{last}", False)]
    assert denied.value.decision_id == f"opa-{last}"


def test_without_a_loop_it_asks_right_here(rego: RegoServer) -> None:
    assert drive(OPA(rego.url, rule="app/authz/allow").decide(caller("ada", "admin"), "x")).allowed


# Everything that is no answer


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as made:
        yield made


YES = {"result": True}
PATH = "/v1/data/app/allow"
FAULTS: dict[str, tuple[Callable[[KeyServer], Behave], str]] = {
    "stalls": (lambda it: it.stall, "too_slow"),
    "drips": (lambda it: it.drip("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"), "too_slow"),
    "resets": (lambda _: reset, "fetch_failed"),
    "says nothing": (lambda _: lambda client: None, "fetch_failed"),
    "500": (lambda _: document(YES, status="500 Oh"), "bad_status"),
    "404": (lambda _: document(YES, status="404 No"), "bad_status"),
    "204": (lambda _: document(YES, status="204 No Content"), "bad_status"),
    "redirects": (lambda _: document(YES, status="307 Go", headers="Location: /elsewhere\r\n"), "bad_status"),
    "html": (lambda _: document(YES, kind="text/html"), "bad_content_type"),
    "gzip": (lambda _: document(YES, headers="Content-Encoding: gzip\r\n"), "bad_content_type"),
    "endless": (
        lambda _: endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65_536),
        "too_large",
    ),
    "oversized": (lambda _: document(YES | {"more": "x" * 300_000}), "too_large"),
    "cut": (lambda _: answer(b'{"result": tr'), "bad_answer"),
    "empty": (lambda _: answer(b""), "bad_answer"),
    "twice": (lambda _: answer(b'{"result": false, "result": true}'), "bad_answer"),
    "list": (lambda _: document([YES]), "bad_answer"),
    "text": (lambda _: document({"result": "true"}), "bad_answer"),
    "one": (lambda _: document({"result": 1}), "bad_answer"),
    "null": (lambda _: document({"result": None}), "bad_answer"),
    "allow text": (lambda _: document({"result": {"allow": "true"}}), "bad_answer"),
    "no allow": (lambda _: document({"result": {"deny": False}}), "bad_answer"),
    "decision id": (lambda _: document(YES | {"decision_id": 7}), "bad_answer"),
    "long decision id": (lambda _: document(YES | {"decision_id": "x" * 300}), "bad_answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_no_answer_in_time_lets_nobody_in(server: KeyServer, fault: str) -> None:
    behave, reason = FAULTS[fault]
    server.on[PATH] = behave(server)
    server.on["/elsewhere"] = document(YES)
    began = SystemClock().monotonic()
    with pytest.raises(PolicyUnavailableError) as unavailable:
        await OPA(server.url(""), rule="app/allow", seconds=0.4).decide(caller(), "orders:read")
    assert unavailable.value.reason == reason
    assert unavailable.value.status == 503
    assert SystemClock().monotonic() - began < 2
    assert server.asked["/elsewhere"] == 0


def test_a_forked_child_asks_for_itself(server: KeyServer) -> None:
    server.on["/v1/data/app/allow"] = document({"result": True})
    asked = OPA(server.url(""), rule="app/allow")
    asyncio.run(asked.decide(caller(), "x"))
    with asked._lock:
        answers = in_a_child(lambda: str(asyncio.run(asked.decide(caller(), "x")).allowed))
    assert answers() == "True"


async def test_nobody_listens() -> None:
    with key_server() as server:
        url = server.url("")
    with pytest.raises(PolicyUnavailableError):
        await OPA(url, rule="app/allow").decide(caller(), "orders:read")


async def test_a_reason_is_for_reading(server: KeyServer) -> None:
    server.on[PATH] = document({"result": {"allow": False, "reason": "late\n" + "x" * 900}})
    said = await OPA(server.url(""), rule="app/allow").decide(caller(), "orders:read")
    assert said.reason == "late?" + "x" * 250
    assert len(said.decision_id) == 22  # OPA gave none, so that is one of ours


async def test_a_crowd_before_an_opa_that_stalls_is_through_in_time(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opa, "MOST_WAITING", 320)
    server.on[PATH] = server.stall
    policy, clock = OPA(server.url(""), rule="app/allow", seconds=3), SystemClock()  # so that all of them are begun
    began = clock.monotonic()
    crowd = [policy.decide(caller(), "orders:read") for _ in range(340)]
    refused = await asyncio.gather(*crowd, return_exceptions=True)
    assert clock.monotonic() - began < 20  # one after the other, 16 at a time, would take a minute
    assert {type(one) for one in refused} == {PolicyUnavailableError}
    reasons = [one.reason for one in refused if isinstance(one, PolicyUnavailableError)]
    assert (reasons.count("overloaded"), reasons.count("too_slow")) == (20, 320)
    server.on[PATH] = document(YES)
    assert (await policy.decide(caller(), "orders:read")).allowed  # nothing is left behind


async def test_who_goes_away_frees_the_place(server: KeyServer) -> None:
    server.on[PATH] = server.stall
    policy = OPA(server.url(""), rule="app/allow", seconds=0.5)
    crowd = [asyncio.create_task(policy.decide(caller(), "orders:read")) for _ in range(80)]
    await asyncio.sleep(0)
    assert policy._waiting == 80
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert policy._waiting <= opa.AT_ONCE  # those are being asked, and end by their deadline


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://opa.example:8181", {}),
        ("https://opa.example/v1/data", {}),
        ("https://user:secret@opa.example", {}),
        ("ftp://127.0.0.1", {}),
        ("", {}),
        ("https://opa.example", {"rule": "/app/allow"}),
        ("https://opa.example", {"rule": "app/../allow"}),
        ("https://opa.example", {"rule": "app/allow?x"}),
        ("https://opa.example", {"rule": "app/allow\n"}),
        ("https://opa.example", {"rule": ""}),
        ("https://opa.example", {"rule": "app.allow"}),
        ("https://opa.example", {"seconds": 0}),
        ("https://opa.example", {"seconds": 31}),
    ],
)
async def test_what_cannot_be_asked_is_refused(url: str, more: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, PolicyUnavailableError)) as refused:
        await OPA(url, **({"rule": "app/allow"} | more)).decide(caller(), "orders:read")
    assert url == "http://opa.example:8181" or isinstance(refused.value, ConfigurationError)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("thing", [{"a": object()}, {1: "a"}, {"a": b"x"}, {"a": "x" * 70_000}])
async def test_a_resource_is_plain_json(thing: Any) -> None:
    with pytest.raises(ConfigurationError):
        await OPA("http://127.0.0.1:9", rule="app/allow").decide(caller(), "x", thing)
    with pytest.raises(ConfigurationError):
        await OPA("http://127.0.0.1:9", rule="app/allow").decide(caller(), "x", None, thing)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["result", "allow", "x"]), inner),
)


@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_an_answer_is_a_decision_or_none_and_yes_only_where_it_says_so(body: bytes) -> None:
    try:
        said: Decision = pure.decision(body, "app/allow")
    except PolicyUnavailableError:
        return
    result = json.loads(body).get("result")
    assert said.allowed is (result is True or (isinstance(result, dict) and result.get("allow") is True))
