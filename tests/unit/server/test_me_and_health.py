"""GET /api/me, a resource server in small; GET /health."""

import re
from hashlib import sha256

import pytest
from msgspec import structs

from tests.unit.server.house import SCOPES, House
from watchword.errors import StaleRevocationError, StoreUnavailableError
from watchword.web.cookies import SESSION_COOKIE


async def test_by_cookie_and_by_bearer(house: House) -> None:
    cookie = await house.sign_in("bob")
    tokens = await house.mint(cookie, format="paseto")
    now = house.clock.now()
    for sent, kind, expires_at in (
        ({"cookie": cookie}, "session", now + 1800),
        ({"bearer": tokens["access_token"]}, "access", now + 900),
    ):
        reply = await house.ask("GET", "/api/me", **sent)
        assert reply.status_code == 200
        assert reply.json() == {
            "subject": "bob",
            "kind": kind,
            "scopes": list(SCOPES),
            "roles": ["admin"],
            "expires_at": expires_at,
        }


async def test_refusals_are_those_of_rfc_6750(house: House) -> None:
    cookie = await house.sign_in()
    token = (await house.mint(cookie))["access_token"]
    expired = house.ww.access.issue("alice").token
    house.clock.advance(900)
    bare = await house.ask("GET", "/api/me")
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, 'Bearer realm="watchword"')
    assert "error" not in bare.json()
    refused = [
        await house.ask("GET", "/api/me", bearer=one)
        for one in (expired, token, "nonsense", "ww_rt_x", "v4.public.AAAA", f"ww_ss_{'A' * 43}", cookie)
    ]
    assert {reply.status_code for reply in refused} == {401}
    assert {reply.headers["www-authenticate"] for reply in refused} == {
        'Bearer realm="watchword", error="invalid_token"'
    }
    assert len({reply.content for reply in refused}) == 1
    fresh = house.ww.access.issue("alice").token
    two = await house.ask("GET", "/api/me", bearer=fresh, cookie=cookie)
    assert (two.status_code, two.json()["error"]) == (400, "invalid_request")


async def test_the_cookie_is_read_by_its_exact_name(house: House) -> None:
    cookie = await house.sign_in()
    lower = await house.ask("GET", "/api/me", headers=[("cookie", f"{SESSION_COOKIE.lower()}={cookie}")])
    assert lower.status_code == 401
    assert "error" not in lower.json()


async def test_a_stale_view_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = house.ww.access.issue("alice").token

    def down(*_: object, **__: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(house.ww.store, "tail_now", down)
    house.clock.advance(6)
    reply = await house.ask("GET", "/api/me", bearer=token)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json()["error"] == "temporarily_unavailable"


async def test_health(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    good = {"status": "ok", "store": "ok", "revocations": "ok", "follower": "ok", "keys": "ok"}
    reply = await house.ask("GET", "/health")
    assert (reply.status_code, reply.json()) == (200, good)

    async def down(*_: object, **__: object) -> int:
        raise StoreUnavailableError("SQLite: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(house.ww.store, "tail", down)
        reply = await house.ask("GET", "/health")
        assert (await house.ask("GET", "/health/live")).json() == {"status": "ok"}
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json() == good | {"status": "unavailable", "store": "store_unavailable"}

    def stale() -> None:
        raise StaleRevocationError

    monkeypatch.setattr(house.ww.view, "ensure_fresh", stale)
    reply = await house.ask("GET", "/health")
    assert (reply.status_code, reply.json()["revocations"]) == (503, "stale_revocation_state")


async def test_metrics_are_for_who_has_the_token_and_hold_nothing_of_users(house: House) -> None:
    secret = "a-long-random-text"
    for header in (None, f"Bearer {secret}"):
        reply = await house.ask("GET", "/metrics", headers=[("authorization", header)] if header else [])
        assert reply.status_code == 404, "without a configuration there is no such page"
    told = structs.replace(house.server.settings.server, metrics_token_sha256=sha256(secret.encode()).hexdigest())
    house.server.settings = structs.replace(house.server.settings, server=told)
    for wrong in ([], [f"Bearer {secret}x"], [f"Basic {secret}"], [secret], [f"Bearer {secret}"] * 2):
        reply = await house.ask("GET", "/metrics", headers=[("authorization", one) for one in wrong])
        assert reply.status_code == 404
    cookie = await house.sign_in("bob")
    bearer = (await house.mint(cookie))["access_token"]
    for sent in (bearer, bearer, "nonsense"):
        await house.ask("GET", "/api/me", bearer=sent)
    await house.ww.revoke(subject="bob")
    await house.ask("GET", "/api/me", bearer=bearer)
    reply = await house.ask("GET", "/metrics", headers=[("authorization", f"bearer {secret}")])
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = reply.text.splitlines()
    for wanted in (
        'watchword_verified_total{kind="access",outcome="ok"} 2',
        'watchword_verified_total{kind="access",outcome="revoked"} 1',
        'watchword_verified_total{kind="none",outcome="malformed"} 1',
        'watchword_cache_hits_total{cache="seen",kind="access"} 2',
        "watchword_revocations_published_total 1",
        "watchword_revocations_known 1",
        "watchword_feed_lag_events 0",
        "watchword_store_errors_total 0",
        "# TYPE watchword_lease_seconds gauge",
    ):
        assert wanted in lines, reply.text
    assert all(
        re.fullmatch(r"# (HELP|TYPE) watchword_\w+ .+|watchword_\w+(\{[^{}]*\})? [-+]?[\d.Inf]+", one) for one in lines
    )
    assert "bob" not in reply.text
    assert secret not in reply.text
