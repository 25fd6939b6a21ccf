"""The outermost layer: headers of every reply, caps, the log line, and the last resort."""

import logging
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.responses import StreamingResponse

from tests.unit.server.house import House
from watchword.errors import ConfigurationError
from watchword.server.app import ROUTES
from watchword.server.endpoints import me
from watchword.server.shield import ALWAYS, HSTS

PATHS = [path.replace("{session_id}", "some-id") for path in ROUTES]


@pytest.mark.parametrize("path", [*PATHS, "/nothing/here"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_every_reply_has_the_headers(house: House, method: str, path: str) -> None:
    reply = await house.ask(method, path)
    own = {"content-security-policy", "cache-control"} if reply.status_code == 200 else set()
    for name, value in ALWAYS.items():
        if name in own:
            assert name in reply.headers
        else:
            assert reply.headers.get_list(name) == [value]
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["strict-transport-security"] == HSTS
    assert "server" not in reply.headers


async def test_hsts_only_over_https(house: House) -> None:
    reply = await house.http.get("http://localhost/health")
    assert "strict-transport-security" not in reply.headers


async def test_reading_changes_nothing(house: House) -> None:
    """A-3.5.3: GET, HEAD and OPTIONS on every path, twice."""
    cookie = await house.sign_in()
    before = await house.state()
    for path in PATHS:
        for method in ("GET", "HEAD", "OPTIONS") * 2:
            await house.ask(method, path, cookie=cookie)
    assert await house.state() == before


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/health", [("x-long", "x" * 16_384)], 431),
        ("/health", [(f"x-{number}", "x" * 100) for number in range(160)], 431),
        ("/health", [("authorization", f"Bearer {'x' * 20_000}")], 431),
        ("/" + "x" * 8192, [], 414),
        ("/health?" + "x" * 8192, [], 414),
        ("/health", [("content-length", "65537")], 413),
        ("/health", [("content-length", "-1")], 413),
        ("/health", [("content-length", "9" * 5000)], 413),
    ],
)
async def test_caps(house: House, path: str, headers: list[tuple[str, str]], status: int) -> None:
    request = httpx2.Request("GET", f"https://localhost{path}", headers=headers)
    reply = await house.http.send(request)
    assert (reply.status_code, reply.json()["error"]) == (status, "invalid_request")
    assert reply.headers["x-content-type-options"] == "nosniff"


class TroubleError(Exception):
    """Something nobody has thought of."""


@pytest.mark.parametrize(
    "error",
    [TroubleError("with a secret: hunter2"), RecursionError(), MemoryError(), KeyError("k"), ConfigurationError("no")],
)
async def test_the_last_resort(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """A-16.5.4: outside a plain 500, in the log the trace under an id that stands nowhere else; and life goes on."""

    async def breaks(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setitem(ROUTES["/api/me"], "GET", breaks)
        reply = await house.ask("GET", "/api/me")
    assert (reply.status_code, reply.json()["error"]) == (500, "server_error")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-security-policy"] == ALWAYS["content-security-policy"]
    for inside in ("Trouble", "hunter2", "Traceback", "test_shield", type(error).__name__):
        assert inside not in reply.text
    assert any(record.exc_info for record in caplog.records)
    assert (await house.ask("GET", "/health")).status_code == 200


async def test_half_an_answer_does_not_look_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails after its first bytes are out ends the connection; another answer behind it would be content."""

    async def half() -> AsyncIterator[bytes]:
        yield b"the first half"
        raise TroubleError

    async def breaks(*_: object) -> StreamingResponse:
        return StreamingResponse(half())

    monkeypatch.setitem(ROUTES["/api/me"], "GET", breaks)
    with pytest.raises(TroubleError):
        await house.ask("GET", "/api/me")


async def test_the_log_names_the_route_and_not_the_path(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = house.ww.access.issue("alice").token
    await house.ask("GET", f"/api/me?access_token={token}&API_KEY=sk_live_1")
    await house.ask("DELETE", f"/account/sessions/{token}", origin=None)
    await house.ask("GET", f"/{token}")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("watchword.server")]
    assert [line.rsplit(" ", 2)[0] for line in lines if line.endswith(" ms")] == [
        "GET /api/me 401",
        "DELETE /account/sessions/{session_id} 401",
        "GET (no route) 404",
    ]
    assert len([line for line in lines if line.startswith("secret_in_url")]) == 2
    assert not [line for line in lines if token in line or "sk_live_1" in line]


async def test_a_token_in_the_query_is_not_read(house: House) -> None:
    """R-6750-2."""
    token = house.ww.access.issue("alice").token
    reply = await house.ask("GET", f"/api/me?access_token={token}")
    assert reply.status_code == 401
    assert "error" not in reply.json()


def test_me_is_what_the_table_says() -> None:
    assert ROUTES["/api/me"]["GET"] is me.me
