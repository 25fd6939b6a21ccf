"""Lines: how a time grows with the entries, over a logarithmic axis; each point with a whisker to its p99."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from .figures import LEAST, number, quotient, times
from .markup import Markup, join, tag
from .plots import LINE, described, folded, label, short
from .result import Row, Table
from .scale import Scale, from_zero, logarithmic

HEIGHT, LEGEND = 190, 22
"""Pixels of the plot, and of one line of its legend."""
_FOOT, _SPREAD = 40, 20.0
"""A table whose greatest median is so many times its least has a logarithmic axis upwards, too."""
_SIGNS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M-4 -4h8v8h-8z",
    "M0 -5l5 9h-10z",
    "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
)
"""Circle, square, triangle, diamond: lines are told apart by their signs, not by colour alone."""


def lines(id: str, table: Table, rows: Sequence[Row]) -> Markup:
    """Rows of one name are one line, from the fewest entries to the most."""
    names = list(dict.fromkeys(row.name for row in rows))
    series = [sorted((row for row in rows if row.name == name), key=lambda row: row.at or 0) for name in names]
    across = logarithmic([float(row.at or 1) for row in rows], whole=True)
    up = _up(rows)
    folds = [folded(name) for name in names]
    bottoms = list(accumulate(LEGEND + LINE * (len(one) - 1) for one in folds))
    top = bottoms[-1] + 24
    says = "; ".join(_said(one, table.unit) for one in series)
    parts = [
        *(_legend(one, folds[place], place, bottoms[place], table.unit) for place, one in enumerate(series)),
        *_axes(across, up, top, table.unit),
        *(_line(one, place, across, up, top) for place, one in enumerate(series)),
    ]
    return described(id, f"{table.title}: medians by entries", says, top + HEIGHT + _FOOT, *parts)


def _up(rows: Sequence[Row]) -> Scale:
    medians, p99s = [row.median for row in rows], [row.p99 for row in rows]
    known = [value for value in medians if value >= LEAST]
    if known and max(known) / min(known) > _SPREAD:
        return logarithmic([*known, *p99s])
    return from_zero(medians, p99s, most=4)


def _said(series: Sequence[Row], unit: str) -> str:
    points = (f"{number(row.median)} {unit} at {row.at or 0:,}" for row in series)
    return f"{series[0].name}: {', '.join(points)}"


def _class(series: Sequence[Row], place: int) -> str:
    return f"{'ours' if series[0].ours else 'peer'} s{place % len(_SIGNS)}"


def _legend(series: Sequence[Row], name: Sequence[str], place: int, bottom: int, unit: str) -> Markup:
    last = series[-1].median
    grown = f"  {times(quotient(last, series[0].median))}" if len(series) > 1 else ""
    y = bottom - LEGEND + 15
    return join(
        _sign("8", y - 4, place, _class(series, place)),
        label(name, 20, y, f"name {'ours' if series[0].ours else 'peer'}"),
        tag("text", f"{number(last)} {unit}{grown}", x="100%", y=y, class_="figure"),
    )


def _axes(across: Scale, up: Scale, top: int, unit: str) -> list[Markup]:
    parts = []
    for tick in up.ticks:
        y = _y(up, tick, top)
        parts.append(tag("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"))
        said = f"{short(tick)} {unit}" if tick == up.ticks[-1] else short(tick)
        parts.append(tag("text", said, x=0, y=y - 3, class_="tick"))
    for tick in across.ticks:
        x = _x(across, tick)
        parts.append(tag("text", short(tick), x=x, y=top + HEIGHT + 16, text_anchor="middle", class_="tick"))
    parts.append(tag("text", "entries", x="100%", y=top + HEIGHT + 32, text_anchor="end", class_="tick"))
    return parts


def _line(series: Sequence[Row], place: int, across: Scale, up: Scale, top: int) -> Markup:
    look = _class(series, place)
    points = [(_x(across, float(row.at or 1)), _y(up, row.median, top), _y(up, row.p99, top)) for row in series]
    parts = [
        tag("line", x1=x, y1=y, x2=next_x, y2=next_y, class_=f"line {look}")
        for (x, y, _), (next_x, next_y, _) in pairwise(points)
    ]
    for x, y, p99 in points:
        end = tag("line", x1=-4, x2=4, y1=p99, y2=p99, class_="whisker")
        parts.append(tag("line", x1=x, x2=x, y1=y, y2=p99, class_="whisker"))
        parts.append(tag("svg", end, x=x, overflow="visible"))
        parts.append(_sign(x, y, place, look))
    return join(*parts)


def _sign(x: str, y: float, place: int, look: str) -> Markup:
    return tag("svg", tag("path", d=_SIGNS[place % len(_SIGNS)], class_=f"sign {look}"), x=x, y=y, overflow="visible")


def _x(scale: Scale, value: float) -> str:
    """With room at the left for the figures of the other axis, and at the right for half of its own."""
    return f"{10 + 0.84 * scale.percent(value):.2f}%"


def _y(scale: Scale, value: float, top: int) -> float:
    return round(top + HEIGHT * (1 - scale.percent(value) / 100), 1)
