"""An answer, and a row of them: what a reader decides by."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

SIZE: Final = "docs/test_comparison.py::test_the_sizes_are_those_of_real_tokens"
COSTS: Final = "../reference/benchmarks.md#figures"


class Cell(Struct, frozen=True):
    """An answer. ``test``: a file below ``tests/`` and a function in it. ``more``: a page with figures or details."""

    says: str
    test: str
    more: str = ""


class Row(Struct, frozen=True):
    asks: str
    session: Cell
    jwt: Cell
    paseto: Cell
    hidden: Cell


COLUMNS: Final = {
    "session": "session (opaque)",
    "jwt": "JWT (signed)",
    "paseto": "PASETO v4.public",
    "hidden": "encrypted: v4.local, JWE",
}
