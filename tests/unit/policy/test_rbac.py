"""Roles and scopes as policies: what they grant, which rule says so, and what cannot be put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import ConfigurationError
from watchword.policy.base import Policy
from watchword.policy.rbac import RBAC, Role
from watchword.policy.scopes import Scopes
from watchword.principal import Principal
from watchword.runtime.ticker import drive

SHOP = {
    "clerk": Role(permissions=["orders:read"]),
    "cashier": Role(permissions=["orders:refund"], inherits=["clerk"]),
    "admin": Role(permissions=["users:write"], inherits=["cashier"]),
    "auditor": Role(permissions=["orders:read", "trail:read"]),
}


def caller(*roles: str, scopes: Collection[str] = (), issuer: str | None = None) -> Principal:
    return Principal(
        subject="ada",
        kind="access",
        token_id="t",
        issued_at=1,
        expires_at=2,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
        issuer=issuer,
    )


def test_a_role_grants_its_own_and_what_it_inherits() -> None:
    rbac = RBAC(SHOP)
    assert rbac.permissions_of(["admin"]) == {"users:write", "orders:refund", "orders:read"}
    assert rbac.permissions_of(["clerk"]) == {"orders:read"}
    assert rbac.permissions_of(["clerk", "auditor"]) == {"orders:read", "trail:read"}
    assert rbac.permissions_of([]) == frozenset()


@pytest.mark.parametrize(
    ("roles", "action", "rule"),
    [
        (["admin"], "users:write", "admin > users:write"),
        (["admin"], "orders:read", "admin > cashier > clerk > orders:read"),
        (["clerk", "admin"], "orders:read", "admin > cashier > clerk > orders:read"),
        (["auditor"], "orders:read", "auditor > orders:read"),
    ],
)
def test_explain_names_the_way_to_the_permission(roles: list[str], action: str, rule: str) -> None:
    said = RBAC(SHOP).explain(caller(*roles), action)
    assert (said.allowed, said.policy, said.rule) == (True, "rbac", rule)


@pytest.mark.parametrize("action", ["orders:refund", "orders:read ", "Orders:read", "orders", "orders:*", "*", ""])
def test_what_is_not_granted_letter_by_letter_is_denied(action: str) -> None:
    said = RBAC(SHOP).explain(caller("clerk"), action)
    assert (said.allowed, said.rule) == (False, "no role grants it")


def test_an_unknown_role_grants_nothing_and_is_named() -> None:
    said = RBAC(SHOP).explain(caller("root", "clerk"), "users:write")
    assert not said.allowed
    assert "unknown are ['root']" in said.reason
    assert RBAC(SHOP).permissions_of(["root"]) == frozenset()


def test_roles_of_another_issuer_are_its_own_words() -> None:
    theirs = caller("admin", issuer="https://partner.example")
    assert not RBAC(SHOP).explain(theirs, "users:write").allowed
    assert not RBAC(SHOP, issuers=["https://other.example"]).explain(theirs, "users:write").allowed
    assert RBAC(SHOP, issuers=["https://partner.example"]).explain(theirs, "users:write").allowed


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"a": Role(inherits=["a"])}, "in a circle: a > a"),
        ({"a": Role(inherits=["b"]), "b": Role(inherits=["c"]), "c": Role(inherits=["b"])}, "b > c > b"),
        ({"clerk": Role(), "admin": Role(inherits=["clark"])}, "'clark', which is no role; did you mean 'clerk'"),
        ({"a": Role(permissions=["orders:*"])}, "no wildcards"),
        ({"a": Role(permissions=["*"])}, "no wildcards"),
        ({"a": Role(permissions="orders:read")}, "a list of words"),
        ({"a": Role(permissions=["orders read"])}, "cannot stand in"),
        ({"two words": Role()}, "cannot stand in roles"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(roles: Mapping[str, Role], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says.replace("*", r"\*")):
        RBAC(roles)


def test_inheritance_may_be_deep() -> None:
    deep = {f"r{n}": Role(permissions=[f"p{n}"], inherits=[f"r{n - 1}"] if n else []) for n in range(400)}
    assert len(RBAC(deep).permissions_of(["r399"])) == 400


NAMES = "abcdef"
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(st.frozensets(st.sampled_from("uvwxyz"), max_size=3), st.frozensets(st.sampled_from(NAMES), max_size=3)),
)


def roles_of(graph: Mapping[str, tuple[frozenset[str], frozenset[str]]]) -> dict[str, Role]:
    """The graph without what leads nowhere or to an earlier name: no circles."""
    return {
        name: Role(permissions=own, inherits=[up for up in above if up in graph and up > name])
        for name, (own, above) in graph.items()
    }


def walk(roles: Mapping[str, Role], held: Collection[str]) -> set[str]:
    """What the roles grant, by the simplest means there is."""
    found: set[str] = set()
    for name in held:
        if name in roles:
            found |= {*roles[name].permissions, *walk(roles, roles[name].inherits)}
    return found


HELD = st.frozensets(st.sampled_from(NAMES + "?"))


@given(GRAPHS, HELD)
def test_it_grants_what_a_walk_of_the_graph_finds(
    graph: Mapping[str, tuple[frozenset[str], frozenset[str]]], held: frozenset[str]
) -> None:
    roles = roles_of(graph)
    rbac, found = RBAC(roles), walk(roles, held)
    assert rbac.permissions_of(held) == found
    for action in "uvwxyz":
        said = rbac.explain(caller(*held), action)
        assert said.allowed is (action in found)
        if said.allowed:
            first, *between, last = said.rule.split(" > ")
            assert first in held
            assert last == action
            for lower, upper in zip([first, *between], between, strict=False):
                assert upper in roles[lower].inherits
            assert action in roles[[first, *between][-1]].permissions


@given(GRAPHS, HELD, st.sampled_from(NAMES))
def test_taking_a_role_away_never_grants_more(
    graph: Mapping[str, tuple[frozenset[str], frozenset[str]]], held: frozenset[str], gone: str
) -> None:
    roles = roles_of(graph)
    before = RBAC(roles).permissions_of(held)
    assert RBAC(roles).permissions_of(held - {gone}) <= before
    left = roles_of({name: row for name, row in graph.items() if name != gone})
    assert RBAC(left).permissions_of(held) <= before


EDGES = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES), max_size=3))


@given(EDGES)
def test_a_circle_is_refused_and_nothing_else(edges: Mapping[str, frozenset[str]]) -> None:
    graph = {name: [up for up in above if up in edges] for name, above in edges.items()}
    reach = {name: set(above) for name, above in graph.items()}
    for _ in NAMES:
        reach = {name: above.union(*(reach[up] for up in above)) for name, above in reach.items()}
    made = {name: Role(inherits=above) for name, above in graph.items()}
    if any(name in above for name, above in reach.items()):
        with pytest.raises(ConfigurationError, match="in a circle"):
            RBAC(made)
    else:
        RBAC(made)


@pytest.mark.parametrize("action", ["orders:rea", "orders:read2", "ORDERS:READ", "", "orders:write"])
def test_a_scope_is_had_or_not(action: str) -> None:
    who = caller(scopes=["orders:read"])
    assert Scopes().explain(who, "orders:read").rule == "scope orders:read"
    assert not Scopes().explain(who, action).allowed


@pytest.mark.parametrize("policy", [RBAC(SHOP), Scopes()])
def test_deciding_is_explaining_and_awaits_nothing(policy: RBAC | Scopes) -> None:
    as_policy: Policy = policy
    who = caller("clerk", scopes=["orders:read"])
    assert drive(as_policy.decide(who, "orders:read", {"id": "o-1"}, {"late": True})) == policy.explain(
        who, "orders:read"
    )
    assert not as_policy.recorded
