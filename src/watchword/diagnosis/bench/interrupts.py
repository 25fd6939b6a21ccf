"""Ctrl-C between two units of work: there nothing is half begun. The second one ends the run wherever it is."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

from .base import Step

Told = Callable[[Step], object]


@contextmanager
def between_steps(told: Told | None) -> Iterator[Told]:
    """What is to be told of each step instead of ``told``: it raises KeyboardInterrupt there.

    Only in the main thread, and where Ctrl-C has the meaning that Python gives it: another one is the caller's.
    """
    asked = False

    def interrupted(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    def tell(step: Step) -> None:
        if asked:
            raise KeyboardInterrupt
        if told is not None:
            told(step)

    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or before is not signal.default_int_handler:
        yield tell
        return
    signal.signal(signal.SIGINT, interrupted)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGINT, before)
