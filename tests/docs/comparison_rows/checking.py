"""Who checks it, with what, and for whom."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import Cell, Row

ROWS: Final = (
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
            "yes, with the keys, in other languages too; without a View no revocation is heard",
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
            "examples/test_gateway.py::test_each_provider_takes_what_our_issuer_writes_and_nothing_for_another_service",
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
)
