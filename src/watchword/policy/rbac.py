"""Roles: each grants permissions, and may inherit those of other roles; compiled to sets when it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from msgspec import Struct

from ..errors import ConfigurationError
from ..principal import Principal
from ..tokens.base import words
from .base import Decision, Facts


class Role(Struct, frozen=True, kw_only=True):
    """What one role grants by itself, and the roles whose permissions it has as well."""

    permissions: Collection[str] = ()
    inherits: Collection[str] = ()


class RBAC:
    """Role-based access control.

        RBAC({"clerk": Role(permissions=["orders:read"]), "admin": Role(inherits=["clerk"])})

    A permission is a word that is compared letter by letter; there are no wildcards, so what a role grants can be
    listed (``permissions_of``). A role that is not known grants nothing. Resource and context count nothing: whose
    order it is, is for the application or for another policy. ``issuers``: whose tokens' roles count beside our own;
    the roles of any other issuer are that issuer's words, and grant nothing.

    Raises: ConfigurationError for roles that inherit in a circle or from nobody, and for words that cannot be.
    """

    recorded = False

    def __init__(self, roles: Mapping[str, Role], *, issuers: Iterable[str] = ()) -> None:
        words(roles, "roles")
        if not isinstance(roles, Mapping) or not all(isinstance(role, Role) for role in roles.values()):
            raise ConfigurationError("RBAC takes name -> Role(permissions=[…], inherits=[…])")
        own = {name: frozenset(_permissions(name, role)) for name, role in roles.items()}
        parents = {name: words(role.inherits, f"what {name!r} inherits") for name, role in roles.items()}
        _ensure_sound(parents)
        self._chains = {name: _chains(name, own, parents) for name in roles}
        self._granted = {name: frozenset(chains) for name, chains in self._chains.items()}
        self._issuers = frozenset(issuers)

    def permissions_of(self, roles: Iterable[str]) -> frozenset[str]:
        """All that these roles grant together."""
        return frozenset[str]().union(*(self._granted.get(role, frozenset()) for role in roles))

    def explain(self, who: Principal, action: str) -> Decision:
        """Allowed or not, and by which role: ``admin > clerk > orders:read``. No I/O."""
        if who.issuer is not None and who.issuer not in self._issuers:
            return _no(f"the roles are those of {who.issuer}, whose roles do not count here")
        granting = sorted(role for role in who.roles if action in self._granted.get(role, ()))
        if granting:
            return Decision(allowed=True, policy="rbac", rule=self._chains[granting[0]][action])
        unknown = sorted(who.roles - self._granted.keys())
        return _no(f"none of the roles {sorted(who.roles)} grants it" + (f"; unknown are {unknown}" if unknown else ""))

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        return self.explain(who, action)

    def __repr__(self) -> str:
        return f"RBAC({len(self._granted)} roles)"


def _no(reason: str) -> Decision:
    return Decision(allowed=False, policy="rbac", rule="no role grants it", reason=reason)


def _permissions(name: str, role: Role) -> list[str]:
    found = words(role.permissions, f"the permissions of {name!r}")
    if any("*" in word for word in found):
        raise ConfigurationError(f"role {name!r}: there are no wildcards; name each permission, or inherit from a role")
    return found


def _ensure_sound(parents: Mapping[str, list[str]]) -> None:
    """Every parent is a role, and no role is its own ancestor: take away roles without parents until none is left."""
    for name, above in parents.items():
        for parent in above:
            if parent not in parents:
                close = get_close_matches(parent, parents, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise ConfigurationError(f"role {name!r} inherits from {parent!r}, which is no role{hint}")
    waiting = {name: set(above) for name, above in parents.items()}
    while ready := [name for name, above in waiting.items() if not above & waiting.keys()]:
        for name in ready:
            del waiting[name]
    if waiting:
        raise ConfigurationError(f"these roles inherit in a circle: {_circle(waiting)}")


def _circle(waiting: Mapping[str, set[str]]) -> str:
    """Each of these has a parent among them, so going up must come back."""
    path = [min(waiting)]
    while path[-1] not in path[:-1]:
        path.append(min(waiting[path[-1]] & waiting.keys()))
    return " > ".join(path[path.index(path[-1]) :])


def _chains(role: str, own: Mapping[str, frozenset[str]], parents: Mapping[str, list[str]]) -> dict[str, str]:
    """Each permission of a role with the shortest way to it."""
    found: dict[str, str] = {}
    level, seen = {role: role}, {role}
    while level:
        for name, path in level.items():
            for permission in own[name]:
                found.setdefault(permission, f"{path} > {permission}")
        level = {up: f"{path} > {up}" for name, path in level.items() for up in parents[name] if up not in seen}
        seen |= level.keys()
    return found
