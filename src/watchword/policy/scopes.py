"""Scopes as a policy: an action is a scope, and the credential has it or not."""

from __future__ import annotations

from ..principal import Principal
from .base import Decision, Facts


class Scopes:
    """Allows an action whose name is among the caller's scopes, letter by letter.

    Resource and context count nothing.
    """

    recorded = False

    def explain(self, who: Principal, action: str) -> Decision:
        """Allowed or not, and by which scope. No I/O."""
        allowed = action in who.scopes
        return Decision(
            allowed=allowed, policy="scopes", rule=f"scope {action}" if allowed else "no scope of that name"
        )

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        return self.explain(who, action)
