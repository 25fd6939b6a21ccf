"""The whole table, and what of the standard waits for a feature that is not there yet."""

from collections.abc import Iterator
from typing import Final

from tests.hostile import envelopes, headers, pasetos, payloads, sealed_rows, signatures
from tests.hostile.rows import Case

TABLE: Final[tuple[Case, ...]] = tuple(
    case for rows in (envelopes, headers, payloads, signatures, pasetos, sealed_rows) for case in rows.cases()
)

LATER: Final[dict[str, str]] = {}
"""Rows that wait, and for what. In part wait also: H-41 and T10 (at most one refresh: remote key sources), H-48
(real one-time tokens), T11 (JWE)."""

ELSEWHERE: Final = {
    "H-57": "test_binding.py",
    "H-64": "tests/unit/tokens/test_api_keys.py",
    "H-65": "test_state.py",
    "H-66": "test_state.py",
}
"""Rows that need a view, a store or a request, so that they stand in a file of their own."""

ROWS: Final = {f"H-{number:02}" for number in range(1, 67)}
ATTACKS: Final = {f"T{number}" for number in (*range(1, 21), 24, *range(28, 33), 36)}


def ids() -> Iterator[str]:
    for case in TABLE:
        yield from case.ids.split()
