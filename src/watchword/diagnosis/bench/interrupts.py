"""Ctrl-C, and what ends a process, between two units of work: there nothing is half begun, and what is ours is removed.

The second signal ends the run wherever it is.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

from .base import Step

Told = Callable[[Step], object]

_USUAL = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
"""What is heard, where it has the meaning that Python gives it: another one is the caller's, such as that of nohup."""


@contextmanager
def between_steps(told: Told | None) -> Iterator[Told]:
    """What is to be told of each step instead of ``told``: it ends the run there. Only in the main thread.

    Raises: KeyboardInterrupt after SIGINT, SystemExit(128 + its number) after another signal.
    """
    asked = 0

    def heard(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise _end(number)
        asked = number

    def check() -> None:
        if asked:
            raise _end(asked)

    def tell(step: Step) -> None:
        check()
        if told is not None:
            told(step)

    before = {number: signal.getsignal(number) for number in _heard()}
    for number in before:
        signal.signal(number, heard)
    try:
        yield tell
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heard() -> list[signal.Signals]:
    """Those whose handler is the usual one, of those that this system has."""
    if current_thread() is not main_thread():
        return []
    there = {getattr(signal, name): usual for name, usual in _USUAL.items() if hasattr(signal, name)}
    return [number for number, usual in there.items() if signal.getsignal(number) == usual]


def _end(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
