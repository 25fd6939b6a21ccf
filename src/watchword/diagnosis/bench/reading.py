"""A report that was kept as JSON, read back: any bytes are a report or a ConfigurationError."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from ...errors import ConfigurationError
from .result import Report, Row

LONGEST = 8 * 2**20
"""Bytes of a file that is read at all."""
MOST = 1e15
"""Above it a figure was not measured by anybody."""
_HINT = "make one with: watchword bench --output FILE"
_decoder = msgspec.json.Decoder(Report)


def read_report(path: str) -> Report:
    """The report in that file. Raises: ConfigurationError if it cannot be read or is none."""
    try:
        with Path(path).open("rb") as opened:
            raw = opened.read(LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; {_HINT}") from error
    try:
        return report_of(raw)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} is {error}") from error


def report_of(raw: bytes) -> Report:
    """The report that is written there. Raises: ConfigurationError."""
    if len(raw) > LONGEST:
        raise ConfigurationError(f"no report of watchword bench: more than {LONGEST:,} bytes; {_HINT}")
    try:
        report = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).replace(";", ",")
        raise ConfigurationError(f"no report of watchword bench: {why}; {_HINT}") from error
    rows = (row for section in report.sections for table in section.tables for row in table.rows)
    if not _measured(report.seconds) or not all(map(_possible, rows)):
        raise ConfigurationError(f"no report of watchword bench: it holds figures that nobody can measure; {_HINT}")
    return report


def _possible(row: Row) -> bool:
    entries = row.at is None or 1 <= row.at <= MOST
    return _measured(row.median) and _measured(row.p99) and entries and 0 <= (row.bytes or 0) <= MOST


def _measured(figure: float) -> bool:
    return math.isfinite(figure) and 0 <= figure <= MOST
