"""Asking an authorization server: what counts as new tokens, what as a refusal, and what as nobody's fault."""

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest

from watchword.bff import oauth as module
from watchword.bff.base import GrantRefusedError, Want
from watchword.bff.oauth import OAuthTokens
from watchword.errors import ConfigurationError, UnavailableError

from .house import Seen, Upstream, says, scripted, served

GOOD = {"access_token": "a", "token_type": "bearer", "expires_in": 60, "refresh_token": "r"}


def asking(port: int, **more: Any) -> OAuthTokens:
    base = f"http://127.0.0.1:{port}"
    return OAuthTokens(f"{base}/token", client_id="b:ff", client_secret="s&", allow_loopback=True, **more)


async def test_it_asks_as_a_confidential_client() -> None:
    server = Upstream()
    server.answer = says(200, json.dumps(GOOD).encode())
    async with served(server) as port:
        source = asking(port, revocation_endpoint=f"http://127.0.0.1:{port}/revoke")
        tokens = await source.refresh("old", Want(audience="https://orders", scopes=("a", "b")))
        await source.revoke("old")
        await source.close()
    assert (tokens.access_token, tokens.expires_in, tokens.refresh_token) == ("a", 60, "r")
    asked, revoked = server.seen
    assert (asked.method, asked.path, revoked.path) == ("POST", "/token", "/revoke")
    assert asked.body == b"grant_type=refresh_token&refresh_token=old&resource=https%3A%2F%2Forders&scope=a+b"
    assert revoked.body == b"token=old&token_type_hint=refresh_token"
    assert b64decode(asked.all("authorization")[0].removeprefix("Basic ")) == b"b%3Aff:s%26"


async def answered(status: int, body: object, *headers: tuple[str, str]) -> list[Seen]:
    """Refresh against a server that answers this."""
    server = Upstream()
    server.answer = says(status, body if isinstance(body, bytes) else json.dumps(body).encode(), *headers)
    async with served(server) as port:
        source = asking(port)
        try:
            await source.refresh("old", Want())
        finally:
            await source.close()
    return server.seen


@pytest.mark.parametrize("more", [{}, {"expires_in": None}, {"refresh_token": None}, {"expires_in": 60.0}])
async def test_new_tokens(more: dict[str, object]) -> None:
    said = {name: value for name, value in (GOOD | more).items() if value is not None}
    assert len(await answered(200, said)) == 1


@pytest.mark.parametrize("status", [400, 401])
async def test_a_dead_refresh_token(status: int) -> None:
    with pytest.raises(GrantRefusedError):
        await answered(status, {"error": "invalid_grant"})


@pytest.mark.parametrize("error", ["invalid_scope", "invalid_target", "unauthorized_client"])
async def test_what_it_will_never_give(error: str) -> None:
    with pytest.raises(ConfigurationError):
        await answered(400, {"error": error})


UNCLEAR = [
    (200, b""),
    (200, b"not json"),
    (200, []),
    (200, b'{"access_token": "a", "access_token": "b", "token_type": "bearer"}'),
    (200, GOOD | {"token_type": "DPoP"}),
    (200, GOOD | {"token_type": None}),
    (200, GOOD | {"access_token": ""}),
    (200, GOOD | {"access_token": "a b"}),
    (200, GOOD | {"access_token": "a\r\nX: y"}),
    (200, GOOD | {"access_token": 7}),
    (200, GOOD | {"refresh_token": 7}),
    (200, GOOD | {"expires_in": 0}),
    (200, GOOD | {"expires_in": -5}),
    (200, GOOD | {"expires_in": "60"}),
    (200, GOOD | {"expires_in": True}),
    (200, b"{" + b" " * module.MAX_BODY + b"}"),
    (201, GOOD),
    (400, {"error": "invalid_request"}),
    (400, b"<html>"),
    (401, {"error": "invalid_client"}),
    (403, {"error": "invalid_grant"}),
    (429, {}),
    (500, {"error": "invalid_grant"}),
    (502, b""),
]


async def test_anything_else_keeps_the_refresh_token() -> None:
    for status, body in UNCLEAR:
        with pytest.raises(UnavailableError):
            await answered(status, body)


async def test_a_redirect_is_not_followed() -> None:
    elsewhere = Upstream()
    async with served(elsewhere) as port:
        for status in (301, 302, 307, 308):
            with pytest.raises(UnavailableError):
                await answered(status, b"", ("location", f"http://127.0.0.1:{port}/token"))
    assert elsewhere.seen == []


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
async def test_silence_has_an_end(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    async with scripted(begun, wait=5) as port:
        source = asking(port)
        async with asyncio.timeout(2):
            with pytest.raises(UnavailableError):
                await source.refresh("old", Want())
        await source.close()


async def test_a_server_that_is_not_there() -> None:
    source = asking(1)
    with pytest.raises(UnavailableError):
        await source.refresh("old", Want())
    await source.close()


def test_what_is_put_together_wrongly() -> None:
    for wrong in ("http://as.example/token", "https://u:p@as.example/token", "as.example"):
        with pytest.raises(ConfigurationError):
            OAuthTokens(wrong, client_id="a", client_secret="b")
    with pytest.raises(ConfigurationError):
        OAuthTokens("https://as.example/token", client_id="a", client_secret="")
    assert "hush" not in repr(OAuthTokens("https://as.example/token", client_id="a", client_secret="hush"))
