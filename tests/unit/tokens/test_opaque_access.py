"""Opaque access tokens: every verb, what ends them, and the exact second at which they end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from watchword import FrozenClock, OpaqueAccessTokens, Watchword
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WrongAudienceError,
)
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore

NOW = 1_800_000_000
API, LEDGER = "https://api.test", "https://ledger.test"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer="https://as.test", audience=API, clock=clock) as opened:
        yield opened


@pytest.fixture
def tokens(ww: Watchword) -> OpaqueAccessTokens:
    return ww.opaque_access


async def test_issue_and_authenticate(tokens: OpaqueAccessTokens) -> None:
    issued = await tokens.issue(
        "user-7",
        scopes=["orders:read"],
        roles=["admin"],
        client_id="mobile",
        session_id="s-1",
        family_id="f-1",
        claims={"team": "blue"},
        auth_time=NOW - 60,
    )
    assert issued.token.startswith("ww_at_")
    assert len(issued.token) == len("ww_at_") + 43
    who = await tokens.authenticate(issued.token)
    assert (who.subject, who.kind, who.token_id, who.client_id) == (
        "user-7",
        "opaque_access",
        issued.token_id,
        "mobile",
    )
    assert (who.session_id, who.family_id, who.auth_time, who.rev) == ("s-1", "f-1", NOW - 60, issued.rev)
    assert (who.issued_at, who.expires_at) == (NOW, NOW + 900) == (NOW, issued.expires_at)
    assert who.scopes == {"orders:read"}
    assert who.roles == {"admin"}
    assert who.claims == {"team": "blue"}
    assert (issued.scopes, issued.roles) == (who.scopes, who.roles)


async def test_it_ends_with_its_last_second(tokens: OpaqueAccessTokens, clock: FrozenClock) -> None:
    token = (await tokens.issue("u")).token
    clock.advance(899)
    await tokens.authenticate(token)
    clock.advance(1)
    for verb in (tokens.authenticate, tokens.introspect):
        with pytest.raises(TokenExpiredError):
            await verb(token)
    assert await tokens.list("u") == []
    assert await tokens.revocation_of(token) is None
    clock.advance(3600)
    with pytest.raises(TokenNotFoundError):
        await tokens.authenticate(token)


async def test_it_lives_an_hour_at_most(ww: Watchword, tokens: OpaqueAccessTokens) -> None:
    assert (await tokens.issue("u", lifetime=timedelta(hours=1))).expires_at == NOW + 3600
    with pytest.raises(ConfigurationError):
        await tokens.issue("u", lifetime=timedelta(hours=1, seconds=1))
    with pytest.raises(ConfigurationError):
        OpaqueAccessTokens(ww.store, audience=API, lifetime=timedelta(hours=2))


async def test_it_is_for_its_audience(ww: Watchword, tokens: OpaqueAccessTokens) -> None:
    elsewhere = (await tokens.issue("u", audience=LEDGER)).token
    both = (await tokens.issue("u", audience=[LEDGER, API])).token
    ledger = OpaqueAccessTokens(ww.store, audience=["https://x.test", LEDGER], view=ww.view)
    with pytest.raises(WrongAudienceError):
        await tokens.authenticate(elsewhere)
    for verifier, token in ((ledger, elsewhere), (ledger, both), (tokens, both)):
        assert (await verifier.authenticate(token)).subject == "u"


@pytest.mark.parametrize(
    "what",
    [
        {"token": "its own"},
        {"subject": "u"},
        {"session": "s-1"},
        {"family": "f-1"},
        {"client": "mobile"},
        {"everything": True},
    ],
)
async def test_whatever_stops_it(ww: Watchword, what: dict[str, Any]) -> None:
    kept = await ww.opaque_access.issue("v")
    issued = await ww.opaque_access.issue("u", client_id="mobile", session_id="s-1", family_id="f-1")
    await ww.revoke(**({"token": issued.token} if "token" in what else what))
    for verb in (ww.opaque_access.authenticate, ww.opaque_access.introspect):
        with pytest.raises(TokenRevokedError):
            await verb(issued.token)
    assert await ww.opaque_access.list("u") == []
    assert await ww.opaque_access.revoke(issued.token_id) is False
    if "everything" not in what:
        await ww.opaque_access.authenticate(kept.token)
    again = await ww.opaque_access.issue("u")
    await ww.opaque_access.authenticate(again.token)


async def test_revoking_one_by_its_id(ww: Watchword, tokens: OpaqueAccessTokens) -> None:
    one, other = await tokens.issue("u"), await tokens.issue("u")
    assert await tokens.revoke(one.token_id) is True
    assert await tokens.revoke(one.token_id) is False
    assert await tokens.revoke("nobody") is False
    with pytest.raises(TokenRevokedError):
        await tokens.authenticate(one.token)
    assert [info.token_id for info in await tokens.list("u")] == [other.token_id]
    (row,) = await ww.store.find("opaque_access", now=NOW, group=one.token_id)
    assert row.data["state"] == "revoked"
    assert "scopes" not in row.data
    assert [entry.name for entry in await ww.events()] == ["opaque_access_issued"] * 2 + ["opaque_access_revoked"]


async def test_a_revocation_reaches_another_process_through_the_feed(ww: Watchword, tokens: OpaqueAccessTokens) -> None:
    """The row alone would do; the feed carries it to whoever keeps what it was told, such as an introspecting cache."""
    issued = await tokens.issue("u")
    await tokens.revoke(issued.token_id)
    (fact,) = (await ww.store.tail(0, now=NOW)).events
    assert (fact.what, fact.value) == ("token", issued.token_id)
    assert fact.until >= issued.expires_at


async def test_the_list(tokens: OpaqueAccessTokens, clock: FrozenClock) -> None:
    one = await tokens.issue("u", scopes=["a"], client_id="web", session_id="s")
    clock.advance(1)
    two = await tokens.issue("u")
    await tokens.issue("v")
    first, second = await tokens.list("u")
    assert (first.token_id, second.token_id) == (one.token_id, two.token_id)
    assert (first.client_id, first.session_id, first.issued_at) == ("web", "s", NOW)
    assert first.scopes == {"a"}
    assert one.token not in repr(first)


async def test_introspection(tokens: OpaqueAccessTokens) -> None:
    issued = await tokens.issue("u", scopes=["b", "a"], client_id="web", session_id="s", roles=["r"])
    said = {
        "scope": "a b",
        "client_id": "web",
        "sub": "u",
        "aud": API,
        "iss": "https://as.test",
        "exp": NOW + 900,
        "iat": NOW,
        "nbf": NOW,
        "jti": issued.token_id,
        "sid": "s",
        "roles": ["r"],
    }
    assert await tokens.introspect(issued.token) == await tokens.introspect(issued.token, audience=API) == said
    with pytest.raises(WrongAudienceError):
        await tokens.introspect(issued.token, audience=LEDGER)
    both = (await tokens.issue("u", audience=[API, LEDGER])).token
    assert (await tokens.introspect(both, audience=LEDGER))["aud"] == [API, LEDGER]


@pytest.mark.parametrize("untrusted", ["", "ww_at_", "ww_at_x", "ww_ss_" + "A" * 43, "ww_at_" + "A" * 44, None, 7, "é"])
async def test_what_is_no_such_token(tokens: OpaqueAccessTokens, untrusted: Any) -> None:
    with pytest.raises(MalformedTokenError):
        await tokens.authenticate(untrusted)


async def test_an_unknown_one(tokens: OpaqueAccessTokens) -> None:
    with pytest.raises(TokenNotFoundError):
        await tokens.authenticate("ww_at_" + "A" * 43)


async def test_a_session_token_under_another_prefix_finds_nothing(ww: Watchword) -> None:
    session = (await ww.sessions.start("u")).token
    opaque = (await ww.opaque_access.issue("u")).token
    with pytest.raises(TokenNotFoundError):
        await ww.opaque_access.authenticate("ww_at_" + session.removeprefix("ww_ss_"))
    with pytest.raises(TokenNotFoundError):
        await ww.sessions.authenticate("ww_ss_" + opaque.removeprefix("ww_at_"))
    for token in (session, ww.access.issue("u").token, ww.access.issue("u", format="paseto").token):
        with pytest.raises(TokenError):
            await ww.opaque_access.authenticate(token)
    for verb in (ww.sessions.authenticate, ww.refresh.authenticate, ww.access.authenticate):
        with pytest.raises(TokenError):
            await verb(opaque)


async def test_the_store_holds_no_token(ww: Watchword) -> None:
    issued = await ww.opaque_access.issue("u")
    (row,) = await ww.store.find("opaque_access", now=NOW)
    secret = issued.token.removeprefix("ww_at_")
    assert secret not in repr(row) + repr(await ww.events()) + repr(issued)


async def test_what_cannot_be_issued(tokens: OpaqueAccessTokens) -> None:
    wrong: list[dict[str, Any]] = [
        {"subject": ""},
        {"client_id": ""},
        {"audience": ""},
        {"audience": [""]},
        {"audience": []},
        {"scopes": ["a b"]},
        {"claims": {"x": "y" * 5000}},
    ]
    for more in wrong:
        with pytest.raises(ConfigurationError):
            await tokens.issue(**({"subject": "u"} | more))


async def test_a_store_that_is_gone(ww: Watchword) -> None:
    issued = await ww.opaque_access.issue("u")

    class Gone(MemoryStore):
        async def get(self, kind: str, key: str, *, now: int) -> Record | None:
            raise StoreUnavailableError

    with pytest.raises(StoreUnavailableError):
        await OpaqueAccessTokens(Gone(), audience=API).authenticate(issued.token)


async def test_the_corridor_takes_it_as_a_bearer(ww: Watchword) -> None:
    from watchword.web.messages import Connection

    issued = await ww.opaque_access.issue("u", scopes=["a"])
    headers = [(b"authorization", b"Bearer " + issued.token.encode())]
    who = await ww.authenticator().authenticate(Connection(method="GET", scheme="https", headers=headers))
    assert who is not None
    assert (who.kind, who.subject) == ("opaque_access", "u")
    assert who.scopes == {"a"}
