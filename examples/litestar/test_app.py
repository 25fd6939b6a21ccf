"""The members' area, tested: real tokens, no mocks. The fixtures come with watchword (watchword.testing.plugin)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from examples.litestar.app import Accounts, create_app
from watchword import FrozenClock, Watchword

PASSWORD = "only a test, but a long one"
PAGE = {"sec-fetch-site": "same-origin"}  # what a browser says of a form of our own page


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def client(watchword_async: Watchword, accounts: Accounts) -> Iterator[TestClient[Any]]:
    app = create_app(watchword_async, accounts)
    with TestClient(app, base_url="https://app.example") as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def ada(accounts: Accounts) -> dict[str, str]:
    """What ada types in."""
    asyncio.run(accounts.add("ada", PASSWORD, roles=("admin",), scopes=("orders:read",)))
    return {"username": "ada", "password": PASSWORD}


def test_signing_in_and_out(client: TestClient[Any], ada: dict[str, str]) -> None:
    assert client.get("/").headers["location"] == "/sign-in"
    assert client.post("/sign-in", data=ada, headers=PAGE).headers["location"] == "/"
    assert client.get("/me").json() == {"subject": "ada", "roles": ["admin"], "scopes": ["orders:read"]}
    assert "this one" in client.get("/").text
    assert client.post("/sign-out", headers=PAGE).headers["location"] == "/sign-in"
    assert client.get("/me").status_code == 401


@pytest.mark.parametrize("wrong", [{"password": "something else"}, {"username": "nobody"}])
def test_a_wrong_name_and_a_wrong_password_look_alike(
    client: TestClient[Any], ada: dict[str, str], wrong: dict[str, str]
) -> None:
    answer = client.post("/sign-in", data=ada | wrong, headers=PAGE)
    assert (answer.status_code, "do not belong together" in answer.text) == (401, True)
    assert "set-cookie" not in answer.headers


def test_the_sixth_attempt_waits(client: TestClient[Any], ada: dict[str, str], watchword_clock: FrozenClock) -> None:
    for _ in range(5):
        client.post("/sign-in", data=ada | {"password": "guess"}, headers=PAGE)
    refused = client.post("/sign-in", data=ada, headers=PAGE)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "12")
    watchword_clock.advance(12)
    assert client.post("/sign-in", data=ada, headers=PAGE).status_code == 303


def test_another_site_signs_nobody_in_or_out(client: TestClient[Any], ada: dict[str, str], as_user: Any) -> None:
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert client.post("/sign-in", data=ada, headers=foreign).status_code == 403
    as_user("ada")
    assert client.post("/sign-out", headers=foreign).status_code == 403
    assert client.get("/me").status_code == 200


def test_devices(client: TestClient[Any], as_user: Any, watchword_blocking: Any) -> None:
    phone = watchword_blocking.sessions.start("ada", device="Firefox on Android")
    stranger = watchword_blocking.sessions.start("eve")
    as_user("ada")
    assert "Firefox on Android" in client.get("/").text
    client.post(f"/devices/{stranger.session_id}/end")
    client.post(f"/devices/{phone.session_id}/end")
    assert [len(watchword_blocking.sessions.list(name)) for name in ("ada", "eve")] == [1, 1]
    client.post("/devices/end-all")
    assert watchword_blocking.sessions.list("ada") == []


def test_a_session_that_idled_out_sees_the_sign_in_page(
    client: TestClient[Any], as_user: Any, watchword_clock: FrozenClock
) -> None:
    as_user("ada")
    watchword_clock.advance(31 * 60)
    assert client.get("/").headers["location"] == "/sign-in"
    assert client.get("/me").status_code == 401


def test_roles_and_scopes(client: TestClient[Any], as_user: Any) -> None:
    as_user("eve")
    assert [client.get(path).status_code for path in ("/admin", "/api/orders")] == [403, 403]
    as_user("ada", roles=["admin"])
    assert client.get("/admin").json() == {"welcome": "ada"}
    as_user("a script", kind="api_key", scopes=["orders:read"])
    assert client.get("/api/orders").json()["orders"][0]["of"] == "a script"


def test_nobody_else_gets_in(client: TestClient[Any], assert_rejects_all: Any) -> None:
    assert_rejects_all(client, "/me")
    assert_rejects_all(client, "/admin", roles=["admin"])
    assert_rejects_all(client, "/api/orders", scopes=["orders:read"])


def test_the_pages_say_what_a_browser_may_do(client: TestClient[Any]) -> None:
    headers = client.get("/sign-in").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
