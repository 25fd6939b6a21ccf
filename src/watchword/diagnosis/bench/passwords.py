"""passwords: how much work Argon2id can be made to do in the time that a sign-in may take.

Wall time, because that is what somebody waits for. The floor is OWASP's (Password Storage Cheat Sheet: 19 MiB, 2
passes, 1 lane), which is what watchword writes; RFC 9106 §4 recommends 64 MiB, 3 passes and 4 lanes where memory is
short. Memory comes first, since it is what an attacker with many cheap cores lacks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from ...crypto.bare import argon2id
from ...crypto.passwords import LANES, MEMORY_KIB, PASSES
from ...errors import ConfigurationError
from .base import Ask, Steps, row_of
from .result import Row, Section, Table

MIB = 1024
LARGEST = 1024
"""MiB that one hash may take, at most, and never more than an eighth of the machine's memory."""
MEMORIES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, LARGEST)
MOST_PASSES = 10
SEARCHES = 16
"""Hashes that the search makes, at most."""
MOST_MS = 2_000


class Cost(NamedTuple):
    """What Argon2id is told. Memory in KiB, as in a PHC string."""

    memory_kib: int
    passes: int
    lanes: int

    def __str__(self) -> str:
        words = f"pass{'es' * (self.passes > 1)}", f"lane{'s' * (self.lanes > 1)}"
        return f"{self.memory_kib // MIB} MiB, {self.passes} {words[0]}, {self.lanes} {words[1]}"


FLOOR = Cost(MEMORY_KIB, PASSES, LANES)
SHOWN = (
    ("what watchword writes", FLOOR, "OWASP's first, and the floor here"),
    ("46 MiB, 1 pass", Cost(46 * MIB, 1, 1), "OWASP's other: as hard to guess as the floor"),
    ("RFC 9106, little memory", Cost(64 * MIB, 3, 4), "§4, the second recommended option"),
    ("128 MiB, 2 passes", Cost(128 * MIB, 2, 1), ""),
)
"""Name, parameters, what is to be said of them."""
RECOMMENDED = "recommended"


def check(argon2_ms: float) -> None:
    """Raise ConfigurationError unless it is from 1 to 2000."""
    if not 1 <= argon2_ms <= MOST_MS:
        raise ConfigurationError(f"a password may take from 1 to {MOST_MS} ms, not {argon2_ms:g}")


def section(ask: Ask) -> Section:
    """One table. Sixteen hashes of ``argon2_ms`` at most are made in search of the recommendation, then a few of each
    row: about 20 times ``argon2_ms`` in all. At most 1 GiB, or an eighth of the machine's memory.
    """
    tries, steps = ask.setting.hashes, Steps(ask, "passwords", len(SHOWN) + 2)
    rows: list[Row] = []
    for name, cost, note in SHOWN:
        steps(f"Argon2id: {cost}")
        rows.append(
            row_of(name, [timed(cost) for _ in range(tries)], ours=cost == FLOOR, note=f"{cost}. {note}".strip())
        )
    steps(f"What takes {ask.argon2_ms:g} ms")
    best = calibrated(ask.argon2_ms, timed, most_kib=_most_kib())
    steps(f"Argon2id: {best}")
    times = [timed(best) for _ in range(tries)]
    rows.append(row_of(RECOMMENDED, times, note=_advice(best, median(times), ask.argon2_ms)))
    steps.over()
    return Section(
        id="passwords",
        title="Passwords",
        words="How long a sign-in waits for its password, and what Argon2id can do in the time that it may take.",
        tables=[
            Table(
                id="passwords.argon2id",
                title=f"Argon2id in {ask.argon2_ms:g} ms",
                rows=rows,
                over=SHOWN[0][0],
                unit="ms",
                note=(
                    f"watchword serve writes m={FLOOR.memory_kib},t={FLOOR.passes},p={FLOOR.lanes} and has no setting"
                    " for it: the recommendation is for passwords that your own application hashes. Each hash under way"
                    " takes its memory, so let no more run at once than there are cores, as watchword serve does."
                ),
            )
        ],
    )


def timed(cost: Cost) -> float:
    """Milliseconds of wall time for one hash: that is what somebody waits for."""
    began = time.perf_counter()
    argon2id(*cost)
    return (time.perf_counter() - began) * 1000


def calibrated(most_ms: float, timed: Callable[[Cost], float], *, most_kib: int = LARGEST * MIB) -> Cost:
    """The most memory that two passes over it fit into ``most_ms``, then as many passes as still do; never less than
    the floor, however long that takes. One lane: a server has other sign-ins for its other cores."""
    left, best = SEARCHES, FLOOR
    taken = min(timed(FLOOR) for _ in range(2))
    for memory in MEMORIES:
        cost = Cost(memory * MIB, PASSES, LANES)
        if cost.memory_kib > most_kib or taken * cost.memory_kib / best.memory_kib > most_ms * 1.2 or not left:
            break
        left -= 1
        if (now := timed(cost)) > most_ms:
            break
        best, taken = cost, now
    while left and best.passes < MOST_PASSES and taken * (best.passes + 1) / best.passes <= most_ms:
        left -= 1
        more = best._replace(passes=best.passes + 1)
        if (now := timed(more)) > most_ms:
            break
        best, taken = more, now
    return best


def _most_kib() -> int:
    try:
        return min(LARGEST * MIB, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024 // 8)
    except (AttributeError, OSError, ValueError):  # not every system tells
        return 128 * MIB


def _advice(best: Cost, ms: float, most_ms: float) -> str:
    if best == FLOOR:
        why = "this machine has no time for more" if ms > most_ms / 2 else "there is no memory for more"
        return f"{best}: the floor; {why}"
    written = f"time_cost={best.passes}, memory_cost={best.memory_kib}, parallelism={best.lanes}"
    busy = "; it took longer this time, so measure again on a quiet machine" if ms > most_ms else ""
    phc = f"$argon2id$v=19$m={best.memory_kib},t={best.passes},p={best.lanes}$"
    return f"{best}: write argon2-cffi's PasswordHasher({written}), which begins {phc}{busy}"
