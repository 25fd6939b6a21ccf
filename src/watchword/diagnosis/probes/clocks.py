"""The clocks: ours against the server's, the server's against its tokens, and one that only goes forward."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from ...clock import Clock
from ..canary import visiting
from ..tokens import said_by
from .base import Ailment, CannotRunError, Case, Family, Measured, Probe, Sign

MOST_SKEW = 5
"""Seconds that two clocks may be apart here: half of the 10 that nbf and iat are forgiven."""


def _date(case: Case) -> Iterator[Sign | Measured]:
    before = case.clock.now()
    answer = case.server.ask(case.canary.paths.health or case.canary.paths.page)
    try:
        there = int(parsedate_to_datetime(answer.header("date")).timestamp())
    except (ValueError, TypeError, OverflowError):
        raise CannotRunError("its answers have no readable Date") from None
    apart = _outside(there, before, case.clock.now())
    yield Measured(f"its clock is {apart:+d} s from this machine's")
    if abs(apart) > MOST_SKEW:
        yield Sign("clock.skew", f"its Date is {abs(apart)} s {'ahead of' if apart > 0 else 'behind'} this machine")


def _issuing(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        before = case.clock.now()
        claims = said_by(visit.mint().get("access_token", "")).claims
        if (at := claims.number("iat")) is None:
            raise CannotRunError("it issues no JWT to the canary")
        apart = _outside(at, before, case.clock.now())
    if abs(apart) > MOST_SKEW:
        yield Sign("clock.issuer", f"a new token says it is from {abs(apart)} s {'later' if apart > 0 else 'earlier'}")


def _monotonic(case: Case) -> Iterator[Sign]:
    if not forward(case.clock):
        yield Sign("clock.backward", "the boot-time clock went back between two readings")


def forward(clock: Clock) -> bool:
    """Whether the boot-time clock never goes back."""
    read = [clock.monotonic() for _ in range(1000)]
    return read == sorted(read)


def _outside(there: int, before: int, after: int) -> int:
    """Seconds that ``there`` lies after or (negative) before the span in which it was said; whole seconds are cut."""
    return max(0, there - after - 1) or min(0, there - before + 1)


FAMILY = Family(
    page="clocks",
    title="Clocks disagree",
    look="`date -u` on each node, and `curl -sI https://app.example/health | grep -i date`; `chronyc tracking`.",
    prevent="Run an NTP client on every node, and alarm on an offset above a second.",
    ailments=(
        Ailment(
            id="clock.skew",
            symptom="Fresh tokens are refused as not valid yet, or dead ones live on; proofs (DPoP) fail at random.",
            cause="The wall clock of the server, or of the machine where the doctor ran, is wrong.",
            mend="chronyc makestep   # or: timedatectl set-ntp true",
        ),
        Ailment(
            id="clock.issuer",
            symptom="Other services refuse fresh tokens as not valid yet (`NotYetValidError`).",
            cause="The node that issues has a wrong clock, behind a proxy whose clock is right.",
            mend="chronyc makestep   # on the node that issues",
        ),
        Ailment(
            id="clock.backward",
            symptom="Leases run out at random, or never.",
            cause="The machine's boot-time clock goes back: a hypervisor that misleads its guest.",
            mend="cat /sys/devices/system/clocksource/clocksource0/current_clocksource   # choose another one",
        ),
    ),
    probes=(
        Probe(id="clock-date", asks="does its clock agree with ours", needs=("url",), run=_date, finds=("clock.skew",)),
        Probe(
            id="clock-issuing",
            asks="is a fresh token from now",
            needs=("url", "canary"),
            run=_issuing,
            finds=("clock.issuer",),
        ),
        Probe(
            id="clock-forward",
            asks="does the clock of leases only go forward",
            needs=("config",),
            run=_monotonic,
            finds=("clock.backward",),
        ),
    ),
)
