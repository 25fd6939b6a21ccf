"""Whether it ends, how late elsewhere, and what new roles do to it."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import Cell, Row

ROWS: Final = (
    Row(
        "Does it end before it expires?",
        Cell(
            "yes, with the access tokens and refresh families that came of it",
            "unit/tokens/test_sessions.py::test_end_kills_the_token_its_access_tokens_and_families_and_nothing_else",
        ),
        Cell(
            "not by itself; with the View by token, session, family, subject, client, key or everything",
            "hostile/test_state.py::test_h65_whatever_stops_it",
        ),
        Cell(
            "not by itself; with the View as a JWT does, which does not look at the format",
            "unit/runtime/test_feed_follower.py::test_paseto_tokens_of_the_issuer_with_the_same_view",
        ),
        Cell(
            "not by itself; with the View by user, key or everything",
            "unit/tokens/test_sealed.py::test_it_falls_with_its_user_its_key_and_everything",
        ),
    ),
    Row(
        "How late elsewhere?",
        Cell(
            "never later than `max_staleness` (5 s)",
            "faults/test_two_processes.py::test_past_max_staleness_no_session_that_is_kept_near_is_accepted",
        ),
        Cell(
            "never later than `max_staleness`",
            "faults/test_two_processes.py::test_past_max_staleness_nothing_revoked_is_accepted",
        ),
        Cell(
            "never later than `max_staleness`, here for a key that has leaked",
            "faults/test_two_processes.py::"
            "test_f30_a_compromised_key_is_refused_by_one_who_has_not_seen_the_new_key_file",
        ),
        Cell(
            "`open`: never later than `max_staleness`; `redeem` asks the store, so at once",
            "unit/tokens/test_sealed.py::test_a_redeem_elsewhere_hears_of_a_void_before_its_view_does",
        ),
    ),
    Row(
        "And while nobody can know?",
        Cell(
            "503, never 401",
            "unit/tokens/test_sessions.py::"
            "test_past_the_lease_the_feed_is_asked_and_an_answer_that_comes_too_late_is_none",
        ),
        Cell(
            "503; a route of low risk may stay open for a declared time",
            "unit/revocation/test_stale.py::test_open_takes_for_the_window_and_not_one_instant_longer",
        ),
        Cell(
            "503, also for one that was seen before",
            "unit/tokens/test_access.py::test_past_the_lease_a_seen_token_is_good_no_more",
        ),
        Cell("503", "unit/tokens/test_sealed.py::test_a_stale_view_is_503"),
    ),
    Row(
        "Do new roles reach it?",
        Cell(
            "yes: it goes on with the new ones",
            "unit/tokens/test_roles.py::test_a_session_lives_on_with_the_new_roles",
        ),
        Cell(
            "it holds a copy, so it ends; the next one is right",
            "unit/tokens/test_roles.py::test_an_access_token_from_before_is_dead_and_the_next_one_is_right",
        ),
        Cell(
            "it holds a copy, so it ends; the next one is right",
            "contracts/test_events.py::test_what_dies_is_what_the_table_says",
        ),
        Cell(
            "a sealed one has none, and lives on: ten minutes at most",
            "unit/tokens/test_sealed.py::test_it_lives_ten_minutes_at_most",
        ),
    ),
)
