"""A whole run: every section in turn, in a folder that is gone afterwards."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ... import __version__
from ...clock import SystemClock
from ...encoding import rfc3339
from ...errors import ConfigurationError
from . import formats, passwords, requests, revocation, stores
from .base import FULL, QUICK, Ask, Step
from .interrupts import between_steps
from .machine import load, machine
from .places import check_loopback
from .result import Report, Section

__all__ = ["SECTIONS", "Step", "bench"]

SECTIONS: dict[str, Callable[[Ask], Section]] = {
    "formats": formats.section,
    "stores": stores.section,
    "revocation": revocation.section,
    "requests": requests.section,
    "passwords": passwords.section,
}
"""Section -> what measures it; a new section is a new file and a row."""


def bench(
    *,
    quick: bool = False,
    only: Collection[str] = (),
    argon2_ms: float = 250,
    progress: Callable[[Step], None] | None = None,
    postgres: str | None = None,
    redis: str | None = None,
) -> Report:
    """Measure this machine, and report. It blocks: about 12 s when quick, two to four minutes otherwise.

    What is measured gets the same time on every machine, so a slow one takes little longer. At most about 400 MB are
    held, and while passwords are calibrated a GiB, or an eighth of the machine's memory where that is less. What it
    starts and writes is its own and gone when it returns or raises, a KeyboardInterrupt too: Ctrl-C, SIGTERM and SIGHUP
    end the run after the unit of work that is under way, a second one at once.

    Parameters: quick: a run of seconds, for a first look. only: sections, all unless named. argon2_ms: how long
    checking a password may take. progress: is told before each unit of work. postgres, redis: the URL of a server on
    this machine, in which a place of its own is made, and removed.
    Raises: ConfigurationError for a section that is not there, a server that is elsewhere, or no time for a password.
    """
    unknown = sorted(set(only) - set(SECTIONS))
    if unknown:
        raise ConfigurationError(f"no section {unknown[0]!r}; there are: {', '.join(SECTIONS)}")
    check_loopback(postgres, redis)
    passwords.check(argon2_ms)
    began, clock = time.perf_counter(), SystemClock()
    at, facts = rfc3339(clock.now()), machine()
    with between_steps(progress) as told, TemporaryDirectory(prefix="watchword-bench-") as folder, _quiet():
        ask = Ask(
            setting=QUICK if quick else FULL,
            folder=Path(folder),
            argon2_ms=argon2_ms,
            postgres=postgres,
            redis=redis,
            told=told,
        )
        sections = [SECTIONS[name](ask) for name in SECTIONS if not only or name in only]
    return Report(
        watchword=__version__,
        at=at,
        seconds=time.perf_counter() - began,
        quick=quick,
        machine=facts | {"load_after": load()},
        sections=sections,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what other libraries say of their own future, and what we log of places that nobody relies on."""
    log = logging.getLogger("watchword")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
