"""risk: how strict a whole Watchword is, in one word: ``Watchword(…, profile="high_risk")``."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..errors import ConfigurationError
from ..revocation.view import OnStale
from .binding import BindingPolicy

ProfileName = Literal["default", "high_risk"]


class Risk(Struct, frozen=True, kw_only=True):
    """What a profile asks for, whatever else is set. ``fresh``: the oldest sign-in that ``require`` takes."""

    access_cap: timedelta | None = None
    refresh_grace: timedelta | None = None
    fresh: timedelta | None = None
    required: bool = False
    opens: bool = True
    """Whether anything may be taken past the lease of the view."""

    def stale(self, on_stale: OnStale, open_for: timedelta) -> None:
        """Raise ConfigurationError for an open window that this profile does not allow."""
        if not self.opens and (on_stale == "open" or open_for):
            raise ConfigurationError("profile='high_risk' never takes a stale word: on_stale is 'closed' or 'ask'")

    def grace(self, wanted: timedelta) -> timedelta:
        return wanted if self.refresh_grace is None else min(wanted, self.refresh_grace)

    def lifetime(self, wanted: timedelta | None) -> timedelta | None:
        return wanted if self.access_cap is None else min(wanted or self.access_cap, self.access_cap)

    def binding(self, policy: BindingPolicy | None) -> BindingPolicy:
        """``policy`` and at least what this profile asks for: cookies can be bound by a fingerprint alone."""
        found = policy or BindingPolicy()
        if not self.required:
            return found
        return replace(found, required=True, fingerprint="step_up" if found.fingerprint == "off" else found.fingerprint)


RISKS: dict[str, Risk] = {
    "default": Risk(),
    "high_risk": Risk(
        access_cap=timedelta(minutes=5),
        refresh_grace=timedelta(0),
        fresh=timedelta(minutes=15),
        required=True,
        opens=False,
    ),
}


def risk_of(name: str) -> Risk:
    """Raises: ConfigurationError for an unknown profile."""
    if name not in RISKS:
        raise ConfigurationError(f"no profile {name!r}; there are: {', '.join(RISKS)}")
    return RISKS[name]
