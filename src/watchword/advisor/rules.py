"""RULES: the decision tree as a table. Where two rules disagree, the one that stands first here is right."""

from __future__ import annotations

from collections.abc import Iterable

from .base import Rule
from .cases import access, browser, handed_out, refresh, service, system


def table(rules: Iterable[Rule]) -> dict[str, Rule]:
    """The rules by id, in their order. Raises: AssertionError for two of one id."""
    rows = list(rules)
    found = {rule.id: rule for rule in rows}
    if len(found) != len(rows):
        raise AssertionError("two rules have one id")
    return found


RULES: dict[str, Rule] = table(
    (
        *browser.RULES,
        *service.RULES,
        *access.RULES,
        *service.LAST,
        *refresh.RULES,
        *handed_out.RULES,
        *system.RULES,
    )
)
