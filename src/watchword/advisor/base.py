"""What the tables of the advisor are made of: a job, an alternative for it, a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .answers import Answers

MINUTE, HOUR, DAY = 60, 3600, 86_400


class Alternative(Struct, frozen=True, kw_only=True):
    """One way to do a job. Times are seconds; None: it has none.

    ``stops_within``: until a revocation holds everywhere, at the default ``max_staleness``; None: it ends by itself
    alone. ``settings``: what watchword.toml says for it.
    """

    id: str
    what: str
    """What it is, in a few words."""
    format: str = "–"
    carrier: str = "–"
    lifetime: int | None = None
    idle: int | None = None
    storage: str = "–"
    revocation: str = "–"
    stops_within: int | None = None
    settings: Mapping[str, Any] = {}


class Says(Struct, frozen=True, kw_only=True):
    """What one rule says about one job. An earlier rule wins over a later one; of two lifetimes the shorter counts."""

    recommends: str | None = None
    offers: Mapping[str, str] = {}
    """Alternatives that are good as well -> for what, or at what price."""
    rejects: Mapping[str, str] = {}
    """Alternative -> the reason."""
    lifetime: int | None = None
    idle: int | None = None
    stops_within: int | None = None
    notes: tuple[str, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """One row of the decision tree.

    ``when``: question -> the answers, parted by spaces, of which one must be given; all questions must hold.
    ``unless``: the same, and none may hold. ``settings``: what watchword.toml says because of it.
    """

    id: str
    question: str
    """Which question it belongs to; ``default``: what holds when in doubt."""
    when: Mapping[str, str] = {}
    unless: Mapping[str, str] = {}
    says: Mapping[str, Says]
    """Job -> what it recommends and rejects there."""
    why: str
    sources: tuple[str, ...]
    settings: Mapping[str, Any] = {}
    checklist: tuple[str, ...] = ()

    def holds(self, answers: Answers) -> bool:
        return all(answers[name] & set(words.split()) for name, words in self.when.items()) and not any(
            answers[name] & set(words.split()) for name, words in self.unless.items()
        )
