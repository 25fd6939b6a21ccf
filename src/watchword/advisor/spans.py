"""Spans of time in words."""

from __future__ import annotations

from .base import DAY, HOUR, MINUTE


def span(seconds: float | None) -> str:
    """``15 min``; the largest unit that fits evenly. None is a dash."""
    if seconds is None:
        return "–"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g} {unit}"
    return f"{seconds:g} s"
