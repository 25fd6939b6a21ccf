"""Starlette: ``request.user`` and ``@requires`` beside ``auth.require``."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from watchword.app import Watchword
from watchword.errors import ConfigurationError
from watchword.integrations.starlette import Auth, User
from watchword.web.cookies import SESSION_COOKIE


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.user.is_authenticated} {request.user.display_name}")


@requires("orders:read")
async def orders(request: Request) -> PlainTextResponse:
    assert isinstance(request.user, User)
    return PlainTextResponse(request.user.principal.kind)


@requires("role:admin")
async def admin(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.user.identity)


def site(ww: Watchword) -> tuple[Starlette, Auth]:
    app = Starlette(routes=[Route("/", page), Route("/orders", orders), Route("/admin", admin)])
    auth = Auth(ww)
    auth.attach(app)
    return app, auth


def test_the_user_of_a_request(closed_ww: Watchword) -> None:
    app, _ = site(closed_ww)
    with TestClient(app, base_url="https://app.example") as client:
        assert client.get("/").text == "False "
        plain, scoped = (closed_ww.access.issue("ada", scopes=scopes).token for scopes in ((), ("orders:read",)))
        boss = closed_ww.access.issue("ada", roles=["admin"]).token

        def ask(path: str, token: str) -> tuple[int, str]:
            answer = client.get(path, headers={"authorization": f"Bearer {token}"})
            return answer.status_code, answer.text

        assert ask("/", plain) == (200, "True ada")
        assert ask("/orders", scoped) == (200, "access")
        assert ask("/orders", plain)[0] == 403
        assert ask("/admin", boss) == (200, "ada")
        assert ask("/admin", scoped)[0] == 403


def test_a_page_for_everybody_opens_with_a_bad_credential(closed_ww: Watchword) -> None:
    app, _ = site(closed_ww)
    with TestClient(app, base_url="https://app.example") as client:
        gone = f"{SESSION_COOKIE}=ww_ss_{'A' * 43}"
        assert client.get("/", headers={"cookie": gone}).text == "False "
        assert client.get("/orders", headers={"authorization": "Bearer abc"}).status_code == 403


def test_it_is_attached_once_and_before_the_start(closed_ww: Watchword) -> None:
    app, auth = site(closed_ww)
    with pytest.raises(ConfigurationError, match="once"):
        auth.attach(app)
    late = Starlette()
    with TestClient(late) as client:
        client.get("/")
    with pytest.raises(ConfigurationError, match="started"):
        auth.attach(late)
