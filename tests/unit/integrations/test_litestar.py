"""Litestar: the plugin, its guards, and what the OpenAPI document shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar, Request, get, websocket
from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from watchword.app import Watchword
from watchword.errors import ConfigurationError
from watchword.integrations.litestar import Auth
from watchword.policy.rbac import RBAC
from watchword.principal import Principal

OPTIONS: dict[str, Any] = {"issuer": "https://app.example", "audience": "https://api.example"}


def test_the_document_shows_both_ways_in(closed_ww: Watchword) -> None:
    auth = Auth(closed_ww)

    @get("/me", guards=[auth.require()])
    async def me(request: Request[Principal, Any, Any]) -> str:
        return request.user.subject

    app = Litestar([me], plugins=[auth])
    schemes = app.openapi_schema.to_schema()["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "__Host-Http-ww_sid")
    assert schemes["bearer"]["scheme"] == "bearer"
    with TestClient(app) as client:
        assert client.get("/me").status_code == 401
        token = closed_ww.access.issue("ada").token
        assert client.get("/me", headers={"authorization": f"Bearer {token}"}).text == "ada"


def test_a_rule_that_cannot_be_kept_is_refused_where_it_is_written(closed_ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="policy"):
        Auth(closed_ww).require(permission="orders:read")
    with pytest.raises(ConfigurationError, match="open_for"):
        Auth(closed_ww).require(on_stale="open")
    allowed = Watchword("memory:", policy=RBAC({}), open_for=timedelta(seconds=30), **OPTIONS)
    Auth(allowed).require(permission="orders:read")
    Auth(allowed).require(on_stale="open")
    with pytest.raises(ConfigurationError, match="low risk"):
        Auth(allowed).require(role="admin", on_stale="open")


def test_a_guard_without_parentheses_lets_nobody_in(closed_ww: Watchword) -> None:
    auth = Auth(closed_ww)
    meant: Any = auth.require

    @get("/me", guards=[meant])
    async def me() -> str:
        return "ada"

    with TestClient(Litestar([me], plugins=[auth])) as client:
        assert client.get("/me").status_code == 500
    with pytest.raises(ConfigurationError, match="with parentheses"):
        meant(object(), object())


def test_a_socket_is_refused_at_its_handshake(closed_ww: Watchword) -> None:
    auth = Auth(closed_ww)

    @websocket("/live", guards=[auth.require()])
    async def live(socket: WebSocket[Principal, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text(socket.user.subject)
        await socket.close()

    with TestClient(Litestar([live], plugins=[auth])) as client:
        token = closed_ww.access.issue("ada").token
        with client.websocket_connect("/live", headers={"authorization": f"Bearer {token}"}) as socket:
            assert socket.receive_text() == "ada"
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live") as socket:
            socket.receive_text()
