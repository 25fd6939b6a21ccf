"""The PASETO key document (docs/reference/paseto-keys.md) against its published vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vectors.corpus import committed
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError
from watchword.keys.discovery import read_paseto_keys
from watchword.keys.key import Key
from watchword.keys.remote import RemoteKeys
from watchword.keys.ring import KeyRing

VECTORS = committed("paseto-keys.json")
READ = [pytest.param(row, id=row["name"]) for row in VECTORS["read"]]
RAW = [pytest.param(row["text"], id=row["name"]) for row in VECTORS["raw"]]


@pytest.mark.parametrize("row", READ)
def test_a_document(row: dict[str, Any]) -> None:
    body = json.dumps(row["document"]).encode()
    if row.get("refused"):
        with pytest.raises(ConfigurationError):
            read_paseto_keys(body)
        return
    found = read_paseto_keys(body)
    assert [
        {"kid": slot.key.kid, "not_before": slot.activates_at, "retires_at": slot.retires_at} for slot in found.slots
    ] == row["keys"]
    assert (len(found.skipped), found.max_age) == (row["skipped"], row["max_age"])
    assert not any(slot.key.can_sign for slot in found.slots)


@pytest.mark.parametrize("text", RAW)
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_paseto_keys(text.encode())


def test_what_we_write_we_read_and_the_times_of_a_key_are_honoured() -> None:
    clock = FrozenClock()
    ours = KeyRing.generate("v4.public", "v3.public", clock=clock)
    theirs = RemoteKeys("https://id.example/.well-known/paseto-keys.json", read_paseto_keys, clock=clock)
    old, fresh = ours.active(algorithm="v4.public"), Key.generate("v4.public")
    ours.announce(fresh)
    theirs.succeeded(json.dumps(ours.paseto_keys()).encode())
    seen = {slot.key.kid: slot for slot in theirs.ring}
    assert len(seen) == 3
    assert not seen[fresh.kid].verifies(clock.now())
    clock.advance(ours.policy.lead)
    ours.activate(fresh.kid)
    assert seen[fresh.kid].verifies(clock.now())
    theirs.succeeded(json.dumps(ours.paseto_keys()).encode())
    assert theirs.ring.find(old.kid) is seen[old.kid]
    clock.advance(ours.policy.keep - 1)
    assert seen[old.kid].verifies(clock.now())
    clock.advance(1)
    assert not seen[old.kid].verifies(clock.now())
