"""What a reader decides by, with the answer of each sort of token and the test that shows it."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows import attacks, checking, choosing, contents, ending, running
from tests.docs.comparison_rows.base import Row

ROWS: Final[dict[str, tuple[Row, ...]]] = {
    "Ending it": ending.ROWS,
    "Checking it": checking.ROWS,
    "What is in it": contents.ROWS,
    "What goes wrong": attacks.ROWS,
    "Running it": running.ROWS,
    "Choosing it": choosing.ROWS,
}
"""Title -> rows, in their order on the page."""
