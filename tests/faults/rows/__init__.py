"""The catalogue: one file a fault or close family, each with its ``FAULTS``. One more is a file and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from tests.faults.row import Fault

FILES = (
    "f01_redis_down",
    "f02_redis_slow",
    "f03_redis_emptied",
    "f04_redis_failover",
    "f05_redis_full",
    "f06_redis_errors",
    "f07_half_open",
    "f08_postgres_killed",
    "f09_ambiguous_commit",
    "f10_taken_back",
    "f11_back_in_time",
    "f12_busy",
    "f14_sqlite_locked",
    "f15_disk_full",
    "f16_sqlite_killed",
    "f17_fsync",
    "f19_clocks",
    "f21_pause",
    "f22_parallel_refresh",
    "f23_replay",
    "f24_refresh_races_end",
    "f25_lost_response",
    "f26_wrong_holder",
    "f27_one_time",
    "f28_crash",
    "f30_key_kill",
    "f36_partition",
    "f37_unruly_feed",
    "f38_slow_consumer",
    "f39_storm",
    "f40_herd",
    "f41_rolling",
    "f50_sweep",
    "p01_propagation",
)


def catalogue() -> Iterator[Fault]:
    """All faults, in the order of the files."""
    for name in FILES:
        faults: tuple[Fault, ...] = import_module(f"{__name__}.{name}").FAULTS
        yield from faults
