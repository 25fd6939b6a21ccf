"""What a Watchword has counted and what it knows of itself: a Struct, and the same as Prometheus reads it.

Plain integers that cost a few nanoseconds each; threads that count in the same instant may lose one. No label holds
anything of a user: kinds, codes, caches and states are words of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct

from ..revocation.view import View
from ..stores.base import Store
from ..tokens.base import Kind
from ..tokens.signed import SignedTokens

Outcome = tuple[str, str]
"""A kind of token (``none``: a credential that is of no kind), and ``ok`` or the code of the refusal."""


class Cache(Struct, frozen=True):
    hits: int
    misses: int


class Metrics(Struct, frozen=True, kw_only=True):
    """Since this Watchword was made. Spans of time are seconds on the boot-time clock."""

    verified: Mapping[Outcome, int]
    """What became of the credentials of requests; and what ``access.verify`` and ``service.verify`` refused.

    Tokens that those two let pass are not counted here: each is a hit or a miss of ``seen``.
    """
    caches: Mapping[str, Cache]
    """``seen.KIND``: signed tokens that verified before; ``near.KIND``: records that were looked up before;
    ``copies.record``: lookups that the carrier answered."""
    lease: float
    """Seconds until checks must hear of the feed again, or refuse; below 0 it is over."""
    feed_age: float
    """Seconds since the last question to the feed that was answered was sent."""
    position: int
    """The number of the feed up to which this process has heard."""
    taken_stale: int
    """Credentials that were taken past the lease, in an open window."""
    known: int
    """Revocations in memory."""
    published: int
    """Events written to the feed."""
    store_errors: int
    """Verbs of the store that were StoreUnavailableError."""
    breaker: str
    """``closed``, ``open``, ``half_open``; ``none`` for a store that has no server."""
    carrier: str
    """The same of the Redis beside the record."""
    removed: int
    """Rows that were purged."""
    head: int | None = None
    """The newest number of the feed, where somebody has asked the store for it."""

    @property
    def lag(self) -> int | None:
        return None if self.head is None else max(self.head - self.position, 0)


class _Kind(Protocol):
    @property
    def kind(self) -> Kind: ...


def collect(
    store: Store, view: View, outcomes: Mapping[Outcome, int], *, signed: Iterable[SignedTokens], kept: Iterable[_Kind]
) -> Metrics:
    """Reads what the parts have counted. ``outcomes``: the corridor's. ``kept``: kinds whose records are kept near."""
    verified, caches = Counter(outcomes), {}
    for one in signed:
        name = one.kind.name
        verified.update({(name, code): times for code, times in one.refused.items()})
        caches[f"seen.{name}"] = Cache(one.hits, one.misses)
    for other in kept:
        near = getattr(other, "near", None)  # sessions may keep none
        if near is not None:
            caches[f"near.{other.kind.name}"] = Cache(near.hits, near.misses)
    carrier = getattr(store, "carrier_breaker", None)
    if carrier is not None:
        caches["copies.record"] = Cache(getattr(store, "hits", 0), getattr(store, "misses", 0))
    left = view.lease_until - view.clock.monotonic()
    return Metrics(
        verified={outcome: number for outcome, number in sorted(verified.items()) if number},
        caches=caches,
        lease=left,
        feed_age=view.max_staleness - left,
        position=view.seq,
        taken_stale=view.taken_stale,
        known=len(view),
        published=store.tally.published,
        store_errors=store.tally.errors,
        breaker="none" if store.breaker is None else store.breaker.state,
        carrier="none" if carrier is None else carrier.state,
        removed=store.tally.removed,
    )


def prometheus(found: Metrics) -> str:
    """The text format 0.0.4 of Prometheus."""
    return "".join(
        f"{line}\n" for name, sort, says, rows in _families(found) for line in _written(name, sort, says, rows)
    )


_Rows = Iterable[tuple[Mapping[str, str], float | None]]


def _families(found: Metrics) -> Iterator[tuple[str, str, str, _Rows]]:
    yield (
        *("verified_total", "counter", "Credentials that were presented, by kind and outcome"),
        [({"kind": kind, "outcome": code}, number) for (kind, code), number in found.verified.items()],
    )
    for what in ("hits", "misses"):
        rows = [
            ({"cache": name.partition(".")[0], "kind": name.partition(".")[2]}, float(getattr(one, what)))
            for name, one in found.caches.items()
        ]
        yield f"cache_{what}_total", "counter", f"Cache {what}", rows
    states = ("closed", "half_open", "open")
    plain: tuple[tuple[str, str, str, float | None], ...] = (
        ("lease_seconds", "gauge", "Until checks must hear of the feed, or refuse", found.lease),
        ("feed_age_seconds", "gauge", "Since the last answered question to the feed", found.feed_age),
        ("feed_position", "gauge", "Number of the feed up to which this process has heard", found.position),
        ("feed_lag_events", "gauge", "Numbers of the feed that this process has not heard", found.lag),
        ("taken_stale_total", "counter", "Credentials taken past the lease, in an open window", found.taken_stale),
        ("revocations_known", "gauge", "Revocations in memory", found.known),
        ("revocations_published_total", "counter", "Events written to the feed", found.published),
        ("store_errors_total", "counter", "Verbs of the store that failed", found.store_errors),
        ("purged_rows_total", "counter", "Rows removed by the janitor", found.removed),
    )
    for name, sort, says, value in plain:
        yield name, sort, says, [({}, value)]
    breakers = (("record", found.breaker), ("carrier", found.carrier))
    rows = [
        ({"store": store, "state": state}, float(state == now))
        for store, now in breakers
        if now != "none"
        for state in states
    ]
    yield "store_breaker", "gauge", "1 for the state that the breaker is in", rows


def _written(name: str, sort: str, says: str, rows: _Rows) -> Iterator[str]:
    lines = [f"watchword_{name}{_labels(labels)} {_number(value)}" for labels, value in rows if value is not None]
    if lines:
        yield f"# HELP watchword_{name} {says}."
        yield f"# TYPE watchword_{name} {sort}"
        yield from lines


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _number(value: float) -> str:
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else f"{value:.3f}"
