"""Bars: one below the other, from zero, each with a whisker to its p99. As wide as the page lets it be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from .figures import is_floor, number, ratio, times
from .markup import Markup, join, tag
from .plots import LINE, described, folded, gridlines, label, percent
from .result import Row, Table
from .scale import Scale, from_zero

HEIGHT = 42
"""Pixels of one row: one line of its name, and the bar below."""
_BAR, _TOP, _FOOT = 12, 22, 24


def bars(id: str, table: Table, rows: Sequence[Row], before: Mapping[str, float]) -> Markup:
    """``before``: medians of an older run by name, each a stroke across its bar."""
    medians = [*(row.median for row in rows), *before.values()]
    scale = from_zero(medians, [row.p99 for row in rows])
    names = [folded(row.name) for row in rows]
    tops = list(accumulate((HEIGHT + LINE * (len(lines) - 1) for lines in names), initial=0))
    says = "; ".join(f"{row.name} {number(row.median)} {table.unit}, p99 {number(row.p99)}" for row in rows)
    parts = [
        gridlines(scale, tops[-1], table.unit),
        *(
            _row(table, row, lines, scale, top + LINE * (len(lines) - 1), before.get(row.name))
            for row, lines, top in zip(rows, names, tops, strict=False)
        ),
    ]
    return described(id, f"{table.title}: medians as bars", says, tops[-1] + _FOOT, *parts)


def look(table: Table, row: Row) -> str:
    """The class of a mark."""
    return "ours" if row.ours else "floor" if is_floor(table, row) else "peer"


def _row(table: Table, row: Row, name: Sequence[str], scale: Scale, top: int, before: float | None) -> Markup:
    middle, found = top + _TOP + _BAR / 2, ratio(table, row)
    figure = f"{number(row.median)} {table.unit}" + ("" if found is None else f"  {times(found)}")
    return join(
        label(name, 0, top + 15, f"name {look(table, row)}"),
        tag("text", figure, x="100%", y=top + 15, class_="figure"),
        tag(
            "rect",
            x=0,
            y=top + _TOP,
            width=percent(scale, row.median),
            height=_BAR,
            rx=2,
            class_=f"bar {look(table, row)}",
        ),
        _whisker(row, scale, middle),
        Markup() if before is None else _stroke(scale, before, top),
    )


def _whisker(row: Row, scale: Scale, y: float) -> Markup:
    """From the median to the p99: an end across it, or an arrow where the p99 is beyond the axis."""
    start, end = percent(scale, row.median), percent(scale, row.p99)
    line = tag("line", x1=start, x2=end, y1=y, y2=y, class_="whisker")
    if not scale.cuts(row.p99):
        return join(line, tag("line", x1=end, x2=end, y1=y - 4, y2=y + 4, class_="whisker"))
    arrow = tag("path", d=f"M-6 {y - 4}L0 {y}L-6 {y + 4}", class_="whisker")
    return join(line, tag("svg", arrow, x=end, overflow="visible"))


def _stroke(scale: Scale, before: float, top: int) -> Markup:
    x = percent(scale, before)
    return tag("line", x1=x, x2=x, y1=top + _TOP - 3, y2=top + _TOP + _BAR + 3, class_="before")
