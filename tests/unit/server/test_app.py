"""The table of routes, 404 and 405, and an application that is put together wrongly."""

import msgspec
import pytest
from starlette.testclient import TestClient

from tests.unit.server.house import CLIENTS, House, settings
from watchword.config import ClientSettings
from watchword.errors import ConfigurationError
from watchword.server.app import ROUTES, create_app

SERVED = {
    "/": "GET",
    "/account/sign-in": "POST",
    "/account/sign-out": "POST",
    "/account/session": "DELETE, GET",
    "/account/sessions": "GET",
    "/account/sessions/{session_id}": "DELETE",
    "/account/tokens": "POST",
    "/oauth/token": "POST",
    "/oauth/revoke": "POST",
    "/oauth/introspect": "POST",
    "/revocations": "GET",
    "/.well-known/jwks.json": "GET",
    "/.well-known/paseto-keys.json": "GET",
    "/api/me": "GET",
    "/health": "GET",
    "/health/live": "GET",
    "/metrics": "GET",
}
"""A-6.3.4: every way in, written down a second time."""


def test_no_other_way_in() -> None:
    assert {path: ", ".join(sorted(table)) for path, table in ROUTES.items()} == SERVED


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_are_405_with_allow(house: House, method: str) -> None:
    for path, served in SERVED.items():
        allowed = set(served.split(", ")) | ({"HEAD"} if "GET" in served else set())
        if method not in allowed:
            reply = await house.ask(method, path.replace("{session_id}", "x"))
            assert (reply.status_code, reply.headers["allow"]) == (405, ", ".join(sorted(allowed)))
            assert method == "HEAD" or reply.json()["error"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path", ["/nothing", "/health/", "/HEALTH", "/%2Fhealth", "/account", "/account/sessions/a/b", "/admin"]
)
async def test_other_paths_are_404(house: House, path: str) -> None:
    reply = await house.ask("GET", path)
    assert (reply.status_code, reply.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", [path for path, served in SERVED.items() if "POST" in served or "DELETE" in served])
async def test_what_acts_takes_no_query(house: House, path: str) -> None:
    cookie = await house.sign_in()
    before = await house.state()
    method = "POST" if "POST" in SERVED[path] else "DELETE"
    reply = await house.ask(method, f"{path.replace('{session_id}', 'x')}?a=b", cookie=cookie)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    assert await house.state() == before


def test_the_lifespan_opens_and_closes() -> None:
    app = create_app(settings())
    with TestClient(app, base_url="https://localhost") as client:
        assert client.get("/health").status_code == 200
    with pytest.raises(ConfigurationError, match="open it first"):
        app.state.server.ww.access.issue("alice")
    with TestClient(app, base_url="https://localhost") as client:
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "clients",
    [
        (*CLIENTS, CLIENTS[0]),
        (ClientSettings(id="", secret_sha256="0" * 64),),
        (ClientSettings(id="two words", secret_sha256="0" * 64),),
        (ClientSettings(id="api", secret_sha256="a secret in clear"),),
        (ClientSettings(id="api", secret_sha256="A" * 64),),
        (ClientSettings(id="api", secret_sha256=""),),
    ],
)
def test_clients_that_cannot_be(clients: tuple[ClientSettings, ...]) -> None:
    whole = settings()
    with pytest.raises(ConfigurationError):
        create_app(msgspec.structs.replace(whole, server=msgspec.structs.replace(whole.server, clients=clients)))


def test_origins_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="not an origin"):
        create_app(settings(origins=("https://app.test/path",)))
