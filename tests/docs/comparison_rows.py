"""What a reader decides by, with the answer of each sort of token and the test that shows it. Data alone."""

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
ROWS: Final[dict[str, tuple[Row, ...]]] = {
    "Ending it": (
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
                "the same: the View does not look at the format",
                "unit/runtime/test_feed_follower.py::test_paseto_tokens_of_the_issuer_with_the_same_view",
            ),
            Cell(
                "the same: with its user, its key or everything",
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
                "the same, here for a key that has leaked",
                "faults/test_two_processes.py::"
                "test_f30_a_compromised_key_is_refused_by_one_who_has_not_seen_the_new_key_file",
            ),
            Cell(
                "`open`: the same; `redeem` asks the store, so at once",
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
                "the same, also for one that was seen before",
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
            Cell("the same", "contracts/test_events.py::test_what_dies_is_what_the_table_says"),
            Cell(
                "a sealed one has none, and lives on: ten minutes at most",
                "unit/tokens/test_sealed.py::test_it_lives_ten_minutes_at_most",
            ),
        ),
    ),
    "Checking it": (
        Row(
            "Who can verify it?",
            Cell(
                "who has the store, which sees a digest alone",
                "hostile/test_opaque_kinds.py::test_a_look_up_tells_the_store_nothing_but_a_digest",
            ),
            Cell(
                "everybody, by the public key in the JWKS",
                "interop/test_jose.py::test_they_find_our_key_in_our_document",
            ),
            Cell(
                "everybody, by the public key in the PASETO key document",
                "interop/test_npm_paseto.py::test_paseto_reads_our_access_tokens_by_our_key_document",
            ),
            Cell(
                "who has the secret key, and so can issue as well; no document has it",
                "unit/keys/test_discovery.py::test_a_symmetric_key_is_never_published",
            ),
        ),
        Row(
            "Network for a check?",
            Cell(
                "one read, then none while it is kept near",
                "contracts/test_near.py::test_a_warm_request_calls_no_store_and_a_cold_one_calls_once",
            ),
            Cell("none", "unit/runtime/test_feed_follower.py::test_no_check_asks_anybody"),
            Cell("none: keys and a clock are enough", "unit/tokens/test_access.py::test_it_expires_at_its_second"),
            Cell(
                "`open`: none; `redeem`: one write, so it needs a store",
                "unit/tokens/test_sealed.py::test_nothing_is_redeemed_without_a_store",
            ),
        ),
        Row(
            "Without any connection?",
            Cell(
                "no: without the store there is nothing to compare",
                "unit/tokens/test_sessions.py::test_a_store_that_does_not_answer_is_not_taken_for_no_session",
            ),
            Cell(
                "yes, with the keys; without a View no revocation is heard, and its repr says so",
                "unit/tokens/test_access.py::test_without_a_view_it_says_so",
            ),
            Cell(
                "the same, in other languages too",
                "interop/test_npm_paseto.py::test_paseto_ts_reads_our_access_tokens",
            ),
            Cell(
                "yes, in the one service that has the key",
                "unit/tokens/test_single_service.py::test_the_same_words_and_nothing_to_read",
            ),
        ),
        Row(
            "Several audiences?",
            Cell(
                "none at all: it goes back to who has the store",
                "contracts/test_matrix.py::test_accepted_on_the_diagonal_alone",
            ),
            Cell("a list is possible", "unit/tokens/test_access.py::test_several_audiences"),
            Cell("one: the format has one text", "unit/tokens/test_access.py::test_a_paseto_has_one_audience"),
            Cell("one: this service", "unit/tokens/test_single_service.py::test_several_audiences_are_refused"),
        ),
        Row(
            "Gateways and vendors?",
            Cell(
                "the gateway asks us about each request",
                "unit/bff/test_forward_auth.py::test_a_session_is_told_and_nobody_is_not",
            ),
            Cell(
                "they verify it: Envoy's `jwt_authn` with our issuer",
                "examples/test_gateway.py::"
                "test_each_provider_takes_what_our_issuer_writes_and_nothing_for_another_service",
            ),
            Cell(
                "libraries do; ask your gateway before you choose it",
                "docs/test_elsewhere.py::test_good_tokens",
                "../how-to/verify-elsewhere.md",
            ),
            Cell(
                "no: there is no key to give them",
                "unit/tokens/test_single_service.py::test_a_watchword_of_a_single_service",
            ),
        ),
    ),
    "What is in it": (
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
                "the same; a sealed one within ten minutes of `iat`",
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
                "the same; its times are text (RFC 3339)",
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
            Cell("the same", "unit/tokens/test_access.py::test_jwt_and_paseto_say_the_same"),
            Cell(
                "nothing until it is redeemed, then a digest",
                "unit/tokens/test_sealed.py::test_the_store_holds_no_token_no_data_and_no_key",
            ),
        ),
    ),
    "What goes wrong": (
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
                "the same; either of them in a cookie is as a session",
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
                "the same",
                "faults/test_two_processes.py::"
                "test_f30_a_compromised_key_is_refused_by_one_who_has_not_seen_the_new_key_file",
            ),
            Cell(
                "the same, and the thief reads all that was sealed; keep it in one service",
                "unit/diagnosis/test_local.py::test_a_key_that_two_services_hold",
            ),
        ),
    ),
    "Running it": (
        Row(
            "Rotation of keys?",
            Cell(
                "no key; `rotate` changes its token when privileges change",
                "unit/tokens/test_sessions.py::test_rotate_kills_the_old_token_at_once_and_keeps_the_session",
            ),
            Cell(
                "published before it signs, kept after",
                "unit/keys/test_discovery.py::test_a_rotation_as_it_is_seen_from_outside",
            ),
            Cell(
                "the same, and its document says when each key begins and ends",
                "vectors/test_paseto_keys.py::test_what_we_write_we_read_and_the_times_of_a_key_are_honoured",
            ),
            Cell(
                "in its own turn, with nothing to publish",
                "unit/keys/test_rotation.py::test_each_algorithm_and_use_takes_turns_by_itself",
            ),
        ),
        Row(
            "Several nodes?",
            Cell(
                "they share the store; a node with its own loses sessions",
                "unit/diagnosis/test_nodes.py::test_two_nodes_with_a_store_each",
            ),
            Cell(
                "they share the keys; a node with its own is refused elsewhere",
                "unit/diagnosis/test_nodes.py::test_two_nodes_with_keys_each",
            ),
            Cell(
                "the same; who only verifies has the public halves alone",
                "properties/test_rotation.py::test_with_real_keys_a_token_outlives_the_rotation",
            ),
            Cell(
                "the nodes of one service share the key",
                "unit/diagnosis/test_local.py::test_two_nodes_of_one_service_share_their_keys_as_they_should",
            ),
        ),
        Row(
            "After a restart?",
            Cell(
                "all there, but with `memory:`",
                "contracts/test_store.py::test_opening_again_finds_all_of_it_or_a_new_life",
            ),
            Cell(
                "good where the keys were kept, and what was revoked stays so",
                "unit/test_app.py::test_sqlite_finds_everything_again",
            ),
            Cell("the same: one key file", "unit/keys/test_sources.py::test_created_read_and_replaced"),
            Cell("the same", "unit/keys/test_sources.py::test_created_read_and_replaced"),
        ),
        Row(
            "A list of devices?",
            Cell(
                "yes: device, network, last seen",
                "unit/tokens/test_devices.py::test_sessions_and_families_stand_together",
            ),
            Cell(
                "by its refresh family or session; ending one ends its access tokens",
                "unit/tokens/test_devices.py::test_one_device_is_ended_with_all_of_its_tokens",
            ),
            Cell("the same", "unit/tokens/test_access.py::test_jwt_and_paseto_say_the_same"),
            Cell(
                "no: it is for minutes, and for one purpose",
                "unit/tokens/test_sealed.py::test_it_lives_ten_minutes_at_most",
            ),
        ),
        Row(
            "Cost of a check?",
            Cell(
                "a hash and a look-up: a few microseconds",
                "contracts/test_near.py::test_a_warm_request_calls_no_store_and_a_cold_one_calls_once",
                COSTS,
            ),
            Cell(
                "a signature: tens of microseconds; seen before, a few",
                "unit/tokens/test_access.py::test_a_second_look_is_the_same_principal",
                COSTS,
            ),
            Cell(
                "the same; its times as text cost a little more",
                "unit/tokens/test_access.py::test_a_second_look_is_the_same_principal",
                COSTS,
            ),
            Cell(
                "no signature: about ten microseconds, then claims",
                "vectors/test_paseto.py::test_opens_and_is_written_again",
                COSTS,
            ),
        ),
    ),
    "Choosing it": (
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
                "fewer; the same list for pyseto",
                "interop/test_paseto.py::test_what_pyseto_accepts_and_we_refuse",
            ),
            Cell(
                "PASETO and JOSE libraries; a JWE's user is checked by who reads our header",
                "interop/test_sealed.py::test_joserfc",
            ),
        ),
    ),
}
