"""``GET /metrics``: for Prometheus, with the token of the configuration; to everybody else there is no such page."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ...crypto.digest import same
from ...runtime.metrics import prometheus
from ..auth_server import AuthServer

TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(server: AuthServer, request: Request) -> Response:
    """200, the text format; 404 without ``server.metrics_token_sha256`` or its token as a bearer."""
    if not _knows(server.settings.server.metrics_token_sha256, request.headers.getlist("authorization")):
        raise HTTPException(404)
    found = await server.ww.health()
    return Response(prometheus(replace(server.ww.metrics(), head=found.head)), media_type=TYPE)


def _knows(expected: str | None, given: list[str]) -> bool:
    if expected is None or len(given) != 1:
        return False
    scheme, _, token = given[0].partition(" ")
    return scheme.lower() == "bearer" and same(sha256(token.encode()).hexdigest(), expected)
