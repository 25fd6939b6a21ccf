"""What the jobs say of themselves is what the tokens do."""

from __future__ import annotations

from watchword.advisor.jobs import JOBS


def test_api_keys_are_not_ended_by_a_sign_out() -> None:
    """docs/reference/events.md: a sign-out spares them."""
    said = JOBS["api-keys"].alternatives["opaque"].revocation
    assert said == "row and feed: api_keys.revoke, its owner, everything"
