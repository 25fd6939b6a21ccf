"""What a policy is: it is asked who wants to do what to which thing, and says yes or no, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from ..clock import Clock
from ..errors import ConfigurationError, PolicyDeniedError
from ..principal import Principal
from ..stores.base import Audit, Store
from ..tokens.base import shown

Facts = Mapping[str, Any]
"""A plain JSON object."""


class Decision(Struct, frozen=True, kw_only=True):
    """Yes or no, and why. All but ``allowed`` is for logs and people of the house, never for the caller.

    ``rule``: which rule decided. ``decision_id``: the name of this decision in the trail and in the engine's own log,
    empty where decisions are not recorded.
    """

    allowed: bool
    policy: str
    rule: str
    reason: str = ""
    decision_id: str = ""


class Policy(Protocol):
    """Decides. Says no when nothing says yes, and raises PolicyUnavailableError when it cannot know."""

    recorded: bool
    """Whether each decision goes into the audit trail.

    What works in process, from the credential and the configuration, can be worked out again and is not recorded.
    """

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        """May ``who`` do ``action`` (to ``resource``, in this ``context``)?"""
        ...


async def authorize(
    policy: Policy,
    store: Store,
    clock: Clock,
    who: Principal,
    action: str,
    resource: Facts | None,
    context: Facts | None,
) -> Decision:
    """Ask, write down what is to be recorded, and raise PolicyDeniedError unless the answer is yes.

    Raises StaleRevocationError for a caller who was taken on a stale word: a policy may go by roles.
    """
    who.ensure_known()
    decision = await policy.decide(who, action, resource, context)
    if policy.recorded:
        detail = {name: shown(str(value)) for name, value in (("action", action), *_told(decision))}
        await store.append(
            audit=[
                Audit(
                    name="decided", at=clock.now(), subject=who.subject, detail=detail | {"allowed": decision.allowed}
                )
            ]
        )
    if not decision.allowed:
        raise PolicyDeniedError(
            f"{decision.policy} does not allow {action!a}: {decision.reason or decision.rule}",
            decision_id=decision.decision_id,
        )
    return decision


def _told(decision: Decision) -> tuple[tuple[str, str], ...]:
    return ("policy", decision.policy), ("rule", decision.rule), ("decision_id", decision.decision_id)


def checked(policy: Policy | None) -> Policy | None:
    """The policy, or none. Raises: ConfigurationError for what decides nothing."""
    if policy is not None and not callable(getattr(policy, "decide", None)):
        raise ConfigurationError("a policy decides: RBAC({…}), Scopes(), OPA(…), Cedar(…), or your own")
    return policy
