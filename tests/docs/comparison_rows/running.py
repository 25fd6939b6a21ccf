"""Keys, nodes, restarts, devices and cost."""

from __future__ import annotations

from typing import Final

from tests.docs.comparison_rows.base import COSTS, Cell, Row

ROWS: Final = (
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
            "published before it signs, kept after; its document says when each key begins and ends",
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
            "they share the keys; who only verifies has the public halves alone",
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
        Cell("good where the key file was kept", "unit/keys/test_sources.py::test_created_read_and_replaced"),
        Cell("good where the key file was kept", "unit/keys/test_sources.py::test_created_read_and_replaced"),
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
        Cell(
            "by its refresh family or session; ending one ends its access tokens",
            "unit/tokens/test_access.py::test_jwt_and_paseto_say_the_same",
        ),
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
            "a signature: tens of microseconds, with times as text a little more; seen before, a few",
            "unit/tokens/test_access.py::test_a_second_look_is_the_same_principal",
            COSTS,
        ),
        Cell(
            "no signature: about ten microseconds, then claims",
            "vectors/test_paseto.py::test_opens_and_is_written_again",
            COSTS,
        ),
    ),
)
