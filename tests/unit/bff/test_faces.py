"""A proxy stands inside an application of a framework, with the Auth of that framework."""

from typing import Any

import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi

from watchword import Watchword
from watchword.bff.grants import Grants
from watchword.bff.proxy import Proxy
from watchword.bff.routes import Route
from watchword.integrations import fastapi, litestar, starlette

from .house import Strict, Upstream, ask, served, signed_in

pytestmark = pytest.mark.anyio


def _fastapi(ww: Watchword, proxy: Any) -> Any:
    app, auth = FastAPI(), fastapi.Auth(ww)
    auth.attach(app)
    app.mount("/", proxy(auth))
    return app


def _beside(ww: Watchword, proxy: Any) -> Any:
    app, auth = FastAPI(), starlette.Auth(ww)
    auth.attach(app)
    app.mount("/", proxy(auth))
    return app


def _litestar(ww: Watchword, proxy: Any) -> Any:
    auth = litestar.Auth(ww)
    mounted = asgi("/api", is_mount=True, copy_scope=True)(proxy(auth).__call__)
    return Litestar([mounted], plugins=[auth], logging_config=None)


@pytest.mark.parametrize("face", [_fastapi, _beside, _litestar])
async def test_a_proxy_takes_the_auth_of_a_framework(ww: Watchword, face: Any) -> None:
    upstream = Upstream()
    async with served(upstream) as port:
        source = Strict()
        grants = Grants(ww, source)
        session, _ = await signed_in(ww)
        await grants.keep(session, source.first())
        routes = [Route(prefix="/api", upstream=f"http://127.0.0.1:{port}", allow_loopback=True)]
        made: list[Proxy] = []

        def proxy(auth: Any) -> Proxy:
            made.append(Proxy(auth, grants, routes))
            return made[0]

        async with served(face(ww, proxy)) as bff:
            assert (await ask(bff, "GET /api/x")).status == 401
            found = await ask(bff, "GET /api/x", token=session.token)
            assert found.status == 200
        await made[0].close()
