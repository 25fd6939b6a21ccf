"""Cedar as a policy: policies in Cedar's language, decided in process by cedarpy (extra ``[cedar]``).

The caller is ``User::"ada"``, with the attributes ``kind``, ``scopes`` and ``roles`` and in ``Role::"clerk"`` for each
role; that of another issuer is ``ForeignUser::"https://id.example ada"``. The action is ``Action::"orders:read"``. The
resource is the one that its ``type`` and ``id`` name, and its other members are attributes; without one it is
``Application::"this"``. A ``namespace`` stands before our five types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..crypto.digest import new_id
from ..encoding import dump_json
from ..errors import ConfigurationError, PolicyUnavailableError
from ..principal import Principal
from ..tokens.base import plain_json
from .base import Decision, Facts

MAX_FACTS = 65_536
"""Bytes of resource, and of context."""


class Cedar:
    """``Cedar('permit(principal in Role::"clerk", action == Action::"orders:read", resource);')``.

    Parameters: policies: their text; an ``@id("…")`` of a policy is the rule that a Decision names. entities: what else
    there is (Cedar's JSON form), such as groups of resources. schema: in Cedar's language; where there is one, the
    policies must fit it, and so must every request. issuers: whose tokens' roles count beside our own, as in RBAC.
    Raises: ConfigurationError without the extra, and for policies, entities or a schema that cannot be read.
    """

    recorded = True

    def __init__(
        self,
        policies: str,
        *,
        entities: Sequence[Mapping[str, Any]] = (),
        schema: str | None = None,
        namespace: str = "",
        issuers: Iterable[str] = (),
    ) -> None:
        self._issuers = frozenset(issuers)
        try:
            import cedarpy
        except ImportError:
            raise ConfigurationError("Cedar policies need cedarpy: pip install 'watchword[cedar]'") from None
        self._cedar = cedarpy
        self._prefix = f"{namespace}::" if namespace else ""
        try:
            self._policies = cedarpy.PolicySet.from_str(policies)
            self._schema = None if schema is None else cedarpy.Schema.from_str(schema)
            self._entities = cedarpy.Entities.from_json_str(dump_json(list(entities)).decode(), self._schema)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"Cedar cannot read this: {str(error)[:500]}") from error
        if self._schema is not None and not (found := cedarpy.validate_policies(policies, self._schema)):
            raise ConfigurationError(f"the policies do not fit the schema: {found.errors[0].error[:500]}")

    def explain(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        """Allowed or not, and by which policies. No I/O.

        A policy that cannot be evaluated (it reads an attribute that is not there) makes the whole decision a no: Cedar
        would leave it out, and it may be the one that forbids. Raises: ConfigurationError for a resource without
        ``type`` and ``id``; PolicyUnavailableError when Cedar cannot decide at all.
        """
        thing, about = self._resource(resource), plain_json(context, "a context", MAX_FACTS)
        user = self._caller(who)
        here = [user | {"attrs": thing["attrs"] | user["attrs"]}] if thing["uid"] == user["uid"] else [user, thing]
        request = {
            "principal": user["uid"],
            "action": self._entity("Action", action),
            "resource": thing["uid"],
            "context": about,
        }
        try:
            known = self._entities.with_added_json_str(dump_json(here).decode())
            said = self._cedar.is_authorized(request, self._policies, known, self._schema)
        except (TypeError, ValueError) as error:
            raise PolicyUnavailableError(f"Cedar cannot decide: {str(error)[:500]}", reason="bad_request") from error
        if said.decision is self._cedar.Decision.NoDecision:
            raise PolicyUnavailableError(f"Cedar cannot decide: {_first(said)}", reason="bad_request")
        names = said.diagnostics.id_annotations_by_reason
        rules = ", ".join(names.get(one) or one for one in said.diagnostics.reasons)
        broken = bool(said.diagnostics.errors)
        return Decision(
            allowed=said.allowed and not broken,
            policy="cedar",
            rule=rules or "no policy permits it",
            reason=_first(said) if broken else "",
            decision_id=new_id(),
        )

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        return self.explain(who, action, resource, context)

    def _entity(self, kind: str, name: str) -> dict[str, str]:
        return {"type": f"{self._prefix}{kind}", "id": name}

    def _caller(self, who: Principal) -> dict[str, Any]:
        """Who asks. A subject of another issuer is no user of ours, and its roles are that issuer's words."""
        ours = who.issuer is None
        roles = sorted(who.roles) if ours or who.issuer in self._issuers else ()
        return {
            "uid": self._entity("User", who.subject)
            if ours
            else self._entity("ForeignUser", f"{who.issuer} {who.subject}"),
            "attrs": {"kind": who.kind, "scopes": sorted(who.scopes), "roles": list(roles)},
            "parents": [self._entity("Role", role) for role in roles],
        }

    def _resource(self, resource: Facts | None) -> dict[str, Any]:
        given = self._entity("Application", "this") if resource is None else resource
        facts = plain_json(given, "a resource", MAX_FACTS)
        uid = {"type": facts.pop("type", None), "id": facts.pop("id", None)}
        if not all(isinstance(one, str) and one for one in uid.values()):
            raise ConfigurationError("for Cedar a resource has a 'type' and an 'id', both text")
        return {"uid": uid, "attrs": facts, "parents": []}

    def __repr__(self) -> str:
        return f"Cedar({len(self._entities)} entities{', with a schema' if self._schema is not None else ''})"


def _first(said: Any) -> str:
    return str(next(iter(said.diagnostics.errors), ""))[:255]
