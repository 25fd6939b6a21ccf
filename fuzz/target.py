"""What a fuzz target is: doors that take any bytes, and what to begin with. The first byte of an input names the door.

A door answers, or raises a WatchwordError; any other exception is a finding, and so is an ``assert`` that fails: the
door's second opinion on what it accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from watchword.errors import WatchwordError

Door = Callable[[bytes], object]


class Target(NamedTuple):
    """One group of readers."""

    doors: dict[str, Door]
    seeds: list[tuple[str, bytes]]
    """(door, text): mostly real tokens, made when the process starts."""

    def inputs(self) -> list[bytes]:
        """The seeds as the fuzzer sees them; every door has at least an empty one."""
        names = list(self.doors)
        return [bytes((names.index(door),)) + text for door, text in [*((name, b"") for name in names), *self.seeds]]

    def feed(self, data: bytes) -> None:
        """Hand one input to its door."""
        if data:
            enter(list(self.doors.values())[data[0] % len(self.doors)], data[1:])


def enter(door: Door, text: bytes) -> bool:
    """Whether the door accepted; anything but a value or a WatchwordError comes out as it is."""
    try:
        door(text)
    except WatchwordError:
        return False
    return True


def said(text: bytes) -> str:
    """The bytes as text, for readers that take text alone; lone surrogates come up as well."""
    return text.decode("utf-8", "surrogateescape")
