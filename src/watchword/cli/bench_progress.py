"""How far a benchmark is: a bar a section on a terminal, a line a section elsewhere; always on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..diagnosis.bench.base import Step

    Told = Callable[[Step], None]

_EVERY_NS = 100_000_000


@contextmanager
def telling() -> Iterator[Told]:
    """What is to be told of each step."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "", "dumb"):
        yield _lines()
        return
    with _bars() as told:
        yield told


def _lines() -> Told:
    said: set[str] = set()

    def told(step: Step) -> None:
        if step.section not in said:
            said.add(step.section)
            click.echo(f"measuring: {step.section}", err=True)

    return told


@contextmanager
def _bars() -> Iterator[Told]:
    """Drawn between two measurements and never by a thread, which would be measured along; gone at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[section]:<10}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    drawn = 0
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:

        def told(step: Step) -> None:
            nonlocal drawn
            if step.section not in tasks:
                tasks[step.section] = progress.add_task("", section=step.section)
            task = tasks[step.section]
            progress.update(task, completed=step.done, total=step.of, description=step.what)
            now = time.perf_counter_ns()
            if now - drawn > _EVERY_NS or step.done >= step.of:
                drawn = now
                progress.refresh()

        yield told
