"""What an attacker, or a mistake, makes of it."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import Cell, Row

ROWS: Final = (
    Row(
        "Algorithm confusion?",
        Cell("it has no algorithm", "unit/formats/test_formats.py::test_opaque_tokens"),
        Cell(
            "the format allows it; here the key has one algorithm and the header may only agree",
            "hostile/test_state.py::test_t2_a_public_key_is_never_an_hmac_secret",
        ),
        Cell(
            "none to choose: one key, one version, one purpose",
            "hostile/test_state.py::test_t28_one_key_one_version_one_purpose",
        ),
        Cell(
            "v4.local: none. JWE has many: weak ones open by name alone",
            "hostile/test_jose.py::test_t25_rsa1_5_says_nothing_of_the_padding",
        ),
    ),
    Row(
        "Taken for another kind?",
        Cell(
            "its prefix names the kind, and each kind wants its own",
            "hostile/test_opaque_kinds.py::test_no_opaque_kind_takes_the_token_of_another",
        ),
        Cell("`typ` is wanted and compared", "hostile/test_jwt_profiles.py::test_t18_only_the_diagonal"),
        Cell(
            "`typ` stands in the footer, which is signed too",
            "unit/tokens/test_access.py::test_another_type_of_the_same_key",
        ),
        Cell(
            "`typ`; a sealed one opens for its purpose, user and audience alone",
            "unit/tokens/test_sealed.py::test_another_user_purpose_or_audience_does_not_open",
        ),
    ),
    Row(
        "Two spellings of one token?",
        Cell(
            "no: another character is another token",
            "unit/tokens/test_sessions.py::test_every_mutated_character_is_another_token",
        ),
        Cell(
            "ES256 has two signatures for each; so it is revoked by `jti`",
            "unit/tokens/test_access.py::test_a_twin_of_a_revoked_token_is_revoked_too",
        ),
        Cell(
            "no: each bit and each spelling counts",
            "hostile/test_paseto_versions.py::test_t30_every_flipped_bit_and_every_other_spelling",
        ),
        Cell("no", "unit/tokens/test_single_service.py::test_every_changed_character_is_refused"),
    ),
    Row(
        "When it is stolen?",
        Cell(
            "it replays until it ends; a fingerprint may ask for a new sign-in",
            "unit/integrations/test_binding.py::test_a_session_and_its_device",
        ),
        Cell(
            "it replays, unless it is bound to a key (DPoP)",
            "hostile/test_binding.py::test_a_stolen_proof_is_worth_nothing_elsewhere",
        ),
        Cell(
            "it replays; bound, it is refused without its proof",
            "unit/tokens/test_access.py::test_a_bound_token_needs_its_proof",
        ),
        Cell(
            "redeemed once, it is spent; an access token replays",
            "unit/tokens/test_sealed.py::test_it_is_redeemed_once",
        ),
    ),
    Row(
        "Cross-site requests (CSRF)?",
        Cell(
            "the browser sends it along, so each change must come from our own page",
            "browser/test_members.py::test_another_origin_of_the_site_ends_nothing",
        ),
        Cell(
            "as a bearer no browser sends it by itself",
            "unit/integrations/test_fastapi.py::test_a_cookie_counts_on_requests_of_our_own_pages",
        ),
        Cell(
            "as a bearer no browser sends it by itself; in a cookie it is checked as a session is, and so is a JWT",
            "unit/integrations/test_token_cookies.py::test_csrf_is_checked_as_for_sessions",
        ),
        Cell(
            "it travels in a body, and opens for its user alone",
            "unit/tokens/test_sealed.py::test_another_user_purpose_or_audience_does_not_open",
        ),
    ),
    Row(
        "When a key or the database leaks?",
        Cell(
            "it has no key; the database has no token",
            "unit/tokens/test_sessions.py::test_the_store_keeps_no_token",
        ),
        Cell(
            "the thief writes any token until the key is revoked; then none of them counts",
            "hostile/test_state.py::test_h54_a_key_that_leaves_takes_its_tokens_along",
        ),
        Cell(
            "the thief writes any token until the key is revoked; then none of them counts",
            "faults/test_two_processes.py::"
            "test_f30_a_compromised_key_is_refused_by_one_who_has_not_seen_the_new_key_file",
        ),
        Cell(
            "the thief writes any token, and reads what was sealed, until the key is revoked; keep it in one service",
            "unit/diagnosis/test_local.py::test_a_key_that_two_services_hold",
        ),
    ),
)
