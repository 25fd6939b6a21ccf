"""What a review of the running server found, so that it stays found."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from watchword import FrozenClock, Watchword
from watchword.crypto import passwords
from watchword.errors import ConfigurationError, SignatureError
from watchword.server.accounts import accounts


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


LONG = "\u0300\u0323" * 16_000
"""Normalising this takes seconds: the cost is quadratic in a run of combining marks."""


def test_nothing_long_is_ever_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Spy:
        @staticmethod
        def normalize(form: Any, text: str) -> str:
            sizes.append(len(text))
            return unicodedata.normalize(form, text)

    monkeypatch.setattr(passwords, "unicodedata", Spy)
    monkeypatch.setattr(accounts, "unicodedata", Spy)
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    assert not passwords.password_matches(LONG, None)
    assert not passwords.password_matches(LONG, passwords.hash_password("a" * 15))
    with pytest.raises(ConfigurationError):
        passwords.check_new_password(LONG)
    with pytest.raises(ConfigurationError):
        accounts._name(LONG)
    assert sizes
    assert max(sizes) <= 1024


def test_a_password_that_was_cut_is_not_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    kept = passwords.hash_password("a" * 1024)
    assert passwords.password_matches("a" * 1024, kept)
    assert not passwords.password_matches("a" * 1025, kept)


async def test_a_family_ends_when_it_is_told_to_and_not_later(clock: FrozenClock) -> None:
    async with Watchword("memory:", issuer="https://as.test", audience="api", clock=clock) as ww:
        now = clock.now()
        soon = await ww.refresh.issue("u", client_id="c", ends_at=now + 3600)
        late = await ww.refresh.issue("u", client_id="c", ends_at=now + 10**9)
        assert soon.expires_at == now + 3600
        assert late.expires_at <= now + 30 * 86_400


async def test_a_revoked_mac_key_makes_no_refresh_token_good(clock: FrozenClock) -> None:
    async with Watchword("memory:", issuer="https://as.test", audience="api", clock=clock) as ww:
        token = (await ww.refresh.issue("u", client_id="c")).token
        await ww.revoke(key=ww.ring.active("mac").kid)
        with pytest.raises(SignatureError):
            await ww.refresh.rotate(token)
