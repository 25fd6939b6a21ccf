"""What holds threads and locks starts over in a forked child, where those threads are not."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class StartsOver(Protocol):
    def start_over(self) -> None:
        """Let go of what another process's threads held or promised; make it anew."""
        ...


_known: WeakSet[StartsOver] = WeakSet()


def starts_over(one: StartsOver) -> None:
    """Start it now, and again in every child that is forked from this process."""
    one.start_over()
    _known.add(one)


def _in_child() -> None:
    for one in tuple(_known):
        one.start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
