"""What a probe is, what it may find, and what it is given: the words that all families share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from ...clock import Clock
from ...config import Settings
from ..canary import Canary, Visit
from ..patient import Patient

Level = Literal["failure", "warning"]
Need = Literal["config", "configs", "url", "urls", "canary", "keys", "tls", "restart", "answers", "guarded"]

NEEDS: dict[Need, str] = {
    "config": "needs a configuration: --config watchword.toml",
    "configs": "needs two configurations to compare: give --config twice",
    "url": "needs a server: --url https://app.example",
    "urls": "needs two nodes of one service: give --url twice",
    "canary": "needs an account of its own: --canary FILE with username and password",
    "keys": "needs the server's own keys: give --config on the machine that has its key file",
    "restart": "needs a command that restarts the server: --restart COMMAND",
    "tls": "the URL is not https, and nothing is promised there",
    "answers": "the server does not answer",
    "guarded": "the path of me answers who shows nothing at all, so it tells nothing: see session-wanted",
}


class Ailment(Struct, frozen=True, kw_only=True):
    """One thing that can be wrong: what people notice, why it is so, and the command that mends it."""

    id: str
    """``family.word``: stable, for machines and for the runbook."""
    symptom: str
    cause: str
    mend: str
    """One line for a shell, or for watchword.toml. Its names (``app.db.keys``, ``KID``) are examples: see ``Sign``."""
    level: Level = "failure"


class Sign(Struct, frozen=True):
    """A probe saw this ailment; ``seen`` says what was seen, without any token or secret."""

    ailment: str
    seen: str
    fill: Mapping[str, str] = {}
    """Text of the row's mend -> what stands there in this case. The doctor knows the configuration and the origin."""


class Measured(Struct, frozen=True):
    """A probe measured this, whether or not it is an ailment."""

    text: str


class CannotRunError(Exception):
    """The probe could not be done, and says why; nothing is known of what it asks."""


class Configured(Struct, frozen=True):
    """One ``--config``: the file, and what it says; ``refused`` says why it cannot be used."""

    path: str
    settings: Settings | None
    refused: str = ""

    @property
    def said(self) -> Settings:
        """Raises: CannotRunError where the file cannot be read."""
        if self.settings is None:
            raise CannotRunError(f"{self.path} cannot be read")
        return self.settings


class Case(Struct, frozen=True, kw_only=True):
    """All that is known, and the one configuration and the one server that this probe is to look at."""

    clock: Clock
    configs: tuple[Configured, ...] = ()
    patients: tuple[Patient, ...] = ()
    canary: Canary
    workers: int = 1
    restart: Callable[[], None] | None = None
    mounts: str = "/proc/self/mounts"
    config: Configured = Configured("", None)
    patient: Patient | None = None

    @property
    def bound(self) -> float:
        """Seconds within which a revocation has to hold everywhere: as the canary, or the configuration, has it."""
        if self.canary.max_staleness is not None:
            return self.canary.max_staleness
        return 5.0 if self.config.settings is None else self.config.settings.max_staleness

    @property
    def server(self) -> Patient:
        """The server that is looked at."""
        assert self.patient is not None  # noqa: S101 - a probe that needs a url has one
        return self.patient


class Probe(Struct, frozen=True, kw_only=True):
    """One row: what it asks, what it needs, how it looks. Signs are findings; none is health."""

    id: str
    asks: str
    needs: tuple[Need, ...]
    run: Callable[[Case], Iterator[Sign | Measured]]
    finds: tuple[str, ...]
    """The ailments that it can see."""


class Family(Struct, frozen=True, kw_only=True):
    """One file of probes, and one page of the runbook."""

    page: str
    title: str
    look: str
    """How to see it without the doctor."""
    prevent: str
    ailments: tuple[Ailment, ...]
    probes: tuple[Probe, ...]


def endpoint(path: str, what: str) -> str:
    """The path, where there is one. Raises: CannotRunError."""
    if not path:
        raise CannotRunError(f"the canary file names no path for {what}")
    return path


def ensure_known(visit: Visit) -> None:
    """Raises: CannotRunError where the session is refused from the beginning: then its end would say nothing."""
    if not visit.knows().ok:
        raise CannotRunError("the canary's session is not good at the path of me: see session-begins")
