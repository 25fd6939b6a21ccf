"""``GET /health``: whether this process can answer at all: its store, and its word about revocations."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ...errors import UnavailableError
from ..auth_server import AuthServer
from ..replies import json_reply


async def health(server: AuthServer, request: Request) -> Response:
    """200 ``{"status": "ok", "store": "ok", "revocations": "ok"}``; 503 with ``unavailable`` where it is."""
    store = revocations = "ok"
    try:
        await server.ww.store.append()
    except UnavailableError:
        store = "unavailable"
    try:
        server.ww.view.ensure_fresh()
    except UnavailableError:
        revocations = "unavailable"
    good = store == revocations == "ok"
    body = {"status": "ok" if good else "unavailable", "store": store, "revocations": revocations}
    return json_reply(body, 200 if good else 503, None if good else {"retry-after": "1"})
