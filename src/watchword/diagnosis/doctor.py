"""The doctor: runs the table of probes over configurations and servers, and says what ails them. Never a token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock, SystemClock
from ..config import read_settings
from ..errors import ConfigurationError, WatchwordError
from ..keys.ring import State
from ..web.logging import Redactor
from .canary import Canary
from .hide import visible
from .mends import filled
from .patient import Patient, UnreachableError
from .probes import (
    beginnings,
    checks,
    clocks,
    cookies,
    csrf,
    documents,
    endings,
    key_files,
    nodes,
    reach,
    records,
    refreshes,
)
from .probes import settings as settings_
from .probes.base import NEEDS, Ailment, CannotRunError, Case, Configured, Family, Level, Measured, Need, Probe, Sign
from .probes.key_files import slots_of

FAMILIES: tuple[Family, ...] = (
    settings_.FAMILY,
    key_files.FAMILY,
    records.FAMILY,
    reach.FAMILY,
    beginnings.FAMILY,
    clocks.FAMILY,
    documents.FAMILY,
    cookies.FAMILY,
    csrf.FAMILY,
    endings.FAMILY,
    refreshes.FAMILY,
    checks.FAMILY,
    nodes.FAMILY,
)
"""In this order they run. One more family is one file and one row."""
AILMENTS: Mapping[str, Ailment] = {one.id: one for family in FAMILIES for one in family.ailments}
PAGES: Mapping[str, str] = {one.id: family.page for family in FAMILIES for one in family.ailments}
PROBES: tuple[Probe, ...] = tuple(probe for family in FAMILIES for probe in family.probes)
AND = " and "
"""Between the places of a finding about several."""
SECONDS = 120.0
"""For all probes together; what is left then could not run."""
_ACTING: frozenset[Need] = frozenset({"canary", "urls"})
_ALWAYS: tuple[Need, ...] = ("answers",)

Health = Literal["healthy", "ailing", "unknown"]


class Finding(Struct, frozen=True):
    """One ailment as it was seen: symptom -> probe -> cause -> the command that mends it."""

    id: str
    level: Level
    probe: str
    where: str
    seen: str
    symptom: str
    cause: str
    mend: str
    runbook: str
    """The page, ``docs/runbook/<page>.md``; its section is ``id``."""


class Result(Struct, frozen=True):
    """What came of one probe at one place. ``unknown``: it could not run, and ``why`` says so."""

    probe: str
    where: str
    health: Health
    why: str = ""
    findings: tuple[Finding, ...] = ()
    measured: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """All results, in the order of the table."""

    results: tuple[Result, ...]

    @property
    def findings(self) -> list[Finding]:
        return [finding for one in self.results for finding in one.findings]

    @property
    def failed(self) -> bool:
        """A failure was found, or nothing at all could be looked at."""
        looked = any(one.health != "unknown" for one in self.results)
        return not looked or any(one.level == "failure" for one in self.findings)

    def count(self, health: Health) -> int:
        return sum(one.health == health for one in self.results)


def examine(
    configs: Iterable[str] = (),
    patients: Iterable[Patient] = (),
    canary: Canary | None = None,
    *,
    workers: int = 1,
    restart: Callable[[], None] | None = None,
    clock: Clock | None = None,
    mounts: str = "/proc/self/mounts",
    environ: Mapping[str, str] | None = None,
    told: Callable[[str], object] = lambda _: None,
    probes: Sequence[Probe] = PROBES,
) -> Report:
    """Run every probe that what is given suffices for, and say of the others why they could not run.

    Parameters: configs: paths of ``watchword.toml``. patients: servers. canary: an account that may be acted with.
    told: hears the id of each probe before it runs. workers: processes that one configuration is started in. restart:
    restarts the server, and returns when it was told to; it raises CannotRunError where it cannot.
    """
    case = Case(
        clock=clock or SystemClock(),
        configs=tuple(_configured(path, environ) for path in configs),
        patients=tuple(patients),
        canary=canary or Canary(),
        workers=workers,
        restart=restart,
        mounts=mounts,
    )
    until, results = case.clock.monotonic() + SECONDS, list[Result]()
    for patient in case.patients:
        patient.ends = patient.clock.monotonic() + SECONDS
    known: dict[str, set[str]] = {}
    for probe in probes:
        for one in _places(case, probe):
            told(probe.id)
            late = case.clock.monotonic() > until
            result = _unknown(probe, one, "the time was up") if late else _looked(probe, one, known)
            results.append(result)
            known.setdefault(result.where, set()).update(finding.id for finding in result.findings)
    return Report(tuple(results))


def _places(case: Case, probe: Probe) -> Iterator[Case]:
    """The case once for each configuration, or once for each server, that the probe looks at alone."""
    live = {"url", "urls"} & set(probe.needs)
    if "url" in probe.needs and case.patients:
        own = next(filter(_has_keys, case.configs), None) if "keys" in probe.needs else None
        config = own or next(iter(case.configs), case.config)
        yield from (replace(case, patient=one, config=config) for one in case.patients)
    elif not live and "config" in probe.needs and case.configs and probe.id not in _TOGETHER:
        yield from (replace(case, config=one) for one in case.configs)
    else:
        yield replace(case, config=case.configs[0]) if case.configs else case


_TOGETHER = frozenset({"config-clients", "clock-forward"})
"""Probes that look at all configurations at once."""


def _looked(probe: Probe, case: Case, known: Mapping[str, set[str]]) -> Result:
    """``known``: what was found before, by origin."""
    if (missing := _missing(probe, case, known)) is not None:
        return _unknown(probe, case, NEEDS[missing])
    if _ACTING & set(probe.needs) and not all(one.confidential for one in _asked(case)):
        return _unknown(probe, case, "the URL is http and of another machine: no credential is sent there")
    try:
        seen = list(probe.run(case))
    except (CannotRunError, UnreachableError) as error:
        return _unknown(probe, case, str(error))
    except (WatchwordError, OSError) as error:
        return _unknown(probe, case, f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001  # an answer that nobody thought of must not take the whole report away
        return _unknown(probe, case, f"the probe itself failed ({type(error).__name__}): what it met is not foreseen")
    where = _where(probe, case)
    findings = tuple(_finding(probe, one, where, case) for one in seen if isinstance(one, Sign))
    measured = tuple(_said(one.text) for one in seen if isinstance(one, Measured))
    return Result(probe.id, where, "ailing" if findings else "healthy", findings=findings, measured=measured)


def _missing(probe: Probe, case: Case, known: Mapping[str, set[str]]) -> Need | None:
    patient = case.patient
    ills = set[str]().union(*(known.get(one.origin, ()) for one in _asked(case)))
    has: dict[Need, bool] = {
        "config": bool(case.configs),
        "configs": len(case.configs) > 1,
        "url": patient is not None,
        "urls": len(case.patients) > 1,
        "canary": case.canary.acts and bool(case.canary.paths.sign_in),
        "keys": _has_keys(case.config),
        "tls": patient is not None and patient.secure,
        "restart": case.restart is not None,
        "answers": patient is None or "server.unreachable" not in ills,
        "guarded": "session.unguarded" not in ills,
    }
    return next((need for need in (*probe.needs, *_ALWAYS) if not has[need]), None)


def _asked(case: Case) -> tuple[Patient, ...]:
    return case.patients if case.patient is None else (case.patient,)


def _has_keys(config: Configured) -> bool:
    try:
        return any(slot.state(0) is not State.RETIRED for slot in slots_of(config))
    except CannotRunError:
        return False


def _configured(path: str, environ: Mapping[str, str] | None) -> Configured:
    try:
        return Configured(path, read_settings(path, environ))
    except ConfigurationError as error:
        return Configured(path, None, Redactor().text(str(error)))


def _where(probe: Probe, case: Case) -> str:
    if case.patient is not None:
        return case.patient.origin
    if "urls" in probe.needs:
        return AND.join(one.origin for one in case.patients)
    together = "configs" in probe.needs or probe.id in _TOGETHER
    return AND.join(one.path for one in case.configs) if together else case.config.path


def _unknown(probe: Probe, case: Case, why: str) -> Result:
    return Result(probe.id, _where(probe, case), "unknown", _said(why))


def _said(text: str) -> str:
    """Words of which a server or a file may have written some."""
    return visible(Redactor().text(text))


def _finding(probe: Probe, sign: Sign, where: str, case: Case) -> Finding:
    row = AILMENTS[sign.ailment]
    return Finding(
        id=row.id,
        level=row.level,
        probe=probe.id,
        where=where,
        seen=_said(sign.seen),
        symptom=row.symptom,
        cause=row.cause,
        mend=filled(row.mend, case, sign.fill),
        runbook=PAGES[row.id],
    )
