"""``GET /health``: whether this process can answer with a yes or a no; ``GET /health/live``: that it runs at all."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..auth_server import AuthServer
from ..replies import json_reply


async def health(server: AuthServer, request: Request) -> Response:
    """200 ``{"status": "ok", "store": "ok", …}``; 503 with one word for each thing that is amiss."""
    found = await server.ww.health()
    body = {"status": "ok" if found.ready else "unavailable", **found.checks}
    return json_reply(body, 200 if found.ready else 503, None if found.ready else {"retry-after": "1"})


async def live(server: AuthServer, request: Request) -> Response:
    """200: the event loop turns. It asks nobody, so that nobody restarts a process because its store is away."""
    return json_reply({"status": "ok"})
