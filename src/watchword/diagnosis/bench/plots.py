"""What plots share. Positions across are per cent, so that a plot fits any width and its letters keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from .figures import text
from .markup import Markup, join, tag
from .scale import Scale

LONGEST, MOST, LINE = 24, 3, 16
"""Characters of a line of a name in a picture, lines of a name, and pixels of each."""


def described(id: str, title: str, says: str, height: int, *parts: Markup) -> Markup:
    """The picture, with its name and its figures for those who hear the page."""
    labels = tag("title", title, id=f"{id}-t"), tag("desc", says, id=f"{id}-d")
    shape = {"width": "100%", "height": height, "role": "img", "aria_labelledby": f"{id}-t {id}-d"}
    return tag("svg", *labels, *parts, class_="plot", **shape)


def percent(scale: Scale, value: float) -> str:
    return f"{scale.percent(value):.2f}%"


def gridlines(scale: Scale, height: int, unit: str) -> Markup:
    """Lines down from each mark of an axis across, with its figure below."""
    parts = []
    for tick in scale.ticks:
        x, share = percent(scale, tick), scale.percent(tick)
        parts.append(tag("line", x1=x, x2=x, y1=18, y2=height, class_="grid"))
        said = f"{short(tick)} {unit}" if not share else short(tick)
        parts.append(tag("text", said, x=x, y=height + 16, text_anchor=anchored(share), class_="tick"))
    return join(*parts)


def folded(name: str) -> list[str]:
    """A name in lines that leave room for a figure beside it on a telephone; the whole of it stands in the table."""
    return wrap(text(name), LONGEST, max_lines=MOST, placeholder="…") or [""]


def label(lines: Sequence[str], x: float, y: float, look: str) -> Markup:
    """The lines below each other, the last of them at ``y``."""
    first = y - LINE * (len(lines) - 1)
    return join(*(tag("text", one, x=x, y=first + LINE * place, class_=look) for place, one in enumerate(lines)))


def anchored(share: float) -> str:
    """Which side of a mark's letters stands at it, so that none leave the picture."""
    return "start" if share < 4 else "end" if share > 94 else "middle"


def short(value: float) -> str:
    """The figure of a mark: 0.5, 20, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
