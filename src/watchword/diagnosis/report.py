"""What ``inspect`` finds: the walk through the corridor, what can be read, what was not looked at, and findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct, to_builtins

from ..errors import Stage

HEADER_BLOCK = 8192
"""Bytes that most servers take for all headers of a request together."""
WHOLE, STOPPED, WARNED = 0, 1, 3
"""Exit codes: nothing stops it and nothing is amiss; it stops on the way; it does not stop, and there is a warning."""

State = Literal["passed", "stopped", "unchecked", "unreached"]
Weight = Literal["note", "warning", "danger"]


class Step(Struct, frozen=True, kw_only=True):
    """One stage of the corridor. ``unchecked``: nothing here could look at it; ``says`` tells what would."""

    stage: Stage
    state: State
    says: str = ""
    code: str = ""
    reason: str = ""


class Finding(Struct, frozen=True, kw_only=True):
    """A row of the table that fits. ``where`` names a claim, a header or an attribute, never a value."""

    id: str
    weight: Weight
    says: str
    source: str
    where: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """All that was found of one text. It holds no secret: no signature, no key, no opaque token, no card number."""

    what: str
    """In plain words."""
    form: str
    """``jws``, ``jwe``, ``paseto``, ``paserk``, ``opaque``, ``jwk``, ``jwks``, ``header``, ``unknown`` …"""
    kind: str | None = None
    """What it is for, as far as its beginning or its own words say."""
    where: str = ""
    """In what it stood: ``cookie __Host-sid``, ``key 2``."""
    size: int = 0
    """Bytes."""
    header: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    facts: tuple[tuple[str, str], ...] = ()
    expires_at: int | None = None
    left: int | None = None
    """Seconds until it expires; less than nothing when it has."""
    walk: tuple[Step, ...] = ()
    unverified: tuple[str, ...] = ()
    """What nothing here has vouched for."""
    findings: tuple[Finding, ...] = ()
    inside: tuple[Report, ...] = ()

    @property
    def share(self) -> float:
        """Its part of an 8 KiB header block, 0 to 1 and more."""
        return self.size / HEADER_BLOCK

    @property
    def stopped(self) -> Step | None:
        return next((step for step in self.walk if step.state == "stopped"), None)

    @property
    def exit_code(self) -> int:
        every = [self, *self.all_inside()]
        if any(one.stopped for one in every):
            return STOPPED
        heavy = any(finding.weight != "note" for one in every for finding in one.findings)
        return WARNED if heavy else WHOLE

    def all_inside(self) -> Iterator[Report]:
        for one in self.inside:
            yield one
            yield from one.all_inside()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        plain: dict[str, Any] = to_builtins(self)
        stopped = self.stopped
        plain |= {"share_of_8_kib": round(self.share, 4), "stopped_at": stopped.stage.value if stopped else None}
        return plain | {"inside": [one.to_dict() for one in self.inside]}
