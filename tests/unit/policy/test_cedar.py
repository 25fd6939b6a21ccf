"""Cedar as a policy: decided by cedarpy, and a no wherever it stumbles."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchword import Principal, Watchword
from watchword.errors import ConfigurationError, PolicyDeniedError, PolicyUnavailableError, WatchwordError
from watchword.policy.base import Policy
from watchword.policy.cedar import Cedar
from watchword.runtime.ticker import drive

POLICIES = """
@id("clerks-read") permit(principal in Role::"clerk", action == Action::"orders:read", resource);
@id("own-orders") permit(principal, action == Action::"orders:read", resource is Order)
    when { resource has owner && resource.owner == principal };
@id("scoped") permit(principal, action == Action::"orders:export", resource)
    when { principal.scopes.contains("export") };
permit(principal == User::"root", action, resource);
@id("locked") forbid(principal, action, resource is Order) when { resource.locked };
@id("at-night") forbid(principal, action, resource) when { context has hour && context.hour < 6 };
"""
ORDER = {"type": "Order", "id": "o-1", "locked": False}


def caller(subject: str, *roles: str, scopes: tuple[str, ...] = ()) -> Principal:
    return Principal(
        subject=subject,
        kind="session",
        token_id="t",
        issued_at=1,
        expires_at=2,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
    )


def owned(by: str) -> dict[str, Any]:
    return ORDER | {"owner": {"__entity": {"type": "User", "id": by}}}


@pytest.fixture(scope="module")
def cedar() -> Cedar:
    return Cedar(POLICIES)


@pytest.mark.parametrize(
    ("who", "action", "resource", "context", "allowed", "rule"),
    [
        (caller("ada", "clerk"), "orders:read", ORDER, None, True, "clerks-read"),
        (caller("ada"), "orders:read", owned("ada"), None, True, "own-orders"),
        (caller("ada"), "orders:read", owned("bob"), None, False, "no policy permits it"),
        (caller("ada", "clerk"), "orders:refund", ORDER, None, False, "no policy permits it"),
        (caller("ada", scopes=("export",)), "orders:export", ORDER, None, True, "scoped"),
        (caller("ada"), "orders:export", ORDER, None, False, "no policy permits it"),
        (caller("root"), "anything", None, None, True, "policy3"),
        (caller("root"), "anything", ORDER | {"locked": True}, None, False, "locked"),
        (caller("ada", "clerk"), "orders:read", ORDER, {"hour": 3}, False, "at-night"),
        (caller("ada", "clerk"), "orders:read", ORDER, {"hour": 9}, True, "clerks-read"),
    ],
)
def test_cedar_decides_and_names_the_rule(
    cedar: Cedar,
    who: Principal,
    action: str,
    resource: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None,
    allowed: bool,
    rule: str,
) -> None:
    as_policy: Policy = cedar
    said = drive(as_policy.decide(who, action, resource, context))
    assert (said.allowed, said.policy, said.rule) == (allowed, "cedar", rule)
    assert len(said.decision_id) == 22


def test_a_policy_that_stumbles_lets_nobody_in(cedar: Cedar) -> None:
    """Without ``locked`` the policy that forbids cannot be evaluated; Cedar alone would leave it out, and permit."""
    said = cedar.explain(caller("ada", "clerk"), "orders:read", {"type": "Order", "id": "o-1"})
    assert not said.allowed
    assert "locked" in said.reason


@pytest.mark.parametrize(
    "name", ['"', '"] || true', "ro\not", "root\0", "'; permit", "rööt", "{}", "User::root", " root"]
)
def test_no_name_is_read_as_cedar(cedar: Cedar, name: str) -> None:
    assert not cedar.explain(caller(name), "anything", ORDER).allowed
    assert not cedar.explain(caller("ada", name), "orders:read", ORDER).allowed
    assert not cedar.explain(caller("ada", "clerk"), name, ORDER).allowed


def test_the_user_of_another_issuer_is_nobody_of_ours() -> None:
    """Subjects and roles of another issuer are that issuer's words: its ``root`` is not ours, nor are its clerks."""
    theirs = Cedar(POLICIES + 'permit(principal == ForeignUser::"https://id.test root", action, resource);')
    policies, issuer = (Cedar(POLICIES), theirs, Cedar(POLICIES, issuers=["https://id.test"])), "https://id.test"
    root, clerk = (replace(caller(*who), issuer=issuer) for who in (("root",), ("ada", "clerk")))
    assert [one.explain(root, "orders:refund", ORDER).allowed for one in policies] == [False, True, False]
    assert [one.explain(clerk, "orders:read", ORDER).allowed for one in policies] == [False, False, True]
    assert not any(
        one.explain(replace(clerk, roles=frozenset()), "orders:read", owned("ada")).allowed for one in policies
    )
    lookalike = caller("https://id.test root")
    assert theirs.explain(lookalike, "orders:refund", ORDER).allowed is False


def test_the_caller_may_be_the_thing_itself() -> None:
    own = Cedar('permit(principal, action, resource) when { principal == resource && resource.plan == "pro" };')
    me = {"type": "User", "id": "ada", "plan": "pro", "roles": ["admin"], "scopes": ["everything"]}
    assert own.explain(caller("ada"), "profile:edit", me).allowed
    assert not own.explain(caller("bob"), "profile:edit", me).allowed
    sly = Cedar('permit(principal, action, resource) when { principal.roles.contains("admin") };')
    assert not sly.explain(caller("ada"), "profile:edit", me).allowed


def test_entities_and_a_namespace() -> None:
    shop = Cedar(
        'permit(principal in Shop::Role::"clerk", action == Shop::Action::"read", resource in Shop::Shelf::"books");',
        entities=[
            {
                "uid": {"type": "Shop::Item", "id": "i-1"},
                "attrs": {},
                "parents": [{"type": "Shop::Shelf", "id": "books"}],
            }
        ],
        namespace="Shop",
    )
    assert not shop.explain(caller("ada", "clerk"), "read").allowed
    with pytest.raises(PolicyUnavailableError):  # it is there already, with other attributes: which is it?
        shop.explain(caller("ada", "clerk"), "read", {"type": "Shop::Item", "id": "i-1", "price": 1})


SCHEMA = """
entity Role;
entity User in [Role] { kind: String, scopes: Set<String>, roles: Set<String> };
entity Order { locked: Bool };
action "orders:read" appliesTo { principal: User, resource: Order };
"""
GOOD = 'permit(principal in Role::"clerk", action == Action::"orders:read", resource) unless { resource.locked };'


def test_a_schema_holds_policies_and_requests() -> None:
    strict = Cedar(GOOD, schema=SCHEMA)
    assert strict.explain(caller("ada", "clerk"), "orders:read", ORDER).allowed
    with pytest.raises(PolicyUnavailableError):
        strict.explain(caller("ada", "clerk"), "orders:raed", ORDER)
    with pytest.raises(ConfigurationError, match="do not fit the schema"):
        Cedar(GOOD.replace("locked", "lokced"), schema=SCHEMA)


@pytest.mark.parametrize(
    ("policies", "more"),
    [
        ("nonsense", {}),
        ("permit(principal, action);", {}),
        (7, {}),
        (GOOD, {"entities": [{"uid": 7}]}),
        (GOOD, {"entities": [object()]}),
        (GOOD, {"schema": "nonsense"}),
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_made(policies: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Cedar(policies, **more)


@pytest.mark.parametrize(
    "resource", [{}, {"type": "Order"}, {"id": "o-1"}, {"type": 7, "id": "o"}, {"type": "", "id": "o"}]
)
def test_a_resource_has_type_and_id(cedar: Cedar, resource: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="'type' and an 'id'"):
        cedar.explain(caller("root"), "anything", resource)


@pytest.mark.parametrize(
    "resource", [{"type": "no type", "id": "o"}, ORDER | {"x": None}, ORDER | {"x": 1.5}, ORDER | {"x": 2**70}]
)
def test_what_cedar_cannot_hold_is_unavailable(cedar: Cedar, resource: dict[str, Any]) -> None:
    with pytest.raises(PolicyUnavailableError):
        cedar.explain(caller("root"), "anything", resource)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.text(), st.text(), st.dictionaries(st.sampled_from(["type", "id", "locked", "x"]), JSON), JSON)
def test_a_decision_or_an_error_of_ours(subject: str, action: str, resource: dict[str, Any], context: Any) -> None:
    try:
        said = Cedar(GOOD).explain(caller(subject), action, resource, context if isinstance(context, dict) else None)
    except WatchwordError:
        return
    assert not said.allowed


async def test_it_stands_in_the_trail(cedar: Cedar) -> None:
    async with Watchword("memory:", issuer="https://a.example", audience="https://b.example", policy=cedar) as ww:
        await ww.authorize(caller("ada", "clerk"), "orders:read", ORDER)
        with pytest.raises(PolicyDeniedError) as denied:
            await ww.authorize(caller("ada"), "orders:refund", ORDER)
        rows = [row.detail for row in await ww.events(subject="ada") if row.name == "decided"]
    assert [(row["rule"], row["allowed"]) for row in rows] == [("clerks-read", True), ("no policy permits it", False)]
    assert rows[1]["decision_id"] == denied.value.decision_id


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['cedarpy'] = None\n"
        "from watchword.errors import ConfigurationError\n"
        "from watchword.policy.cedar import Cedar\n"
        "try:\n    Cedar('')\nexcept ConfigurationError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'watchword[cedar]'" in done.stdout
