"""OPA's side of the table: the question as it is sent, and what an answer means. Open Policy Agent, REST API, Data API.

The question, ``{"input": {"principal", "action", "resource", "context"}}``, holds facts about the caller and no token.
The answer is the rule's value: ``true``, or an object with ``allow``, and ``reason`` if it wants to say why. Anything
else is no yes: a rule that is undefined is a no, and an answer of another shape is none (PolicyUnavailableError).
"""

from __future__ import annotations

import re
from typing import Any

from ..crypto.digest import new_id
from ..encoding import dump_json, json_object
from ..errors import ConfigurationError, MalformedTokenError, PolicyUnavailableError
from ..principal import Principal
from ..tokens.base import plain_json, shown
from .base import Decision, Facts

MAX_INPUT = 65_536
"""Bytes of resource, and of context."""
_PATH = re.compile(r"[A-Za-z0-9_]+(?:/[A-Za-z0-9_]+)*")


def data_path(path: str) -> str:
    """``/v1/data/<path>`` for the path of a rule: ``app/authz/allow``. Raises: ConfigurationError for what is none."""
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ConfigurationError(f"{str(path)[:80]!a} is no path of a rule: write it as package/rule, app/authz/allow")
    return f"/v1/data/{path}"


def principal_facts(who: Principal) -> dict[str, Any]:
    """What a policy engine is told of the caller. No token, no id of one, and no claims of the application's own."""
    return {
        "subject": who.subject,
        "kind": who.kind,
        "scopes": sorted(who.scopes),
        "roles": sorted(who.roles),
        "client_id": who.client_id,
        "issuer": who.issuer,
        "auth_time": who.auth_time,
    }


def question(who: Principal, action: str, resource: Facts | None, context: Facts | None) -> bytes:
    """The body of the request. Raises: ConfigurationError for a resource or context that is no plain JSON."""
    asked = {
        "principal": principal_facts(who),
        "action": action,
        "resource": plain_json(resource, "a resource", MAX_INPUT),
        "context": plain_json(context, "a context", MAX_INPUT),
    }
    return dump_json({"input": asked})


def decision(body: bytes, path: str) -> Decision:
    """What an answer says. Raises: PolicyUnavailableError for one that cannot be understood."""
    try:
        answer = json_object(body)
    except MalformedTokenError as error:
        raise _unreadable(str(error)) from error
    decision_id = answer.get("decision_id", "")
    if not isinstance(decision_id, str) or len(decision_id) > 255 or not decision_id.isprintable():
        raise _unreadable("its decision_id is no short text")
    result = answer.get("result", {"allow": False, "reason": "the rule is undefined for this input"})
    if isinstance(result, bool):
        result = {"allow": result}
    if not isinstance(result, dict) or not isinstance(result.get("allow"), bool):
        raise _unreadable("its result is neither true, false, nor an object with 'allow'")
    reason = result.get("reason", "")
    return Decision(
        allowed=result["allow"],
        policy="opa",
        rule=path,
        reason=shown(reason) or "" if isinstance(reason, str) else "",
        decision_id=decision_id or new_id(),
    )


def _unreadable(why: str) -> PolicyUnavailableError:
    return PolicyUnavailableError(f"the answer of OPA cannot be read: {why}", reason="bad_answer")
