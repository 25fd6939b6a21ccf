"""A report of the benchmark as text: a table after the other, 80 columns wide, ours with a star and bold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from .commands import plain

if TYPE_CHECKING:
    from ..diagnosis.bench.compare import Comparison
    from ..diagnosis.bench.result import Report, Row, Section, Table

WIDTH = 80
_READ = (
    "* is ours. A ratio holds within its table, whose cases took turns; microseconds of two tables or two machines "
    "are not comparable."
)
_LEAST = 24
"""Characters of a name before it gets a line of its own."""


def print_report(report: Report, compared: Comparison | None) -> None:
    for line in _lines(report, compared):
        click.echo(line)


def _lines(report: Report, compared: Comparison | None) -> Iterator[str]:
    from ..diagnosis.bench.figures import facts, text

    yield _bold(f"watchword {text(report.watchword)}, {text(report.at)}{', quick' if report.quick else ''}")
    for name, value in facts(report.machine):
        yield from _wrapped(f"{name.replace('_', ' ')}: {value}", "  ")
    for section in report.sections:
        yield from _section(section, compared)
    yield from _glance(report)
    if compared is not None:
        yield from _comparison(compared)
    yield ""
    yield from _wrapped(f"{_READ} It took {report.seconds:.0f} s.", "")


def _section(section: Section, compared: Comparison | None) -> Iterator[str]:
    from ..diagnosis.bench.figures import text

    yield ""
    yield _bold(text(section.title).upper())
    yield from _wrapped(text(section.words), "")
    for table in section.tables:
        yield ""
        yield from _table(table, compared)
    if section.not_run:
        yield ""
    for why in section.not_run:
        yield from _wrapped(f"not measured: {text(why)}", "  ", "")


def _table(table: Table, compared: Comparison | None) -> Iterator[str]:
    from ..diagnosis.bench.cells import cells, columns
    from ..diagnosis.bench.figures import text

    rows = [(row, cells(table, row, compared)) for row in table.rows]
    names = columns(table, compared)
    widths = [max(len(name), *(len(found[name]) for _, found in rows)) for name in names] if rows else []
    left = max(_LEAST, _width() - 2 - sum(width + 2 for width in widths))
    head = "".join(f"  {name:>{width}}" for name, width in zip(names, widths, strict=True))
    title = f"{text(table.title)}, {text(table.unit)}"
    fits = len(title) <= left + 1
    if not fits:
        yield _bold(title)
    yield _bold(f"{title if fits else '':<{left + 2}}{head}")
    for row, found in rows:
        figures = "".join(f"  {found[name]:>{width}}" for name, width in zip(names, widths, strict=True))
        yield from _row(row, figures, left)
    over = f"over {text(table.over)}" if table.over and any(row.at is None for row in table.rows) else ""
    yield from _wrapped("; ".join(filter(None, (over, text(table.note)))), "  ")


def _row(row: Row, figures: str, left: int) -> Iterator[str]:
    """The name, with the note where there is room for it, before the figures."""
    from ..diagnosis.bench.figures import text

    name, note = text(row.name), text(row.note)
    both = f"{name} ({note})" if note else name
    *before, last = wrap(both if len(both) <= left else name, left) or [""]
    marks = ["* " if row.ours else "  ", *("  " for _ in before)]
    for mark, line in zip(marks, before, strict=False):
        yield _bold(mark + line, row.ours)
    yield _bold(f"{marks[-1]}{last:<{left}}{figures}", row.ours)
    if len(both) > left:
        yield from _wrapped(note, "    ")


def _glance(report: Report) -> Iterator[str]:
    from ..diagnosis.bench.glance import glance

    found = list(glance(report))
    if not found:
        return
    yield ""
    yield _bold("IN SHORT")
    width = max(len(one.median) for one in found)
    for one in found:
        name = ": ".join(filter(None, (one.table, one.ours)))
        said = "; ".join(filter(None, (one.over, one.other and f"{one.other} ours")))
        yield from _wrapped(name, " " * (width + 4), f"  {one.median:>{width}}  ")
        yield from _wrapped(said, " " * (width + 6))


def _comparison(compared: Comparison) -> Iterator[str]:
    yield ""
    yield _bold("BESIDE THE OLDER RUN")
    yield from _wrapped(f"{compared.against}; factor: the new median over the old", "")
    for words, found in (
        ("differs", compared.differs),
        ("only in the old run", compared.only_old),
        ("only in the new run", compared.only_new),
    ):
        for one in found:
            yield from _wrapped(f"{words}: {one}", "  ")
    if not compared.differs:
        yield "  machine, versions and length of the run are the same"


def _bold(line: str, wanted: bool = True) -> str:
    line = line.rstrip()
    return click.style(line, bold=True) if wanted and not plain() else line


def _width() -> int:
    """No wider than reads well, and no narrower than a table is."""
    return min(100, max(60, get_terminal_size((WIDTH, 24)).columns)) if sys.stdout.isatty() else WIDTH


def _wrapped(line: str, indent: str, first: str | None = None) -> list[str]:
    begin = indent if first is None else first
    return wrap(line, _width(), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)
