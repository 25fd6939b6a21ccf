"""What a fault is, what is expected under it, and the line that a run of it leaves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from tests.faults.setting import Setting

Figure = int | float | None
NEVER = ("wrong_accepts",)
"""Figures that are 0 in every row, whatever else was expected."""


class Row(Struct, kw_only=True):
    """One run of one fault over one store. Times are milliseconds; None is "not measured in this row".

    ``wrong_accepts``: something dead was taken for good, past what was promised. ``wrong_rejects``: something good was
    called dead (401). ``http``: what the library's answers are as statuses; 500 is any error that is not its own.
    ``t_detect_ms``: from the fault to the first answer that tells of it. ``t_recover_ms``: from the end of the fault to
    the first good answer after which none fails. ``not_run``: why this machine refused.
    """

    id: str
    store: str = ""
    seed: int = 0
    ops: int = 0
    wrong_accepts: int = 0
    wrong_rejects: int = 0
    http: dict[str, int] = field(default_factory=dict)
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    t_detect_ms: float | None = None
    t_recover_ms: float | None = None
    rss_peak_mb: float | None = None
    more: dict[str, Any] = field(default_factory=dict)
    not_run: str | None = None
    failed: str | None = None
    """What ended the run before its end. It is no result, and has to be looked into."""

    def figure(self, name: str) -> Figure:
        """A column, one of ``more``, or how many answers had this status."""
        if name.isdecimal():
            return self.http.get(name, 0)
        found: Figure = self.more[name] if name in self.more else getattr(self, name)
        return found


class Line(Struct, kw_only=True):
    """A row as it is kept, and the run that it is from."""

    row: Row
    scale: str
    seconds: float
    commit: str
    date: str
    machine: str


class Target(Struct, frozen=True):
    """The figure of the standard: at most this. ``least``: at least. ``over``: these stores alone, if any are named."""

    figure: str
    most: float
    least: bool = False
    over: tuple[str, ...] = ()

    @property
    def timed(self) -> bool:
        """It is a time, or a ratio of times: other work of the machine makes it longer."""
        return self.figure.endswith(("_ms", "_s", "_ratio"))

    def met(self, row: Row, *, slack: float = 1) -> bool:
        """``slack`` widens what is a time, for a machine that has other work."""
        found = row.figure(self.figure)
        if found is None:
            return False
        if self.least:
            return found >= self.most
        return found <= self.most * (slack if self.timed else 1)

    def __str__(self) -> str:
        return f"{self.figure} {'≥' if self.least else '≤' if self.most else '='} {self.most:g}"


class Fault(Struct, frozen=True, kw_only=True):
    """A row of the catalogue: what is done to whom, what should come of it, and the run that finds out.

    ``stores``: the names in ``setting.STORES`` over which it runs, each a line of its own.
    """

    id: str
    what: str
    injected: str
    expected: str
    run: Callable[[Setting], Coroutine[Any, Any, Row]]
    stores: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    misses: Mapping[str, str] = {}
    """Figures that are known to miss their target, and why."""
    words: Mapping[str, str] = {}
    """What figures of ``more`` mean, where their name does not say it."""

    def held(self, store: str) -> list[Target]:
        """What this store is held to."""
        return [target for target in self.targets if not target.over or store in target.over]


class NotRunError(Exception):
    """This machine cannot do that. The text is the machine's own."""
