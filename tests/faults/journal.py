"""What was done, when, and how it ended; and the judge who compares accept times with the returns of revocations.

All times are boot-time seconds of one machine, so journals of several processes can be laid side by side.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct, field

from watchword.clock import SystemClock
from watchword.errors import WatchwordError

T = TypeVar("T")
ACCEPTS = ("verify", "session", "rotate")
clock = SystemClock()


class Op(Struct, frozen=True, array_like=True):
    """``key``: whose credential it was about, or what was revoked. ``status``: 200, that of the error, or 500."""

    verb: str
    key: str
    began: float
    ended: float
    status: int


class Journal(Struct):
    """One process's record."""

    name: str = "here"
    ops: list[Op] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """What was raised that is not an error of ours, or is one that says that we are at fault."""
    lag: float = 0.0
    """The longest that the event loop let its own timer wait, in seconds."""
    most_at_once: int = 0
    rss_mb: float = 0.0

    def write(self, verb: str, key: str, began: float, status: int) -> None:
        self.ops.append(Op(verb, key, began, clock.monotonic(), status))

    async def did(self, verb: str, key: str, doing: Awaitable[T]) -> T | None:
        """Wait for it, and write down how it ended; None when it failed."""
        began = clock.monotonic()
        try:
            result = await doing
        except Exception as error:  # noqa: BLE001 - what a row is there to find out
            self.write(verb, key, began, self.status(error))
            return None
        self.write(verb, key, began, 200)
        return result

    def does(self, verb: str, key: str, doing: Callable[[], T]) -> T | None:
        """The same for what never waits."""
        began = clock.monotonic()
        try:
            result = doing()
        except Exception as error:  # noqa: BLE001 - what a row is there to find out
            self.write(verb, key, began, self.status(error))
            return None
        self.write(verb, key, began, 200)
        return result

    async def served(self, asking: Callable[[], Awaitable[object]], *, patience: float = 5.0) -> float:
        """Ask again and again until the answer is good, as a client does; the milliseconds that it took."""
        began = clock.monotonic()
        while clock.monotonic() < began + patience:
            await self.did("asked", "", asking())
            if self.ops[-1].status == 200:
                break
            await asyncio.sleep(0.01)
        return ms(clock.monotonic() - began)

    def status(self, error: Exception) -> int:
        if isinstance(error, WatchwordError) and error.status != 500:
            return error.status
        self.strange.append(f"{type(error).__name__}: {error}")
        return 500

    def weigh(self) -> None:
        """Note how much memory the process took at most."""
        self.rss_mb = rss_peak_mb()


def rss_peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


class Verdict(Struct):
    """What the judge found. ``staleness``: seconds after a revocation's return at which each key was last accepted."""

    wrong_accepts: int = 0
    wrong_rejects: int = 0
    staleness: list[float] = field(default_factory=list)
    revoked: int = 0


def judge(journals: Iterable[Journal], *, bound: float) -> Verdict:
    """Lay the journals side by side. ``bound``: seconds for which another process may still accept what was revoked.

    The process that revoked has none. A revocation that did not return 200 proves nothing, but excuses a refusal.
    """
    journals, verdict = list(journals), Verdict()
    returned: dict[str, tuple[float, str]] = {}
    tried: dict[str, float] = {}
    for journal in journals:
        for op in journal.ops:
            if op.verb == "revoke":
                tried[op.key] = min(op.began, tried.get(op.key, op.began))
                if op.status == 200:
                    returned[op.key] = min((op.ended, journal.name), returned.get(op.key, (op.ended, journal.name)))
    last: dict[str, float] = dict.fromkeys(returned, 0.0)
    for journal in journals:
        for op in journal.ops:
            if op.verb not in ACCEPTS or not op.key:
                continue
            if op.status == 200 and op.key in returned:
                at, who = returned[op.key]
                last[op.key] = max(last[op.key], op.began - at)
                verdict.wrong_accepts += op.began > at + (0 if who == journal.name else bound)
            elif op.status == 401:
                verdict.wrong_rejects += op.key not in tried or tried[op.key] > op.ended
    verdict.staleness, verdict.revoked = list(last.values()), len(returned)
    return verdict


def times(seconds: Iterable[float]) -> dict[str, float]:
    """p50, p99 and the longest, as columns of a row."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    p50, p99 = (ordered[min(last, int(len(ordered) * share))] for share in (0.5, 0.99))
    return {"p50_ms": ms(p50), "p99_ms": ms(p99), "max_ms": ms(ordered[-1])}


def ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def http(ops: Iterable[Op]) -> dict[str, int]:
    counts = Counter(str(op.status) for op in ops)
    return dict(sorted(counts.items()))


def detected(ops: Iterable[Op], since: float) -> float | None:
    """Milliseconds from the fault to the return of the first answer that tells of it: a 503."""
    first = min((op.ended for op in ops if op.status == 503 and op.ended >= since), default=None)
    return None if first is None else ms(first - since)


def recovered(ops: Iterable[Op], since: float) -> float | None:
    """Milliseconds from the end of the fault to the first answer after which none is a failure (5xx)."""
    after = sorted((op.ended, op.status) for op in ops if op.began >= since)
    good: float | None = None
    for ended, status in after:
        good = None if status >= 500 else good if good is not None else ended
    return None if good is None else ms(good - since)


def columns(journals: Iterable[Journal], *, bound: float, verbs: Iterable[str] | None = None) -> dict[str, Any]:
    """The columns that every row of a load has. ``verbs``: those whose latency counts; all of them."""
    journals = list(journals)
    verdict = judge(journals, bound=bound)
    ops = [op for journal in journals for op in journal.ops]
    counted = [op.ended - op.began for op in ops if verbs is None or op.verb in verbs]
    statuses = http(ops)
    stale = times([max(0.0, one) for one in verdict.staleness])
    return {
        "ops": len(ops),
        "wrong_accepts": verdict.wrong_accepts,
        "wrong_rejects": verdict.wrong_rejects,
        "http": statuses,
        **times(counted),
        "rss_peak_mb": max((journal.rss_mb for journal in journals), default=0.0) or rss_peak_mb(),
        "more": {
            "revoked": verdict.revoked,
            "other_5xx": sum(count for status, count in statuses.items() if status >= "500" and status != "503"),
            "loop_lag_ms": ms(max((journal.lag for journal in journals), default=0.0)),
            **{f"stale_{name}": value for name, value in stale.items()},
        },
    }
