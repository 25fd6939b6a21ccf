"""What stands in it, and what is stored of it."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import SIZE, Cell, Row

ROWS: Final = (
    Row(
        "Can its holder read it?",
        Cell("there is nothing in it", "unit/formats/test_formats.py::test_opaque_tokens"),
        Cell(
            "yes: a claim that looks personal is a warning, or an error",
            "unit/tokens/test_personal.py::test_a_warning_names_the_claim_and_not_its_value",
        ),
        Cell("yes: it is signed, not encrypted", "unit/tokens/test_access.py::test_times_on_the_wire"),
        Cell("no", "unit/tokens/test_single_service.py::test_the_same_words_and_nothing_to_read"),
    ),
    Row(
        "How many bytes?",
        Cell("{session}", SIZE),
        Cell("{jwt}, and each claim makes it longer", SIZE),
        Cell("{paseto}", SIZE),
        Cell("{local} as v4.local, {jwe} as a JWE", SIZE),
    ),
    Row(
        "Must `exp` be there?",
        Cell(
            "its row has an end that use does not move",
            "unit/tokens/test_sessions.py::test_absolute_ends_a_session_that_is_used_all_the_time",
        ),
        Cell(
            "the format says no (RFC 7519 §4.1.4), we say yes",
            "unit/tokens/test_access.py::test_a_claim_that_is_missing",
        ),
        Cell("the format says no, we say yes", "unit/tokens/test_access.py::test_a_claim_that_is_missing"),
        Cell(
            "yes; a sealed one within ten minutes of `iat`",
            "unit/tokens/test_sealed.py::test_what_a_sealed_token_must_say",
        ),
    ),
    Row(
        "When a clock is wrong?",
        Cell(
            "what has ended stays ended where the clock goes back",
            "unit/test_clock.py::test_what_is_signed_has_the_time_of_the_clock_and_what_is_kept_has_ended_for_good",
        ),
        Cell(
            "`nbf` and `iat` may be 10 s ahead; seconds since 1970",
            "unit/tokens/test_access.py::test_a_token_from_the_future_has_ten_seconds",
        ),
        Cell(
            "`nbf` and `iat` may be 10 s ahead; times as text (RFC 3339)",
            "unit/tokens/test_access.py::test_times_on_the_wire",
        ),
        Cell(
            "it ends with its last second",
            "unit/tokens/test_sealed.py::test_it_ends_with_its_last_second",
        ),
    ),
    Row(
        "What does the server store?",
        Cell(
            "SHA-256 of its secret, and its data",
            "unit/tokens/test_sessions.py::test_the_store_keeps_no_token",
        ),
        Cell(
            "nothing; its refresh family is a row, with no token in it",
            "unit/tokens/test_refresh.py::test_the_database_holds_no_token_and_no_secret",
        ),
        Cell(
            "nothing; its refresh family is a row, with no token in it",
            "unit/tokens/test_access.py::test_jwt_and_paseto_say_the_same",
        ),
        Cell(
            "nothing until it is redeemed, then a digest",
            "unit/tokens/test_sealed.py::test_the_store_holds_no_token_no_data_and_no_key",
        ),
    ),
)
