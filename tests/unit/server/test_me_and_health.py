"""GET /api/me, a resource server in small; GET /health."""

import pytest

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
    reply = await house.ask("GET", "/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "store": "ok", "revocations": "ok"})

    async def down(*_: object, **__: object) -> int:
        raise StoreUnavailableError("SQLite: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(house.ww.store, "append", down)
        reply = await house.ask("GET", "/health")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json() == {"status": "unavailable", "store": "unavailable", "revocations": "ok"}

    def stale() -> None:
        raise StaleRevocationError

    monkeypatch.setattr(house.ww.view, "ensure_fresh", stale)
    reply = await house.ask("GET", "/health")
    assert (reply.status_code, reply.json()["revocations"]) == (503, "unavailable")
