"""Opaque tokens in an attacker's hands: other kinds, environments and purposes, and what a refusal gives away."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Watchword
from watchword.errors import MalformedTokenError, TokenError, TokenNotFoundError, WrongAudienceError
from watchword.formats import checked
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.web.challenge import reply_to

pytestmark = pytest.mark.anyio

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test", "clock": FrozenClock()}
RESET = "password-reset"


@pytest.fixture
async def ww(tmp_path: Path) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", **OPTIONS) as opened:
        yield opened


async def refusal(call: Any) -> TokenError:
    with pytest.raises(TokenError) as caught:
        await call
    return caught.value


async def test_no_opaque_kind_takes_the_token_of_another(ww: Watchword) -> None:
    tokens = {
        "session": (await ww.sessions.start("u")).token,
        "refresh": (await ww.refresh.issue("u", client_id="c")).token,
        "api_key": (await ww.api_keys.issue("u")).token,
        "one_time": (await ww.one_time.issue("u", purpose=RESET)).token,
    }
    verifiers: dict[str, Any] = {
        "session": ww.sessions.authenticate,
        "refresh": ww.refresh.authenticate,
        "api_key": ww.api_keys.authenticate,
        "one_time": lambda token: ww.one_time.redeem(token, purpose=RESET),
    }
    for verifier, verify in verifiers.items():
        for kind, token in tokens.items():
            if kind != verifier:
                assert type(await refusal(verify(token))) is MalformedTokenError
    for kind, token in tokens.items():
        assert (await verifiers[kind](token)).kind == kind


async def test_a_secret_under_the_prefix_of_another_kind_is_found_nowhere(ww: Watchword) -> None:
    """The prefix is part of what is looked up: the same secret means nothing elsewhere."""
    session = (await ww.sessions.start("u")).token
    moved = session.replace("ww_ss_", "ww_ot_")
    assert type(await refusal(ww.one_time.redeem(moved, purpose=RESET))) is TokenNotFoundError
    live = (await ww.api_keys.issue("u")).token
    _, secret = checked.parse(live, ("sk_live_",))
    body = "sk_test_" + live[8:51]
    forged = body + checked._check(body)
    assert checked.parse(forged, ("sk_test_",)) == ("sk_test_", secret)
    assert type(await refusal(ww.api_keys.authenticate(forged))) is WrongAudienceError
    async with Watchword("memory:", environment="test", **OPTIONS) as other:
        other.api_keys._store = ww.store
        assert type(await refusal(other.api_keys.authenticate(forged))) is TokenNotFoundError


async def test_refusals_look_alike_outside(ww: Watchword) -> None:
    """I17: unknown, mistyped, used, revoked or of the wrong environment: one answer."""
    key, test = await ww.api_keys.issue("u"), await ww.api_keys.issue("u", environment="test")
    used = await ww.one_time.issue("u", purpose=RESET)
    await ww.one_time.redeem(used.token, purpose=RESET)
    await ww.api_keys.revoke(key.token_id)
    errors = [
        await refusal(ww.api_keys.authenticate(key.token)),
        await refusal(ww.api_keys.authenticate(key.token[:-1] + ("A" if key.token[-1] != "A" else "B"))),
        await refusal(ww.api_keys.authenticate(checked.issue("sk_live_"))),
        await refusal(ww.api_keys.authenticate(test.token)),
        await refusal(ww.one_time.redeem(used.token, purpose=RESET)),
        await refusal(ww.one_time.redeem(used.token, purpose="magic-link")),
    ]
    assert len({type(error) for error in errors}) >= 4
    assert {(error.status, error.public) for error in errors} == {(401, "invalid_token")}
    assert len({repr(reply_to(error)) for error in errors}) == 1
    for error in errors:
        for secret in (key.token, test.token, used.token):
            assert secret[8:] not in f"{error!r}{error}{error.__cause__!r}"


async def test_a_look_up_tells_the_store_nothing_but_a_digest(ww: Watchword, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-49: an index walks the digest of what was presented, so its time says nothing of a secret that is close."""
    asked: list[str] = []
    get = MemoryStore.get

    async def watched(self: MemoryStore, kind: str, key: str, *, now: int) -> Record | None:
        asked.append(key)
        return await get(self, kind, key, now=now)

    key, link = await ww.api_keys.issue("u"), await ww.one_time.issue("u", purpose=RESET)
    session = await ww.sessions.start("u")
    monkeypatch.setattr(MemoryStore, "get", watched)
    await ww.api_keys.authenticate(key.token)
    await ww.one_time.look(link.token, purpose=RESET)
    await ww.sessions.authenticate(session.token)
    assert {len(one) for one in asked} == {43}
    for one in asked:
        assert not any(one[start : start + 8] in token.token for token in (key, link, session) for start in range(35))
