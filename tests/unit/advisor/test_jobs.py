"""What the jobs say of themselves is what the tokens do."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from watchword.advisor.answers import answers_of
from watchword.advisor.decide import decide
from watchword.advisor.jobs import JOBS
from watchword.cli.advice import print_plan


def test_api_keys_are_not_ended_by_a_sign_out() -> None:
    """docs/reference/events.md: a sign-out spares them."""
    said = JOBS["api-keys"].alternatives["opaque"].revocation
    assert said == "row and feed: api_keys.revoke, its owner, everything"


def test_at_80_columns_no_word_of_the_plan_is_cut() -> None:
    console = Console(record=True, width=80, file=StringIO())
    print_plan(decide(answers_of({"client": "web", "needs": ["email", "api-keys"]})), console)
    told = console.export_text()
    assert "e-mail" in told
    assert sum("verification " in line.split("│")[1] for line in told.splitlines() if line.startswith("│")) >= 2
