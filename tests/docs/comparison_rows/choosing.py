"""Specifications and libraries."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import Cell, Row

ROWS: Final = (
    Row(
        "Which specification?",
        Cell(
            "none; ours is 256 random bits under a prefix",
            "unit/tokens/test_sessions.py::test_start_and_authenticate",
            "../reference/tokens.md#session",
        ),
        Cell("RFC 7515, 7519 and 9068", "vectors/test_rfc.py::test_rfc_7515"),
        Cell(
            "PASETO's own, with vectors; no RFC",
            "vectors/test_paseto_all.py::test_all_63_were_run",
        ),
        Cell("PASETO's; RFC 7516", "vectors/test_jose_cookbook.py::test_sealed"),
    ),
    Row(
        "Which library reads it?",
        Cell("none has to", "hostile/test_opaque_kinds.py::test_a_look_up_tells_the_store_nothing_but_a_digest"),
        Cell(
            "many; what they take and should not is listed",
            "interop/test_jose.py::test_what_they_accept_and_we_refuse",
        ),
        Cell(
            "few; what pyseto takes and should not is listed",
            "interop/test_paseto.py::test_what_pyseto_accepts_and_we_refuse",
        ),
        Cell(
            "PASETO and JOSE libraries; a JWE's user is checked by who reads our header",
            "interop/test_sealed.py::test_joserfc",
        ),
    ),
)
