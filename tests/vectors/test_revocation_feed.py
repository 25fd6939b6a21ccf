"""Answers of a revocation feed (docs/reference/revocation-feed.md) against their published vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vectors.corpus import committed
from watchword.errors import WatchwordError
from watchword.keys.discovery import read_jwks
from watchword.keys.ring import KeyRing
from watchword.revocation.answer import Question, read

VECTORS = committed("revocation-feed.json")
RING = KeyRing(read_jwks(json.dumps(VECTORS["jwks"]).encode()).slots)


def understood(row: dict[str, Any]) -> dict[str, Any]:
    found = read(row["answer"].encode(), Question(**row["question"]), issuer=VECTORS["issuer"], ring=RING)
    events = [[one.seq, one.what, one.value, one.until] for one in found.feed.events]
    return {
        "epoch": found.feed.epoch, "after": found.after, "head": found.feed.head, "more": found.more, "events": events
    }  # fmt: skip


@pytest.mark.parametrize("row", VECTORS["good"], ids=lambda row: row["name"])
def test_a_good_answer(row: dict[str, Any]) -> None:
    assert understood(row) == row["is"]


@pytest.mark.parametrize("row", VECTORS["bad"], ids=lambda row: row["name"])
def test_an_answer_that_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(WatchwordError) as refused:
        understood(row)
    assert refused.value.code == row["why"]
